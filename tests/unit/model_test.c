/* A model of the link over a toy store: random logs of 2 to 8 commands, a tool that crashes, a
 * target that refuses, loses its answers or falls back to an earlier state. First the protocol as a
 * rule, then wrong rules that the model must find wrong, so that it is known to be able to; then
 * the program's own stream and groups against the same store. The seed is fixed. */
#include "test.h"

#include <dirent.h>
#include <unistd.h>

#include "apply/group.h"
#include "apply/stream.h"
#include "base/clock.h"
#include "base/mem.h"
#include "peer.h"

#define LOG_COUNT 30000
#define REAL_LOG_COUNT 1500

/* ---- chance ---- */

typedef struct {
    uint64_t state;
} chance;

static uint32_t chance_of(chance *c, uint32_t below)
{
    c->state = c->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(c->state >> 33) % below;
}

/* ---- the toy store ---- */

#define KEYS 3
#define DATA_MAX 24

typedef enum { TOY_NONE, TOY_STRING, TOY_HASH, TOY_LIST, TOY_SET } toy_kind;

/* Unused bytes are zero, so that two stores compare by their bytes. */
typedef struct {
    uint8_t kind;
    uint8_t ttl; /* 0: none */
    uint8_t size;
    uint8_t data[DATA_MAX]; /* digits; value + 1 per field; items; bits of members */
} toy_value;

typedef struct {
    toy_value keys[KEYS];
} store;

typedef enum {
    OP_SET,
    OP_SET_TTL,
    OP_DEL,
    OP_INCR,
    OP_APPEND,
    OP_HSET,
    OP_HDEL,
    OP_HINCRBY,
    OP_LPUSH,
    OP_RPUSH,
    OP_LPOP,
    OP_SADD,
    OP_SREM,
    OP_SUNIONSTORE,
    OP_RENAME,
    OP_COPY,
    OP_PEXPIREAT,
    OP_PERSIST,
    OP_COUNT
} toy_op;

typedef struct {
    toy_op op;
    uint8_t key, other, field, value;
} toy_command;

static bool typed(toy_value *v, toy_kind kind)
{
    if (v->kind == TOY_NONE) v->kind = (uint8_t)kind;
    return v->kind == kind;
}

static void gone_when(toy_value *v, bool empty)
{
    if (empty) *v = (toy_value){0}; /* and its expiry with it */
}

static bool string_do(toy_value *v, const toy_command *c)
{
    if (c->op == OP_SET || c->op == OP_SET_TTL) {
        *v = (toy_value){.kind = TOY_STRING, .size = 1};
        v->ttl = c->op == OP_SET_TTL ? (uint8_t)(c->value + 1) : 0;
        v->data[0] = (uint8_t)('0' + c->value);
        return true;
    }
    if (!typed(v, TOY_STRING) || v->size > 8) return false;
    if (c->op == OP_APPEND) {
        v->data[v->size++] = (uint8_t)('0' + c->value);
        return true;
    }
    char text[DATA_MAX] = "";
    uint64_t number = 0;
    if (v->size > 0 && !span_to_u64(span_of(v->data, v->size), &number)) return false;
    int size = snprintf(text, sizeof text, "%" PRIu64, number + 1);
    assert_true(size > 0);
    memset(v->data, 0, sizeof v->data);
    memcpy(v->data, text, (size_t)size);
    v->size = (uint8_t)size;
    return true;
}

static bool hash_do(toy_value *v, const toy_command *c)
{
    if (!typed(v, TOY_HASH)) return false;
    uint8_t *field = &v->data[c->field];
    bool did = c->op != OP_HDEL || *field != 0;
    if (c->op == OP_HSET) *field = (uint8_t)(c->value + 1);
    if (c->op == OP_HINCRBY) *field = (uint8_t)(*field ? *field + 1 : 2);
    if (c->op == OP_HDEL) *field = 0;
    gone_when(v, !v->data[0] && !v->data[1] && !v->data[2]);
    return did;
}

