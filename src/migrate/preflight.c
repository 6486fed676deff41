#include "migrate/preflight.h"
#include "migrate/setting.h"

#include <ctype.h>
#include <stdarg.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "migrate/attach.h"
#include "migrate/buffer_limit.h"
#include "migrate/facts.h"
#include "migrate/hold.h"

/* How long a broken connection should be bridged by the source's backlog. */
#define RECONNECT_S 30
#define CLOCK_SKEW_MAX_MS 2000
#define RDB_NEWEST_READ 13 /* of redis: 8.6 */

typedef enum { OF_ANY, OF_SERVER, OF_FILE } source_kind;

typedef struct {
    const char *id;
    bool acceptable;
    err_side side;
    void (*check)(facts *f, const char *id);
    source_kind of; /* the sources it is for */
} check_row;

static const check_row checks[];

static void refuse(facts *f, const char *id, const char *hint, const char *format, ...)
    PRINTF_LIKE(4, 5);

static bool row_of(const char *id, const check_row **ret);

static void refuse(facts *f, const char *id, const char *hint, const char *format, ...)
{
    preflight_result *r = f->result;
    const check_row *row = NULL;
    bool known = row_of(id, &row);
    assert(known);
    assert(r->count < PREFLIGHT_REASONS_MAX);
    preflight_reason *reason = &r->reasons[r->count++];
    *reason = (preflight_reason){.id = id, .acceptable = row->acceptable, .side = row->side};
    va_list args;
    va_start(args, format);
    if (vsnprintf(reason->text, sizeof reason->text, format, args) < 0) reason->text[0] = '\0';
    va_end(args);
    (void)snprintf(reason->hint, sizeof reason->hint, "%s", hint);
    const migrate_options *o = f->m->options;
    for (size_t i = 0; i < o->accepted_count && reason->acceptable; i++)
        if (strcmp(o->accepted[i], id) == 0) reason->accepted = true;
    if (!reason->accepted) r->refusals++;
}

static bool info_is(const server_facts *s, const char *name, const char *value)
{
    span text;
    return info_text(s->info, name, &text) && span_is(text, value);
}

static uint64_t info_number(const server_facts *s, const char *name)
{
    uint64_t value = 0;
    (void)info_u64(s->info, name, &value);
    return value;
}

static void check_same(facts *f, const char *id)
{
    span a;
    span b;
    if (info_text(f->source.info, "run_id", &a) && info_text(f->target.info, "run_id", &b) &&
        span_equal(a, b)) {
        refuse(f, id, "name two servers", "source and target are the same server (run_id %.8s)",
               (const char *)a.at);
    }
}

/* A snapshot whose every value can be read, and a hold that is known. */
static void check_source_version(facts *f, const char *id)
{
    const engine_version *v = &f->m->source_version;
    bool is_valkey = v->product == ENGINE_VALKEY;
    bool known = is_valkey ? v->rdb_version > 0
                           : engine_version_at_least(v, 5, 0) && v->rdb_version <= RDB_NEWEST_READ;
    if (!known) {
        refuse(f, id,
               "wait for the release that carries this version; redis 5.0 to 8.6 and valkey from "
               "7.2 on are carried",
               "the source is %s", engine_version_show(v).text);
    }
}

static void check_target_version(facts *f, const char *id)
{
    const engine_version *t = &f->m->target_version;
    if (t->product == ENGINE_REDIS && !engine_version_at_least(t, 6, 0)) {
        refuse(f, id, "choose a target of redis 6.0 or newer, or of valkey",
               "the target is %s, which this release cannot write to", engine_version_show(t).text);
    }
}

static void check_source_role(facts *f, const char *id)
{
    if (!info_is(&f->source, "role", "master")) {
        refuse(f, id, "name the primary: its writes must be held at the cutover",
               "the source is a replica");
    }
}

/* Before 6.2 the cutover changes a setting, and asks for more than one command. */
static void check_hold(facts *f, const char *id)
{
    err e = {0};
    if (!hold_check(f->m, &e)) refuse(f, id, e.hint, "%s", e.text);
}

static void check_replica(facts *f, const char *id)
{
    err why = {0};
    if (attach_choose(f->m, f->source.info, f->result, &why)) return;
    refuse(f, id, "name another replica of the source, or accept that the primary feeds the link",
           "%s", why.text);
}

