#include "audit/operations.h"

#include <ctype.h>
#include <strings.h>

#define LIST_SHOWN_MAX ((size_t)2000) /* nobody reads on */

bool audit_info_is(const audit_node *n, const char *name, const char *value)
{
    span text;
    return info_text(n->info, name, &text) && span_is(text, value);
}

const char *audit_info_shown(arena *a, const audit_node *n, const char *name)
{
    span text;
    return info_text(n->info, name, &text) ? arena_text(a, text) : "";
}

uint64_t audit_info_sum(const audit_facts *f, const char *name)
{
    uint64_t sum = 0;
    for (size_t n = 0; n < f->node_count; n++) {
        uint64_t one = 0;
        if (audit_info_u64(&f->nodes[n], name, &one)) sum += one;
    }
    return sum;
}

uint64_t audit_info_max(const audit_facts *f, const char *name)
{
    uint64_t most = 0;
    for (size_t n = 0; n < f->node_count; n++) {
        uint64_t one = 0;
        if (audit_info_u64(&f->nodes[n], name, &one) && one > most) most = one;
    }
    return most;
}

const char *audit_list_add(arena *a, const char *list, const char *one)
{
    static const char more[] = ", and more";
    size_t size = strlen(list);
    bool is_full = size > LIST_SHOWN_MAX;
    if (is_full && strcmp(list + size - strlen(more), more) == 0) return list;
    if (is_full) return arena_printf(a, "%s%s", list, more);
    return arena_printf(a, "%s%s%s", list, list[0] ? ", " : "", one);
}

const char *audit_bytes(arena *a, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < COUNT_OF(units)) {
        value /= 1000;
        unit++;
    }
    if (unit == 0) return arena_printf(a, "%" PRIu64 " bytes", bytes);
    return arena_printf(a, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* --- what is written ------------------------------------------------------------------------- */

/* Commands that write. Those marked repeat must not be applied twice: on a target that lacks the
 * value they count from, or on top of themselves, they give another result. A script may be one. */
/* clang-format off */
static const struct {
    const char *name;
    bool repeats;
} write_rows[] = {
    {"append", true},      {"bitfield", true},     {"bitop", false},      {"blmove", true},
    {"blmpop", true},      {"blpop", true},        {"brpop", true},       {"brpoplpush", true},
    {"bzmpop", true},      {"bzpopmax", true},     {"bzpopmin", true},    {"copy", false},
    {"decr", true},        {"decrby", true},       {"del", false},        {"eval", true},
    {"evalsha", true},     {"expire", false},      {"expireat", false},   {"fcall", true},
    {"flushall", false},   {"flushdb", false},     {"geoadd", false},     {"geosearchstore", false},
    {"getdel", false},     {"getex", false},       {"getset", false},     {"hdel", false},
    {"hincrby", true},     {"hincrbyfloat", true}, {"hmset", false},      {"hset", false},
    {"hsetnx", false},     {"incr", true},         {"incrby", true},      {"incrbyfloat", true},
    {"linsert", true},     {"lmove", true},        {"lmpop", true},       {"lpop", true},
    {"lpush", true},       {"lpushx", true},       {"lrem", false},       {"lset", false},
    {"ltrim", false},      {"move", false},        {"mset", false},       {"msetnx", false},
    {"persist", false},    {"pexpire", false},     {"pexpireat", false},  {"pfadd", false},
    {"pfmerge", false},    {"psetex", false},      {"rename", false},     {"renamenx", false},
    {"restore", false},    {"rpop", true},         {"rpoplpush", true},   {"rpush", true},
    {"rpushx", true},      {"sadd", false},        {"sdiffstore", false}, {"set", false},
    {"setbit", false},     {"setex", false},       {"setnx", false},      {"setrange", false},
    {"sinterstore", false}, {"smove", false},      {"spop", true},        {"srem", false},
    {"sunionstore", false}, {"unlink", false},     {"xack", false},       {"xadd", true},
    {"xautoclaim", true},  {"xclaim", true},       {"xdel", false},       {"xreadgroup", true},
    {"xtrim", false},      {"zadd", false},        {"zdiffstore", false}, {"zincrby", true},
    {"zinterstore", false}, {"zmpop", true},       {"zpopmax", true},     {"zpopmin", true},
    {"zrangestore", false}, {"zrem", false},       {"zremrangebylex", false},
    {"zremrangebyrank", false}, {"zremrangebyscore", false}, {"zunionstore", false},
};
/* clang-format on */

bool audit_is_write(const char *command)
{
    for (size_t i = 0; i < COUNT_OF(write_rows); i++)
        if (strcmp(write_rows[i].name, command) == 0) return true;
    return false;
}

audit_traffic audit_traffic_of(arena *a, const audit_facts *f)
{
    audit_traffic made = {.repeats = ""};
    bool seen[COUNT_OF(write_rows)] = {0};
    for (size_t n = 0; n < f->node_count; n++) {
        const audit_node *node = &f->nodes[n];
        uint64_t uptime = 0;
        uint64_t input = 0;
        uint64_t calls = 0;
        if (node->is_replica || !audit_info_u64(node, "uptime_in_seconds", &uptime)) continue;
        if (uptime == 0 || node->command_count == 0) continue;
        made.is_known = true;
        for (size_t i = 0; i < COUNT_OF(write_rows); i++) {
            const fact_command *c = audit_command(node, write_rows[i].name);
            if (!c || c->calls == 0) continue;
            calls += c->calls;
            if (write_rows[i].repeats && !seen[i])
                made.repeats = audit_list_add(a, made.repeats, write_rows[i].name);
            seen[i] = true;
        }
        made.writes += (double)calls / (double)uptime;
        if (audit_info_u64(node, "total_net_input_bytes", &input))
            made.input_bytes += (double)input / (double)uptime;
    }
    return made;
}

/* --- RDB versions ---------------------------------------------------------------------------- */

static const char *version_cell(const knowledge_target *t, const char *column)
{
    const knowledge_table *versions = knowledge_at(TABLE_ENGINE_VERSIONS);
    for (size_t i = 0; i < versions->row_count; i++) {
        const char *version = knowledge_cell(versions, i, "version");
        size_t size = strlen(t->version);
        if (strcmp(knowledge_cell(versions, i, "engine"), t->engine) != 0) continue;
        if (size == 0 || strncmp(version, t->version, size) != 0) continue;
        if (!isdigit((unsigned char)version[size])) return knowledge_cell(versions, i, column);
    }
    return "";
}

const char *audit_rdb_loaded_by(const knowledge_target *t)
{
    return version_cell(t, "rdb_versions_loaded");
}

unsigned audit_rdb_written_by(const knowledge_target *t)
{
    uint64_t version = 0;
    span text = span_text(version_cell(t, "rdb_version_written"));
    span word = {0};
    if (!span_cut(&text, ' ', &word)) word = text; /* "80 (magic VALKEY080)" */
    return span_to_u64(word, &version) && version <= UINT16_MAX ? (unsigned)version : 0;
}