static bool list_do(toy_value *v, const toy_command *c)
{
    if (!typed(v, TOY_LIST)) return false;
    if (c->op == OP_LPOP) {
        bool did = v->size > 0;
        if (did) {
            memmove(v->data, v->data + 1, DATA_MAX - 1);
            v->data[DATA_MAX - 1] = 0;
            v->size--;
        }
        gone_when(v, v->size == 0);
        return did;
    }
    if (v->size == DATA_MAX) return false;
    if (c->op == OP_LPUSH) memmove(v->data + 1, v->data, DATA_MAX - 1);
    v->data[c->op == OP_LPUSH ? 0 : v->size] = (uint8_t)('0' + c->value);
    v->size++;
    return true;
}

static bool set_do(store *s, toy_value *v, const toy_command *c)
{
    if (c->op == OP_SUNIONSTORE) {
        const toy_value *a = &s->keys[c->key];
        const toy_value *b = &s->keys[c->other];
        bool good = (a->kind == TOY_NONE || a->kind == TOY_SET) &&
                    (b->kind == TOY_NONE || b->kind == TOY_SET);
        uint8_t all = a->data[0] | b->data[0];
        if (!good) return false;
        *v = (toy_value){.kind = TOY_SET, .data = {all}};
        gone_when(v, !all);
        return true;
    }
    if (!typed(v, TOY_SET)) return false;
    uint8_t bit = (uint8_t)(1 << c->field);
    bool has = (v->data[0] & bit) != 0;
    v->data[0] = (uint8_t)(c->op == OP_SADD ? v->data[0] | bit : v->data[0] & ~bit);
    gone_when(v, !v->data[0]);
    return has == (c->op == OP_SREM);
}

static bool key_do(store *s, toy_value *v, const toy_command *c)
{
    if (v->kind == TOY_NONE) return false;
    if (c->op == OP_DEL) {
        *v = (toy_value){0};
    } else if (c->op == OP_PEXPIREAT) {
        v->ttl = (uint8_t)(c->value + 1);
    } else if (c->op == OP_PERSIST) {
        if (!v->ttl) return false;
        v->ttl = 0;
    } else {
        if (c->key == c->other || (c->op == OP_COPY && s->keys[c->other].kind)) return false;
        s->keys[c->other] = *v;
        if (c->op == OP_RENAME) *v = (toy_value){0};
    }
    return true;
}

/* False: nothing changed; the source would not send it. */
static bool store_do(store *s, const toy_command *c)
{
    store before = *s;
    toy_value *v = &s->keys[c->key];
    bool did = false;
    if (c->op <= OP_DEL || c->op == OP_INCR || c->op == OP_APPEND)
        did = c->op == OP_DEL ? key_do(s, v, c) : string_do(v, c);
    else if (c->op <= OP_HINCRBY)
        did = hash_do(v, c);
    else if (c->op <= OP_LPOP)
        did = list_do(v, c);
    else if (c->op <= OP_SUNIONSTORE)
        did = set_do(s, v, c);
    else
        did = key_do(s, v, c);
    if (!did) *s = before;
    return did;
}

/* ---- logs ---- */

#define LOG_MAX 8

typedef struct {
    toy_command commands[LOG_MAX];
    size_t begins[LOG_MAX + 1]; /* of units; the last is the count of commands */
    size_t units;
    store end; /* what the source holds */
} source_log;

static void log_make(source_log *l, chance *c)
{
    *l = (source_log){0};
    size_t count = 2 + chance_of(c, LOG_MAX - 1);
    uint32_t keys = 1 + chance_of(c, KEYS);
    size_t in_unit = 0;
    for (size_t i = 0; i < count;) {
        toy_command t = {.op = (toy_op)chance_of(c, OP_COUNT),
                         .key = (uint8_t)chance_of(c, keys),
                         .other = (uint8_t)chance_of(c, keys),
                         .field = (uint8_t)chance_of(c, 3),
                         .value = (uint8_t)chance_of(c, 4)};
        if (!store_do(&l->end, &t)) continue;
        if (in_unit == 0) {
            l->begins[l->units++] = i;
            in_unit = chance_of(c, 4) ? 1 : 2 + chance_of(c, 2);
        }
        l->commands[i++] = t;
        in_unit--;
    }
    l->begins[l->units] = count;
}

