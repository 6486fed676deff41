#include "apply/release.h"

#include "apply/hold.h"
#include "apply/release_fields.h"
#include "base/clock.h"
#include "engine/bookkeeping.h"
#include "engine/lua.h"
#include "engine/scan.h"

/* ARGV: 2^45, mode, limit (ms since 1970). Answers for each key 0 (nothing to do), 1 (changed),
 * 2 (held, and left so). mode "release": held and really later than the limit -> real.
 * mode "hold": real and not later than the limit -> held. mode "count": only look. */
#define SCRIPT                                                                                     \
    "local shift, mode, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])\n"                   \
    "local out = {}\n"                                                                             \
    "for i, key in ipairs(KEYS) do\n"                                                              \
    "  local at = expiry(key)\n"                                                                   \
    "  local did = 0\n"                                                                            \
    "  if at >= shift then\n"                                                                      \
    "    did = 2\n"                                                                                \
    "    if mode == 'release' and at - shift > limit then\n"                                       \
    "      redis.call('PEXPIREAT', key, string.format('%.0f', at - shift))\n"                      \
    "      did = 1\n"                                                                              \
    "    end\n"                                                                                    \
    "  elseif mode == 'hold' and at > 0 and at <= limit then\n"                                    \
    "    redis.call('PEXPIREAT', key, string.format('%.0f', at + shift))\n"                        \
    "    did = 1\n"                                                                                \
    "  end\n"                                                                                      \
    "  out[i] = did\n"                                                                             \
    "end\n"                                                                                        \
    "return out\n"

/* How a target tells when a key expires. */
typedef struct {
    const char *command;
    const char *script;
    bool is_left; /* it tells what is left of the time */
} expiry_form;

static const expiry_form forms[] = {
    {"PEXPIRETIME", "local function expiry(key) return redis.call('PEXPIRETIME', key) end\n" SCRIPT,
     false},
    {"PTTL", LUA_EXPIRY_BEFORE_7 SCRIPT, true},
};

/* What is left, and our clock, tell the time to less than this: both clocks were compared before
 * the move, and an answer is not that long on its way. */
#define LEFT_UNSURE_MS INT64_C(600000)

#define SCRIPT_KEYS_MAX ((size_t)500)

typedef struct {
    engine *target;
    const expiry_form *form;
    link_shared *list; /* held ones are listed here; NULL: only counted */
    const char *mode;
    int64_t limit_ms;
    int64_t deadline_ns; /* 0: none */
    release_result result;
} pass;

static bool script_run(pass *p, unsigned db, size_t count, const span *keys, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span args[SCRIPT_KEYS_MAX + 6];
    char shift[24];
    char limit[24];
    char number[24];
    (void)snprintf(shift, sizeof shift, "%" PRId64, HOLD_SHIFT_MS);
    (void)snprintf(limit, sizeof limit, "%" PRId64, p->limit_ms);
    (void)snprintf(number, sizeof number, "%zu", count);
    size_t n = 0;
    args[n++] = span_text("EVAL");
    args[n++] = span_text(p->form->script);
    args[n++] = span_text(number);
    for (size_t i = 0; i < count; i++)
        args[n++] = keys[i];
    args[n++] = span_text(shift);
    args[n++] = span_text(p->mode);
    args[n++] = span_text(limit);
    const reply *r = NULL;
    if (!engine_ask_spans(p->target, &memory, &r, e, n, args))
        return err_wrap(e, "releasing held expiries");
    if (r->kind != REPLY_ARRAY || r->count != count)
        return err_set(e, ERR_FORMAT, "the script for held expiries answered in an unknown form");
    for (size_t i = 0; i < count; i++) {
        if (r->items[i].integer == 1) p->result.released++;
        if (r->items[i].integer != 2) continue;
        p->result.held++;
        if (p->list) link_shared_near_add(p->list, db, keys[i]);
    }
    return true;
}

/* PEXPIRETIME is since 7.0. */
static bool form_find(pass *p, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (!engine_try(p->target, &memory, &r, e, forms[0].command, BOOKKEEPING_PREFIX "none"))
        return false;
    p->form = &forms[reply_is_error(r) && span_starts(r->text, "ERR unknown command")];
    return true;
}

/* Most keys need nothing: a plain question, pipelined, tells which, at a tenth of the script's
 * cost. The script decides anew for those that may. */
