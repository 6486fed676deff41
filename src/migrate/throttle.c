#include "migrate/throttle.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "migrate/facts.h"

/* One row per limit: its name in the status and on the socket, and where it is kept. */
static const struct limit_row {
    const char *name;
    const char *setting;
    size_t at;
} rows[] = {
    {"ops_per_s", "throttle_ops_per_s", offsetof(throttle_limits, ops_per_s)},
    {"bytes_per_s", "throttle_bytes_per_s", offsetof(throttle_limits, bytes_per_s)},
    {"latency_ms", "throttle_latency_ms", offsetof(throttle_limits, latency_ms)},
    {"memory_percent", "throttle_memory_percent", offsetof(throttle_limits, memory_percent)},
};

static int64_t limit_get(const throttle_limits *limits, const struct limit_row *row)
{
    int64_t value = 0;
    memcpy(&value, (const char *)limits + row->at, sizeof value);
    return value;
}

static void limit_set(throttle_limits *limits, const struct limit_row *row, int64_t value)
{
    memcpy((char *)limits + row->at, &value, sizeof value);
}

bool throttle_change(move *m, const throttle_limits *change, err *e)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = limit_get(change, &rows[i]);
        if (value == THROTTLE_UNCHANGED) continue;
        if (!journal_set_i64(m->journal, rows[i].setting, value, e)) return false;
        limit_set(&m->limits, &rows[i], value);
    }
    return true;
}

/* "1000 commands/s, 90% of the target's memory"; "none" */
static void limits_show(const throttle_limits *l, char *out, size_t size)
{
    char parts[COUNT_OF(rows)][64] = {"", "", "", ""};
    if (l->ops_per_s) (void)snprintf(parts[0], 64, "%" PRId64 " commands/s", l->ops_per_s);
    if (l->bytes_per_s)
        (void)snprintf(parts[1], 64, "%s/s", bytes_show((double)l->bytes_per_s).text);
    if (l->latency_ms) (void)snprintf(parts[2], 64, "%" PRId64 " ms target latency", l->latency_ms);
    if (l->memory_percent)
        (void)snprintf(parts[3], 64, "%" PRId64 "%% of the target's memory", l->memory_percent);
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!parts[i][0]) continue;
        int n = snprintf(out + used, size - used, "%s%s", used ? ", " : "", parts[i]);
        used += n > 0 ? size_min((size_t)n, size - used - 1) : 0;
    }
    if (used == 0) (void)snprintf(out, size, "none");
}

bool throttle_begin(move *m, const throttle_limits *change, err *e)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = 0;
        if (!journal_get_i64(m->journal, rows[i].setting, 0, &value, e)) return false;
        limit_set(&m->limits, &rows[i], value);
    }
    if (!throttle_change(m, change, e)) return false;
    char text[256];
    limits_show(&m->limits, text, sizeof text);
    if (strcmp(text, "none") != 0) log_info("limits of the move: %s", text);
    return true;
}

bool throttle_order_do(move *m, const throttle_limits *change, char **ret_text, err *e)
{
    char text[256];
    pthread_mutex_lock(&m->lock);
    bool done = throttle_change(m, change, e);
    if (done && m->link) link_throttle(m->link, &m->limits);
    limits_show(&m->limits, text, sizeof text);
    pthread_mutex_unlock(&m->lock);
    if (!done) return false;
    int size = asprintf(ret_text, "limits: %s", text);
    assert(size > 0);
    return true;
}

void throttle_to_json(const throttle_limits *limits, json_t *o)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        (void)json_object_set_new(o, rows[i].name, json_integer(limit_get(limits, &rows[i])));
}

throttle_limits throttle_from_json(const json_t *o)
{
    throttle_limits out;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const json_t *value = json_object_get(o, rows[i].name);
        int64_t number = json_is_integer(value) ? json_integer_value(value) : THROTTLE_UNCHANGED;
        limit_set(&out, &rows[i], number < 0 ? THROTTLE_UNCHANGED : number);
    }
    return out;
}

json_t *throttle_status_make(const throttle_status *s)
{
    json_t *o = json_pack("{s:s}", "reason", throttle_reason_name(s->reason));
    json_t *limits = json_object();
    throttle_to_json(&s->limits, limits);
    (void)json_object_set_new(o, "limits", limits);
    (void)json_object_set_new(o, "target_latency_ms",
                              s->seen.latency_ns < 0
                                  ? json_null()
                                  : json_real((double)s->seen.latency_ns / (double)NS_PER_MS));
    (void)json_object_set_new(
        o, "target_memory_percent",
        s->seen.memory_max == 0
            ? json_null()
            : json_real(100.0 * (double)s->seen.memory_used / (double)s->seen.memory_max));
    return o;
}