/* ---- the protocol as a rule ---- */

typedef enum {
    RULE_OF_THIS_RELEASE,
    CHECKPOINT_OUTSIDE, /* behind the transaction, as a command of its own */
    TWO_OUTSTANDING,    /* the second group goes without the first one's answer */
    RELEASED_AT_ONCE,   /* the spool lets go what only the primary holds */
    NOT_KILLED,         /* what is on its way executes behind the reading of the checkpoint */
} protocol;

typedef struct {
    store s;
    size_t checkpoint; /* units */
} target;

typedef struct {
    size_t from, to;
    bool apply, mark;
} request;

#define HISTORY_MAX 512

typedef struct {
    const source_log *log;
    protocol protocol;
    chance *c;
    target now;
    target history[HISTORY_MAX]; /* after every step; a replica holds one of them */
    size_t steps;
    size_t confirmed; /* what every replica holds */
    size_t released;  /* units the spool has let go */
    request wire[8];  /* sent, not executed */
    size_t wires;
    bool answers[8]; /* given, not read; false: refused */
    size_t answered;
    size_t groups; /* sent without an answer */
    size_t next;   /* unit to send */
    size_t faults_left;
    bool lost; /* the spool no longer has what it must send */
} run;

static void target_execute(run *r)
{
    const request q = r->wire[0];
    memmove(r->wire, r->wire + 1, --r->wires * sizeof *r->wire);
    bool refused = r->faults_left > 0 && chance_of(r->c, 6) == 0;
    if (refused) r->faults_left--;
    r->answers[r->answered++] = !refused;
    if (refused) return;
    for (size_t i = r->log->begins[q.from]; q.apply && i < r->log->begins[q.to]; i++)
        (void)store_do(&r->now.s, &r->log->commands[i]); /* errors: the wrong rules make them */
    if (q.mark) r->now.checkpoint = q.to;
    assert_true(r->steps < HISTORY_MAX);
    r->history[r->steps++] = r->now;
}

/* What was sent may still be executed, or some of it, or nothing. */
static void wire_fade(run *r)
{
    while (r->wires > 0 && chance_of(r->c, 2))
        target_execute(r);
}

static void reconnect(run *r)
{
    if (r->protocol != NOT_KILLED) {
        wire_fade(r);
        r->wires = 0;
    }
    r->next = r->now.checkpoint;
    if (r->protocol == NOT_KILLED) {
        wire_fade(r);
        r->wires = 0;
    }
    r->answered = r->groups = 0;
    if (r->next < r->released) r->lost = true;
}

static void group_put(run *r)
{
    size_t left = r->log->units - r->next;
    size_t to = r->next + 1 + chance_of(r->c, (uint32_t)size_min(left, 3));
    bool inside = r->protocol != CHECKPOINT_OUTSIDE;
    r->wire[r->wires++] = (request){.from = r->next, .to = to, .apply = true, .mark = inside};
    if (!inside) r->wire[r->wires++] = (request){.from = r->next, .to = to, .mark = true};
    r->next = to;
    r->groups += inside ? 1 : 2;
}

static void answer_read(run *r)
{
    bool good = r->answers[0];
    memmove(r->answers, r->answers + 1, --r->answered * sizeof *r->answers);
    if (good)
        r->groups--;
    else
        reconnect(r);
}

static void replicas_confirm(run *r)
{
    r->confirmed += chance_of(r->c, (uint32_t)(r->steps - r->confirmed));
    r->released = r->history[r->confirmed].checkpoint;
    if (r->protocol == RELEASED_AT_ONCE) r->released = r->now.checkpoint;
}

static void fault(run *r)
{
    r->faults_left--;
    if (chance_of(r->c, 2)) { /* the target falls back to what a replica holds */
        wire_fade(r);
        r->wires = 0;
        size_t at = r->confirmed + chance_of(r->c, (uint32_t)(r->steps - r->confirmed));
        r->now = r->history[at];
        r->steps = at + 1;
    }
    reconnect(r); /* a crash of the tool and a cut connection look the same to the target */
}

