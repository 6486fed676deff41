#include "apply/governor.h"

#include "base/clock.h"

/* A bucket holds what its limit gives in this time, so a pause is not followed by a flood. */
#define BURST_S 0.1
/* Too small a helping costs a round trip of its own: rather wait this long. */
#define HELPING_S 0.02
#define WAIT_MOST_MS 200
#define WINDOW_NS (NS_PER_S / 5)
/* A reason is told this long after it held something back last. */
#define REASON_NS NS_PER_S
#define SHARE_MIN (1.0 / 1024)
#define SHARE_FREE 2.0
#define SHARE_GROWTH 1.25
/* The latency limit never stops everything: without a try nobody would see it become better. */
#define OPS_FLOOR 50.0
#define BYTES_FLOOR (64.0 * 1024)
#define LATENCY_FAR 4
#define MEMORY_BACK_PERCENT 1
/* A byte on the wire becomes about two in the target's memory when values are small, and many when
 * they are compressed. Unknown at first; twice what was seen last; an old figure fades. */
#define GROWTH_FIRST 64.0
#define GROWTH_MIN 2.0
#define GROWTH_SAFETY 2.0
#define GROWTH_BYTES_MIN 4096

void governor_init(governor *g, int64_t now_ns)
{
    *g = (governor){
        .seen.latency_ns = -1, .growth = GROWTH_FIRST, .window_ns = now_ns, .filled_ns = now_ns};
}

static double more_of(double a, double b)
{
    return a > b ? a : b;
}

static double less_of(double a, double b)
{
    return a < b ? a : b;
}

/* The smaller of the operator's limit and what the latency leaves. */
static double rate_of(const governor *g, int64_t limit, double free_rate, double floor)
{
    double asked = (double)limit;
    if (g->share <= 0) return asked;
    double left = more_of(free_rate * g->share, floor);
    return limit ? less_of(asked, left) : left;
}

static void rates_set(governor *g)
{
    g->ops.per_s = rate_of(g, g->limits.ops_per_s, g->free_ops, OPS_FLOOR);
    g->bytes.per_s = rate_of(g, g->limits.bytes_per_s, g->free_bytes, BYTES_FLOOR);
}

void governor_limit(governor *g, const throttle_limits *limits, bool lifted)
{
    g->limits = *limits;
    g->lifted = lifted;
    if (limits->latency_ms == 0) g->share = 0;
    if (limits->memory_percent == 0) g->memory_full = false;
    rates_set(g);
}

static void latency_learn(governor *g)
{
    int64_t limit_ns = g->limits.latency_ms * NS_PER_MS;
    if (limit_ns == 0 || g->seen.latency_ns < 0) return;
    if (g->seen.latency_ns > limit_ns) {
        if (g->share <= 0) {
            g->share = 1;
            g->free_ops = more_of(g->rate_ops[0], g->rate_ops[1]);
            g->free_bytes = more_of(g->rate_bytes[0], g->rate_bytes[1]);
        }
        g->share = less_of(g->share, 1) / (g->seen.latency_ns > LATENCY_FAR * limit_ns ? 8 : 2);
        if (g->share < SHARE_MIN) g->share = SHARE_MIN;
    } else if (g->share > 0) {
        g->share *= SHARE_GROWTH;
        if (g->share >= SHARE_FREE) g->share = 0;
    }
    rates_set(g);
}

/* Bytes up to this percentage of the maximum; the product of the two may not fit 64 bits. */
static uint64_t part_of(uint64_t max, int64_t percent)
{
    return max / 100 * (uint64_t)percent;
}

static void growth_learn(governor *g, uint64_t used_before)
{
    uint64_t used = g->seen.memory_used;
    double grown = used > used_before ? (double)(used - used_before) : 0;
    /* While next to nothing is written, nothing is learned, and nothing fades. */
    if (used_before == 0 || g->since_look < GROWTH_BYTES_MIN) return;
    double seen = GROWTH_SAFETY * grown / (double)g->since_look;
    g->growth = more_of(more_of(g->growth / 2, seen), GROWTH_MIN);
}

static void memory_learn(governor *g, uint64_t used_before)
{
    int64_t percent = g->limits.memory_percent;
    growth_learn(g, used_before);
    g->before_look = g->since_look;
    g->since_look = 0;
    if (percent == 0 || g->seen.memory_max == 0) return;
    int64_t back = percent > MEMORY_BACK_PERCENT ? percent - MEMORY_BACK_PERCENT : 0;
    int64_t border = g->memory_full ? back : percent;
    g->memory_full = g->seen.memory_used >= part_of(g->seen.memory_max, border);
}

void governor_learn(governor *g, const throttle_evidence *seen, int64_t now_ns)
{
    bool latency = seen->latency_number != g->seen.latency_number;
    bool memory = seen->memory_number != g->seen.memory_number;
    uint64_t used_before = g->seen.memory_used;
    g->seen = *seen;
    if (now_ns - g->window_ns >= WINDOW_NS) {
        double seconds = (double)(now_ns - g->window_ns) / (double)NS_PER_S;
        g->rate_ops[1] = g->rate_ops[0];
        g->rate_bytes[1] = g->rate_bytes[0];
        g->rate_ops[0] = (double)g->window_ops / seconds;
        g->rate_bytes[0] = (double)g->window_bytes / seconds;
        g->window_ops = g->window_bytes = 0;
        g->window_ns = now_ns;
    }
    if (latency) latency_learn(g);
    if (memory) memory_learn(g, used_before);
}

