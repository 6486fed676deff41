#include "migrate/status.h"

#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "migrate/attach.h"
#include "migrate/control.h"
#include "migrate/cutover.h"
#include "migrate/facts.h"
#include "migrate/throttle.h"

static json_t *number_or_null(double value)
{
    return value < 0 || !isfinite(value) ? json_null() : json_real(value);
}

static json_t *server_make(const char *url, const engine_version *v)
{
    return json_pack("{s:s, s:s}", "url", url, "engine", engine_version_show(v).text);
}

static json_t *quarantine_make(struct journal *j)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_quarantine_count count = {0};
    struct journal_quarantine *rows = NULL;
    size_t row_count = 0;
    err ignored;
    if (!journal_quarantine_count(j, &count, &ignored)) return json_null();
    if (!journal_quarantine_page(j, 0, &memory, &rows, &row_count, &ignored)) row_count = 0;
    char first[900] = "";
    if (row_count > 0) {
        (void)snprintf(first, sizeof first, "'%s' (db %u): %s", span_show(rows[0].key).text,
                       rows[0].db, rows[0].reason);
    }
    return json_pack("{s:I, s:s?}", "keys", (json_int_t)(count.all - count.accepted), "first",
                     first[0] ? first : NULL);
}

static json_t *verification_make(struct journal *j)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_verification v = {0};
    err ignored;
    if (!journal_verification_last(j, &memory, &v, &ignored) || v.at_ms == 0) return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:f}", "at", clock_show(v.at_ms).text, "result",
                     v.result, "keys", (json_int_t)v.keys, "differences", (json_int_t)v.differences,
                     "seconds", v.seconds);
}

static json_t *cutover_make(struct journal *j)
{
    int64_t hold_us = -1;
    int64_t fence_offset = -1;
    err ignored;
    if (!journal_get_i64(j, "hold_us", -1, &hold_us, &ignored)) hold_us = -1;
    if (!journal_get_i64(j, "fence_offset", -1, &fence_offset, &ignored)) fence_offset = -1;
    json_t *offset = fence_offset < 0 ? json_null() : json_integer(fence_offset);
    return json_pack("{s:b, s:o, s:o}", "postponed", cutover_is_postponed(journal_workdir(j)),
                     "hold_ms", number_or_null((double)hold_us / 1000.0), "fence_offset", offset);
}

status_reason status_reason_of(const move *m, const link_status *s)
{
    status_reason out = {0};
    throttle_text throttled = throttle_show(&s->throttle);
    watchdog_text stalled = watchdog_show(&m->watchdog, clock_ns());
    const char *first = "";
    if (s->phase == LINK_STOPPED || s->trouble.kind) {
        first = s->trouble.text;
    } else if (s->receiver.trouble.kind) {
        first = s->receiver.trouble.text;
    } else if (s->phase == LINK_PAUSED) {
        first = "paused by the operator";
    } else {
        first = throttled.text[0] ? throttled.text : stalled.text;
    }
    (void)snprintf(out.text, sizeof out.text, "%s", first);
    return out;
}

