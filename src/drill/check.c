#include "drill/check.h"

#define BATCH ((size_t)500)
#define COMMAND_MAX ((size_t)MIB)
#define SLACK 100 /* numbers a command may have tried and not told */

static bool key_add(buf *out, const client *c, uint64_t n)
{
    char key[256];
    (void)snprintf(key, sizeof key, "%s%" PRIu64, c->prefix, n);
    return resp_arg_text(out, key);
}

static bool exists_add(buf *out, const client *c, uint64_t n)
{
    return resp_begin(out, 2) && resp_arg_text(out, "EXISTS") && key_add(out, c, n);
}

/* The answers to `count` commands; the first error among them is the err. */
static bool
ask(engine *s, arena *memory, const buf *commands, size_t count, const reply **ret, err *e)
{
    if (!engine_pipeline(s, memory, buf_span(commands), count, ret, e)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!reply_is_error(ret[i])) continue;
        (void)err_set(e, ERR_REFUSED, "the new primary answered: %s", span_show(ret[i]->text).text);
        return err_blame(e, SIDE_TARGET);
    }
    return true;
}

bool check_one(engine *s, const client *c, uint64_t n, bool *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(COMMAND_MAX);
    const reply *r = NULL;
    if (!exists_add(&out, c, n)) return err_set(e, ERR_LIMIT, "a key that is too long");
    if (!ask(s, &memory, &out, 1, &r, e)) return false;
    *ret = r->integer == 1;
    return true;
}

bool check_all(engine *s, const client *c, uint64_t *ret_lost, ledger_write *ret_last_lost, err *e)
{
    CLEANUP(buf_clear) buf out = buf_of(COMMAND_MAX);
    ledger_write last = {0};
    uint64_t lost = 0;
    for (size_t from = 0; from < c->book.count; from += BATCH) {
        CLEANUP(arena_clear) arena memory = {0};
        const reply *all[BATCH];
        const ledger_write *w = c->book.writes + from;
        size_t count = size_min(BATCH, c->book.count - from);
        out.size = 0;
        for (size_t i = 0; i < count; i++) {
            if (!exists_add(&out, c, w[i].n))
                return err_set(e, ERR_LIMIT, "keys that are too long");
        }
        if (!ask(s, &memory, &out, count, all, e)) return false;
        for (size_t i = 0; i < count; i++) {
            if (all[i]->integer == 1) continue;
            last = w[i];
            lost++;
        }
    }
    *ret_lost = lost;
    *ret_last_lost = last;
    return true;
}

bool check_remove(engine *s, const client *c, err *e)
{
    CLEANUP(buf_clear) buf out = buf_of(COMMAND_MAX);
    uint64_t failures = 0;
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        failures += c->book.failures[i];
    uint64_t last = c->book.attempted + (c->kind ? 0 : failures + SLACK);
    if (last > LEDGER_WRITES_MAX) last = LEDGER_WRITES_MAX;
    for (uint64_t from = 1; from <= last; from += BATCH) {
        CLEANUP(arena_clear) arena memory = {0};
        const reply *r = NULL;
        size_t count = last - from + 1 < BATCH ? (size_t)(last - from + 1) : BATCH;
        out.size = 0;
        bool fits = resp_begin(&out, count + 1) && resp_arg_text(&out, "UNLINK");
        for (size_t i = 0; i < count; i++)
            fits = fits && key_add(&out, c, from + i);
        if (!fits) return err_set(e, ERR_LIMIT, "keys that are too long");
        if (!ask(s, &memory, &out, 1, &r, e)) return false;
    }
    return true;
}
