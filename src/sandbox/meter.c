#include "sandbox/meter.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/info.h"
#include "knowledge/knowledge.h"
#include "sandbox/programs.h"
#include "watch/watch.h"

#define KINDS_MAX 16

/* Which commands an engine has is asked of one node of each kind of engine. */
typedef struct {
    const engine_program *program;
    families *f;
} engine_kind;

struct meter {
    keeper *k;
    engine_kind kinds[KINDS_MAX];
    size_t kind_count;
};

meter *meter_new(keeper *k)
{
    meter *m = mem_alloc(sizeof *m);
    m->k = k;
    return m;
}

void meter_free(meter *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->kind_count; i++)
        families_free(m->kinds[i].f);
    free(m);
}

int64_t meter_minute_ms(const sandbox *s)
{
    int64_t minute = state_delay_ms(s, 60);
    return minute > METER_MINUTE_MIN_MS ? minute : METER_MINUTE_MIN_MS;
}

/* NULL: it did not tell, and is asked again next time. */
static const families *families_of(meter *m, const json_t *g, const char *node)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err e = {0};
    const engine_program *program =
        programs_choose(&m->k->s->programs, text_of(g, "engine"), text_of(g, "version"));
    for (size_t i = 0; i < m->kind_count; i++)
        if (m->kinds[i].program == program) return m->kinds[i].f;
    if (m->kind_count == KINDS_MAX) return NULL;
    if (!node_ask(m->k, node, &memory, &r, &e, ENGINE_TEXTS("COMMAND"))) {
        log_debug("sandbox: %s: %s", node, e.text);
        return NULL;
    }
    engine_kind *one = &m->kinds[m->kind_count++];
    *one = (engine_kind){program, watch_families(m->k->s->watch, r)};
    return one->f;
}

/* --- what the system and the tables tell ----------------------------------------------------- */

static span file_read(pid_t pid, const char *name, char *room, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, room, size) : -1;
    if (fd >= 0) (void)close(fd);
    return span_of(room, got > 0 ? (size_t)got : 0);
}

/* "VmSwap:       0 kB" */
static double swap_bytes(pid_t pid)
{
    char room[4096];
    span text;
    double value = 0;
    if (!info_text(file_read(pid, "status", room, sizeof room), "VmSwap", &text)) return NAN;
    text = span_trim(text);
    span number;
    bool good = span_cut(&text, ' ', &number) && span_to_double(number, &value);
    return good ? value * (double)KIB : NAN;
}

/* The tenth word behind the name in brackets (proc(5), majflt). */
static double major_faults(pid_t pid)
{
    char room[2048];
    span text = file_read(pid, "stat", room, sizeof room);
    span word = {0};
    double value = 0;
    size_t at = text.size;
    while (at > 0 && text.at[at - 1] != ')')
        at--;
    text = span_tail(text, at + 1);
    for (size_t i = 0; i < 10; i++)
        if (!span_cut(&text, ' ', &word)) return NAN;
    return span_to_double(word, &value) ? value : NAN;
}

static double type_number(const char *node_type, const char *column)
{
    const knowledge_table *t = knowledge_at(TABLE_NODE_TYPES);
    for (size_t i = 0; i < t->row_count; i++) {
        double value = 0;
        if (strcmp(knowledge_cell(t, i, "node_type"), node_type) != 0) continue;
        return span_to_double(span_text(knowledge_cell(t, i, column)), &value) ? value : NAN;
    }
    return NAN;
}

/* What the primary says of the replica at that address: "slave0:ip=...,port=...,lag=1". */
static double lag_of(span primary_info, const char *host)
{
    span line;
    while (span_cut(&primary_info, '\n', &line)) {
        span text;
        double value = 0;
        line = span_trim(line);
        span name;
        if (!span_starts(line, "slave") || !span_cut(&line, ':', &name)) continue;
        if (!info_part(line, "ip", &text) || !span_is(text, host)) continue;
        if (!info_part(line, "lag", &text) || !span_to_double(text, &value)) return NAN;
        return value;
    }
    return NAN;
}

/* --- samples --------------------------------------------------------------------------------- */

/* Empty: it is not there, or does not answer. */
static span info_of(meter *m, const json_t *node, arena *memory)
{
    const reply *r = NULL;
    err e = {0};
    const node_process *p = node_process_find(m->k, text_of(node, "id"));
    if (!p || p->is_frozen || p->is_left) return (span){0};
    if (!node_ask(m->k, p->id, memory, &r, &e, ENGINE_TEXTS("INFO", "default", "commandstats"))) {
        log_debug("sandbox: %s: %s", p->id, e.text);
        return (span){0};
    }
    return r->text;
}

static void sample(meter *m, const char *id, json_t *g, json_t *node, span info, span primary_info)
{
    const char *name = text_of(node, "id");
    const char *type = text_of(g, "node_type");
    span role;
    const families *f = families_of(m, g, name);
    const node_process *p = node_process_find(m->k, name);
    if (!p || !info_text(info, "role", &role)) return;
    const metrics_extra extras[] = {
        {"own.clients", 1},
        {"own.connections", (double)p->own_connections},
        {"own.commands", (double)p->own_commands},
        {"node.vcpu", type_number(type, "vcpu")},
        {"node.ram", type_number(type, "memory_gib") * (double)(KIB * MIB)},
        {"node.baseline_gbps", type_number(type, "baseline_gbps")},
        {"process.swap", swap_bytes(p->pid)},
        {"process.major_faults", major_faults(p->pid)},
        {"replica.lag", lag_of(primary_info, text_of(node, "host"))},
    };
    metrics_input in = {.info = info,
                        .is_primary = span_is(role, "master"),
                        .families = f,
                        .extras = extras,
                        .extra_count = COUNT_OF(extras)};
    watch_sample(m->k->s->watch, id, name, &in, clock_wall_ms());
}

static void group_sample(meter *m, const char *id, json_t *g)
{
    CLEANUP(arena_clear) arena memory = {0};
    span infos[GROUP_NODES_MAX] = {{0}};
    span primary = {0};
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        if (at >= GROUP_NODES_MAX) break;
        infos[at] = info_of(m, node, &memory);
        if (flag_of(node, "is_primary")) primary = infos[at];
    }
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        if (at < GROUP_NODES_MAX && infos[at].size > 0) sample(m, id, g, node, infos[at], primary);
    }
}

void meter_turn(meter *m, int64_t now_ms)
{
    sandbox *s = m->k->s;
    const char *id = NULL;
    json_t *g = NULL;
    if (!watch_is_due(s->watch, now_ms)) return;
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        /* Only what was created; a node that is still being made does not answer yet. */
        if (json_object_get(g, "named_primary")) group_sample(m, id, g);
    }
    watch_turn(s->watch, now_ms);
    if (watch_has_changed(s->watch)) s->dirty = true;
}