static void link_part(json_t *o, move *m, const link_status *s)
{
    (void)json_object_set_new(o, "reason", json_string(status_reason_of(m, s).text));
    (void)json_object_set_new(o, "activity", json_string(watchdog_name(m->watchdog.activity)));
    (void)json_object_set_new(o, "throttle", throttle_status_make(&s->throttle));
    json_t *total = s->receiver.snapshot_total
                        ? json_integer((json_int_t)s->receiver.snapshot_total)
                        : json_null();
    (void)json_object_set_new(o, "generation", json_integer((json_int_t)s->progress.generation));
    (void)json_object_set_new(o, "snapshot",
                              json_pack("{s:I, s:o, s:b, s:I, s:I}", "bytes",
                                        (json_int_t)s->progress.snapshot_bytes, "bytes_total",
                                        total, "dual_channel", s->receiver.dual_channel,
                                        "received_bytes", (json_int_t)s->receiver.snapshot_bytes,
                                        "keys", (json_int_t)s->progress.snapshot_keys));
    (void)json_object_set_new(
        o, "stream",
        json_pack("{s:I, s:I, s:I, s:I}", "received_offset", (json_int_t)s->stream.end,
                  "applied_offset", (json_int_t)s->progress.applied_offset, "commands",
                  (json_int_t)s->progress.commands, "diverged", (json_int_t)s->progress.diverged));
    (void)json_object_set_new(
        o, "lag",
        json_pack("{s:I, s:I}", "bytes", (json_int_t)s->lag_bytes, "ms", (json_int_t)s->lag_ms));
    (void)json_object_set_new(o, "spool",
                              json_pack("{s:I, s:I, s:b}", "bytes", (json_int_t)s->spool_bytes,
                                        "bytes_max", (json_int_t)m->options->spool_bytes_max,
                                        "full", s->receiver.full));
    (void)json_object_set_new(o, "link",
                              json_pack("{s:I, s:I, s:I}", "source_connections",
                                        (json_int_t)s->receiver.connections, "target_reconnects",
                                        (json_int_t)s->progress.reconnects, "deleted_keys",
                                        (json_int_t)s->progress.reconciled));
    attach_text at = attach_show(m, s);
    (void)json_object_set_new(o, "attached",
                              json_pack("{s:s, s:s, s:s}", "to", at.replica ? "replica" : "source",
                                        "node", at.node, "why", at.why));
}

json_t *status_make(move *m)
{
    struct journal_state_row row = {0};
    err ignored;
    (void)!journal_state_now(m->journal, &row, &ignored);
    json_t *o =
        json_pack("{s:s, s:b, s:s, s:s, s:s, s:s}", "workdir", m->options->workdir, "running", 1,
                  "link_id", m->link_id, "phase", journal_state_name(row.state), "phase_since",
                  clock_show(row.at_ms).text, "phase_reason", row.reason);
    pthread_mutex_lock(&m->lock);
    if (m->link) m->last = link_status_get(m->link);
    link_part(o, m, &m->last);
    (void)json_object_set_new(o, "rates",
                              json_pack("{s:f, s:f, s:f}", "keys_per_s", m->keys_per_s,
                                        "commands_per_s", m->commands_per_s, "bytes_per_s",
                                        m->bytes_per_s));
    (void)json_object_set_new(o, "eta_s", number_or_null(m->eta_s));
    (void)json_object_set_new(o, "verifying", json_boolean(m->verifying));
    (void)json_object_set_new(o, "source", server_make(m->source_text, &m->source_version));
    (void)json_object_set_new(o, "target", server_make(m->target_text, &m->target_version));
    pthread_mutex_unlock(&m->lock);
    (void)json_object_set_new(o, "quarantine", quarantine_make(m->journal));
    (void)json_object_set_new(o, "verification", verification_make(m->journal));
    (void)json_object_set_new(o, "cutover", cutover_make(m->journal));
    return o;
}

static double number_at(const json_t *o, const char *part, const char *name)
{
    const json_t *inner = part ? json_object_get(o, part) : o;
    return json_number_value(json_object_get(inner, name));
}

static const char *text_at(const json_t *o, const char *part, const char *name)
{
    const json_t *inner = part ? json_object_get(o, part) : o;
    const char *text = json_string_value(json_object_get(inner, name));
    return text ? text : "";
}

