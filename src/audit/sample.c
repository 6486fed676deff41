#include "audit/sample.h"

#include <strings.h>
#include <unistd.h>

#include "audit/key_tally.h"
#include "audit/settings.h"
#include "base/clock.h"

#define STEP_KEYS "16"         /* of SCAN: a hint, some more may come */
#define BATCH_MAX ((size_t)32) /* keys asked about in one go */
#define REST_FACTOR 4          /* rests so many times as long as the server was busy */
#define REST_MIN_US INT64_C(1000)
#define REST_MAX_US INT64_C(200000)
/* What is asked about every key. */
enum question { ASK_TYPE, ASK_EXPIRY, ASK_BYTES, ASK_ENCODING, ASK_FREQUENCY, ASK_COUNT };
static const struct {
    const char *words[2];
    const char *means;
} questions[ASK_COUNT] = {
    [ASK_TYPE] = {{"TYPE", NULL}, "which types the keys have"},
    [ASK_EXPIRY] = {{"PTTL", NULL}, "how many keys expire, and when"},
    [ASK_BYTES] = {{"MEMORY", "USAGE"}, "which keys and prefixes take the memory"},
    [ASK_ENCODING] = {{"OBJECT", "ENCODING"}, "how values are encoded"},
    [ASK_FREQUENCY] = {{"OBJECT", "FREQ"}, "which keys are hot"},
};

typedef struct {
    engine *server;
    const sample_limits *limits;
    audit_facts *f;
    audit_node *n;
    fact_sample *s;
    arena scratch; /* answers of one batch */
    bool asks[ASK_COUNT];
    key_tally tally;
    int64_t deadline_ns;
    unsigned db;
} sampler;

/* --- one key --------------------------------------------------------------------------------- */

/* A refusal is noted once; the question is dropped. Answers what can be used, else NULL. */
static const reply *usable(sampler *x, enum question q, const reply *a)
{
    if (!a) return NULL;
    if (!reply_is_error(a)) return a;
    if (!x->asks[q] || span_starts(a->text, "ERR no such key")) return NULL;
    x->asks[q] = false;
    const char *what =
        questions[q].words[1]
            ? arena_printf(&x->f->memory, "%s %s", questions[q].words[0], questions[q].words[1])
            : questions[q].words[0];
    unread_add(x->f, x->n, what, reply_show(a->text).text, questions[q].means);
    return NULL;
}

static void key_note(sampler *x, span key, const reply *const answers[ASK_COUNT])
{
    const reply *type = usable(x, ASK_TYPE, answers[ASK_TYPE]);
    const reply *left = usable(x, ASK_EXPIRY, answers[ASK_EXPIRY]);
    const reply *bytes = usable(x, ASK_BYTES, answers[ASK_BYTES]);
    const reply *encoding = usable(x, ASK_ENCODING, answers[ASK_ENCODING]);
    const reply *frequency = usable(x, ASK_FREQUENCY, answers[ASK_FREQUENCY]);
    if (type && span_is(type->text, "none")) return; /* gone meanwhile */
    if (left && left->integer == -2) return;
    uint64_t size = bytes && bytes->integer > 0 ? (uint64_t)bytes->integer : 0;
    bool has_expiry = left && left->integer >= 0;
    tally_key one = {.name = key,
                     .type = type ? (const char *)type->text.at : "unknown",
                     .db = x->db,
                     .bytes = size,
                     .has_expiry = has_expiry,
                     .never_expires = left && !has_expiry,
                     .frequency = frequency ? frequency->integer : -1};
    if (has_expiry) {
        one.left_ms = left->integer;
        one.expires_at_ms = clock_wall_ms() + left->integer;
    }
    if (encoding && encoding->kind == REPLY_BULK)
        one.encoding = arena_printf(&x->scratch, "%s %s", one.type, encoding->text.at);
    key_tally_add(&x->tally, &one);
}

/* --- steps ----------------------------------------------------------------------------------- */

static bool question_write(buf *out, enum question q, span key)
{
    bool has_two = questions[q].words[1] != NULL;
    return resp_begin(out, has_two ? 3 : 2) && resp_arg_text(out, questions[q].words[0]) &&
           (!has_two || resp_arg_text(out, questions[q].words[1])) && resp_arg(out, key);
}

static bool batch_ask(sampler *x, size_t count, const reply *keys, err *e)
{
    const reply *answers[BATCH_MAX * ASK_COUNT] = {0};
    size_t asked = 0;
    assert(count <= BATCH_MAX);
    buf out = buf_of(MIB * 1024);
    bool fits = true;
    bool sent[ASK_COUNT];
    memcpy(sent, x->asks, sizeof sent);
    for (size_t i = 0; i < count; i++) {
        for (unsigned q = 0; q < ASK_COUNT; q++) {
            if (!sent[q]) continue;
            fits = fits && question_write(&out, (enum question)q, keys[i].text);
            asked++;
        }
    }
    if (!fits) (void)err_set(e, ERR_LIMIT, "questions about %zu keys: too large", count);
    bool done = fits && engine_pipeline(x->server, &x->scratch, buf_span(&out), asked, answers, e);
    buf_clear(&out);
    size_t at = 0;
    for (size_t i = 0; done && i < count; i++) {
        const reply *of_key[ASK_COUNT] = {0};
        for (unsigned q = 0; q < ASK_COUNT; q++)
            if (sent[q]) of_key[q] = answers[at++];
        key_note(x, keys[i].text, of_key);
    }
    return done;
}

