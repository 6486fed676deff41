#include "audit/prom_judge.h"

#define RECORD_DEPTH_MAX 8 /* recording rules made of recording rules */
#define SMALL_COUNT 100    /* connections: below it the service's own ones matter */

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
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

static bool is_per_time(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.functions, "rate", "irate", "increase", "delta", "idelta");
}

static bool is_up(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.metrics, "redis_up") ||
           USES(&j->query.functions, "absent", "absent_over_time");
}

static bool counts_few_connections(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.metrics, "redis_connected_clients") && j->query.comparison &&
           j->query.threshold <= SMALL_COUNT && !strchr(j->query.shape, '/');
}

static bool never_fires(const cloudwatch *c, const prom_judged *j)
{
    return counts_few_connections(c, j) && j->query.comparison[0] == '<';
}

static bool counts_masters(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.metrics, "redis_instance_info") &&
           USES(&j->query.functions, "count", "sum");
}

static bool has_constant(const cloudwatch *c, const prom_judged *j)
{
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = cloudwatch_exporter_row(c, j->query.metrics.at[i]);
        if (row < c->exporter->row_count && cloudwatch_exactness(c, row) == CONSTANT) return true;
    }
    return false;
}

static bool has_memory_max(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.metrics, "redis_memory_max_bytes", "redis_config_maxmemory");
}

static bool has_network_bytes(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.metrics, "redis_net_input_bytes_total", "redis_net_output_bytes_total");
}

/* A label of the metric that its counterpart does not have, asked for by the rule. */
static bool loses_label(const cloudwatch *c, const prom_judged *j)
{
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = cloudwatch_exporter_row(c, j->query.metrics.at[i]);
        if (row == c->exporter->row_count) continue;
        if (USES(&j->query.metrics, "redis_instance_info")) continue; /* its role is IsMaster */
        const char *labels = knowledge_cell(c->exporter, row, "labels");
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
static bool needs_both_dimensions(const cloudwatch *c, const prom_judged *j)
{
    if (c->is_serverless) return false;
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = cloudwatch_exporter_row(c, j->query.metrics.at[i]);
        if (row == c->exporter->row_count) continue;
        const char *rest = cloudwatch_counterpart(c, row);
        span name = {0};
        while (cloudwatch_cut(c, &rest, &name)) {
            size_t metric = cloudwatch_metric_row(c, name, false);
            if (metric == c->metrics->row_count) continue;
            const char *dimensions = knowledge_cell(c->metrics, metric, "dimensions");
            if (starts(dimensions, "CacheClusterId+CacheNodeId")) return true;
        }
    }
    return false;
}

static bool is_silent_when_gone(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    return USES(&j->query.functions, "count", "sum") && j->query.comparison &&
           j->query.comparison[0] == '<' && !j->query.has_default;
}

static bool is_finer_than_a_minute(const cloudwatch *c, const prom_judged *j)
{
    (void)c;
    unsigned wait = promql_duration_s(j->rule->wait);
    return (j->query.range_s && j->query.range_s < 60) || (wait && wait < 60);
}

