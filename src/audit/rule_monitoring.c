/* What monitoring goes blind: the metrics of redis_exporter and the rules of --prometheus-rules
 * against CloudWatch. A rule of the file is judged as a whole: does what it watches exist there,
 * and what would be wrong if its numbers were copied as they are. */
#include "audit/audit_internal.h"
#include "audit/prom_rules.h"
#include "audit/promql.h"

#define AREA "Monitoring"
#define SECTION_ID "monitoring"
#define RECORD_DEPTH_MAX 8 /* recording rules made of recording rules */
#define SMALL_COUNT 100    /* connections: below it the service's own ones matter */

static const audit_rule_row rows[] = {
    {"monitoring-blind", DIMENSION_OPERATIONS,
     "A rule of the Prometheus rules watches something that CloudWatch does not publish. It needs "
     "an "
     "exporter in the VPC, an event, a scheduled check, or has no purpose there."},
    {"monitoring-breaks", DIMENSION_OPERATIONS,
     "A rule has a counterpart, but copied unchanged it fires wrongly or never. The finding says "
     "what has to change."},
    {"monitoring-counterpart", DIMENSION_NONE,
     "A rule has a counterpart, exact or approximate, and nothing known stands against copying its "
     "threshold."},
    {"monitoring-unknown-metric", DIMENSION_OPERATIONS,
     "A rule uses a redis_ metric that the exporter's table does not know: a script's, another "
     "exporter's, or a newer one's. It is not judged."},
    {"monitoring-other-exporter", DIMENSION_OPERATIONS,
     "The rules are those of the Redis Enterprise exporter: names such as redis_up mean something "
     "else there, so no rule of the file is judged."},
    {"monitoring-file", DIMENSION_NONE,
     "The file of --prometheus-rules cannot be read as YAML, or holds no rule, or none about this "
     "server."},
    {"monitoring-exporter-metrics", DIMENSION_OPERATIONS,
     "How many metrics of redis_exporter have an exact, an approximate or no counterpart in "
     "CloudWatch. Said without a file too."},
    {"monitoring-exporter-stays", DIMENSION_NONE,
     "An exporter is connected to the source, or its rules were given: how it can go on against "
     "the "
     "target, and what it will not see there."},
    {"monitoring-rules-not-given", DIMENSION_NONE,
     "An exporter is connected, but no rules were given: give --prometheus-rules, so that each "
     "rule "
     "is judged."},
};

enum exactness { EXACT, APPROXIMATE, CONSTANT, NONE };

struct view {
    const audit_facts *facts;
    const knowledge_target *target;
    const knowledge_table *exporter;
    const knowledge_table *metrics;
    const knowledge_table *alerts;
    report *out;
    arena *memory;
};

