/* What monitoring goes blind: the metrics of redis_exporter and the rules of --prometheus-rules
 * against CloudWatch. Here stands what is said; prom_judge.c judges. */
#include "audit/audit_internal.h"
#include "audit/prom_judge.h"

#define AREA "Monitoring"
#define SECTION_ID "monitoring"

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

struct view {
    const audit_facts *facts;
    cloudwatch tables;
    report *out;
    arena *memory;
};

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* --- the rules of the file ------------------------------------------------------------------- */

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
static const char *counterpart_of(const struct view *v, const prom_judged *j)
{
    if (*j->alarm) return j->alarm;
    const char *text = "";
    for (size_t i = 0; i < j->query.metrics.count; i++) {
        size_t row = cloudwatch_exporter_row(&v->tables, j->query.metrics.at[i]);
        if (row == v->tables.exporter->row_count) continue;
        const char *there = cloudwatch_exactness(&v->tables, row) == CONSTANT
                                ? "a constant"
                                : cloudwatch_counterpart(&v->tables, row);
        const char *how = knowledge_cell(v->tables.exporter, row, "statistic");
        text = arena_printf(v->memory, "%s%s%s: %s%s%s%s", text, *text ? "; " : "",
                            j->query.metrics.at[i], there, *how ? " (" : "", how, *how ? ")" : "");
    }
    return text;
}

static const char *source_of(const struct view *v, const prom_judged *j)
{
    if (j->source) return j->source;
    size_t row = j->query.metrics.count
                     ? cloudwatch_exporter_row(&v->tables, j->query.metrics.at[0])
                     : v->tables.exporter->row_count;
    return row < v->tables.exporter->row_count ? knowledge_cell(v->tables.exporter, row, "source")
                                               : NULL;
}

static void finding_add(const struct view *v, const prom_judged *j)
{
    const char *kind = j->rule->is_alert ? "alert" : "recording rule";
    finding f = {
        .area = AREA,
        .evidence = arena_printf(v->memory, "%s", j->rule->expression),
        .where = where_of(v, j->rule),
        .owner = "customer",
        .source = source_of(v, j),
        .date = v->tables.alerts->date,
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
                               prom_judged_class(j));
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
            if (has_prefix(query.metrics.at[m], "bdb_")) return query.metrics.at[m];
    }
    return NULL;
}