static bool key_may_need(const pass *p, int64_t answered)
{
    if (answered < 0) return false;
    int64_t unsure_ms = p->form->is_left ? LEFT_UNSURE_MS : 0;
    int64_t expires_at_ms = p->form->is_left ? answered + clock_wall_ms() : answered;
    if (hold_is_held(expires_at_ms + unsure_ms)) return true;
    return strcmp(p->mode, "hold") == 0 && expires_at_ms - unsure_ms <= p->limit_ms;
}

static bool expiries_ask(pass *p, size_t count, const reply *keys, bool *ret_needed, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(1024 * MIB);
    const reply **answers = arena_alloc(&memory, count * sizeof(const reply *));
    for (size_t i = 0; i < count; i++) {
        const span args[] = {span_text(p->form->command), keys[i].text};
        if (!resp_spans(&out, COUNT_OF(args), args))
            return err_set(e, ERR_LIMIT, "keys too large to ask for");
    }
    if (!engine_pipeline(p->target, &memory, buf_span(&out), count, answers, e)) return false;
    for (size_t i = 0; i < count; i++)
        ret_needed[i] = key_may_need(p, answers[i]->integer);
    return true;
}

static bool in_time(const pass *p, err *e)
{
    if (!p->deadline_ns || deadline_left_ms(p->deadline_ns) > 0) return true;
    err_set(e, ERR_TIMEOUT, "the pass over held expiries takes longer than is safe");
    err_blame(e, SIDE_TARGET);
    return err_hint(e, "the target answers too slowly for a cutover just now");
}

static bool batch_pass(void *arg, unsigned db, size_t count, const reply *keys, err *e)
{
    pass *p = arg;
    CLEANUP(mem_free_at) bool *needed = mem_alloc(count * sizeof *needed);
    span spans[SCRIPT_KEYS_MAX];
    size_t n = 0;
    if (!in_time(p, e)) return false;
    if (count > 0 && !expiries_ask(p, count, keys, needed, e)) return false;
    for (size_t i = 0; i < count; i++) {
        if (needed[i]) spans[n++] = keys[i].text;
        bool last = i + 1 == count;
        if (n == 0 || (n < SCRIPT_KEYS_MAX && !last)) continue;
        if (!script_run(p, db, n, spans, e)) return false;
        n = 0;
    }
    return true;
}

/* The same for the fields of hashes. */
static bool fields_run(pass *p, unsigned db, size_t count, const span *keys, err *e)
{
    CLEANUP(mem_free_at) bool *holds = mem_alloc(count * sizeof *holds);
    fields_pass f = {.mode = p->mode, .limit_ms = p->limit_ms, .ret_key_holds = holds};
    if (!release_fields(p->target, &f, count, keys, e)) return false;
    p->result.released += f.released;
    p->result.held += f.held;
    for (size_t i = 0; i < count && p->list; i++)
        if (holds[i]) link_shared_near_add(p->list, db, keys[i]);
    return true;
}

static bool fields_batch_pass(void *arg, unsigned db, size_t count, const reply *keys, err *e)
{
    pass *p = arg;
    CLEANUP(mem_free_at) span *spans = mem_alloc(count * sizeof *spans);
    for (size_t i = 0; i < count; i++)
        spans[i] = keys[i].text;
    return in_time(p, e) && (count == 0 || fields_run(p, db, count, spans, e));
}

/* All keys, and all fields where the target says there are some that expire. */
static bool pass_run(pass *p, release_result *ret, err *e)
{
    if (!form_find(p, e) || !scan_batches(p->target, SCAN_EXPIRING, batch_pass, p, e) ||
        !scan_batches(p->target, SCAN_FIELDS_EXPIRING, fields_batch_pass, p, e))
        return false;
    *ret = p->result;
    return true;
}

bool release_sweep(engine *target, bool only_count, release_result *ret, err *e)
{
    /* INT64_MIN would lose digits in Lua: no real time is at or before 0. */
    pass p = {.target = target, .mode = only_count ? "count" : "release", .limit_ms = 0};
    return pass_run(&p, ret, e);
}

bool release_far_run(link_shared *s, engine *target, int64_t guard_ms, release_result *ret, err *e)
{
    pass p = {.target = target,
              .list = s,
              .mode = "release",
              .limit_ms = clock_wall_ms() + guard_ms,
              .deadline_ns = deadline_in_ms(guard_ms / 3)};
    return pass_run(&p, ret, e);
}

