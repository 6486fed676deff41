/* The canaries: six ways to write that applications have, with what a client should do about a
 * failover: a time limit on connecting and on answers, and a new connection after any failure, for
 * which the name is looked up again. The patient one does neither, as some libraries. */
#include "base/clock.h"
#include "drill/client.h"
#include "engine/engine.h"

#define ANSWER_MS 1000
#define CONNECT_MS 1000
#define AGAIN_MS 100 /* between two attempts to connect */
#define TURN_MS 50   /* how long it takes to notice that it shall stop */
#define BLOCK_S "0.5"
#define BATCH_MAX 10
#define REPLIES_MAX 30
#define BUFFER_MAX ((size_t)64 * KIB)

typedef bool canary_write(buf *out, const client *c, uint64_t n);

struct canary_kind {
    const char *name;
    canary_write *write;
    size_t replies; /* to one write; the last one acknowledges it */
    size_t batch;   /* writes in flight */
    int pause_ms;
    bool is_patient; /* keeps its connection until the other side ends it, and waits for ever */
};

typedef struct {
    char text[256];
} key_text;

static key_text key_of(const client *c, uint64_t n)
{
    key_text k;
    (void)snprintf(k.text, sizeof k.text, "%s%" PRIu64, c->prefix, n);
    return k;
}

#define EXPIRY_TEXT_OF(seconds) #seconds
#define EXPIRY_TEXT(seconds) EXPIRY_TEXT_OF(seconds)
#define EXPIRY EXPIRY_TEXT(DRILL_KEY_EXPIRY_S)
#define TEXTS(out, ...)                                                                            \
    resp_texts(out, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                   \
               (const char *const[]){__VA_ARGS__})

static bool write_set(buf *out, const client *c, uint64_t n)
{
    return TEXTS(out, "SET", key_of(c, n).text, "1", "EX", EXPIRY);
}

static bool write_transaction(buf *out, const client *c, uint64_t n)
{
    return TEXTS(out, "MULTI") && write_set(out, c, n) && TEXTS(out, "EXEC");
}

static bool write_script(buf *out, const client *c, uint64_t n)
{
    return TEXTS(out, "EVAL", "return redis.call('SET', KEYS[1], '1', 'EX', ARGV[1])", "1",
                 key_of(c, n).text, EXPIRY);
}

/* Waits for work that never comes, as a worker of a queue does, and then writes. */
static bool write_blocking(buf *out, const client *c, uint64_t n)
{
    key_text list;
    (void)snprintf(list.text, sizeof list.text, "%swork", c->prefix);
    return TEXTS(out, "BLPOP", list.text, BLOCK_S) && write_set(out, c, n);
}

static const canary_kind kinds[] = {
    {"one by one", write_set, 1, 1, 20, false},
    {"pipelined", write_set, 1, BATCH_MAX, 100, false},
    {"transaction", write_transaction, 3, 1, 50, false},
    {"script", write_script, 1, 1, 50, false},
    {"blocking", write_blocking, 2, 1, 0, false},
    {"patient", write_set, 1, 1, 50, true},
};

size_t canary_kinds_count(void)
{
    return COUNT_OF(kinds);
}

void canary_of(size_t kind, client *ret)
{
    ret->kind = &kinds[kind];
}

const char *canary_name(const client *c)
{
    return c->kind->name;
}

bool canary_is_witness(const client *c)
{
    return c->kind->is_patient;
}

/* --- its thread ------------------------------------------------------------------------------ */

static void rest(const client *c, int ms)
{
    int64_t until = deadline_in_ms(ms);
    for (int left = ms; left > 0 && !atomic_load(c->stop); left = deadline_left_ms(until)) {
        int step_ms = left < TURN_MS ? left : TURN_MS;
        (void)nanosleep(&(struct timespec){.tv_nsec = step_ms * NS_PER_MS}, NULL);
    }
}

