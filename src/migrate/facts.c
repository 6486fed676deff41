#include "migrate/facts.h"

#include <sys/statvfs.h>

#include "base/clock.h"
#include "engine/bookkeeping.h"
#include "engine/scan.h"

/* Full syncs of this class of data took 66 to 95 MB of memory a second on two cores; slower hosts
 * and networks are the rule, so less is counted on. */
#define SNAPSHOT_BYTES_PER_S 40e6
#define SILENCE_LEAST_MS INT64_C(20000)
#define SILENCE_MOST_MS INT64_C(60000)

static bool server_read(facts *f, engine *s, server_facts *ret, err *e)
{
    const reply *r = NULL;
    if (!engine_info(s, &f->memory, "all", &ret->info, e)) return false;
    (void)info_u64(ret->info, "used_memory", &ret->used_memory);
    if (!info_u64(ret->info, "used_memory_dataset", &ret->dataset)) ret->dataset = ret->used_memory;
    span rest = ret->info;
    span line;
    while (span_cut(&rest, '\n', &line)) {
        uint64_t db = 0;
        uint64_t keys = 0;
        span name;
        size_t at = 0;
        if (line.size > 0 && line.at[line.size - 1] == '\r') line.size--;
        if (!span_starts(line, "db") || !span_find(line, span_text(":keys="), &at)) continue;
        if (!span_cut(&line, ':', &name) || !span_to_u64(span_tail(name, 2), &db)) continue;
        span number = span_tail(line, 5);
        if (span_cut(&number, ',', &name) && span_to_u64(name, &keys)) ret->keys += keys;
        if (info_part(line, "expires", &number) && span_to_u64(number, &keys))
            ret->expiring += keys;
        ret->fields_expiring += info_fields_expiring(line);
        if (db > ret->database_highest) ret->database_highest = db;
    }
    int64_t before = clock_wall_ms();
    if (!engine_ask(s, &f->memory, &r, e, "TIME")) return false;
    int64_t after = clock_wall_ms();
    int64_t seconds = 0;
    int64_t micros = 0;
    if (r->count == 2 && span_to_i64(r->items[0].text, &seconds) &&
        span_to_i64(r->items[1].text, &micros))
        ret->clock_skew_ms = seconds * 1000 + micros / 1000 - (before + (after - before) / 2);
    return true;
}

typedef struct {
    uint64_t offset; /* of the stream; stands still without a replica and a backlog */
    uint64_t input;  /* bytes received from clients */
} sample;

static bool sample_take(facts *f, sample *ret, err *e)
{
    span info;
    if (!engine_info(f->m->source, &f->memory, "all", &info, e)) return false;
    *ret = (sample){0};
    (void)info_u64(info, "master_repl_offset", &ret->offset);
    (void)info_u64(info, "total_net_input_bytes", &ret->input);
    return true;
}

/* How fast the source's stream grows, over a short while. A source that never had a replica counts
 * no offset: what its clients send bounds what it would. */
static bool rate_measure(facts *f, err *e)
{
    sample first;
    sample second;
    int64_t begin = clock_ns();
    if (!sample_take(f, &first, e)) return false;
    struct timespec pause = {.tv_sec = RATE_SAMPLE_MS / 1000,
                             .tv_nsec = RATE_SAMPLE_MS % 1000 * NS_PER_MS};
    (void)nanosleep(&pause, NULL); /* woken early, the sample is only shorter */
    if (!sample_take(f, &second, e)) return false;
    double seconds = (double)(clock_ns() - begin) / (double)NS_PER_S;
    uint64_t grown = second.offset > first.offset ? second.offset - first.offset
                     : second.offset == 0         ? second.input - first.input
                                                  : 0;
    f->result->write_bytes_per_s = (double)grown / seconds;
    return true;
}

/* A source pings its replicas; six of them missed mean that it is not there. Redis and valkey
 * themselves give a silent link up after repl-timeout, 60 s by default. */
static int64_t silence_find(facts *f)
{
    uint64_t period_s = 10; /* the engine's default */
    (void)facts_config_u64(f, f->m->source, "repl-ping-replica-period", &period_s);
    if (period_s > SILENCE_MOST_MS / 6000) return SILENCE_MOST_MS;
    int64_t six_ms = (int64_t)period_s * 6000;
    return six_ms > SILENCE_LEAST_MS ? six_ms : SILENCE_LEAST_MS;
}

