#include "migrate/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include "journal/journal.h"
#include "migrate/watchdog.h"

/* One row: a metric and the number of the status it shows. */
static const struct metric {
    const char *name;
    const char *type;
    const char *part; /* of the status; NULL: its top */
    const char *field;
    double scale;
    const char *help;
} rows[] = {
    {"handover_snapshot_generation", "gauge", NULL, "generation", 1,
     "Full syncs begun by this move, the present one included."},
    {"handover_snapshot_keys", "gauge", "snapshot", "keys", 1,
     "Keys of the present full sync that the target has answered."},
    {"handover_snapshot_bytes", "gauge", "snapshot", "bytes", 1,
     "Bytes of the present snapshot that are applied."},
    {"handover_snapshot_received_bytes", "gauge", "snapshot", "received_bytes", 1,
     "Bytes of the present snapshot that the source has sent."},
    {"handover_snapshot_size_bytes", "gauge", "snapshot", "bytes_total", 1,
     "Size of the present snapshot; absent when the source does not know it."},
    {"handover_stream_received_offset_bytes", "gauge", "stream", "received_offset", 1,
     "Replication offset up to which the stream is here."},
    {"handover_stream_applied_offset_bytes", "gauge", "stream", "applied_offset", 1,
     "Replication offset up to which the target has answered."},
    {"handover_stream_commands_total", "counter", "stream", "commands", 1,
     "Commands of the stream applied by this process."},
    {"handover_stream_diverged_total", "counter", "stream", "diverged", 1,
     "Answers of the target that cannot be if both sides are equal."},
    {"handover_lag_bytes", "gauge", "lag", "bytes", 1, "Bytes received and not yet applied."},
    {"handover_lag_seconds", "gauge", "lag", "ms", 0.001,
     "Age of the oldest byte received and not yet applied."},
    {"handover_spool_bytes", "gauge", "spool", "bytes", 1, "Disk that the spool takes."},
    {"handover_spool_limit_bytes", "gauge", "spool", "bytes_max", 1,
     "Disk that the spool may take (--spool-max)."},
    {"handover_spool_full", "gauge", "spool", "full", 1,
     "1 while the source is not read because the spool is full."},
    {"handover_source_connections_total", "counter", "link", "source_connections", 1,
     "Replication connections made to the source by this process."},
    {"handover_target_reconnects_total", "counter", "link", "target_reconnects", 1,
     "Connections to the target that were lost and made again."},
    {"handover_deleted_keys_total", "counter", "link", "deleted_keys", 1,
     "Keys deleted on the target because the source has them no more."},
    {"handover_target_latency_seconds", "gauge", "throttle", "target_latency_ms", 0.001,
     "Round trip to the target as the throttle sees it."},
    {"handover_target_memory_ratio", "gauge", "throttle", "target_memory_percent", 0.01,
     "Memory used by the target as a part of its maxmemory."},
    {"handover_eta_seconds", "gauge", NULL, "eta_s", 1,
     "Time left in this phase at the present rate; absent when nobody knows."},
    {"handover_verifying", "gauge", NULL, "verifying", 1, "1 while a verification runs."},
    {"handover_quarantine_keys", "gauge", "quarantine", "keys", 1,
     "Keys set aside that nobody has accepted yet."},
    {"handover_verification_keys", "gauge", "verification", "keys", 1,
     "Keys compared by the last verification."},
    {"handover_verification_differences", "gauge", "verification", "differences", 1,
     "Differences found by the last verification."},
    {"handover_cutover_postponed", "gauge", "cutover", "postponed", 1,
     "1 while the postpone file holds the cutover back."},
    {"handover_cutover_hold_seconds", "gauge", "cutover", "hold_ms", 0.001,
     "How long writes were held by the cutover; absent before it."},
};

static bool head(buf *out, const char *name, const char *type, const char *help)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static bool row_write(const struct metric *row, const json_t *status, buf *out)
{
    const json_t *part = row->part ? json_object_get(status, row->part) : status;
    const json_t *value = json_object_get(part, row->field);
    bool truth = json_is_boolean(value);
    if (!truth && !json_is_number(value)) return true;
    if (!head(out, row->name, row->type, row->help)) return false;
    if (truth) return buf_printf(out, "%s %d\n", row->name, json_is_true(value));
    if (json_is_integer(value) && row->scale == 1) {
        return buf_printf(out, "%s %" JSON_INTEGER_FORMAT "\n", row->name,
                          json_integer_value(value));
    }
    return buf_printf(out, "%s %.9g\n", row->name, json_number_value(value) * row->scale);
}