/* One rule of the file, read. */
struct judged {
    const prom_rule *rule;
    const char *id_name; /* its name, numbered when the file has it twice */
    promql query;        /* recording rules resolved */
    bool is_ours;        /* about this server at all */
    const char *blind;   /* why; NULL: it is not */
    const char *unknown; /* a metric nobody knows; NULL */
    enum exactness worst;
    size_t alert; /* row of the alert table; row_count: none alike */
    const char *changes;
};

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static size_t exporter_row(const struct view *v, const char *metric)
{
    size_t row = 0;
    while (row < v->exporter->row_count &&
           strcmp(knowledge_cell(v->exporter, row, "prometheus_metric"), metric) != 0)
        row++;
    return row;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The row of a CloudWatch metric at that level; the engine and the host are one level here. */
static size_t cloudwatch_row(const struct view *v, span name, bool serverless)
{
    size_t row = 0;
    for (; row < v->metrics->row_count; row++) {
        bool of_serverless = strcmp(knowledge_cell(v->metrics, row, "level"), "serverless") == 0;
        if (of_serverless == serverless && span_is(name, knowledge_cell(v->metrics, row, "metric")))
            break;
    }
    return row;
}

/* The next CloudWatch metric that a text names ("BytesUsedForCache*(MemoryFragmentationRatio-1)"),
 * whether or not this target publishes it. False: no more. */
static bool cloudwatch_cut(const struct view *v, const char **rest, span *ret)
{
    while (**rest) {
        const char *start = *rest;
        while (is_word(**rest))
            ++*rest;
        span word = span_of(start, (size_t)(*rest - start));
        if (word.size == 0) {
            ++*rest;
        } else if (cloudwatch_row(v, word, false) < v->metrics->row_count ||
                   cloudwatch_row(v, word, true) < v->metrics->row_count) {
            *ret = word;
            return true;
        }
    }
    return false;
}

static const char *replacement(const struct view *v, size_t row)
{
    return knowledge_cell(v->exporter, row, "what_to_do_if_none");
}

static enum exactness exactness_of(const struct view *v, size_t row)
{
    const char *word = knowledge_cell(v->exporter, row, "exactness");
    if (strcmp(word, "exact") == 0) return EXACT;
    if (strcmp(word, "approx") == 0) return APPROXIMATE;
    return strstr(replacement(v, row), "constant") ? CONSTANT : NONE;
}

/* On serverless only what is published there counts. */
static bool is_published(const struct view *v, size_t row)
{
    if (!v->target->is_serverless) return true;
    const char *rest = knowledge_cell(v->exporter, row, "cloudwatch_equivalent");
    span name = {0};
    bool any = false;
    while (cloudwatch_cut(v, &rest, &name)) {
        any = true;
        if (cloudwatch_row(v, name, true) < v->metrics->row_count) return true;
    }
    return !any;
}

/* --- what would be wrong with the numbers as they are ---------------------------------------- */

static bool uses_any(const promql_names *names, const char *const *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (promql_has(names, wanted[i])) return true;
    return false;
}
#define USES(names, ...)                                                                           \
    uses_any(names, (const char *const[]){__VA_ARGS__},                                            \
             COUNT_OF(((const char *const[]){__VA_ARGS__})))

static bool is_per_time(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.functions, "rate", "irate", "increase", "delta", "idelta");
}

static bool is_up(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.metrics, "redis_up") ||
           USES(&j->query.functions, "absent", "absent_over_time");
}

static bool counts_few_connections(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.metrics, "redis_connected_clients") && j->query.comparison &&
           j->query.threshold <= SMALL_COUNT && !strchr(j->query.shape, '/');
}

static bool never_fires(const struct view *v, const struct judged *j)
{
    return counts_few_connections(v, j) && j->query.comparison[0] == '<';
}

static bool counts_masters(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.metrics, "redis_instance_info") &&
           USES(&j->query.functions, "count", "sum");
}

static bool has_constant(const struct view *v, const struct judged *j)
{
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = exporter_row(v, j->query.metrics.at[i]);
        if (row < v->exporter->row_count && exactness_of(v, row) == CONSTANT) return true;
    }
    return false;
}

static bool has_memory_max(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.metrics, "redis_memory_max_bytes", "redis_config_maxmemory");
}

static bool has_network_bytes(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.metrics, "redis_net_input_bytes_total", "redis_net_output_bytes_total");
}

/* A label of the metric that its counterpart does not have, asked for by the rule. */
static bool loses_label(const struct view *v, const struct judged *j)
{
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = exporter_row(v, j->query.metrics.at[i]);
        if (row == v->exporter->row_count) continue;
        if (USES(&j->query.metrics, "redis_instance_info")) continue; /* its role is IsMaster */
        const char *labels = knowledge_cell(v->exporter, row, "labels");
        for (size_t l = 0; l < j->query.labels.count; l++) {
            const char *label = j->query.labels.at[l];
            const char *at = strstr(labels, label);
            size_t size = strlen(label);
            if (at && (at == labels || at[-1] == ',') && (!at[size] || at[size] == ','))
                return true;
        }
    }
    return false;
}

