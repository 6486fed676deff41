/* The data: sizes, types, large and hot keys, expiries, memory, growth. Counts of a sample are
 * scaled to all keys and say so. */
#include "audit/audit_internal.h"
#include "audit/operations.h"
#include "base/clock.h"
#include "rdb/types.h"

#define AREA "Data"
#define SECTION_ID "data"
#define GUIDE "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
#define READ_ON "2026-11-22"
#define LARGE_KEY ((uint64_t)64 * MIB)
#define LARGE_COUNT ((uint64_t)1000000)
#define STAMPEDE_KEYS ((uint64_t)1000) /* expiring within one second, scaled */
#define HOT_FREQUENCY 200              /* of 255, logarithmic */
#define FRAGMENTED 1.5
#define FRAGMENTED_BYTES ((uint64_t)256 * MIB)
#define FULL_PERCENT 80
#define NO_EXPIRY_PERCENT 90

static const audit_rule_row rows[] = {
    {"data-large-keys", DIMENSION_APPLICATION,
     "Keys are so large that a copy, a resharding or a delete of one holds a shard."},
    {"data-no-expiry", DIMENSION_TOPOLOGY,
     "Nearly no key expires, while the target evicts only keys that do: it fills and refuses "
     "writes."},
    {"data-stampede", DIMENSION_APPLICATION, "Many keys expire within the same second."},
    {"data-hot-keys", DIMENSION_APPLICATION,
     "Single keys take a large part of the accesses: their shard is the limit."},
    {"data-fragmentation", DIMENSION_NONE,
     "The process holds far more memory than the data takes."},
    {"data-full", DIMENSION_TOPOLOGY, "The source is near its memory limit, or evicts."},
    {"data-growth", DIMENSION_TOPOLOGY, "Memory grew while the server was watched."},
    {"data-newer-types", DIMENSION_SCHEMA,
     "Values in the RDB file are in a form that the target does not load."},
    {"data-sampled", DIMENSION_NONE, "Not all keys were looked at."},
};

typedef struct {
    const audit_facts *f;
    const audit_node *n;
    const knowledge_target *t;
    report *r;
    size_t section;
} data_judge;

/* Of several nodes each has findings of its own. */
static const char *id_of(const data_judge *j, const char *rule)
{
    return j->f->node_count == 1 ? rule : report_printf(j->r, "%s:%s", rule, j->n->address);
}

static void finding_put(const data_judge *j, const char *rule, finding one)
{
    one.id = id_of(j, rule);
    one.area = AREA;
    if (!one.owner) one.owner = "the application";
    one.date = READ_ON;
    report_add_finding(j->r, &one);
}