static void check_target_role(facts *f, const char *id)
{
    if (!info_is(&f->target, "role", "master")) {
        refuse(f, id, "name the primary of the target",
               "the target is a replica and takes no writes");
    }
}

static void check_cluster(facts *f, const char *id)
{
    bool source = info_is(&f->source, "cluster_enabled", "1");
    bool target = info_is(&f->target, "cluster_enabled", "1");
    if (source || target) {
        refuse(f, id, "this release moves standalone servers (cluster mode disabled)",
               "the %s runs in cluster mode", source ? "source" : "target");
    }
}

static void check_loading(facts *f, const char *id)
{
    bool source = info_is(&f->source, "loading", "1");
    if (source || info_is(&f->target, "loading", "1")) {
        refuse(f, id, "wait until it is done", "the %s is loading its data",
               source ? "source" : "target");
    }
}

static bool is_built_in(const reply *module)
{
    const reply *name = reply_field(module, "name");
    return name && engine_module_is_built_in(name->text);
}

static void check_modules(facts *f, const char *id)
{
    const reply *r = NULL;
    size_t loaded = 0;
    err ignored;
    if (!engine_try(f->m->source, &f->memory, &r, &ignored, "MODULE", "LIST")) return;
    for (size_t i = 0; r->kind == REPLY_ARRAY && i < r->count; i++)
        loaded += !is_built_in(&r->items[i]);
    if (loaded > 0) {
        refuse(f, id,
               "values of modules are not carried by this release; accept only if none are in use",
               "the source has %zu module%s loaded", loaded, loaded == 1 ? "" : "s");
    }
}

/* "shop, cart": the libraries of functions on the source. */
static const char *libraries(facts *f, size_t *ret_count)
{
    const reply *r = NULL;
    err ignored;
    const char *names = "";
    *ret_count = 0;
    if (!engine_try(f->m->source, &f->memory, &r, &ignored, "FUNCTION", "LIST")) return names;
    for (size_t i = 0; r->kind == REPLY_ARRAY && i < r->count; i++) {
        const reply *name = reply_field(&r->items[i], "library_name");
        if (!name) continue;
        names = arena_printf(&f->memory, "%s%s'%s'", names, *names ? ", " : "",
                             span_show(name->text).text);
        ++*ret_count;
    }
    return names;
}

static void check_functions(facts *f, const char *id)
{
    size_t count = 0;
    if (engine_version_at_least(&f->m->target_version, 7, 0)) return;
    const char *names = libraries(f, &count);
    if (count == 0) return;
    refuse(f, id,
           "accept: they go to the quarantine by name, and the rest is carried; what calls them "
           "(FCALL) fails behind the cutover",
           "the source has %zu librar%s of functions, which the target does not know: %.300s",
           count, count == 1 ? "y" : "ies", names);
}

static void check_vector_sets(facts *f, const char *id)
{
    uint64_t calls = facts_calls(&f->source, "VADD");
    bool same_line = f->m->target_version.product == ENGINE_REDIS &&
                     f->m->target_version.rdb_version >= f->m->source_version.rdb_version;
    if (calls == 0 || same_line) return;
    refuse(f, id, "accept: they go to the quarantine by name, and the rest is carried",
           "the source has vector sets (VADD was called %" PRIu64 " times), the target has no such "
           "type",
           calls);
}

static void check_field_expiry(facts *f, const char *id)
{
    if (f->source.fields_expiring == 0 || engine_version_expires_fields(&f->m->target_version))
        return;
    refuse(f, id,
           "accept: they go to the quarantine by name, and the rest is carried; or take the "
           "expiries off (HPERSIST)",
           "the source has %" PRIu64
           " hash%s with fields that expire, which the target does not know",
           f->source.fields_expiring, f->source.fields_expiring == 1 ? "" : "es");
}

static void check_file_modules(facts *f, const char *id)
{
    const dump_summary *s = &f->m->load.summary;
    bool has_sets =
        f->m->target_version.product == ENGINE_REDIS && f->m->target_version.rdb_version >= 12;
    const char *names = "";
    for (size_t i = 0; i < s->module_count; i++) {
        if (has_sets && strcmp(s->modules[i], "vectorset") == 0) continue;
        names = arena_printf(&f->memory, "%s%s%s", names, *names ? ", " : "", s->modules[i]);
    }
    if (!*names) return;
    refuse(f, id,
           "accept: what the target has the module for is written, the other values go to the "
           "quarantine by name",
           "the file holds values of modules: %.300s", names);
}