/* Newer metrics exist under both dimensions only. */
static bool needs_both_dimensions(const struct view *v, const struct judged *j)
{
    if (v->target->is_serverless) return false;
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = exporter_row(v, j->query.metrics.at[i]);
        if (row == v->exporter->row_count) continue;
        const char *rest = knowledge_cell(v->exporter, row, "cloudwatch_equivalent");
        span name = {0};
        while (cloudwatch_cut(v, &rest, &name)) {
            size_t metric = cloudwatch_row(v, name, false);
            if (metric == v->metrics->row_count) continue;
            const char *dimensions = knowledge_cell(v->metrics, metric, "dimensions");
            if (starts(dimensions, "CacheClusterId+CacheNodeId")) return true;
        }
    }
    return false;
}

static bool is_silent_when_gone(const struct view *v, const struct judged *j)
{
    (void)v;
    return USES(&j->query.functions, "count", "sum") && j->query.comparison &&
           j->query.comparison[0] == '<' && !j->query.has_default;
}

static bool is_finer_than_a_minute(const struct view *v, const struct judged *j)
{
    (void)v;
    unsigned wait = promql_duration_s(j->rule->wait);
    return (j->query.range_s && j->query.range_s < 60) || (wait && wait < 60);
}

/* In the order they are told. */
static const struct {
    bool (*applies)(const struct view *v, const struct judged *j);
    const char *text;
} traps[] = {
    {is_up,
     "there is no 'up' on CloudWatch: missing data is the signal, so count samples (SampleCount < "
     "1) and treat missing data as breaching"},
    {is_per_time,
     "counters are per-minute deltas there: rate(x[w]) is Sum / PERIOD, increase(x[w]) is Sum over "
     "a period of w; an Average over 300 s is five times too small"},
    {never_fires,
     "ElastiCache itself holds 4 to 6 connections, so 'fewer than' a small number never fires: add "
     "6 to the threshold"},
    {counts_few_connections,
     "CurrConnections counts 4 to 6 connections of the service's own: add 6 to the threshold"},
    {counts_masters, "a rule about one master is wrong for several shards: one expression of "
                     "IsMaster per shard, its "
                     "members listed, for SEARCH cannot stand in an alarm"},
    {has_constant,
     "a limit in the expression is no metric there: put the number for the node type into the "
     "threshold, and change it with the node type"},
    {has_memory_max, "maxmemory there is already less the reserved memory, and is never 0: use "
                     "DatabaseMemoryUsagePercentage and drop the guard against 0"},
    {has_network_bytes,
     "network bytes there are the interface's: TLS, headers and management included, replication "
     "counted once"},
    {loses_label,
     "the counterpart has no such label: what the rule tells apart is one number there"},
    {needs_both_dimensions, "the metric exists under CacheClusterId and CacheNodeId together only: "
                            "an alarm on one of them "
                            "stays in INSUFFICIENT_DATA"},
    {is_silent_when_gone,
     "the rule is silent when the series is gone, an alarm with missing data breaching is not: "
     "decide which is wanted"},
    {is_finer_than_a_minute,
     "there is one sample a minute: nothing shorter than 60 s can be asked"},
};

/* --- reading and judging a rule -------------------------------------------------------------- */

/* Names that vanish with the machines and pods they describe. */
static const char *foreign(const char *metric)
{
    static const struct {
        const char *prefix;
        const char *why;
    } kinds[] = {
        {"container_", "container metrics vanish with the pods"},
        {"kube_", "Kubernetes metrics vanish with the pods"},
        {"node_", "metrics of the machine vanish with it"},
        {"process_", "metrics of the process vanish with it"},
    };
    if (strcmp(metric, "up") == 0) return "there is no exporter to be scraped, so no series";
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (starts(metric, kinds[i].prefix)) return kinds[i].why;
    return NULL;
}