void status_print(const json_t *o)
{
    bool running = json_is_true(json_object_get(o, "running"));
    const char *phase = text_at(o, NULL, "phase");
    bool ended = strcmp(phase, "finished") == 0 || strcmp(phase, "aborted") == 0;
    const char *next = running ? "running"
                       : ended ? "ended"
                       : strcmp(phase, "switched") == 0
                           ? "'handover migrate finish' ends it"
                           : "not running: 'handover migrate run' goes on";
    printf("move        %s (%s)\n", text_at(o, NULL, "workdir"), next);
    printf("phase       %s since %s: %s\n", phase, text_at(o, NULL, "phase_since"),
           text_at(o, NULL, "phase_reason"));
    if (text_at(o, NULL, "reason")[0]) printf("reason      %s\n", text_at(o, NULL, "reason"));
    if (!text_at(o, "source", "url")[0]) {
        printf("            no run has come further than its checks yet\n");
        return;
    }
    printf("source      %s, %s\n", text_at(o, "source", "url"), text_at(o, "source", "engine"));
    printf("target      %s, %s\n", text_at(o, "target", "url"), text_at(o, "target", "engine"));
    if (text_at(o, "attached", "why")[0]) {
        printf("attached    to the %s, %s: %s\n", text_at(o, "attached", "to"),
               text_at(o, "attached", "node"), text_at(o, "attached", "why"));
    }
    printf("snapshot    %.0f keys, %s of %s\n", number_at(o, "snapshot", "keys"),
           bytes_show(number_at(o, "snapshot", "bytes")).text,
           bytes_show(number_at(o, "snapshot", "received_bytes")).text);
    printf("stream      applied up to offset %.0f, received %.0f, %.0f commands\n",
           number_at(o, "stream", "applied_offset"), number_at(o, "stream", "received_offset"),
           number_at(o, "stream", "commands"));
    printf("lag         %.0f ms, %s\n", number_at(o, "lag", "ms"),
           bytes_show(number_at(o, "lag", "bytes")).text);
    printf("spool       %s of %s at most\n", bytes_show(number_at(o, "spool", "bytes")).text,
           bytes_show(number_at(o, "spool", "bytes_max")).text);
    printf("quarantine  %.0f keys%s%s\n", number_at(o, "quarantine", "keys"),
           text_at(o, "quarantine", "first")[0] ? " " : "", text_at(o, "quarantine", "first"));
    const json_t *v = json_object_get(o, "verification");
    if (json_is_object(v)) {
        printf("verified    %s: %s, %.0f keys, %.0f differences\n", text_at(v, NULL, "at"),
               text_at(v, NULL, "result"), number_at(v, NULL, "keys"),
               number_at(v, NULL, "differences"));
    }
    if (json_is_number(json_object_get(json_object_get(o, "cutover"), "hold_ms")))
        printf("cutover     writes were held for %.1f ms\n", number_at(o, "cutover", "hold_ms"));
}

json_t *status_stored_read(const char *text, const char *workdir)
{
    json_t *o = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(o)) return o;
    json_decref(o);
    return json_pack("{s:s}", "workdir", workdir);
}

static bool stored_status(const char *workdir, json_t **ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal *j = NULL;
    struct journal_status stored = {0};
    struct journal_state_row row = {0};
    if (!journal_open(workdir, false, &j, e)) return false;
    if (!journal_status_read(j, &memory, &stored, e) || !journal_state_now(j, &row, e)) {
        journal_close(j);
        return false;
    }
    json_t *o = status_stored_read(stored.json, workdir);
    (void)json_object_set_new(o, "running", json_false());
    (void)json_object_set_new(o, "phase", json_string(journal_state_name(row.state)));
    (void)json_object_set_new(o, "phase_since", json_string(clock_show(row.at_ms).text));
    (void)json_object_set_new(o, "phase_reason", json_string(row.reason));
    (void)json_object_set_new(o, "quarantine", quarantine_make(j));
    (void)json_object_set_new(o, "verification", verification_make(j));
    (void)json_object_set_new(o, "cutover", cutover_make(j));
    journal_close(j);
    *ret = o;
    return true;
}

bool migrate_status(const char *workdir, bool json, err *e)
{
    char *text = NULL;
    json_t *o = NULL;
    err ignored;
    if (control_ask_status(workdir, &text, &ignored)) {
        o = json_loads(text, 0, NULL);
    } else if (!stored_status(workdir, &o, e)) {
        return false;
    }
    free(text);
    if (json) {
        char *dumped = json_dumps(o, JSON_INDENT(2));
        printf("%s\n", dumped);
        free(dumped);
    } else {
        status_print(o);
    }
    json_decref(o);
    return true;
}