/* Answers whether target and source are equal at the end. */
static bool run_once(const source_log *log, protocol p, chance *c)
{
    run r = {.log = log, .protocol = p, .c = c, .steps = 1};
    r.faults_left = chance_of(c, 5);
    size_t groups_max = p == TWO_OUTSTANDING || p == CHECKPOINT_OUTSIDE ? 2 : 1;
    while (!r.lost && (r.next < log->units || r.groups > 0)) {
        uint32_t what = chance_of(c, 5);
        bool may_send = p == CHECKPOINT_OUTSIDE ? r.groups == 0 : r.groups < groups_max;
        if (what == 0 && r.next < log->units && may_send)
            group_put(&r);
        else if (what == 1 && r.wires > 0)
            target_execute(&r);
        else if (what == 2 && r.answered > 0)
            answer_read(&r);
        else if (what == 3)
            replicas_confirm(&r);
        else if (what == 4 && r.faults_left > 0 && chance_of(c, 3) == 0)
            fault(&r);
    }
    return !r.lost && memcmp(&r.now.s, &log->end, sizeof log->end) == 0;
}

static size_t wrong_count(protocol p, size_t logs)
{
    chance c = {.state = 20261122};
    size_t wrong = 0;
    for (size_t i = 0; i < logs; i++) {
        source_log log;
        log_make(&log, &c);
        if (!run_once(&log, p, &c)) wrong++;
    }
    print_message("model %d: %zu of %zu logs wrong\n", (int)p, wrong, logs);
    return wrong;
}

static void one_group_at_a_time_with_its_checkpoint_loses_and_repeats_nothing(void **state)
{
    (void)state;
    assert_int_equal(wrong_count(RULE_OF_THIS_RELEASE, LOG_COUNT), 0);
}

static void a_checkpoint_outside_the_transaction_is_found_wrong(void **state)
{
    (void)state;
    assert_true(wrong_count(CHECKPOINT_OUTSIDE, LOG_COUNT / 3) > 100);
}

static void a_second_group_behind_a_refused_one_is_found_wrong(void **state)
{
    (void)state;
    assert_true(wrong_count(TWO_OUTSTANDING, LOG_COUNT / 3) > 100);
}

static void a_spool_released_before_the_replicas_hold_it_is_found_wrong(void **state)
{
    (void)state;
    assert_true(wrong_count(RELEASED_AT_ONCE, LOG_COUNT / 3) > 100);
}

static void a_checkpoint_read_before_the_old_connection_is_dead_is_found_wrong(void **state)
{
    (void)state;
    assert_true(wrong_count(NOT_KILLED, LOG_COUNT / 3) > 100);
}

/* ---- the program itself: spool, stream and groups against the toy store ---- */

#define LINK "0123456789abcdef"
#define KEY "handover:checkpoint:" LINK
#define ID "0123456789abcdef0123456789abcdef01234567"
#define TTL_BASE INT64_C(4000000000000) /* far behind the horizon: not held */

/* One row: the wire form. k: key, o: other key, f: field, v: value, n: ttl; else the word. */
static const struct {
    const char *words;
} forms[OP_COUNT] = {
    [OP_SET] = {"SET k v"},
    [OP_SET_TTL] = {"SET k v PXAT n"},
    [OP_DEL] = {"DEL k"},
    [OP_INCR] = {"INCR k"},
    [OP_APPEND] = {"APPEND k v"},
    [OP_HSET] = {"HSET k f v"},
    [OP_HDEL] = {"HDEL k f"},
    [OP_HINCRBY] = {"HINCRBY k f"},
    [OP_LPUSH] = {"LPUSH k v"},
    [OP_RPUSH] = {"RPUSH k v"},
    [OP_LPOP] = {"LPOP k"},
    [OP_SADD] = {"SADD k f"},
    [OP_SREM] = {"SREM k f"},
    [OP_SUNIONSTORE] = {"SUNIONSTORE k k o"},
    [OP_RENAME] = {"RENAME k o"},
    [OP_COPY] = {"COPY k o"},
    [OP_PEXPIREAT] = {"PEXPIREAT k n"},
    [OP_PERSIST] = {"PERSIST k"},
};