/* Functions that no alarm can compute. */
static const char *without_counterpart(const promql_names *functions)
{
    static const char *const names[] = {
        "changes",        "resets",       "deriv",
        "predict_linear", "holt_winters", "quantile_over_time",
        "delta",          "idelta",       "double_exponential_smoothing"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (promql_has(functions, names[i])) return names[i];
    return NULL;
}

/* Puts what recording rules of the same file are made of in place of their names. */
static void records_resolve(const struct view *v, const prom_rules *rules, promql *query)
{
    for (size_t depth = 0; depth < RECORD_DEPTH_MAX; depth++) {
        promql_names made = {0};
        bool changed = false;
        for (size_t i = 0; i < query->metrics.count; i++) {
            const prom_rule *record = NULL;
            for (size_t r = 0; r < rules->count; r++) {
                if (!rules->at[r].is_alert && strcmp(rules->at[r].name, query->metrics.at[i]) == 0)
                    record = &rules->at[r];
            }
            promql inner = {0};
            if (record) inner = promql_read(v->memory, record->expression);
            if (!record) inner.metrics = (promql_names){.count = 1, .at = {query->metrics.at[i]}};
            for (size_t m = 0; m < inner.metrics.count && made.count < PROMQL_NAMES_MAX; m++) {
                if (!promql_has(&made, inner.metrics.at[m]))
                    made.at[made.count++] = inner.metrics.at[m];
            }
            for (size_t m = 0; m < inner.functions.count; m++) {
                if (query->functions.count < PROMQL_NAMES_MAX &&
                    !promql_has(&query->functions, inner.functions.at[m]))
                    query->functions.at[query->functions.count++] = inner.functions.at[m];
            }
            changed = changed || record;
        }
        query->metrics = made;
        if (!changed) return;
    }
}

/* The published rule that this one is: the same shape, or the same name over the same metrics. */
static size_t alert_alike(const struct view *v, const prom_rule *rule, const promql *query)
{
    for (size_t i = 0; i < v->alerts->row_count; i++) {
        const char *text = knowledge_cell(v->alerts, i, "promql");
        if (!*text || *text == '(') continue; /* AWS's own, without PromQL; or one in brackets */
        promql known = promql_read(v->memory, text);
        if (strcmp(known.shape, query->shape) == 0) return i;
    }
    for (size_t i = 0; i < v->alerts->row_count; i++) {
        const char *name = knowledge_cell(v->alerts, i, "alert");
        size_t size = strcspn(name, " ");
        if (strlen(rule->name) != size || strncmp(name, rule->name, size) != 0) continue;
        promql known = promql_read(v->memory, knowledge_cell(v->alerts, i, "promql"));
        bool same = known.metrics.count == query->metrics.count;
        for (size_t m = 0; m < query->metrics.count; m++)
            same = same && promql_has(&known.metrics, query->metrics.at[m]);
        if (same) return i;
    }
    return v->alerts->row_count;
}

static const char *alarm_of(const struct view *v, const struct judged *j)
{
    if (j->alert == v->alerts->row_count) return "";
    return knowledge_cell(v->alerts, j->alert, "cloudwatch_alarm");
}

static void metric_judge(const struct view *v, struct judged *j, const char *metric)
{
    size_t row = exporter_row(v, metric);
    const char *gone = foreign(metric);
    if (row < v->exporter->row_count) {
        enum exactness one = exactness_of(v, row);
        j->is_ours = true;
        if (one == NONE && !j->blind) {
            j->blind =
                arena_printf(v->memory, "%s has no counterpart: %s", metric, replacement(v, row));
        }
        if (one != NONE && !is_published(v, row) && !j->blind)
            j->blind = arena_printf(v->memory, "%s: serverless publishes no counterpart", metric);
        if (one > j->worst && one != CONSTANT) j->worst = one;
        if (one == CONSTANT && j->worst == EXACT) j->worst = APPROXIMATE;
    } else if (gone) {
        if (!j->blind) j->blind = arena_printf(v->memory, "%s: %s", metric, gone);
    } else if (starts(metric, "redis_")) {
        j->is_ours = true;
        if (!j->unknown) j->unknown = metric;
    }
}

static struct judged rule_judge(const struct view *v, const prom_rules *rules, size_t at)
{
    const prom_rule *rule = &rules->at[at];
    struct judged j = {.rule = rule, .id_name = rule->name, .changes = ""};
    size_t before = 0;
    for (size_t i = 0; i < at; i++)
        before += strcmp(rules->at[i].name, rule->name) == 0;
    if (before) j.id_name = arena_printf(v->memory, "%s:%zu", rule->name, before + 1);
    j.query = promql_read(v->memory, rule->expression);
    records_resolve(v, rules, &j.query);
    for (size_t i = 0; i < j.query.metrics.count; i++)
        metric_judge(v, &j, j.query.metrics.at[i]);
    bool names_redis = strcasestr(rule->name, "redis") || strcasestr(rule->expression, "redis");
    if (j.blind && names_redis) j.is_ours = true; /* the pod, the machine, the exporter of one */
    j.alert = alert_alike(v, rule, &j.query);
    const char *alarm = alarm_of(v, &j);
    bool has_alarm =
        *alarm && !starts(alarm, "none") && !starts(alarm, "drop") && !v->target->is_serverless;
    const char *function = without_counterpart(&j.query.functions);
    if (*alarm && !has_alarm && !v->target->is_serverless) j.blind = alarm;
    if (function && !has_alarm && !j.blind)
        j.blind = arena_printf(v->memory, "no alarm computes %s()", function);
    if (has_alarm && !j.unknown) j.blind = NULL; /* a published conversion says how */
    for (size_t i = 0; i < COUNT_OF(traps); i++) {
        if (!traps[i].applies(v, &j)) continue;
        if (traps[i].applies == counts_few_connections && never_fires(v, &j)) continue;
        j.changes =
            arena_printf(v->memory, "%s%s%s", j.changes, *j.changes ? ". " : "", traps[i].text);
    }
    return j;
}

/* --- what is said about it ------------------------------------------------------------------- */

static const char *where_of(const struct view *v, const prom_rule *rule)
{
    return arena_printf(v->memory, "%s:%u", v->facts->rules_path ? v->facts->rules_path : "rules",
                        rule->line);
}

static const char *names_of(const struct view *v, const promql_names *names)
{
    const char *text = "";
    for (size_t i = 0; i < names->count; i++)
        text = arena_printf(v->memory, "%s%s%s", text, i ? ", " : "", names->at[i]);
    return text;
}

/* The counterparts of its metrics, and the alarm when one is published. */
static const char *counterpart_of(const struct view *v, const struct judged *j)
{
    const char *alarm = alarm_of(v, j);
    if (*alarm) return alarm;
    const char *text = "";
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = exporter_row(v, j->query.metrics.at[i]);
        if (row == v->exporter->row_count) continue;
        const char *there = exactness_of(v, row) == CONSTANT
                                ? "a constant"
                                : knowledge_cell(v->exporter, row, "cloudwatch_equivalent");
        const char *how = knowledge_cell(v->exporter, row, "statistic");
        text = arena_printf(v->memory, "%s%s%s: %s%s%s%s", text, *text ? "; " : "",
                            j->query.metrics.at[i], there, *how ? " (" : "", how, *how ? ")" : "");
    }
    return text;
}