/* In the order they are told. */
static const struct {
    bool (*applies)(const cloudwatch *c, const prom_judged *j);
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
static void records_resolve(arena *a, const prom_rules *rules, promql *query)
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
            if (record) inner = promql_read(a, record->expression);
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
static size_t alert_alike(const cloudwatch *c, arena *a, const prom_rule *rule, const promql *query)
{
    for (size_t i = 0; i < c->alerts->row_count; i++) {
        const char *text = knowledge_cell(c->alerts, i, "promql");
        if (!*text) continue;
        promql known = promql_read(a, text);
        if (strcmp(known.shape, query->shape) == 0) return i;
    }
    for (size_t i = 0; i < c->alerts->row_count; i++) {
        const char *name = knowledge_cell(c->alerts, i, "alert");
        size_t size = strcspn(name, " ");
        if (strlen(rule->name) != size || strncmp(name, rule->name, size) != 0) continue;
        promql known = promql_read(a, knowledge_cell(c->alerts, i, "promql"));
        bool same = known.metrics.count == query->metrics.count;
        for (size_t m = 0; m < query->metrics.count; m++)
            same = same && promql_has(&known.metrics, query->metrics.at[m]);
        if (same) return i;
    }
    return c->alerts->row_count;
}

static void metric_judge(const cloudwatch *c, arena *a, prom_judged *j, const char *metric)
{
    size_t row = cloudwatch_exporter_row(c, metric);
    const char *gone = foreign(metric);
    if (row < c->exporter->row_count) {
        exactness one = cloudwatch_exactness(c, row);
        j->is_ours = true;
        if (one == NONE && !j->blind) {
            j->blind =
                arena_printf(a, "%s has no counterpart: %s", metric, cloudwatch_instead(c, row));
        }
        if (one != NONE && !cloudwatch_publishes(c, row) && !j->blind)
            j->blind = arena_printf(a, "%s: serverless publishes no counterpart", metric);
        if (one > j->worst && one != CONSTANT) j->worst = one;
        if (one == CONSTANT && j->worst == EXACT) j->worst = APPROXIMATE;
    } else if (gone) {
        if (!j->blind) j->blind = arena_printf(a, "%s: %s", metric, gone);
    } else if (starts(metric, "redis_")) {
        j->is_ours = true;
        if (!j->unknown) j->unknown = metric;
    }
}

/* The alarm of a published rule, which has numbers of its own. */
static const char *alarm_text(const cloudwatch *c, arena *a, const prom_judged *j, size_t row)
{
    const char *alarm = knowledge_cell(c->alerts, row, "cloudwatch_alarm");
    const char *text = knowledge_cell(c->alerts, row, "promql");
    const char *wait = knowledge_cell(c->alerts, row, "for");
    promql known = promql_read(a, text);
    bool same = known.threshold == j->query.threshold && known.range_s == j->query.range_s &&
                promql_duration_s(wait) == promql_duration_s(j->rule->wait);
    if (same || starts(alarm, "none") || starts(alarm, "drop")) return alarm;
    return arena_printf(a,
                        "%s. These numbers are for '%s' for %s: put the threshold, window and "
                        "wait of your rule in their place",
                        alarm, text, wait);
}

/* What is published about a rule like it decides: how it converts, or that it does not. */
static void alarm_find(const cloudwatch *c, arena *a, prom_judged *j)
{
    size_t row = alert_alike(c, a, j->rule, &j->query);
    const char *function = without_counterpart(&j->query.functions);
    bool converts = false;
    if (row < c->alerts->row_count && !c->is_serverless) {
        j->alarm = alarm_text(c, a, j, row);
        j->source = knowledge_cell(c->alerts, row, "source");
        converts = !starts(j->alarm, "none") && !starts(j->alarm, "drop");
        j->blind = converts ? NULL : j->alarm;
    }
    if (function && !converts && !j->blind)
        j->blind = arena_printf(a, "no alarm computes %s()", function);
}

prom_judged prom_judge(const cloudwatch *c, arena *a, const prom_rules *rules, size_t at)
{
    const prom_rule *rule = &rules->at[at];
    prom_judged j = {.rule = rule, .id_name = rule->name, .alarm = "", .changes = ""};
    size_t before = 0;
    for (size_t i = 0; i < at; i++)
        before += strcmp(rules->at[i].name, rule->name) == 0;
    if (before) j.id_name = arena_printf(a, "%s:%zu", rule->name, before + 1);
    j.query = promql_read(a, rule->expression);
    records_resolve(a, rules, &j.query);
    for (size_t i = 0; i < j.query.metrics.count; i++)
        metric_judge(c, a, &j, j.query.metrics.at[i]);
    bool names_redis = strcasestr(rule->name, "redis") || strcasestr(rule->expression, "redis");
    if (j.blind && names_redis) j.is_ours = true; /* the pod, the machine, the exporter of one */
    alarm_find(c, a, &j);
    for (size_t i = 0; i < COUNT_OF(traps); i++) {
        if (!traps[i].applies(c, &j)) continue;
        if (traps[i].applies == counts_few_connections && never_fires(c, &j)) continue;
        j.changes = arena_printf(a, "%s%s%s", j.changes, *j.changes ? ". " : "", traps[i].text);
    }
    return j;
}

const char *prom_judged_class(const prom_judged *j)
{
    if (j->unknown) return "unknown";
    if (j->blind) return "blind";
    return j->worst == EXACT ? "exact" : "approximate";
}