static void toy_wire(buf *out, const toy_command *c)
{
    char text[96];
    size_t used = 0;
    for (const char *w = forms[c->op].words; *w; w++) {
        bool name = w == forms[c->op].words || w[-1] != ' ' || (w[1] != ' ' && w[1] != '\0');
        int64_t number = *w == 'k'   ? c->key
                         : *w == 'o' ? c->other
                         : *w == 'f' ? c->field
                                     : c->value;
        if (*w == 'n') number += TTL_BASE;
        bool variable = !name && *w != ' ';
        int size = variable ? snprintf(text + used, sizeof text - used, "%" PRId64, number)
                            : snprintf(text + used, sizeof text - used, "%c", *w);
        used += (size_t)size;
        assert_true(used < sizeof text);
    }
    span words[8];
    size_t count = 0;
    span rest = span_of(text, used);
    while (span_cut(&rest, ' ', &words[count]))
        count++;
    assert_true(resp_spans(out, count, words));
}

static void toy_read(const resp_command *c, const uint8_t *start, toy_command *ret)
{
    *ret = (toy_command){.op = OP_COUNT};
    for (int op = 0; op < OP_COUNT; op++) {
        span rest = span_text(forms[op].words);
        span word;
        size_t i = 0;
        toy_command t = {.op = (toy_op)op};
        bool good = true;
        for (; good && span_cut(&rest, ' ', &word); i++) {
            good = i < c->arg_count;
            if (!good) break;
            span arg = resp_command_arg(c, start, i);
            int64_t number = 0;
            if (word.size > 1) {
                good = span_equal(arg, word);
                continue;
            }
            good = span_to_i64(arg, &number);
            if (word.at[0] == 'k') t.key = (uint8_t)number;
            if (word.at[0] == 'o') t.other = (uint8_t)number;
            if (word.at[0] == 'f') t.field = (uint8_t)number;
            if (word.at[0] == 'v') t.value = (uint8_t)number;
            if (word.at[0] == 'n') t.value = (uint8_t)(number - TTL_BASE);
        }
        if (good && i == c->arg_count) *ret = t;
    }
    assert_true(ret->op != OP_COUNT);
}

typedef struct {
    store s;
    checkpoint at;
} real_target;

typedef struct {
    peer peer;
    net_loop *loop;
    link_options options;
    link_shared shared;
    apply_context x;
    stream *stream;
    chance c;
    real_target now;
    real_target history[HISTORY_MAX];
    size_t steps;
    buf heard;
    buf answers; /* to be given */
    buf bytes;   /* of the log */
    size_t received;
    uint64_t begin;    /* offset of the log's first byte */
    bool border[4096]; /* a unit ends behind so many bytes */
    size_t faults_left;
} world;

static void world_connect(world *w)
{
    stream_free(w->stream);
    net_conn_free(w->x.target.conn);
    peer_hang_up(&w->peer);
    w->x.target = (target_conn){0};
    w->heard.size = w->answers.size = 0;
    net_target t = {.host = w->peer.path, .in_max = MIB, .out_max = MIB};
    err e = {0};
    if (!net_conn_open(w->loop, &t, deadline_in_ms(5000), &w->x.target.conn, &e))
        fail_msg("%s", e.text);
    peer_accept(&w->peer);
    w->stream = NULL;
    if (!stream_open(&w->x, &w->now.at, &w->stream, &e)) fail_msg("%s", e.text);
}