static const char *source_of(const struct view *v, const struct judged *j)
{
    if (j->alert < v->alerts->row_count) return knowledge_cell(v->alerts, j->alert, "source");
    size_t row =
        j->query.metrics.count ? exporter_row(v, j->query.metrics.at[0]) : v->exporter->row_count;
    return row < v->exporter->row_count ? knowledge_cell(v->exporter, row, "source") : NULL;
}

static const char *class_of(const struct judged *j)
{
    if (j->unknown) return "unknown";
    if (j->blind) return "blind";
    return j->worst == EXACT ? "exact" : "approximate";
}

static void finding_add(const struct view *v, const struct judged *j)
{
    const char *kind = j->rule->is_alert ? "alert" : "recording rule";
    finding f = {
        .area = AREA,
        .evidence = arena_printf(v->memory, "%s", j->rule->expression),
        .where = where_of(v, j->rule),
        .owner = "customer",
        .source = source_of(v, j),
        .date = v->alerts->date,
    };
    const char *rule = NULL;
    if (j->unknown) {
        rule = "monitoring-unknown-metric";
        f.severity = SEVERITY_WARN;
        f.title = arena_printf(v->memory, "the %s '%s' uses %s, which is not redis_exporter's",
                               kind, j->rule->name, j->unknown);
        f.action = "find out who makes this metric, and whether that goes on after the move";
    } else if (j->blind) {
        rule = "monitoring-blind";
        f.severity = SEVERITY_WARN;
        f.title = arena_printf(v->memory, "the %s '%s' goes blind", kind, j->rule->name);
        f.consequence = j->blind;
        f.action = "replace it as the effect says, or keep redis_exporter in the VPC against the "
                   "node endpoints (-config-command=-)";
    } else if (*j->changes) {
        rule = "monitoring-breaks";
        f.severity = SEVERITY_WARN;
        f.title = arena_printf(v->memory, "the %s '%s' breaks when copied unchanged", kind,
                               j->rule->name);
        f.consequence = j->changes;
        f.action = counterpart_of(v, j);
    } else {
        rule = "monitoring-counterpart";
        f.severity = SEVERITY_INFO;
        f.title = arena_printf(v->memory, "the %s '%s' has an %s counterpart", kind, j->rule->name,
                               class_of(j));
        f.action = counterpart_of(v, j);
    }
    f.id = arena_printf(v->memory, "%s:%s", rule, j->id_name);
    report_add_finding(v->out, &f);
}