/* A rewritten append-only file begins with an RDB. */
static void check_file_rest(facts *f, const char *id)
{
    uint64_t rest = f->m->load.summary.rest_bytes;
    if (rest == 0) return;
    refuse(
        f, id,
        "save a snapshot of that server (BGSAVE) and load that; accept if what was written since "
        "may be missing",
        "behind the RDB the file goes on with %" PRIu64 " bytes, as an append-only file does: "
        "they are not loaded",
        rest);
}

static void check_sentinel(facts *f, const char *id)
{
    const reply *r = NULL;
    err ignored;
    size_t at = 0;
    if (!engine_try(f->m->source, &f->memory, &r, &ignored, "CLIENT", "LIST")) return;
    if (r->kind == REPLY_BULK && span_find(r->text, span_text("name=sentinel-"), &at)) {
        refuse(f, id,
               "stop its monitoring (SENTINEL REMOVE) before the cutover, else it promotes a "
               "replica that takes writes",
               "a Sentinel watches the source");
    }
}

/* One row: a command that will be sent, tried with ACL DRYRUN. */
typedef struct {
    const char *args[8];
    size_t count;
} right;

#define RIGHT(...)                                                                                 \
    {                                                                                              \
        {__VA_ARGS__}, COUNT_OF(((const char *const[]){__VA_ARGS__}))                              \
    }

static const right source_rights[] = {
    RIGHT("PSYNC", "?", "-1"),
    RIGHT("REPLCONF", "ACK", "0"),
    RIGHT("INFO", "replication"),
    RIGHT("SELECT", "0"),
    RIGHT("SCAN", "0"),
    RIGHT("DUMP", "k"),
    RIGHT("TIME"),
    RIGHT("MULTI"),
    RIGHT("EXEC"),
    RIGHT("CLIENT", "LIST"),
    RIGHT("CLIENT", "PAUSE", "1", "WRITE"),
    RIGHT("CLIENT", "UNPAUSE"),
    RIGHT("CLIENT", "KILL", "TYPE", "normal"),
    RIGHT("REPLICAOF", "127.0.0.1", "1"),
};
static const right target_rights[] = {
    RIGHT("TIME"),
    RIGHT("GET", "k"),
    RIGHT("DEL", "k"),
    RIGHT("DBSIZE"),
    RIGHT("PEXPIRETIME", "k"),
    RIGHT("CLIENT", "SETNAME", "n"),
    RIGHT("SET", "k", "v"),
    RIGHT("RESTORE", "k", "0", "p"),
    RIGHT("UNLINK", "k"),
    RIGHT("MULTI"),
    RIGHT("EXEC"),
    RIGHT("SELECT", "0"),
    RIGHT("EVAL", "return 1", "0"),
    RIGHT("SCAN", "0"),
    RIGHT("INFO", "replication"),
    RIGHT("CLIENT", "LIST"),
    RIGHT("CLIENT", "KILL", "ID", "1"),
    RIGHT("PEXPIREAT", "k", "1"),
    RIGHT("FUNCTION", "LOAD", "x"),
    RIGHT("FUNCTION", "LIST"),
    RIGHT("XADD", "k", "1-1", "f", "v"),
    RIGHT("LPUSH", "k", "v"),
    RIGHT("INCR", "k"),
    RIGHT("FLUSHDB"),
};

/* The first right of the list that the user lacks; NULL: none, or it cannot be tried. */
static const right *right_missing(facts *f, engine *s, const right *rows, size_t count)
{
    const reply *who = NULL;
    err ignored;
    if (!engine_try(s, &f->memory, &who, &ignored, "ACL", "WHOAMI") || reply_is_error(who))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        span args[12] = {span_text("ACL"), span_text("DRYRUN"), who->text};
        for (size_t k = 0; k < rows[i].count; k++)
            args[3 + k] = span_text(rows[i].args[k]);
        const reply *r = NULL;
        if (!engine_try_spans(s, &f->memory, &r, &ignored, 3 + rows[i].count, args)) return NULL;
        /* DRYRUN answers what is missing as text; an error means that it cannot be asked. */
        if (r->kind == REPLY_BULK) return &rows[i];
    }
    return NULL;
}