/* One whole transaction that was heard: executed with its checkpoint, or refused. */
static void transaction_do(world *w, span bytes)
{
    real_target after = w->now;
    resp_command c = {0};
    size_t size = 0;
    err e = {0};
    size_t count = 0;
    int refused = 0; /* 1: while queueing, 2: at EXEC */
    if (w->faults_left > 0 && chance_of(&w->c, 6) == 0) {
        w->faults_left--;
        refused = 1 + (int)chance_of(&w->c, 2);
    }
    bool good = buf_text(&w->answers, "+OK\r\n");
    for (; bytes.size > 0; bytes = span_tail(bytes, size)) {
        assert_int_equal(resp_command_read(&c, bytes, 0, &size, &e), STEP_DONE);
        span name = resp_command_arg(&c, bytes.at, 0);
        if (span_is(name, "MULTI") || span_is(name, "EXEC")) continue;
        count++;
        good = good && buf_text(&w->answers, refused == 1 ? "-OOM no\r\n" : "+QUEUED\r\n");
        if (c.arg_count >= 3 && span_is(resp_command_arg(&c, bytes.at, 1), KEY)) {
            if (!checkpoint_read(resp_command_arg(&c, bytes.at, 2), &after.at, &e))
                fail_msg("%s", e.text);
            assert_true(w->border[after.at.offset - w->begin]); /* no transaction cut in two */
        } else {
            toy_command t;
            toy_read(&c, bytes.at, &t);
            if (!store_do(&after.s, &t)) fail_msg("a command that did something did nothing");
        }
    }
    static const char *const aborts[] = {
        "-EXECABORT Transaction discarded because of previous errors.\r\n", "-READONLY no\r\n",
        "-EXECABORT Transaction discarded because of: READONLY no\r\n"};
    if (refused) {
        good = good && buf_text(&w->answers,
                                aborts[refused - 1 + (refused - 1) * (int)chance_of(&w->c, 2)]);
    } else {
        good = good && buf_printf(&w->answers, "*%zu\r\n", count);
        for (size_t i = 0; i < count; i++)
            good = good && buf_text(&w->answers, "+OK\r\n");
        w->now = after;
        assert_true(w->steps < HISTORY_MAX);
        w->history[w->steps++] = after;
    }
    assert_true(good);
    resp_command_clear(&c);
}

/* The target reads some bytes and executes what is whole in them. */
static void target_hear(world *w, size_t most)
{
    uint8_t some[4096];
    size_t want = 1 + chance_of(&w->c, (uint32_t)most);
    ssize_t n = recv(w->peer.fd, some, size_min(want, sizeof some), MSG_DONTWAIT);
    if (n > 0) assert_true(buf_append(&w->heard, span_of(some, (size_t)n)));
    static const char exec[] = "*1\r\n$4\r\nEXEC\r\n";
    size_t at = 0;
    while (span_find(buf_span(&w->heard), span_text(exec), &at)) {
        transaction_do(w, span_of(w->heard.at, at + strlen(exec)));
        buf_drop(&w->heard, at + strlen(exec));
    }
}

static void target_tell(world *w)
{
    if (w->answers.size == 0) return;
    size_t some = 1 + chance_of(&w->c, (uint32_t)w->answers.size);
    peer_send(&w->peer, span_of(w->answers.at, some));
    buf_drop(&w->answers, some);
}

static void source_send(world *w, size_t most)
{
    size_t left = w->bytes.size - w->received;
    if (left == 0) return;
    size_t size = size_min(left, 1 + chance_of(&w->c, (uint32_t)most));
    err e = {0};
    if (!spool_append(w->x.spool, LANE_STREAM, span_of(w->bytes.at + w->received, size), 1, &e))
        fail_msg("%s", e.text);
    w->received += size;
}

static void world_fault(world *w)
{
    w->faults_left--;
    for (uint32_t i = chance_of(&w->c, 4); i > 0; i--)
        target_hear(w, 300); /* what is on its way may still arrive before the connection dies */
    if (chance_of(&w->c, 2)) {
        size_t at = chance_of(&w->c, (uint32_t)w->steps);
        w->now = w->history[at];
        w->steps = at + 1;
    }
    world_connect(w);
}

static void log_to_bytes(world *w, const source_log *l)
{
    w->bytes.size = w->received = 0;
    memset(w->border, 0, sizeof w->border);
    static const char *const noise[] = {"\n", "*1\r\n$4\r\nPING\r\n",
                                        "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"};
    for (size_t u = 0; u < l->units; u++) {
        bool multi = l->begins[u + 1] - l->begins[u] > 1;
        bool good = chance_of(&w->c, 3) || buf_text(&w->bytes, noise[chance_of(&w->c, 3)]);
        w->border[w->bytes.size] = true;
        good = good && (!multi || buf_text(&w->bytes, "*1\r\n$5\r\nMULTI\r\n"));
        for (size_t i = l->begins[u]; i < l->begins[u + 1]; i++)
            toy_wire(&w->bytes, &l->commands[i]);
        good = good && (!multi || buf_text(&w->bytes, "*1\r\n$4\r\nEXEC\r\n"));
        assert_true(good && w->bytes.size < COUNT_OF(w->border));
        w->border[w->bytes.size] = true;
    }
}