static void file_finding(const struct view *v, const char *title, const char *evidence)
{
    report_add_finding(v->out, &(finding){.id = "monitoring-file",
                                          .area = AREA,
                                          .severity = SEVERITY_WARN,
                                          .title = title,
                                          .evidence = evidence,
                                          .where = v->facts->rules_path,
                                          .consequence = "no rule of it is judged",
                                          .action = "give the YAML file that Prometheus loads"});
}

/* The Redis Enterprise exporter speaks of databases (bdb_) and nodes in names of its own. */
static const char *other_exporter(const struct view *v, const prom_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        promql query = promql_read(v->memory, rules->at[i].expression);
        for (size_t m = 0; m < query.metrics.count; m++)
            if (starts(query.metrics.at[m], "bdb_")) return query.metrics.at[m];
    }
    return NULL;
}

static void rules_table(const struct view *v, const struct judged *all, size_t count)
{
    static const char *const columns[] = {"Rule", "Line", "Metrics", "Counterpart",
                                          "Copied unchanged"};
    size_t section = report_section_at(v->out, SECTION_ID, AREA);
    size_t table =
        report_add_table(v->out, section, "Rules of the file", COUNT_OF(columns), columns);
    for (size_t i = 0; i < count; i++) {
        const struct judged *j = &all[i];
        if (!j->is_ours) continue;
        const char *copied = j->blind || j->unknown ? "" : *j->changes ? "breaks" : "holds";
        const char *const cells[] = {j->rule->name, arena_printf(v->memory, "%u", j->rule->line),
                                     names_of(v, &j->query.metrics), class_of(j), copied};
        report_add_row(v->out, section, table, cells);
    }
}

/* True: there were rules about this server. */
static bool file_judge(const struct view *v)
{
    prom_rules rules = {0};
    err e = {0};
    if (!prom_rules_read(v->memory, v->facts->rules, &rules, &e)) {
        file_finding(v, "the Prometheus rules cannot be read",
                     arena_printf(v->memory, "%s", e.text));
        return false;
    }
    const char *other = other_exporter(v, &rules);
    if (other) {
        report_add_finding(
            v->out, &(finding){.id = "monitoring-other-exporter",
                               .area = AREA,
                               .severity = SEVERITY_WARN,
                               .title = "the rules are for the Redis Enterprise exporter",
                               .evidence = arena_printf(v->memory, "a rule uses %s", other),
                               .where = v->facts->rules_path,
                               .consequence = "redis_up and others mean something else there: "
                                              "converting them by name would be wrong",
                               .action = "give the rules that watch this server"});
        return false;
    }
    struct judged *all = arena_alloc(v->memory, (rules.count + 1) * sizeof *all);
    size_t ours = 0;
    for (size_t i = 0; i < rules.count; i++) {
        all[i] = rule_judge(v, &rules, i);
        if (!all[i].is_ours) continue;
        ours++;
        finding_add(v, &all[i]);
    }
    if (rules.count == 0)
        file_finding(v, "the Prometheus rules are empty", "no alert and no record");
    if (rules.count && !ours) {
        file_finding(v, "no Prometheus rule is about this server",
                     arena_printf(v->memory, "%zu rules, none uses a redis_ metric", rules.count));
    }
    if (ours) rules_table(v, all, rules.count);
    return ours > 0;
}

