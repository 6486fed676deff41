#include "apply/gauge.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/info.h"

#define LOOK_MS 200
#define TURN_MS 50
#define OPEN_TIMEOUT_MS 2000
/* An unanswered look is given up after this, and the connection with it. */
#define LOOK_MOST_NS (10 * NS_PER_S)

struct gauge {
    apply_context *x;
    pthread_t thread;
    net_loop *loop;
    net_wake *wake;
    engine *target;
    arena memory;
    reply_reader reader;
    int64_t sent_ns; /* 0: no look is under way */
    int64_t next_ns;
    throttle_evidence found;
    atomic_bool stop;
};

static bool stopping(gauge *g)
{
    return atomic_load(&g->stop);
}

static void publish(gauge *g)
{
    pthread_mutex_lock(&g->x->shared->lock);
    g->x->shared->evidence = g->found;
    pthread_mutex_unlock(&g->x->shared->lock);
}

static void file_look(gauge *g)
{
    const char *file = g->x->options->throttle_file;
    bool there = file && access(file, F_OK) == 0;
    if (there != g->found.file) log_debug("throttle file '%s': %s", file, there ? "there" : "gone");
    g->found.file = there;
}

static void drop(gauge *g)
{
    engine_free(g->target);
    g->target = NULL;
    g->sent_ns = 0;
    g->reader = (reply_reader){0};
    arena_clear(&g->memory);
}

/* What a look learns, however it ended. */
static void look_ended(gauge *g, int64_t took_ns)
{
    g->found.latency_number++;
    g->found.latency_ns = took_ns;
    g->next_ns = clock_ns() + LOOK_MS * NS_PER_MS;
}

static bool ask(gauge *g, err *e)
{
    static const char *const info[] = {"INFO", "memory"};
    if (!resp_texts(net_conn_out(engine_conn(g->target)), COUNT_OF(info), info))
        return err_set(e, ERR_LIMIT, "no room for INFO");
    g->sent_ns = clock_ns();
    return net_conn_pump(engine_conn(g->target), e);
}

/* A server without a limit of its own has that of its machine. */
static void memory_read(gauge *g, const reply *r)
{
    uint64_t max = 0;
    if (r->kind != REPLY_BULK || !info_u64(r->text, "used_memory", &g->found.memory_used)) return;
    if (!info_u64(r->text, "maxmemory", &max) || max == 0)
        (void)info_u64(r->text, "total_system_memory", &max);
    g->found.memory_max = max;
    g->found.memory_number++;
}

static bool answer_take(gauge *g, err *e)
{
    net_conn *c = engine_conn(g->target);
    const reply *r = NULL;
    if (!net_conn_pump(c, e)) return false;
    cursor in = cursor_of(net_conn_in(c));
    const uint8_t *start = in.at;
    step got = reply_read(&g->reader, &in, &g->memory, &r, e);
    net_conn_eat(c, (size_t)(in.at - start));
    if (got == STEP_BAD) return false;
    if (got == STEP_DONE) {
        memory_read(g, r);
        look_ended(g, clock_ns() - g->sent_ns);
        g->sent_ns = 0;
        arena_clear(&g->memory);
        return true;
    }
    int64_t waits_ns = clock_ns() - g->sent_ns;
    if (waits_ns < LOOK_MS * NS_PER_MS) return true;
    if (clock_ns() >= g->next_ns) look_ended(g, waits_ns); /* it counts before it is answered */
    return waits_ns < LOOK_MOST_NS || err_set(e, ERR_TIMEOUT, "INFO is not answered");
}

static bool look(gauge *g, err *e)
{
    if (!g->target) {
        engine_options o = {.url = g->x->options->target,
                            .side = SIDE_TARGET,
                            .name = "handover-gauge",
                            .timeout_ms = OPEN_TIMEOUT_MS};
        if (!engine_open(g->loop, &o, &g->target, e)) return false;
    }
    if (g->sent_ns) return answer_take(g, e);
    return clock_ns() < g->next_ns || (engine_renew(g->target, e) && ask(g, e));
}

static void *gauge_main(void *arg)
{
    gauge *g = arg;
    while (!stopping(g)) {
        err e = {0};
        file_look(g);
        if (!look(g, &e)) {
            log_debug("gauge: %s", e.text); /* the link says by itself what is wrong */
            drop(g);
            g->found.latency_ns = -1;
            g->next_ns = clock_ns() + LOOK_MS * NS_PER_MS;
        }
        publish(g);
        net_loop_turn(g->loop, TURN_MS);
    }
    drop(g);
    return NULL;
}

gauge *gauge_start(apply_context *x)
{
    gauge *g = mem_alloc(sizeof *g);
    g->x = x;
    g->found.latency_ns = -1;
    g->loop = net_loop_new();
    g->wake = net_wake_new(g->loop);
    int failed = pthread_create(&g->thread, NULL, gauge_main, g);
    assert(!failed);
    return g;
}

void gauge_stop(gauge *g)
{
    if (!g) return;
    atomic_store(&g->stop, true);
    net_wake_send(g->wake);
    int failed = pthread_join(g->thread, NULL);
    assert(!failed);
    net_wake_free(g->wake);
    net_loop_free(g->loop);
    free(g);
}