static void stream_turn(world *w)
{
    bool idle = false;
    err e = {0};
    if (stream_step(w->stream, false, &idle, &e) != STEP_BAD) return;
    if (w->x.fatal) fail_msg("%s", e.text);
    world_connect(w); /* refused: the checkpoint says where to go on */
}

static void real_log_run(world *w, size_t number)
{
    source_log log;
    log_make(&log, &w->c);
    log_to_bytes(w, &log);
    w->begin = spool_extent_get(w->x.spool, LANE_STREAM).end;
    uint64_t end = w->begin + w->bytes.size;
    w->now = (real_target){.at = {.generation = 1, .offset = w->begin}};
    w->history[0] = w->now;
    w->steps = 1;
    w->faults_left = chance_of(&w->c, 5);
    world_connect(w);
    for (int turns = 0; w->shared.progress.applied_offset < end; turns++) {
        if (turns > 100000) fail_msg("log %zu does not end", number);
        uint32_t what = chance_of(&w->c, 6);
        if (what == 0) source_send(w, 200);
        if (what == 1 || what == 5) stream_turn(w);
        if (what == 2) target_hear(w, 600);
        if (what == 3) target_tell(w);
        if (what == 4 && w->faults_left > 0 && chance_of(&w->c, 6) == 0) world_fault(w);
    }
    if (memcmp(&w->now.s, &log.end, sizeof log.end) != 0) fail_msg("log %zu ends wrong", number);
    assert_int_equal(w->shared.incident_count, 0);
}

static void spool_dir(const world *w, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/spool", w->peer.dir);
}

static void world_end(world *w)
{
    stream_free(w->stream);
    net_conn_free(w->x.target.conn);
    spool_free(w->x.spool);
    char dir[160];
    char path[460];
    spool_dir(w, dir, sizeof dir);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (f->d_name[0] != '.') (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
    peer_close(&w->peer);
    net_loop_free(w->loop);
    link_shared_clear(&w->shared);
    buf_clear(&w->heard);
    buf_clear(&w->answers);
    buf_clear(&w->bytes);
    free(w);
}

static void the_stream_of_this_program_loses_and_repeats_nothing(void **state)
{
    (void)state;
    world *w = mem_alloc(sizeof *w);
    w->c.state = 42;
    w->heard = w->answers = w->bytes = buf_of(MIB);
    w->loop = net_loop_new();
    w->options = (link_options){.link_id = LINK, .hold_horizon_ms = 1000, .target_rdb_version = 10};
    link_shared_init(&w->shared);
    w->x = (apply_context){
        .options = &w->options, .shared = &w->shared, .key = checkpoint_key_of(LINK)};
    peer_listen(&w->peer);
    char dir[160];
    spool_dir(w, dir, sizeof dir);
    spool_options o = {.dir = dir, .bytes_max = 64 * MIB, .segment_bytes = 4 * KIB};
    spool_origin origin = {.generation = 1, .replid = ID, .offset = 1};
    err e = {0};
    if (!spool_open(&o, &w->x.spool, &e) || !spool_begin(w->x.spool, &origin, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < REAL_LOG_COUNT; i++)
        real_log_run(w, i);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_group_at_a_time_with_its_checkpoint_loses_and_repeats_nothing),
        cmocka_unit_test(a_checkpoint_outside_the_transaction_is_found_wrong),
        cmocka_unit_test(a_second_group_behind_a_refused_one_is_found_wrong),
        cmocka_unit_test(a_spool_released_before_the_replicas_hold_it_is_found_wrong),
        cmocka_unit_test(a_checkpoint_read_before_the_old_connection_is_dead_is_found_wrong),
        cmocka_unit_test(the_stream_of_this_program_loses_and_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