static void
rights_check(facts *f, const char *id, engine *s, const right *rows, size_t count, const char *side)
{
    const right *missing = right_missing(f, s, rows, count);
    if (!missing) return;
    refuse(f, id, "give it the rights listed in docs/changes-on-your-servers.md",
           "the user on the %s may not run '%s%s%s'", side, missing->args[0],
           missing->count > 1 ? " " : "", missing->count > 1 ? missing->args[1] : "");
}

static void check_source_rights(facts *f, const char *id)
{
    rights_check(f, id, f->m->source, source_rights, COUNT_OF(source_rights), "source");
}

static void check_target_rights(facts *f, const char *id)
{
    rights_check(f, id, f->m->target, target_rights, COUNT_OF(target_rights), "target");
}

static void check_target_empty(facts *f, const char *id)
{
    if (f->target.keys == 0 || f->m->options->policy != TARGET_EMPTY) return;
    refuse(f, id,
           "empty it, or say what shall become of its keys: '--target-policy replace' deletes "
           "those the source has not, 'merge' keeps them",
           "the target holds %" PRIu64 " key%s", f->target.keys, f->target.keys == 1 ? "" : "s");
}

/* "id=7 … name=handover-0123456789abcdef …": the connection through which a link writes. */
static bool is_another_link(const facts *f, span line)
{
    static const char mark[] = " name=handover-";
    size_t at = 0;
    if (!span_find(line, span_text(mark), &at)) return false;
    span name;
    line = span_tail(line, at + strlen(mark));
    if (!span_cut(&line, ' ', &name) || name.size != LINK_ID_SIZE) return false;
    for (size_t i = 0; i < name.size; i++)
        if (!isxdigit(name.at[i])) return false;
    return !span_is(name, f->m->link_id);
}

static void check_other_move(facts *f, const char *id)
{
    const reply *r = NULL;
    err ignored;
    span line;
    if (!engine_try(f->m->target, &f->memory, &r, &ignored, "CLIENT", "LIST")) return;
    span rest = r->text;
    while (r->kind == REPLY_BULK && span_cut(&rest, '\n', &line)) {
        if (!is_another_link(f, line)) continue;
        refuse(f, id,
               "end it first ('migrate abort' with its work directory): two moves of one source "
               "apply every write twice; accept only if the other one has another source and other "
               "keys",
               "another move writes to the target just now");
        return;
    }
}

static void check_databases(facts *f, const char *id)
{
    uint64_t count = 0;
    if (!facts_config_u64(f, f->m->target, "databases", &count)) return;
    if (f->source.database_highest >= count) {
        refuse(f, id, "give the target as many databases as the source uses",
               "the source has keys in database %" PRIu64 ", the target has %" PRIu64 " databases",
               f->source.database_highest, count);
    }
}

static void setting_plan(facts *f, change_kind kind, const setting_change *c)
{
    preflight_result *r = f->result;
    assert(r->setting_count < COUNT_OF(r->settings));
    r->settings[r->setting_count++] = (struct preflight_setting){kind, *c};
}

/* A managed server knows no CONFIG: there the parameter group has it. */
static void check_eviction(facts *f, const char *id)
{
    span policy = {0};
    setting_change c = {"maxmemory-policy", SIDE_TARGET, "", "noeviction"};
    char now[SETTING_SIZE];
    err no_config = {0};
    if (!info_text(f->target.info, "maxmemory_policy", &policy)) return;
    (void)snprintf(c.old, sizeof c.old, "%.95s", span_show(policy).text);
    if (span_is(policy, "noeviction")) return;
    bool can_set = setting_read(f->m->target, c.name, now, &no_config);
    if (can_set && f->m->options->allow_target_config) {
        setting_plan(f, CHANGE_TARGET_POLICY, &c);
        return;
    }
    refuse(f, id,
           can_set ? "set it to noeviction until the cutover, or let the tool do it with "
                     "'--allow-target-config'; 'finish' sets it back"
                   : "set it to noeviction until the cutover in the cache's parameter group; the "
                     "target answers no CONFIG, so '--allow-target-config' cannot",
           "the target may evict on its own account: maxmemory-policy is '%s'", c.old);
}

/* What an expiry costs, held or not, beside what the engine counts as data (measured). */
static double expiry_bytes(const engine_version *v)
{
    if (v->product == ENGINE_VALKEY) return engine_version_at_least(v, 9, 0) ? 29 : 42;
    return engine_version_at_least(v, 8, 6) ? 19 : 42;
}

