#include "migrate/setting.h"

#include "base/log.h"

#define LIMITS "client-output-buffer-limit"
#define MARK '|' /* in no value of these settings */

/* "normal 0 0 0 slave 268435456 67108864 60 pubsub ...": engines before 7 say "slave". */
static bool replicas_part(span limits, char ret[SETTING_SIZE])
{
    span word;
    span n[3];
    while (span_cut(&limits, ' ', &word)) {
        if (!span_is(word, "slave") && !span_is(word, "replica")) continue;
        for (size_t i = 0; i < COUNT_OF(n); i++)
            if (!span_cut(&limits, ' ', &n[i])) return false;
        int size = snprintf(ret, SETTING_SIZE, "replica %s %s %s", span_show(n[0]).text,
                            span_show(n[1]).text, span_show(n[2]).text);
        return size > 0 && size < SETTING_SIZE;
    }
    return false;
}

bool setting_read(engine *s, const char *name, char ret[SETTING_SIZE], err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span value = {0};
    if (!engine_config(s, &memory, name, &value, e)) return false;
    bool good = strcmp(name, LIMITS) == 0 ? replicas_part(value, ret) : value.size < SETTING_SIZE;
    if (!good) {
        err_set(e, ERR_REFUSED, "the server's %s cannot be understood", name);
        return err_blame(e, engine_side(s));
    }
    if (strcmp(name, LIMITS) != 0)
        (void)snprintf(ret, SETTING_SIZE, "%.95s", span_show(value).text);
    return true;
}

setting_argument setting_remember(const setting_change *c)
{
    setting_argument a;
    (void)snprintf(a.text, sizeof a.text, "%s%c%s", c->old, MARK, c->wanted);
    return a;
}

bool setting_undo(engine *s, const char *name, const char *argument, bool *ret_left, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    char now[SETTING_SIZE];
    char old[SETTING_SIZE] = "";
    const char *mark = strchr(argument, MARK);
    *ret_left = false;
    if (!mark || mark - argument >= SETTING_SIZE)
        return err_set(e, ERR_FORMAT, "the journal's undo of %s has no value in it", name);
    memcpy(old, argument, (size_t)(mark - argument));
    if (!setting_read(s, name, now, e)) return false;
    if (strcmp(now, old) == 0) return true;
    if (strcmp(now, mark + 1) != 0) {
        *ret_left = true;
        log_warn("%s: %s is '%s' now, which this move did not set; it is left so (before: '%s')",
                 engine_side(s) == SIDE_SOURCE ? "source" : "target", name, now, old);
        return true;
    }
    return engine_ask(s, &memory, &r, e, "CONFIG", "SET", name, old);
}