static void rules_table(const struct view *v, const prom_judged *all, size_t count)
{
    static const char *const columns[] = {"Rule", "Line", "Metrics", "Counterpart",
                                          "Copied unchanged"};
    size_t section = report_section_at(v->out, SECTION_ID, AREA);
    size_t table =
        report_add_table(v->out, section, "Rules of the file", COUNT_OF(columns), columns);
    for (size_t i = 0; i < count; i++) {
        const prom_judged *j = &all[i];
        if (!j->is_ours) continue;
        const char *copied = j->blind || j->unknown ? "" : *j->changes ? "breaks" : "holds";
        const char *const cells[] = {j->rule->name, arena_printf(v->memory, "%u", j->rule->line),
                                     names_of(v, &j->query.metrics), prom_judged_class(j), copied};
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
    prom_judged *all = arena_alloc(v->memory, (rules.count + 1) * sizeof *all);
    size_t ours = 0;
    for (size_t i = 0; i < rules.count; i++) {
        all[i] = prom_judge(&v->tables, v->memory, &rules, i);
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
    for (size_t i = 0; i < v->tables.exporter->row_count; i++) {
        exactness one = cloudwatch_exactness(&v->tables, i);
        if (one == NONE || one == CONSTANT || !cloudwatch_publishes(&v->tables, i)) continue;
        const char *const cells[] = {knowledge_cell(v->tables.exporter, i, "prometheus_metric"),
                                     cloudwatch_counterpart(&v->tables, i),
                                     knowledge_cell(v->tables.exporter, i, "statistic"),
                                     one == EXACT ? "exact" : "approximate",
                                     knowledge_cell(v->tables.exporter, i, "conversion")};
        report_add_row(v->out, section, table, cells);
    }
}

/* Metrics without a counterpart, gathered by what to do instead, in the order they first appear. */
static void losses_table(const struct view *v, size_t section)
{
    static const char *const columns[] = {"Metrics", "How many", "Instead"};
    size_t table = report_add_table(v->out, section, "Metrics without a counterpart",
                                    COUNT_OF(columns), columns);
    for (size_t i = 0; i < v->tables.exporter->row_count; i++) {
        bool is_first = cloudwatch_exactness(&v->tables, i) == NONE;
        for (size_t k = 0; k < i && is_first; k++) {
            is_first =
                cloudwatch_exactness(&v->tables, k) != NONE ||
                strcmp(cloudwatch_instead(&v->tables, k), cloudwatch_instead(&v->tables, i)) != 0;
        }
        if (!is_first) continue;
        const char *first = knowledge_cell(v->tables.exporter, i, "prometheus_metric");
        size_t count = 0;
        for (size_t k = i; k < v->tables.exporter->row_count; k++) {
            count +=
                cloudwatch_exactness(&v->tables, k) == NONE &&
                strcmp(cloudwatch_instead(&v->tables, k), cloudwatch_instead(&v->tables, i)) == 0;
        }
        const char *const cells[] = {
            count > 1 ? arena_printf(v->memory, "%s and others", first) : first,
            arena_printf(v->memory, "%zu", count), cloudwatch_instead(&v->tables, i)};
        report_add_row(v->out, section, table, cells);
    }
}

static void alarms_table(const struct view *v, size_t section)
{
    static const char *const columns[] = {"Advice", "Alarm", "Note"};
    size_t table =
        report_add_table(v->out, section, "Alarms that AWS advises", COUNT_OF(columns), columns);
    for (size_t i = 0; i < v->tables.alerts->row_count; i++) {
        const char *name = knowledge_cell(v->tables.alerts, i, "alert");
        bool of_serverless = has_prefix(name, "Serverless:");
        bool is_advice = has_prefix(name, "AWS ") || of_serverless;
        if (!is_advice || of_serverless != v->tables.is_serverless) continue;
        const char *const cells[] = {name, knowledge_cell(v->tables.alerts, i, "cloudwatch_alarm"),
                                     knowledge_cell(v->tables.alerts, i, "note")};
        report_add_row(v->out, section, table, cells);
    }
}

static void exporter_judge(const struct view *v)
{
    size_t counts[NONE + 1] = {0};
    for (size_t i = 0; i < v->tables.exporter->row_count; i++)
        counts[cloudwatch_publishes(&v->tables, i) ? cloudwatch_exactness(&v->tables, i) : NONE]++;
    size_t section = report_section_at(v->out, "monitoring-metrics", "Metrics, one by one");
    report_mark_reference(v->out, section);
    report_add_paragraph(
        v->out, section, "%s",
        v->tables.is_serverless
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
            .title = arena_printf(
                v->memory, "CloudWatch has a counterpart for %zu of redis_exporter's %zu metrics",
                counts[EXACT] + counts[APPROXIMATE], v->tables.exporter->row_count),
            .evidence = arena_printf(v->memory,
                                     "exact %zu, approximate %zu, none %zu, of "
                                     "these a constant %zu",
                                     counts[EXACT], counts[APPROXIMATE],
                                     counts[NONE] + counts[CONSTANT], counts[CONSTANT]),
            .where = "the table of metrics",
            .consequence =
                "dashboards and alerts over the others are empty after the move: what is "
                "told per command, per database or per client",
            .action = "give the rules in use (--prometheus-rules FILE): only theirs matter; what "
                      "has no counterpart needs an exporter in the VPC or a metric of your own",
            .owner = "AWS publishes, customer watches",
            .source = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html",
            .date = v->tables.exporter->date});
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
            .consequence = v->tables.is_serverless
                               ? "CONFIG is blocked, and many fields of INFO are absent on "
                                 "serverless: their metrics are gone"
                               : "CONFIG is blocked: redis_config_* are gone; nodes come and "
                                 "go, so targets must be discovered",
            .action = "start it with -config-command=- against each node's endpoint, for what "
                      "CloudWatch does not have",
            .owner = "customer",
            .source = "https://github.com/oliver006/redis_exporter/issues/1056",
            .date = v->tables.exporter->date});
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
    const struct view v = {.facts = f, .tables = cloudwatch_of(t), .out = r, .memory = &memory};
    bool has_rules = f->rules_path && file_judge(&v);
    exporter_judge(&v);
    const char *client = exporter_client(f);
    if (client || has_rules) exporter_stays(&v, client, has_rules);
    arena_clear(&memory);
}

const audit_rule_set audit_monitoring = {AREA, rows, COUNT_OF(rows), judge};