static void bucket_fill(throttle_bucket *b, double seconds)
{
    double most = more_of(b->per_s * BURST_S, 1);
    b->tokens = less_of(b->tokens + b->per_s * seconds, most);
}

/* Milliseconds until there is a helping; 0: there is one. */
static int bucket_wait(throttle_bucket *b, int64_t now_ns)
{
    if (b->per_s <= 0) return 0;
    double helping = more_of(b->per_s * HELPING_S, 1);
    if (b->tokens >= helping) return 0;
    b->short_ns = now_ns;
    double ms = (helping - b->tokens) / b->per_s * 1000;
    return ms >= WAIT_MOST_MS ? WAIT_MOST_MS : (int)ms + 1;
}

/* What the memory still takes until the next look; SIZE_MAX: no matter. */
static size_t memory_left(const governor *g)
{
    if (g->limits.memory_percent == 0) return SIZE_MAX;
    uint64_t border = part_of(g->seen.memory_max, g->limits.memory_percent);
    double left = (double)border - (double)g->seen.memory_used -
                  g->growth * (double)(g->since_look + g->before_look);
    return left < g->growth ? 0 : (size_t)(left / g->growth);
}

static size_t bucket_left(const throttle_bucket *b)
{
    return b->per_s <= 0 ? SIZE_MAX : (size_t)more_of(b->tokens, 1);
}

throttle_budget governor_budget(governor *g, int64_t now_ns)
{
    double seconds = (double)(now_ns - g->filled_ns) / (double)NS_PER_S;
    g->filled_ns = now_ns;
    if (g->lifted) return (throttle_budget){.ops = SIZE_MAX, .bytes = SIZE_MAX};
    bucket_fill(&g->ops, seconds);
    bucket_fill(&g->bytes, seconds);
    if (g->seen.file || g->memory_full) return (throttle_budget){.wait_ms = WAIT_MOST_MS};
    int ops_ms = bucket_wait(&g->ops, now_ns);
    int bytes_ms = bucket_wait(&g->bytes, now_ns);
    if (ops_ms || bytes_ms)
        return (throttle_budget){.wait_ms = ops_ms > bytes_ms ? ops_ms : bytes_ms};
    size_t memory = memory_left(g);
    if (memory == 0) g->memory_short_ns = now_ns;
    if (memory == 0) return (throttle_budget){.wait_ms = WAIT_MOST_MS};
    size_t bytes = bucket_left(&g->bytes);
    return (throttle_budget){.ops = bucket_left(&g->ops), .bytes = bytes < memory ? bytes : memory};
}

void governor_spend(governor *g, size_t ops, size_t bytes)
{
    g->window_ops += ops;
    g->window_bytes += bytes;
    g->since_look += bytes;
    if (g->ops.per_s > 0) g->ops.tokens -= (double)ops;
    if (g->bytes.per_s > 0) g->bytes.tokens -= (double)bytes;
}

static bool lately(int64_t short_ns, int64_t now_ns)
{
    return short_ns > 0 && now_ns - short_ns < REASON_NS;
}

throttle_reason governor_reason(const governor *g, int64_t now_ns)
{
    if (g->lifted) return THROTTLE_NONE;
    if (g->seen.file) return THROTTLE_FILE;
    if (g->memory_full || (g->limits.memory_percent && lately(g->memory_short_ns, now_ns)))
        return THROTTLE_MEMORY;
    if (g->share > 0) return THROTTLE_LATENCY;
    if (g->ops.per_s > 0 && lately(g->ops.short_ns, now_ns)) return THROTTLE_OPS;
    return g->bytes.per_s > 0 && lately(g->bytes.short_ns, now_ns) ? THROTTLE_BYTES : THROTTLE_NONE;
}

const char *throttle_reason_name(throttle_reason reason)
{
    static const char *const names[] = {"none", "file", "memory", "latency", "ops", "bytes"};
    return names[reason];
}

throttle_text throttle_show(const throttle_status *s)
{
    throttle_text out = {0};
    size_t size = sizeof out.text;
    double percent =
        s->seen.memory_max ? 100.0 * (double)s->seen.memory_used / (double)s->seen.memory_max : 0;
    switch (s->reason) {
    case THROTTLE_NONE:
        break;
    case THROTTLE_FILE:
        (void)snprintf(out.text, size, "throttled: the throttle file is there");
        break;
    case THROTTLE_MEMORY:
        if (s->seen.memory_max == 0) {
            (void)snprintf(out.text, size, "throttled: the target does not say how full it is");
            break;
        }
        (void)snprintf(out.text, size,
                       "throttled: the target uses %.1f%% of its memory, limit %" PRId64 "%%",
                       percent, s->limits.memory_percent);
        break;
    case THROTTLE_LATENCY:
        (void)snprintf(out.text, size,
                       "throttled: the target answers within %.1f ms, limit %" PRId64 " ms",
                       (double)s->seen.latency_ns / (double)NS_PER_MS, s->limits.latency_ms);
        break;
    case THROTTLE_OPS:
        (void)snprintf(out.text, size, "throttled to %" PRId64 " commands/s", s->limits.ops_per_s);
        break;
    case THROTTLE_BYTES:
        (void)snprintf(out.text, size, "throttled to %" PRId64 " bytes/s", s->limits.bytes_per_s);
        break;
    }
    return out;
}