static const char *bound_reached(const sampler *x)
{
    if (x->limits->stop && *x->limits->stop) return "it was asked to stop";
    if (x->s->looked_at >= x->limits->keys_max)
        return arena_printf(&x->f->memory, "%" PRIu64 " keys", x->limits->keys_max);
    if (clock_ns() >= x->deadline_ns)
        return arena_printf(&x->f->memory, "%" PRId64 " s", x->limits->ms_max / 1000);
    return NULL;
}

static void rest(int64_t busy_ns)
{
    int64_t us = REST_FACTOR * busy_ns / 1000;
    if (us < REST_MIN_US) us = REST_MIN_US;
    if (us > REST_MAX_US) us = REST_MAX_US;
    (void)usleep((useconds_t)us); /* woken early, the rest is only shorter */
}

/* One SCAN and the questions about what it found. `cursor_text` becomes the next cursor. */
static bool step_take(sampler *x, char *cursor_text, size_t cursor_size, err *e)
{
    const reply *a = NULL;
    arena_clear(&x->scratch);
    int64_t begun = clock_ns();
    if (!engine_ask(x->server, &x->scratch, &a, e, "SCAN", cursor_text, "COUNT", STEP_KEYS))
        return false;
    if (a->count != 2 || a->items[0].text.size >= cursor_size)
        return err_set(e, ERR_FORMAT, "SCAN answered in an unknown form");
    memcpy(cursor_text, a->items[0].text.at, a->items[0].text.size + 1);
    const reply *keys = a->items[1].items;
    for (size_t left = a->items[1].count; left > 0;) {
        size_t count = size_min(left, BATCH_MAX);
        if (!batch_ask(x, count, keys, e)) return false;
        keys += count;
        left -= count;
        rest(clock_ns() - begun);
        begun = clock_ns();
    }
    if (a->items[1].count == 0) rest(clock_ns() - begun);
    return true;
}

static bool database_sample(sampler *x, const fact_database *d, err *e)
{
    char cursor_text[24] = "0";
    const reply *a = NULL;
    /* Its share of the keys, so that a later database is seen too. */
    uint64_t share = x->s->of ? x->limits->keys_max * d->keys / x->s->of : x->limits->keys_max;
    uint64_t until = x->s->looked_at + (share > 16 ? share : 16);
    arena_clear(&x->scratch);
    x->db = d->db;
    const char *number = arena_printf(&x->scratch, "%u", d->db);
    if (!x->n->is_cluster && !engine_ask(x->server, &x->scratch, &a, e, "SELECT", number))
        return false;
    do {
        x->s->bounded_by = bound_reached(x);
        if (x->s->bounded_by) return true;
        if (!step_take(x, cursor_text, sizeof cursor_text, e)) return false;
    } while (strcmp(cursor_text, "0") != 0 && x->s->looked_at < until);
    return true;
}

/* --- the end --------------------------------------------------------------------------------- */

/* How many elements the largest keys have: commands that count in constant time. */
static bool elements_count(sampler *x, err *e)
{
    static const char *const counters[][2] = {{"string", "STRLEN"}, {"list", "LLEN"},
                                              {"set", "SCARD"},     {"zset", "ZCARD"},
                                              {"hash", "HLEN"},     {"stream", "XLEN"}};
    tally_top **top = x->tally.largest;
    for (size_t i = 0; i < TALLY_TOP_MAX && top[i]; i++) {
        const char *command = NULL;
        for (size_t k = 0; k < COUNT_OF(counters); k++)
            if (strcmp(counters[k][0], top[i]->shown.type) == 0) command = counters[k][1];
        if (!command || top[i]->name.size == 0) continue;
        const reply *a = NULL;
        arena_clear(&x->scratch);
        const char *db = arena_printf(&x->scratch, "%u", top[i]->shown.db);
        if (!x->n->is_cluster && !engine_try(x->server, &x->scratch, &a, e, "SELECT", db))
            return false;
        const span words[] = {span_text(command), buf_span(&top[i]->name)};
        if (!engine_try_spans(x->server, &x->scratch, &a, e, 2, words)) return false;
        if (a->kind == REPLY_INTEGER) top[i]->shown.elements = (uint64_t)a->integer;
    }
    return true;
}

static void sampler_init(sampler *x)
{
    const char *policy = audit_setting(x->n, "maxmemory-policy");
    for (unsigned q = 0; q < ASK_COUNT; q++)
        x->asks[q] = true;
    x->asks[ASK_FREQUENCY] = policy && strstr(policy, "lfu");
    key_tally_init(&x->tally, &x->f->memory, x->s);
    x->deadline_ns = deadline_in_ms(x->limits->ms_max);
    for (size_t i = 0; i < x->n->database_count; i++)
        x->s->of += x->n->databases[i].keys;
}

bool sample_take(engine *s, const sample_limits *limits, audit_facts *f, audit_node *n, err *e)
{
    sampler *x = mem_alloc(sizeof *x);
    *x = (sampler){.server = s, .limits = limits, .f = f, .n = n, .s = &n->sample};
    sampler_init(x);
    /* Without INFO nobody says which databases have keys: the first one is looked at. */
    static const fact_database first = {.db = 0};
    size_t count = n->info.size ? n->database_count : 1;
    bool done = true;
    for (size_t i = 0; done && i < count && !x->s->bounded_by; i++)
        done = database_sample(x, n->info.size ? &n->databases[i] : &first, e);
    if (!done && e->kind != ERR_IO && e->kind != ERR_TIMEOUT && engine_is_usable(s)) {
        unread_add(f, n, "SCAN", e->text, "anything about the keys: types, sizes, expiries");
        done = true;
    }
    done = done && elements_count(x, e);
    key_tally_fill(&x->tally);
    key_tally_clear(&x->tally);
    arena_clear(&x->scratch);
    free(x);
    return done;
}