static void check_target_memory(facts *f, const char *id)
{
    uint64_t max = info_number(&f->target, "maxmemory");
    double expiries = (double)f->source.expiring * expiry_bytes(&f->m->target_version);
    double need = (double)f->source.dataset * 1.1 + expiries;
    double left = (double)max - (double)f->target.used_memory;
    if (max == 0 || need <= left) return;
    refuse(f, id, "choose a larger node or raise maxmemory",
           "the target has %s left (maxmemory %s, used %s); the source's data of %s need about %s, "
           "%s of it for the expiries of %" PRIu64 " keys",
           bytes_show(left > 0 ? left : 0).text, bytes_show((double)max).text,
           bytes_show((double)f->target.used_memory).text,
           bytes_show((double)f->source.dataset).text, bytes_show(need).text,
           bytes_show(expiries).text, f->source.expiring);
}

/* A raised buffer is memory the source may need beside all it has. */
static bool source_has_memory(facts *f, double bytes)
{
    double machine = (double)info_number(&f->source, "total_system_memory");
    double used = (double)info_number(&f->source, "used_memory_rss");
    return machine == 0 || bytes <= machine - used;
}

/* Twice what the arithmetic asks for, in whole MiB: the rate was measured for a moment only. */
static uint64_t raised(double need)
{
    return ((uint64_t)(2 * need) / MIB + 1) * MIB;
}

/* Whether the limits of the replica buffer can be planned to be raised. */
static bool output_buffer_plan(facts *f, const setting_change *now, double need, uint64_t seconds)
{
    setting_change c = *now;
    uint64_t limit = raised(need);
    if (!f->m->options->allow_source_config || !source_has_memory(f, (double)limit)) return false;
    (void)snprintf(c.wanted, sizeof c.wanted, "replica %" PRIu64 " %" PRIu64 " %" PRIu64, limit,
                   limit, seconds);
    setting_plan(f, CHANGE_SOURCE_LIMITS, &c);
    return true;
}

static void check_output_buffer(facts *f, const char *id)
{
    setting_change now = {.name = "client-output-buffer-limit", .side = SIDE_SOURCE};
    buffer_limit limit = {0};
    err ignored;
    if (!setting_read(f->m->source, now.name, now.old, &ignored) ||
        !buffer_limit_parse(now.old, &limit))
        return;
    buffer_limit_raise(&limit, info_number(&f->source, "repl_backlog_size"), &f->m->source_version);
    double rate = f->result->write_bytes_per_s;
    double seconds = f->result->snapshot_s;
    f->result->dual_channel = buffer_is_spared(f->m->source, &f->m->source_version);
    double need = buffer_need(f->result, f->result->dual_channel);
    buffer_judgement found = buffer_limit_judge(&limit, need, seconds);
    bool hard = found == BUFFER_PASSES_HARD;
    if (found == BUFFER_HOLDS || output_buffer_plan(f, &now, need, limit.soft_s)) return;
    refuse(f, id,
           source_has_memory(f, (double)raised(need))
               ? "raise it (CONFIG SET client-output-buffer-limit 'replica ...'), or let the tool "
                 "do it with '--allow-source-config'; or start when less is written"
               : "start when less is written: the source's machine has not the memory for a larger "
                 "buffer",
           "what is written during the snapshot waits in the source's replica buffer: %s/s "
           "measured over %.1f s x %.0f s estimated (%s of data)%s = %s, the %s limit is %s%s",
           bytes_show(rate).text, RATE_SAMPLE_MS / 1000.0, seconds,
           bytes_show((double)f->source.dataset).text,
           f->result->dual_channel ? " less what the spool takes" : "", bytes_show(need).text,
           hard ? "hard" : "soft", bytes_show((double)(hard ? limit.hard : limit.soft)).text,
           hard ? "" : " for longer than its seconds");
}

static bool backlog_plan(facts *f, double need)
{
    setting_change c = {.name = "repl-backlog-size", .side = SIDE_SOURCE};
    err ignored;
    if (!f->m->options->allow_source_config || !source_has_memory(f, (double)raised(need)) ||
        !setting_read(f->m->source, c.name, c.old, &ignored))
        return false;
    (void)snprintf(c.wanted, sizeof c.wanted, "%" PRIu64, raised(need));
    setting_plan(f, CHANGE_SOURCE_BACKLOG, &c);
    return true;
}