/* A label's value: backslash, quote and line end escaped. */
static bool label(buf *out, const char *lead, const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    bool fits = buf_printf(out, "%s%s=\"", lead, name);
    for (; text && *text && fits; text++) {
        const char *special = strchr("\\\"\n", *text);
        fits = !special ? buf_u8(out, (uint8_t)*text)
                        : buf_u8(out, '\\') && buf_u8(out, *text == '\n' ? 'n' : (uint8_t)*text);
    }
    return fits && buf_u8(out, '"');
}

static bool info_write(const json_t *status, buf *out)
{
    const json_t *source = json_object_get(status, "source");
    const json_t *target = json_object_get(status, "target");
    return head(out, "handover_move_info", "gauge", "The move: always 1.") &&
           label(out, "handover_move_info{", "link_id", json_object_get(status, "link_id")) &&
           label(out, ",", "source", json_object_get(source, "url")) &&
           label(out, ",", "source_engine", json_object_get(source, "engine")) &&
           label(out, ",", "target", json_object_get(target, "url")) &&
           label(out, ",", "target_engine", json_object_get(target, "engine")) &&
           buf_text(out, "} 1\n");
}

typedef const char *state_name(unsigned state);

static const char *phase_name(unsigned state)
{
    return journal_state_name((journal_state)state);
}

static const char *activity_name(unsigned state)
{
    return watchdog_name((link_activity)state);
}

/* One row: a metric that is 1 for the present state and 0 for each other. */
static const struct {
    const char *metric;
    const char *field; /* of the status, and the label */
    unsigned count;
    state_name *name;
    const char *help;
} sets[] = {
    {"handover_phase", "phase", JOURNAL_STATE_COUNT, phase_name,
     "Where the move stands: 1 for the present phase."},
    {"handover_activity", "activity", ACTIVITY_COUNT, activity_name,
     "What the link does: 1 for the present activity."},
};

static bool sets_write(const json_t *status, buf *out)
{
    bool fits = true;
    for (size_t i = 0; i < COUNT_OF(sets) && fits; i++) {
        const char *now = json_string_value(json_object_get(status, sets[i].field));
        fits = head(out, sets[i].metric, "gauge", sets[i].help);
        for (unsigned s = 0; s < sets[i].count && fits; s++) {
            const char *name = sets[i].name(s);
            fits = buf_printf(out, "%s{%s=\"%s\"} %d\n", sets[i].metric, sets[i].field, name,
                              now && strcmp(now, name) == 0);
        }
    }
    const char *reason = json_string_value(json_object_get(status, "reason"));
    return fits &&
           head(out, "handover_held_back", "gauge",
                "1 while something holds the link back; 'migrate status' names it.") &&
           buf_printf(out, "handover_held_back %d\n", reason && reason[0] ? 1 : 0);
}

static long resident_pages(void)
{
    FILE *in = fopen("/proc/self/statm", "re");
    char text[128] = "";
    char *end = text;
    if (!in) return 0;
    if (!fgets(text, sizeof text, in)) text[0] = '\0';
    (void)fclose(in);
    (void)strtol(text, &end, 10); /* the first number is the size of the address space */
    return strtol(end, NULL, 10);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static bool process_write(buf *out)
{
    struct rusage used = {0};
    (void)getrusage(RUSAGE_SELF, &used); /* never fails for ourselves */
    return head(out, "process_cpu_seconds_total", "counter", "CPU time of this process.") &&
           buf_printf(out, "process_cpu_seconds_total %.6f\n",
                      seconds(used.ru_utime) + seconds(used.ru_stime)) &&
           head(out, "process_resident_memory_bytes", "gauge", "Memory of this process.") &&
           buf_printf(out, "process_resident_memory_bytes %ld\n",
                      resident_pages() * sysconf(_SC_PAGESIZE));
}

bool metrics_write(const json_t *status, buf *out, err *e)
{
    bool fits = info_write(status, out) && sets_write(status, out);
    for (size_t i = 0; i < COUNT_OF(rows) && fits; i++)
        fits = row_write(&rows[i], status, out);
    fits = fits && process_write(out);
    return fits || err_set(e, ERR_LIMIT, "the metrics do not fit into %zu bytes", out->max);
}