/* --- the exporter as a whole ----------------------------------------------------------------- */

static void counterparts_table(const struct view *v, size_t section)
{
    static const char *const columns[] = {"redis_exporter", "CloudWatch", "Statistic", "",
                                          "Conversion"};
    size_t table =
        report_add_table(v->out, section, "Metrics with a counterpart", COUNT_OF(columns), columns);
    for (size_t i = 0; i < v->exporter->row_count; i++) {
        enum exactness one = exactness_of(v, i);
        if (one == NONE || one == CONSTANT || !is_published(v, i)) continue;
        const char *const cells[] = {knowledge_cell(v->exporter, i, "prometheus_metric"),
                                     knowledge_cell(v->exporter, i, "cloudwatch_equivalent"),
                                     knowledge_cell(v->exporter, i, "statistic"),
                                     one == EXACT ? "exact" : "approximate",
                                     knowledge_cell(v->exporter, i, "conversion")};
        report_add_row(v->out, section, table, cells);
    }
}

/* Metrics without a counterpart, gathered by what to do instead, in the order they first appear. */
static void losses_table(const struct view *v, size_t section)
{
    static const char *const columns[] = {"Metrics", "How many", "Instead"};
    size_t table = report_add_table(v->out, section, "Metrics without a counterpart",
                                    COUNT_OF(columns), columns);
    for (size_t i = 0; i < v->exporter->row_count; i++) {
        bool is_first = exactness_of(v, i) == NONE;
        for (size_t k = 0; k < i && is_first; k++) {
            is_first =
                exactness_of(v, k) != NONE || strcmp(replacement(v, k), replacement(v, i)) != 0;
        }
        if (!is_first) continue;
        const char *first = knowledge_cell(v->exporter, i, "prometheus_metric");
        size_t count = 0;
        for (size_t k = i; k < v->exporter->row_count; k++) {
            count +=
                exactness_of(v, k) == NONE && strcmp(replacement(v, k), replacement(v, i)) == 0;
        }
        const char *const cells[] = {count > 1 ? arena_printf(v->memory, "%s and others", first)
                                               : first,
                                     arena_printf(v->memory, "%zu", count), replacement(v, i)};
        report_add_row(v->out, section, table, cells);
    }
}

static void alarms_table(const struct view *v, size_t section)
{
    static const char *const columns[] = {"Advice", "Alarm", "Note"};
    size_t table =
        report_add_table(v->out, section, "Alarms that AWS advises", COUNT_OF(columns), columns);
    for (size_t i = 0; i < v->alerts->row_count; i++) {
        const char *name = knowledge_cell(v->alerts, i, "alert");
        bool of_serverless = starts(name, "Serverless:");
        bool is_advice = starts(name, "AWS ") || of_serverless;
        if (!is_advice || of_serverless != v->target->is_serverless) continue;
        const char *const cells[] = {name, knowledge_cell(v->alerts, i, "cloudwatch_alarm"),
                                     knowledge_cell(v->alerts, i, "note")};
        report_add_row(v->out, section, table, cells);
    }
}