/* Types of hashes whose fields may expire. */
static uint64_t fields_expiring(const dump_summary *s)
{
    uint64_t count = 0;
    const rdb_type *type = NULL;
    for (size_t i = 0; (type = rdb_type_row(i)); i++)
        if (type->kind == RDB_KIND_HASH && type->version_min >= 12) count += s->encodings[i].keys;
    return count;
}

static void file_facts(facts *f)
{
    const load_source *l = &f->m->load;
    const dump_summary *s = &l->summary;
    if (!engine_version_of_file(dump_aux_find(s, "valkey-ver"), dump_aux_find(s, "redis-ver"),
                                &f->m->source_version)) {
        f->m->source_version =
            (engine_version){.product = s->is_valkey ? ENGINE_VALKEY : ENGINE_REDIS};
    }
    f->source = (server_facts){
        .keys = s->all.keys, .dataset = l->used_memory, .fields_expiring = fields_expiring(s)};
    for (size_t i = 0; i < s->database_count; i++) {
        f->source.expiring += s->databases[i].expiring;
        if (s->databases[i].db > f->source.database_highest)
            f->source.database_highest = s->databases[i].db;
    }
    f->result->source_keys = f->source.keys;
    f->result->source_bytes = l->file.bytes;
    f->m->target_skew_ms = f->target.clock_skew_ms;
}

/* Its share, and what the disk has beside the snapshot's. */
static double spool_for_stream(const migrate_options *o)
{
    struct statvfs v;
    double share = (double)spool_stream_share(o->spool_bytes_max);
    if (statvfs(o->workdir, &v) < 0) return share;
    double left = (double)v.f_bavail * (double)v.f_frsize - ((double)o->spool_bytes_max - share);
    return left < 0 ? 0 : left < share ? left : share;
}

bool facts_read(facts *f, err *e)
{
    bool is_file = f->m->source_url.is_file;
    if (!is_file && !server_read(f, f->m->source, &f->source, e)) return false;
    if (!server_read(f, f->m->target, &f->target, e)) return false;
    if (!engine_version_read(f->target.info, &f->m->target_version, e)) return false;
    if (is_file) {
        file_facts(f);
        return true;
    }
    if (!engine_version_read(f->source.info, &f->m->source_version, e)) return false;
    f->result->source_keys = f->source.keys;
    f->result->source_bytes = f->source.dataset;
    span delay = facts_config(f, f->m->source, "repl-diskless-sync-delay");
    double wait = 0;
    if (!delay.size || !span_to_double(delay, &wait)) wait = 5; /* the engine's default */
    f->result->snapshot_s = wait + (double)f->source.dataset / SNAPSHOT_BYTES_PER_S;
    f->result->source_silence_ms = silence_find(f);
    f->result->spool_for_stream = spool_for_stream(f->m->options);
    f->m->source_skew_ms = f->source.clock_skew_ms;
    f->m->target_skew_ms = f->target.clock_skew_ms;
    return rate_measure(f, e);
}

void facts_clear(facts *f)
{
    arena_clear(&f->memory);
}

span facts_config(facts *f, engine *s, const char *name)
{
    err ignored;
    span value = {0};
    return engine_config(s, &f->memory, name, &value, &ignored) ? value : (span){0};
}

bool facts_config_u64(facts *f, engine *s, const char *name, uint64_t *ret)
{
    span value = facts_config(f, s, name);
    return value.size > 0 && span_to_u64(value, ret);
}

uint64_t facts_calls(const server_facts *s, const char *command)
{
    char name[64];
    span line;
    span calls;
    uint64_t count = 0;
    (void)snprintf(name, sizeof name, "cmdstat_%s", command);
    bool called = info_text(s->info, name, &line) && info_part(line, "calls", &calls) &&
                  span_to_u64(calls, &count);
    return called ? count : 0;
}

bytes_text bytes_show(double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < COUNT_OF(units)) {
        bytes /= 1024;
        unit++;
    }
    bytes_text out;
    (void)snprintf(out.text, sizeof out.text, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}