static void check_backlog(facts *f, const char *id)
{
    uint64_t size = info_number(&f->source, "repl_backlog_size");
    double need = f->result->write_bytes_per_s * RECONNECT_S;
    if (size == 0 || need <= (double)size || backlog_plan(f, need)) return;
    refuse(f, id,
           "raise repl-backlog-size on the source ('--allow-source-config' lets the tool do it), "
           "or accept that a longer interruption begins with a full sync again",
           "after an interruption of %d s the source must still hold %s/s x %d s = %s, its "
           "repl-backlog-size is %s",
           RECONNECT_S, bytes_show(f->result->write_bytes_per_s).text, RECONNECT_S,
           bytes_show(need).text, bytes_show((double)size).text);
}

static void check_wait(facts *f, const char *id)
{
    uint64_t calls = facts_calls(&f->source, "wait") + facts_calls(&f->source, "waitaof");
    if (calls == 0) return;
    refuse(f, id,
           "the link acknowledges like a replica, so WAIT would count it; accept if the "
           "application can live with that, or move those uses first",
           "applications use WAIT on the source (%" PRIu64 " calls so far)", calls);
}

static void check_min_replicas(facts *f, const char *id)
{
    uint64_t count = 0;
    if (!facts_config_u64(f, f->m->source, "min-replicas-to-write", &count) || count == 0) return;
    refuse(
        f, id, "the link would count as one of them; accept if enough real replicas are connected",
        "the source asks for %" PRIu64 " replicas before it writes (min-replicas-to-write)", count);
}

static void check_target_replicas(facts *f, const char *id)
{
    uint64_t wanted = 0;
    uint64_t there = info_number(&f->target, "connected_slaves");
    if (!facts_config_u64(f, f->m->target, "min-replicas-to-write", &wanted) || wanted <= there)
        return;
    refuse(f, id, "connect its replicas first, or set min-replicas-to-write to 0 on the target",
           "the target asks for %" PRIu64 " replicas before it writes and has %" PRIu64, wanted,
           there);
}

static void check_clock(facts *f, const char *id)
{
    /* Ours counts too: relative times of engines before 7 and the hold are reckoned with it. */
    const struct {
        const char *of;
        int64_t ms;
    } skews[] = {{"source and target", f->source.clock_skew_ms - f->target.clock_skew_ms},
                 {"the source and this machine", f->source.clock_skew_ms},
                 {"the target and this machine", f->target.clock_skew_ms}};
    for (size_t i = 0; i < COUNT_OF(skews); i++) {
        if (skews[i].ms <= CLOCK_SKEW_MAX_MS && skews[i].ms >= -CLOCK_SKEW_MAX_MS) continue;
        refuse(f, id, "set the clocks right (NTP); expiry times are absolute",
               "the clocks of %s differ by %.1f s", skews[i].of, (double)skews[i].ms / 1000.0);
        return;
    }
}

static void check_disk(facts *f, const char *id)
{
    struct statvfs v;
    if (statvfs(f->m->options->workdir, &v) < 0) return;
    double left = (double)v.f_bavail * (double)v.f_frsize;
    double need = (double)f->m->options->spool_bytes_max;
    double useful = (double)f->source.dataset + f->result->write_bytes_per_s * 3600;
    if (need > useful) need = useful;
    if (left >= need) return;
    refuse(f, id, "choose a work directory on a larger disk, or a smaller --spool-max",
           "the work directory's disk has %s left; the spool may need %s", bytes_show(left).text,
           bytes_show(need).text);
}