static const char *size_shown(report *r, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < COUNT_OF(units); unit++)
        size /= 1024;
    return report_printf(r, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

static uint64_t scaled(const fact_sample *s, uint64_t count)
{
    if (s->looked_at == 0 || s->of <= s->looked_at) return count;
    return (uint64_t)((double)count * (double)s->of / (double)s->looked_at);
}

/* `what`: how a running server was asked. */
static const char *where_of(const data_judge *j, const char *what)
{
    if (j->n->sample.is_of_dump) return report_printf(j->r, "RDB file, %s", j->n->dump.path);
    return report_printf(j->r, "%s, %s", what, j->n->address);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void groups_show(const data_judge *j, const char *title, size_t count, const fact_group *g)
{
    const char *const columns[] = {title, "Keys", "Bytes", "With expiry"};
    if (count == 0) return;
    size_t table = report_add_table(j->r, j->section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < count; i++) {
        double part = g[i].keys ? 100.0 * (double)g[i].with_expiry / (double)g[i].keys : 0;
        const char *const cells[] = {g[i].name, report_printf(j->r, "%" PRIu64, g[i].keys),
                                     size_shown(j->r, g[i].bytes),
                                     report_printf(j->r, "%.0f %%", part)};
        report_add_row(j->r, j->section, table, cells);
    }
}

static void keys_show(const data_judge *j, const char *title, size_t count, const fact_key *k)
{
    const char *const columns[] = {title, "Type", "Database", "Bytes", "Elements", "Frequency"};
    if (count == 0) return;
    size_t table = report_add_table(j->r, j->section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < count; i++) {
        const char *const cells[] = {
            k[i].key,
            k[i].type,
            report_printf(j->r, "%u", k[i].db),
            size_shown(j->r, k[i].bytes),
            k[i].elements ? report_printf(j->r, "%" PRIu64, k[i].elements) : "",
            k[i].frequency >= 0 ? report_printf(j->r, "%" PRId64, k[i].frequency) : ""};
        report_add_row(j->r, j->section, table, cells);
    }
}

static void expiries_show(const data_judge *j)
{
    static const char *const spans[] = {"below 1 minute", "below 1 hour", "below 6 hours",
                                        "below 1 day",    "below 7 days", "below 30 days",
                                        "below 1 year",   "later"};
    const char *const columns[] = {"Expires in", "Keys"};
    const fact_sample *s = &j->n->sample;
    size_t table = report_add_table(j->r, j->section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        if (s->expiry_buckets[i] == 0) continue;
        const char *const cells[] = {spans[i],
                                     report_printf(j->r, "%" PRIu64, s->expiry_buckets[i])};
        report_add_row(j->r, j->section, table, cells);
    }
    const char *const never[] = {"never", report_printf(j->r, "%" PRIu64, s->without_expiry)};
    report_add_row(j->r, j->section, table, never);
}

static void sample_show(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    if (s->is_of_dump) {
        report_add_paragraph(j->r, j->section,
                             "Bytes are those in the RDB file, where strings and nodes may be "
                             "compressed; in memory the same keys take more.");
    }
    report_add_paragraph(j->r, j->section, "%s: %" PRIu64 " of %" PRIu64 " keys looked at%s%s.",
                         j->n->address, s->looked_at, s->of > s->looked_at ? s->of : s->looked_at,
                         s->bounded_by ? ", ended by its limit: " : "",
                         s->bounded_by ? s->bounded_by : "");
    groups_show(j, "Type", s->type_count, s->types);
    groups_show(j, "Encoding", s->encoding_count, s->encodings);
    groups_show(j, "Prefix", s->prefix_count, s->prefixes);
    keys_show(j, "Largest keys", s->largest_count, s->largest);
    keys_show(j, "Hottest keys", s->hot_count, s->hot);
    expiries_show(j);
    if (s->hot_count == 0) {
        report_add_paragraph(j->r, j->section,
                             "Hot keys are not known: the engine counts accesses per key only with "
                             "an LFU maxmemory-policy%s.",
                             s->is_of_dump ? ", and only then does the file say them" : "");
    }
}

/* --- keys ------------------------------------------------------------------------------------ */

static void large_judge(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    size_t count = 0;
    const char *text = "";
    for (size_t i = 0; i < s->largest_count; i++) {
        const fact_key *k = &s->largest[i];
        if (k->bytes < LARGE_KEY && k->elements < LARGE_COUNT) continue;
        if (++count > 5) continue;
        text =
            report_printf(j->r, "%s%s'%s' (%s, %s, %" PRIu64 " elements)", text, *text ? ", " : "",
                          k->key, k->type, size_shown(j->r, k->bytes), k->elements);
    }
    if (count == 0) return;
    finding_put(j, "data-large-keys",
                (finding){.severity = SEVERITY_WARN,
                          .title = report_printf(j->r, "%zu keys are very large", count),
                          .evidence = text,
                          .where = where_of(j, "MEMORY USAGE of a sample"),
                          .consequence =
                              "One key lives on one shard: it cannot be spread, it holds "
                              "the shard while it is deleted, expired or moved, and it "
                              "may not fit a slot of serverless (32 GiB).",
                          .action = "split it by hash or by time; delete with UNLINK",
                          .source = GUIDE "RedisConfiguration.html"});
}

static bool evicts_volatile_only(const data_judge *j, const char **ret_policy)
{
    knowledge_parameter p;
    bool is_known = knowledge_parameter_find(j->t->family, "maxmemory-policy", &p);
    *ret_policy = is_known ? p.default_value : "volatile-lru";
    return strncmp(*ret_policy, "volatile", strlen("volatile")) == 0;
}

static void no_expiry_judge(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    const char *policy = NULL;
    bool is_volatile = evicts_volatile_only(j, &policy);
    const char *here = audit_setting(j->n, "maxmemory-policy");
    if (s->looked_at == 0 || !is_volatile) return;
    if (s->without_expiry * 100 < s->looked_at * NO_EXPIRY_PERCENT) return;
    bool evicts_here = here && strncmp(here, "allkeys", strlen("allkeys")) == 0;
    finding_put(
        j, "data-no-expiry",
        (finding){
            .severity = evicts_here ? SEVERITY_WARN : SEVERITY_INFO,
            .title = report_printf(j->r, "%.0f %% of the keys never expire",
                                   100.0 * (double)s->without_expiry / (double)s->looked_at),
            .evidence =
                report_printf(j->r, "%" PRIu64 " of %" PRIu64 " keys; maxmemory-policy here: %s",
                              s->without_expiry, s->looked_at, here ? here : "?"),
            .where = where_of(j, "PTTL of a sample"),
            .consequence = report_printf(j->r,
                                         "The default there is %s, which evicts only "
                                         "keys with an expiry: a full cache answers "
                                         "writes with OOM.",
                                         policy),
            .action = evicts_here ? "set maxmemory-policy in the parameter group as it is here"
                                  : "size for all data, and set an alarm on "
                                    "DatabaseMemoryUsagePercentage",
            .source = GUIDE "ParameterGroups.Engine.html"});
}

static void stampede_judge(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    if (s->second_count == 0) return;
    const fact_second *full = &s->seconds[0];
    uint64_t keys = scaled(s, full->keys);
    if (keys < STAMPEDE_KEYS || full->keys < 50) return;
    finding_put(
        j, "data-stampede",
        (finding){.severity = SEVERITY_WARN,
                  .title = report_printf(j->r, "about %" PRIu64 " keys expire in one second", keys),
                  .evidence = report_printf(j->r, "%" PRIu64 " of the keys looked at, at %s",
                                            full->keys, clock_show(full->second * 1000).text),
                  .where = where_of(j, "PTTL of a sample"),
                  .consequence = "They are missed all at once: the store behind the cache "
                                 "gets all their reads, and the shard is busy deleting.",
                  .action = "add a random part to the expiry",
                  .source = GUIDE "Strategies.html"});
}

static void hot_judge(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    const char *text = "";
    size_t count = 0;
    for (size_t i = 0; i < s->hot_count && s->hot[i].frequency >= HOT_FREQUENCY; i++) {
        if (++count > 5) continue;
        text = report_printf(j->r, "%s%s'%s' (%" PRId64 ")", text, *text ? ", " : "", s->hot[i].key,
                             s->hot[i].frequency);
    }
    if (count == 0) return;
    finding_put(j, "data-hot-keys",
                (finding){.severity = SEVERITY_INFO,
                          .title = report_printf(j->r, "%zu keys are hot", count),
                          .evidence = text,
                          .where = where_of(j, "OBJECT FREQ of a sample"),
                          .consequence = "More shards do not help one key: its node's CPU is the "
                                         "limit, on serverless the rate of its slot.",
                          .action = "read it from replicas, cache it in the client, or split it",
                          .source = GUIDE "RedisConfiguration.html"});
}

static const rdb_type *type_named(const char *name)
{
    const rdb_type *type = NULL;
    for (size_t i = 0; (type = rdb_type_row(i)); i++)
        if (strcmp(type->name, name) == 0) return type;
    return NULL;
}

static void newer_judge(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    unsigned version = audit_rdb_written_by(j->t);
    const char *text = "";
    uint64_t keys = 0;
    for (size_t i = 0; s->is_of_dump && version && i < s->encoding_count; i++) {
        const rdb_type *type = type_named(s->encodings[i].name);
        if (!type || rdb_type_is_loaded(type, version)) continue;
        keys += s->encodings[i].keys;
        text = report_printf(j->r, "%s%s%s: %" PRIu64, text, *text ? ", " : "", type->name,
                             s->encodings[i].keys);
    }
    if (keys == 0) return;
    finding_put(
        j, "data-newer-types",
        (finding){.severity = SEVERITY_WARN,
                  .title = report_printf(j->r,
                                         "%" PRIu64 " keys are in a form that is not loaded "
                                         "there",
                                         keys),
                  .evidence = text,
                  .where = where_of(j, "DUMP"),
                  .consequence = report_printf(
                      j->r,
                      "%s reads RDB version %u: it loads neither these values nor a file with "
                      "them. Copied element by element they lose what the older form cannot say "
                      "(a hash's expiring fields, for one, are not copied at all where the target "
                      "has none).",
                      j->t->name, version),
                  .action = "choose a target that has the form, or look at these keys one by one "
                            "('handover rdb keys FILE' names them)",
                  .source = "data/engine-versions.tsv"});
}

/* --- memory ---------------------------------------------------------------------------------- */

static void fragmentation_judge(const data_judge *j)
{
    span text = {0};
    double ratio = 0;
    uint64_t used = 0;
    if (!info_text(j->n->info, "mem_fragmentation_ratio", &text) || !span_to_double(text, &ratio))
        return;
    if (!audit_info_u64(j->n, "used_memory", &used) || used < FRAGMENTED_BYTES) return;
    if (ratio < FRAGMENTED) return;
    finding_put(j, "data-fragmentation",
                (finding){.severity = SEVERITY_INFO,
                          .title = report_printf(j->r, "memory is fragmented: %.2f", ratio),
                          .evidence = report_printf(j->r,
                                                    "used_memory %s, mem_fragmentation_ratio "
                                                    "%.2f",
                                                    size_shown(j->r, used), ratio),
                          .where = where_of(j, "INFO memory"),
                          .consequence = "A fresh copy is not fragmented; the same use will "
                                         "fragment it again.",
                          .action = "size by used_memory, and set activedefrag in the parameter "
                                    "group",
                          .owner = "you",
                          .source = GUIDE "ParameterGroups.Engine.html"});
}

static void full_judge(const data_judge *j)
{
    uint64_t used = 0;
    uint64_t max = 0;
    uint64_t evicted = 0;
    if (!audit_info_u64(j->n, "used_memory", &used)) return;
    (void)audit_info_u64(j->n, "maxmemory", &max);        /* or 0: no limit */
    (void)audit_info_u64(j->n, "evicted_keys", &evicted); /* or 0 */
    bool is_full = max > 0 && used / 100 * 100 >= max / 100 * FULL_PERCENT;
    if (!is_full && evicted == 0) return;
    finding_put(
        j, "data-full",
        (finding){.severity = SEVERITY_WARN,
                  .title = evicted ? "the source evicts keys" : "the source is nearly full",
                  .evidence = report_printf(j->r,
                                            "used_memory %s, maxmemory %s, "
                                            "evicted_keys %" PRIu64,
                                            size_shown(j->r, used),
                                            max ? size_shown(j->r, max) : "none", evicted),
                  .where = where_of(j, "INFO memory"),
                  .consequence = "A node there keeps 25 % of its memory back "
                                 "(reserved-memory-percent): the same size of machine holds "
                                 "less.",
                  .action = "size the target by the data and its growth, not by the machine",
                  .owner = "you",
                  .source = GUIDE "redis-memory-management.html"});
}

static void growth_judge(const data_judge *j)
{
    uint64_t before = 0;
    uint64_t after = 0;
    if (j->f->watched_ms <= 0 || j->n->info_before.size == 0) return;
    if (!info_u64(j->n->info_before, "used_memory_dataset", &before)) return;
    if (!audit_info_u64(j->n, "used_memory_dataset", &after) || after <= before) return;
    double per_hour = (double)(after - before) * 3600000.0 / (double)j->f->watched_ms;
    if (per_hour * 24 < (double)before / 100) return; /* below one percent a day */
    finding_put(
        j, "data-growth",
        (finding){.severity = SEVERITY_INFO,
                  .title = report_printf(j->r, "the data grew by %s an hour",
                                         size_shown(j->r, (uint64_t)per_hour)),
                  .evidence = report_printf(j->r,
                                            "used_memory_dataset %s, then %s after "
                                            "%" PRId64 " s",
                                            size_shown(j->r, before), size_shown(j->r, after),
                                            j->f->watched_ms / 1000),
                  .where = where_of(j, "INFO memory, twice"),
                  .consequence = "A target that is sized for today is full later.",
                  .action = "look at a whole day (monitoring), and size for it",
                  .owner = "you",
                  .source = GUIDE "redis-memory-management.html"});
}

static void sampled_judge(const data_judge *j)
{
    const fact_sample *s = &j->n->sample;
    if (!s->bounded_by) return;
    finding_put(j, "data-sampled",
                (finding){.severity = SEVERITY_INFO,
                          .title = "not all keys were looked at",
                          .evidence = report_printf(j->r, "%" PRIu64 " of %" PRIu64 "; limit: %s",
                                                    s->looked_at, s->of, s->bounded_by),
                          .where = where_of(j, "SCAN"),
                          .consequence = "A rare large key or prefix may be missing here.",
                          .action = s->is_of_dump ? "let the file be read to its end"
                                                  : "give --sample-keys and --sample-time more, at "
                                                    "a quiet hour",
                          .owner = "you",
                          .source = "docs/audit.md, The sample"});
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    (void)o;
    for (size_t i = 0; i < f->node_count; i++) {
        data_judge j = {.f = f, .n = &f->nodes[i], .t = t, .r = r};
        if (j.n->sample.looked_at > 0) {
            j.section = report_section_at(r, SECTION_ID, AREA);
            sample_show(&j);
        }
        large_judge(&j);
        no_expiry_judge(&j);
        stampede_judge(&j);
        hot_judge(&j);
        if (!j.n->is_replica) full_judge(&j);
        fragmentation_judge(&j);
        growth_judge(&j);
        newer_judge(&j);
        sampled_judge(&j);
    }
}

const audit_rule_set audit_data = {AREA, rows, COUNT_OF(rows), judge};