/* The answers to what was written; ERR_STOPPED, ERR_TIMEOUT or what ended the connection. */
static bool
answers_read(client *c, net_conn *conn, arena *memory, size_t count, const reply **ret, err *e)
{
    reply_reader reader = {0};
    int64_t deadline = deadline_in_ms(ANSWER_MS);
    for (size_t done = 0; done < count;) {
        cursor in = cursor_of(net_conn_in(conn));
        const uint8_t *start = in.at;
        step got = reply_read(&reader, &in, memory, &ret[done], e);
        net_conn_eat(conn, (size_t)(in.at - start));
        if (got == STEP_BAD) return false;
        if (got == STEP_DONE) {
            done++;
            continue;
        }
        if (atomic_load(c->stop)) return err_set(e, ERR_STOPPED, "stopped");
        if (!c->kind->is_patient && deadline_left_ms(deadline) == 0)
            return err_set(e, ERR_TIMEOUT, "no answer in %d ms", ANSWER_MS);
        if (!net_conn_turn(conn, TURN_MS, e)) return false;
    }
    return true;
}

/* Notes what was answered to the writes from `first` on, as far as answers came; false: a failure
 * was among them. */
static bool answers_note(client *c, uint64_t first, const reply *const *all)
{
    bool good = true;
    for (size_t i = 0; i < c->kind->batch; i++) {
        const reply *const *own = all + i * c->kind->replies;
        for (size_t j = 0; j < c->kind->replies; j++) {
            if (!own[j] || !reply_is_error(own[j])) continue;
            ledger_fail(&c->book, drill_failure_of(own[j]->text), own[j]->text);
            good = false;
        }
        const reply *last = own[c->kind->replies - 1];
        if (!last) break;
        bool ran = last->kind != REPLY_ARRAY || (last->count > 0 && !reply_is_error(last->items));
        if (!reply_is_error(last) && last->kind != REPLY_NIL && ran)
            ledger_acknowledge(&c->book, first + i);
    }
    return good;
}

static bool write_once(client *c, engine *s, uint64_t *n, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *all[REPLIES_MAX] = {0};
    size_t count = c->kind->batch * c->kind->replies;
    net_conn *conn = engine_conn(s);
    uint64_t first = *n + 1;
    assert(count <= REPLIES_MAX);
    if (!engine_renew(s, e)) return false;
    for (size_t i = 0; i < c->kind->batch; i++) {
        if (!c->kind->write(net_conn_out(conn), c, ++*n))
            return err_set(e, ERR_LIMIT, "the connection takes no more");
    }
    ledger_attempt(&c->book, *n);
    bool whole = answers_read(c, conn, &memory, count, all, e);
    bool good = answers_note(c, first, all);
    return whole && (good || c->kind->is_patient || err_set(e, ERR_REFUSED, "refused"));
}

static void failure_note(client *c, const err *e)
{
    span text = span_text(e->text);
    if (e->kind == ERR_STOPPED || e->kind == ERR_REFUSED) return; /* noted with its own text */
    ledger_fail(&c->book, e->kind == ERR_TIMEOUT ? FAILURE_TIMEOUT : drill_failure_of(text), text);
}

static void *canary_run(void *context)
{
    client *c = context;
    char name[64];
    (void)snprintf(name, sizeof name, DRILL_NAME "-%s", c->kind->name);
    for (char *at = name; *at; at++)
        if (*at == ' ') *at = '-';
    engine_options o = {.url = c->url,
                        .side = SIDE_TARGET,
                        .name = name,
                        .timeout_ms = CONNECT_MS,
                        .in_max = BUFFER_MAX,
                        .out_max = BUFFER_MAX,
                        .select_db = true};
    net_loop *loop = net_loop_new();
    engine *s = NULL;
    uint64_t n = 0;
    while (!atomic_load(c->stop)) {
        err e = {0};
        if (!s && !engine_open(loop, &o, &s, &e)) {
            if (e.kind == ERR_REFUSED) e.kind = ERR_IO; /* of AUTH or PING: not noted yet */
            failure_note(c, &e);
            rest(c, AGAIN_MS);
            continue;
        }
        if (write_once(c, s, &n, &e)) {
            rest(c, c->kind->pause_ms);
            continue;
        }
        failure_note(c, &e);
        engine_free(s);
        s = NULL;
        rest(c, c->kind->pause_ms);
    }
    engine_free(s);
    net_loop_free(loop);
    return NULL;
}

bool canary_start(client *c, err *e)
{
    int problem = pthread_create(&c->thread, NULL, canary_run, c);
    if (problem) return err_sys(e, problem, "start a canary");
    c->has_thread = true;
    return true;
}

void canary_join(client *c)
{
    if (!c->has_thread) return;
    (void)pthread_join(c->thread, NULL);
    c->has_thread = false;
}
