#include "migrate/buffer_limit.h"

static bool setting_is_yes(engine *s, const char *name)
{
    char value[SETTING_SIZE];
    err ignored;
    return setting_read(s, name, value, &ignored) && strcmp(value, "yes") == 0;
}

/* False: it is known that we may not. */
static bool may_sync(engine *s)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err ignored;
    if (!engine_try(s, &memory, &r, &ignored, "ACL", "WHOAMI") || r->kind != REPLY_BULK)
        return true;
    const span args[] = {span_text("ACL"), span_text("DRYRUN"), r->text, span_text("SYNC")};
    return !engine_try_spans(s, &memory, &r, &ignored, COUNT_OF(args), args) ||
           r->kind != REPLY_BULK;
}

bool buffer_is_spared(engine *s, const engine_version *v)
{
    return v->product == ENGINE_VALKEY && engine_version_at_least(v, 8, 0) &&
           setting_is_yes(s, "dual-channel-replication-enabled") &&
           setting_is_yes(s, "repl-diskless-sync") && may_sync(s);
}

double buffer_need(const preflight_result *found, bool spared)
{
    double need = found->write_bytes_per_s * found->snapshot_s;
    if (!spared) return need;
    return need > found->spool_for_stream ? need - found->spool_for_stream : 0;
}

bool buffer_limit_parse(const char *text, buffer_limit *ret)
{
    span rest = span_text(text);
    span word;
    buffer_limit l = {0};
    uint64_t *const numbers[] = {&l.hard, &l.soft, &l.soft_s};
    if (!span_cut(&rest, ' ', &word) || !span_is(word, "replica")) return false;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (!span_cut(&rest, ' ', &word) || !span_to_u64(word, numbers[i])) return false;
    *ret = l;
    return true;
}

/* From 7.0 on the buffer and the backlog are one memory, and a lower limit is not enforced. */
void buffer_limit_raise(buffer_limit *l, uint64_t backlog, const engine_version *v)
{
    if (!engine_version_at_least(v, 7, 0)) return;
    if (l->hard > 0 && l->hard < backlog) l->hard = backlog;
    if (l->soft > 0 && l->soft < backlog) l->soft = backlog;
}

buffer_judgement buffer_limit_judge(const buffer_limit *l, double bytes, double seconds)
{
    if (l->hard > 0 && bytes > (double)l->hard) return BUFFER_PASSES_HARD;
    bool soft = l->soft > 0 && seconds > (double)l->soft_s && bytes > (double)l->soft;
    return soft ? BUFFER_PASSES_SOFT : BUFFER_HOLDS;
}