bool release_hold_run(engine *target, int64_t horizon_ms, release_result *ret, err *e)
{
    pass p = {.target = target, .mode = "hold", .limit_ms = clock_wall_ms() + horizon_ms};
    return pass_run(&p, ret, e);
}

static bool select_db(engine *target, unsigned db, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char number[16];
    (void)snprintf(number, sizeof number, "%u", db);
    const reply *r = NULL;
    return engine_ask(target, &memory, &r, e, "SELECT", number);
}

static int near_order(const void *a, const void *b)
{
    const near_key *x = a;
    const near_key *y = b;
    return x->db < y->db ? -1 : x->db > y->db;
}

/* The list, in the order of databases; it starts anew. The caller frees keys and list. */
static near_key *near_take(link_shared *s, size_t *ret_count)
{
    pthread_mutex_lock(&s->lock);
    near_key *keys = s->near;
    *ret_count = s->near_count;
    free(s->near_hashes);
    s->near = NULL;
    s->near_hashes = NULL;
    s->near_count = s->near_room = 0;
    pthread_mutex_unlock(&s->lock);
    if (*ret_count > 1) qsort(keys, *ret_count, sizeof *keys, near_order);
    return keys;
}

/* Nobody writes to the target any more: what the script does key by key can be asked and told in
 * two pipelines, at a third of the cost. Not where what is left would have to be added to a clock.
 */
static bool plain_release(pass *p, size_t count, const span *keys, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(1024 * MIB);
    const reply **answers = arena_alloc(&memory, count * sizeof(const reply *));
    bool fits = true;
    for (size_t i = 0; i < count && fits; i++) {
        const span args[] = {span_text(p->form->command), keys[i]};
        fits = resp_spans(&out, COUNT_OF(args), args);
    }
    if (!fits) return err_set(e, ERR_LIMIT, "keys too large to ask for");
    if (!engine_pipeline(p->target, &memory, buf_span(&out), count, answers, e)) return false;
    out.size = 0;
    size_t told = 0;
    for (size_t i = 0; i < count && fits; i++) {
        if (answers[i]->kind != REPLY_INTEGER || !hold_is_held(answers[i]->integer)) continue;
        fits = resp_begin(&out, 3) && resp_arg_text(&out, "PEXPIREAT") && resp_arg(&out, keys[i]) &&
               resp_arg_i64(&out, answers[i]->integer - HOLD_SHIFT_MS);
        told++;
    }
    if (!fits) return err_set(e, ERR_LIMIT, "keys too large to release");
    if (told > 0 && !engine_pipeline(p->target, &memory, buf_span(&out), told, answers, e))
        return false;
    for (size_t i = 0; i < told; i++) {
        if (!reply_is_error(answers[i])) continue;
        err_set(e, ERR_REFUSED, "the target refused PEXPIREAT: %s",
                reply_show(answers[i]->text).text);
        return err_blame(e, SIDE_TARGET);
    }
    p->result.released += told;
    return true;
}

/* Takes the list, works through it, and lists again what stays held. guard_ms 0: the last pass. */
bool release_near_run(link_shared *s,
                      engine *target,
                      int64_t guard_ms,
                      bool fields_expire,
                      release_result *ret,
                      err *e)
{
    size_t count = 0;
    near_key *keys = near_take(s, &count);
    pass p = {.target = target,
              .list = guard_ms ? s : NULL,
              .mode = "release",
              .limit_ms = guard_ms ? clock_wall_ms() + guard_ms : 0};
    span spans[SCRIPT_KEYS_MAX];
    bool done = form_find(&p, e);
    bool by_script = done && (guard_ms > 0 || p.form->is_left);
    for (size_t at = 0; at < count && done;) {
        size_t n = 0;
        unsigned db = keys[at].db;
        bool first = at == 0 || keys[at - 1].db != db;
        while (n < SCRIPT_KEYS_MAX && at + n < count && keys[at + n].db == db) {
            spans[n] = span_of(keys[at + n].key, keys[at + n].key_size);
            n++;
        }
        done = (!first || select_db(target, db, e)) &&
               (by_script ? script_run(&p, db, n, spans, e) : plain_release(&p, n, spans, e)) &&
               (!fields_expire || fields_run(&p, db, n, spans, e));
        at += n;
    }
    for (size_t i = 0; i < count; i++) {
        if (!done) link_shared_near_add(s, keys[i].db, span_of(keys[i].key, keys[i].key_size));
        free(keys[i].key);
    }
    free(keys);
    *ret = p.result;
    return done;
}