static void exporter_judge(const struct view *v)
{
    size_t counts[NONE + 1] = {0};
    for (size_t i = 0; i < v->exporter->row_count; i++)
        counts[is_published(v, i) ? exactness_of(v, i) : NONE]++;
    size_t section = report_section_at(v->out, SECTION_ID, AREA);
    report_add_paragraph(
        v->out, section, "%s",
        v->target->is_serverless
            ? "CloudWatch has one sample per cache a minute, under the dimension "
              "clusterId; CacheClusterId returns nothing for serverless."
            : "CloudWatch has one sample per node a minute, under CacheClusterId and "
              "CacheNodeId; there is no metric per command, per database or per "
              "client, and no alarm until somebody makes one.");
    counterparts_table(v, section);
    losses_table(v, section);
    alarms_table(v, section);
    report_add_finding(
        v->out,
        &(finding){
            .id = "monitoring-exporter-metrics",
            .area = AREA,
            .severity = SEVERITY_INFO,
            .title =
                arena_printf(v->memory, "of %zu metrics of redis_exporter %zu have no counterpart",
                             v->exporter->row_count, counts[NONE] + counts[CONSTANT]),
            .evidence = arena_printf(v->memory,
                                     "exact %zu, approximate %zu, none %zu, of "
                                     "these a constant %zu",
                                     counts[EXACT], counts[APPROXIMATE],
                                     counts[NONE] + counts[CONSTANT], counts[CONSTANT]),
            .where = "the table of metrics",
            .consequence = "dashboards and alerts made from them are empty after the move",
            .action = "go through the section Monitoring; what is needed and has no counterpart "
                      "needs an exporter in the VPC or a metric of your own",
            .owner = "AWS publishes, customer watches",
            .source = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html",
            .date = v->exporter->date});
}

/* The address of an exporter among the clients; NULL when there is none. */
static const char *exporter_client(const audit_facts *f)
{
    for (size_t n = 0; n < f->node_count; n++) {
        for (size_t i = 0; i < f->nodes[n].client_count; i++) {
            const fact_client *c = &f->nodes[n].clients[i];
            if (c->name && strstr(c->name, "exporter")) return c->address;
        }
    }
    return NULL;
}

static void exporter_stays(const struct view *v, const char *client, bool has_rules)
{
    const char *seen = client
                           ? arena_printf(v->memory, "a client named as an exporter at %s", client)
                           : "rules over its metrics were given";
    report_add_finding(
        v->out,
        &(finding){
            .id = "monitoring-exporter-stays",
            .area = AREA,
            .severity = SEVERITY_INFO,
            .title = "redis_exporter can go on from inside the VPC, without CONFIG",
            .evidence = seen,
            .where = client ? "CLIENT LIST" : v->facts->rules_path,
            .consequence = v->target->is_serverless
                               ? "CONFIG is blocked, and many fields of INFO are absent on "
                                 "serverless: their metrics are gone"
                               : "CONFIG is blocked: redis_config_* are gone; nodes come and "
                                 "go, so targets must be discovered",
            .action = "start it with -config-command=- against each node's endpoint, for what "
                      "CloudWatch does not have",
            .owner = "customer",
            .source = "https://github.com/oliver006/redis_exporter/issues/1056",
            .date = v->exporter->date});
    if (has_rules || v->facts->rules_path) return;
    report_add_finding(v->out,
                       &(finding){.id = "monitoring-rules-not-given",
                                  .area = AREA,
                                  .severity = SEVERITY_WARN,
                                  .title = "an exporter is connected, its rules were not given",
                                  .evidence = seen,
                                  .where = "CLIENT LIST",
                                  .consequence = "which alerts go blind is not said",
                                  .action = "give --prometheus-rules FILE"});
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    (void)o;
    arena memory = {0};
    const struct view v = {.facts = f,
                           .target = t,
                           .exporter = knowledge_at(TABLE_EXPORTER),
                           .metrics = knowledge_at(TABLE_METRICS),
                           .alerts = knowledge_at(TABLE_ALERTS),
                           .out = r,
                           .memory = &memory};
    bool has_rules = f->rules_path && file_judge(&v);
    exporter_judge(&v);
    const char *client = exporter_client(f);
    if (client || has_rules) exporter_stays(&v, client, has_rules);
    arena_clear(&memory);
}

const audit_rule_set audit_monitoring = {AREA, rows, COUNT_OF(rows), judge};