static const check_row checks[] = {
    {"same-server", false, SIDE_SOURCE, check_same, OF_SERVER},
    {"source-version", false, SIDE_SOURCE, check_source_version, OF_SERVER},
    {"target-version", false, SIDE_TARGET, check_target_version, OF_ANY},
    {"source-role", false, SIDE_SOURCE, check_source_role, OF_SERVER},
    {"source-hold", false, SIDE_SOURCE, check_hold, OF_SERVER},
    {"replica", true, SIDE_SOURCE, check_replica, OF_SERVER},
    {"target-role", false, SIDE_TARGET, check_target_role, OF_ANY},
    {"cluster-mode", false, SIDE_SOURCE, check_cluster, OF_ANY},
    {"loading", false, SIDE_SOURCE, check_loading, OF_ANY},
    {"source-rights", false, SIDE_SOURCE, check_source_rights, OF_SERVER},
    {"target-rights", false, SIDE_TARGET, check_target_rights, OF_ANY},
    {"modules", true, SIDE_SOURCE, check_modules, OF_SERVER},
    {"vector-sets", true, SIDE_SOURCE, check_vector_sets, OF_SERVER},
    {"field-expiry", true, SIDE_SOURCE, check_field_expiry, OF_ANY},
    {"functions", true, SIDE_SOURCE, check_functions, OF_SERVER},
    {"file-modules", true, SIDE_SOURCE, check_file_modules, OF_FILE},
    {"file-rest", true, SIDE_SOURCE, check_file_rest, OF_FILE},
    {"sentinel", true, SIDE_SOURCE, check_sentinel, OF_SERVER},
    {"target-not-empty", false, SIDE_TARGET, check_target_empty, OF_ANY},
    {"other-move", true, SIDE_TARGET, check_other_move, OF_ANY},
    {"databases", false, SIDE_TARGET, check_databases, OF_ANY},
    {"eviction", false, SIDE_TARGET, check_eviction, OF_ANY},
    {"target-memory", true, SIDE_TARGET, check_target_memory, OF_ANY},
    {"output-buffer", true, SIDE_SOURCE, check_output_buffer, OF_SERVER},
    {"backlog", true, SIDE_SOURCE, check_backlog, OF_SERVER},
    {"wait-users", true, SIDE_SOURCE, check_wait, OF_SERVER},
    {"min-replicas", true, SIDE_SOURCE, check_min_replicas, OF_SERVER},
    {"target-min-replicas", false, SIDE_TARGET, check_target_replicas, OF_ANY},
    {"clock-skew", true, SIDE_SOURCE, check_clock, OF_ANY},
    {"disk", true, SIDE_SOURCE, check_disk, OF_ANY},
};

static bool row_of(const char *id, const check_row **ret)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if (strcmp(checks[i].id, id) != 0) continue;
        *ret = &checks[i];
        return true;
    }
    return false;
}

/* An id of --accept that no check has is a mistake better named than ignored. */
static bool accepted_are_known(const migrate_options *o, err *e)
{
    for (size_t i = 0; i < o->accepted_count; i++) {
        const check_row *row = NULL;
        if (!row_of(o->accepted[i], &row))
            return err_set(e, ERR_USAGE, "--accept: there is no reason '%s'", o->accepted[i]);
        if (!row->acceptable)
            return err_set(e, ERR_USAGE, "--accept: '%s' cannot be accepted", o->accepted[i]);
    }
    return true;
}

bool preflight_run(move *m, preflight_result *ret, err *e)
{
    *ret = (preflight_result){0};
    facts f = {.m = m, .result = ret};
    bool is_file = m->source_url.is_file;
    source_kind not_for = is_file ? OF_SERVER : OF_FILE;
    bool done = accepted_are_known(m->options, e) && (is_file || move_source(m, e)) &&
                move_target(m, e) && facts_read(&f, e);
    for (size_t i = 0; i < COUNT_OF(checks) && done; i++)
        if (checks[i].of != not_for) checks[i].check(&f, checks[i].id);
    facts_clear(&f);
    return done;
}

bool preflight_judge(const preflight_result *r, err *e)
{
    err_side side = SIDE_NONE;
    for (size_t i = 0; i < r->count; i++) {
        const preflight_reason *reason = &r->reasons[i];
        if (reason->accepted) {
            log_warn("preflight [%s]: %s; accepted, going on", reason->id, reason->text);
            continue;
        }
        if (side == SIDE_NONE) side = reason->side;
        log_line(LOG_ERROR, "preflight [%s]: %s\n  do: %s%s%s%s", reason->id, reason->text,
                 reason->hint, reason->acceptable ? "; or '--accept " : "",
                 reason->acceptable ? reason->id : "", reason->acceptable ? "'" : "");
    }
    if (r->refusals == 0) return true;
    err_set(e, ERR_STATE, "the preflight found %zu reason%s not to start", r->refusals,
            r->refusals == 1 ? "" : "s");
    err_blame(e, side);
    return err_hint(e,
                    "they stand above, each with what to do; nothing was changed on either server");
}
