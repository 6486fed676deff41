#include "test.h"

#include "audit/audit_internal.h"
#include "audit/prom_rules.h"
#include "audit/promql.h"

/* --- expressions ----------------------------------------------------------------------------- */

static const char *joined(arena *a, const promql_names *names)
{
    const char *text = "";
    for (size_t i = 0; i < names->count; i++)
        text = arena_printf(a, "%s%s%s", text, i ? " " : "", names->at[i]);
    return text;
}

static void metrics_are_told_from_functions_labels_and_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *metrics, *functions, *labels;
    } rows[] = {
        {"redis_up == 0", "redis_up", "", ""},
        {"redis_up{job=\"redis\", instance=~'a.*'} == 0", "redis_up", "", "job instance"},
        {"sum by (cluster,job) (redis_master_link_up) <= 0", "redis_master_link_up", "sum",
         "cluster job"},
        {"sum(redis_up) by (job) > 1", "redis_up", "sum", "job"},
        {"count without (instance) (redis_a) - sum without (instance) (redis_a) - 1 > 1", "redis_a",
         "count sum", "instance"},
        {"rate(redis_x_total[5m]) / on(instance) group_left(role) redis_instance_info",
         "redis_x_total redis_instance_info", "rate", "instance role"},
        {"(count(redis_instance_info{role=\"master\"}) or vector(0)) < 1", "redis_instance_info",
         "count vector", "role"},
        {"time() - redis_rdb_last_save_timestamp_seconds > 60 * 60 * 24",
         "redis_rdb_last_save_timestamp_seconds", "time", ""},
        {"{__name__=\"redis_up\",job=\"x\"} == 0", "redis_up", "", "job"},
        {"{\"redis_up\", job=\"x\"}", "redis_up", "", "job"},
        {"{__name__=~\"redis_.*\"}", "", "", ""},
        {"redis_a > bool 5 # redis_comment\n and redis_b unless redis_c offset 5m",
         "redis_a redis_b redis_c", "", ""},
        {"job:redis_up:sum == 0", "job:redis_up:sum", "", ""},
        {"redis_a{x=\"say \\\"redis_b\\\"} {\"}", "redis_a", "", "x"},
        {"max_over_time(redis_a[1h:5m]) @ start()", "redis_a", "max_over_time start", ""},
        {"", "", "", ""},
        {"redis_a{", "redis_a", "", ""},
        {"redis_a[", "redis_a", "", ""},
        {"sum(", "", "sum", ""},
        {"redis_a == 'open", "redis_a", "", ""},
        {"{a", "", "", "a"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        arena a = {0};
        promql p = promql_read(&a, rows[i].text);
        assert_string_equal(joined(&a, &p.metrics), rows[i].metrics);
        assert_string_equal(joined(&a, &p.functions), rows[i].functions);
        assert_string_equal(joined(&a, &p.labels), rows[i].labels);
        arena_clear(&a);
    }
}

static void the_threshold_is_the_number_behind_the_last_comparison(void **state)
{
    (void)state;
    arena a = {0};
    promql p = promql_read(&a, "redis_x * 100 / redis_y > 90 <= 1e2");
    assert_string_equal(p.comparison, "<=");
    assert_true(p.threshold == 100);
    p = promql_read(&a, "redis_x > redis_y");
    assert_null(p.comparison);
    p = promql_read(&a, "redis_x[5m:30s] + redis_y[45s] offset 1d");
    assert_int_equal(p.range_s, 45);
    assert_true(p.has_offset);
    arena_clear(&a);
}

static void numbers_matchers_and_blanks_do_not_change_the_shape(void **state)
{
    (void)state;
    arena a = {0};
    promql one = promql_read(&a, "increase(redis_x_total[1m]) > 5");
    promql two = promql_read(&a, "increase( redis_x_total{job='r'}[10m] )>0");
    promql other = promql_read(&a, "increase(redis_x_total[1m]) < 5");
    assert_string_equal(one.shape, two.shape);
    assert_string_not_equal(one.shape, other.shape);
    arena_clear(&a);
}

static void durations_are_read_as_prometheus_writes_them(void **state)
{
    (void)state;
    assert_int_equal(promql_duration_s("5m"), 300);
    assert_int_equal(promql_duration_s("1h30m"), 5400);
    assert_int_equal(promql_duration_s("1d"), 86400);
    assert_int_equal(promql_duration_s("500ms"), 1);
    assert_int_equal(promql_duration_s("0m"), 0);
    assert_int_equal(promql_duration_s(""), 0);
    assert_int_equal(promql_duration_s("99999999999m"), 0);
}

/* --- files ----------------------------------------------------------------------------------- */

static void rules_are_found_however_deep(void **state)
{
    (void)state;
    static const char *const files[] = {
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: redis_up == 0\n    for: 5m\n"
        "    labels: {severity: x}\n    annotations:\n      summary: s\n",
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups:\n  - rules:\n"
        "    - for: 5m\n      alert: A\n      expr: |\n        redis_up == 0",
        "- alert: A\n  expr: redis_up == 0\n  for: 5m\n",
    };
    static const unsigned lines[] = {4, 6, 1};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        arena a = {0};
        prom_rules rules = {0};
        err e = {0};
        assert_true(prom_rules_read(&a, span_text(files[i]), &rules, &e));
        assert_int_equal(rules.count, 1);
        assert_string_equal(rules.at[0].name, "A");
        assert_string_equal(rules.at[0].expression, "redis_up == 0");
        assert_string_equal(rules.at[0].wait, "5m");
        assert_int_equal(rules.at[0].line, lines[i]);
        assert_true(rules.at[0].is_alert);
        arena_clear(&a);
    }
}

static void a_file_without_rules_is_right(void **state)
{
    (void)state;
    static const char *const files[] = {"", "null\n", "groups: []\n",
                                        "groups:\n- name: g\n  rules:\n", "- alert: only a name\n"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        arena a = {0};
        prom_rules rules = {0};
        err e = {0};
        assert_true(prom_rules_read(&a, span_text(files[i]), &rules, &e));
        assert_int_equal(rules.count, 0);
        arena_clear(&a);
    }
}

static void a_file_that_is_no_yaml_names_its_line(void **state)
{
    (void)state;
    arena a = {0};
    prom_rules rules = {0};
    err e = {0};
    assert_false(prom_rules_read(&a, span_text("groups:\n- name: [\n"), &rules, &e));
    assert_non_null(strstr(e.text, "line 3"));
    char deep[200] = {0};
    memset(deep, '[', 100);
    assert_false(prom_rules_read(&a, span_text(deep), &rules, &e));
    assert_non_null(strstr(e.text, "nested deeper than 32 levels"));
    arena_clear(&a);
}

/* --- rules against CloudWatch ---------------------------------------------------------------- */

static report *judged(const char *target_name, const char *yaml)
{
    audit_facts f = {0};
    audit_node node = {.address = "10.0.0.5:6379"};
    f.nodes = &node;
    f.node_count = 1;
    if (yaml) f.rules_path = "rules.yml";
    if (yaml) f.rules = span_text(yaml);
    knowledge_target t = {0};
    assert_true(knowledge_target_find(target_name, &t));
    report *r = report_new("audit", "t");
    audit_monitoring.judge(&f, &t, &(audit_options){0}, r);
    arena_clear(&f.memory);
    return r;
}

static const finding *found(const report *r, const char *id)
{
    for (size_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].id, id) == 0) return &r->findings[i];
    return NULL;
}

static const finding *needed(const report *r, const char *id)
{
    const finding *f = found(r, id);
    if (f) return f;
    fail_msg("there is no finding '%s'", id);
    abort();
}

/* The finding of one alert over that expression, and what its effect or action must say. */
static void
assert_alert(const char *target, const char *expression, const char *rule, const char *says)
{
    arena a = {0};
    const char *yaml = arena_printf(&a, "- alert: A\n  expr: |\n    %s\n  for: 2m\n", expression);
    report *r = judged(target, yaml);
    const finding *f = found(r, arena_printf(&a, "%s:A", rule));
    if (!f) {
        char *text = report_render(r, &(report_view){.form = REPORT_TEXT});
        fail_msg("'%s' is not %s: %.3000s", expression, rule, text);
        abort();
    }
    const char *effect = f->consequence ? f->consequence : "";
    const char *action = f->action ? f->action : "";
    if (!strstr(effect, says) && !strstr(action, says))
        fail_msg("'%s' is not said of '%s': %s / %s", says, expression, effect, action);
    report_free(r);
    arena_clear(&a);
}

static void every_trap_of_a_copied_rule_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *rule, *says;
    } rows[] = {
        {"redis_up == 0", "monitoring-breaks", "there is no 'up'"},
        {"absent(redis_memory_used_bytes)", "monitoring-breaks", "there is no 'up'"},
        {"increase(redis_evicted_keys_total[5m]) > 0", "monitoring-breaks", "per-minute deltas"},
        {"redis_connected_clients < 5", "monitoring-breaks", "never fires"},
        {"redis_connected_clients > 50", "monitoring-breaks", "add 6 to the threshold"},
        {"redis_connected_clients > 5000", "monitoring-counterpart", "CurrConnections"},
        {"count(redis_instance_info{role=\"master\"}) > 1", "monitoring-breaks", "per shard"},
        {"redis_connected_clients / redis_config_maxclients > 0.9", "monitoring-breaks",
         "a limit in the expression is no metric"},
        {"redis_memory_used_bytes / redis_memory_max_bytes > 0.9", "monitoring-breaks",
         "DatabaseMemoryUsagePercentage"},
        {"rate(redis_net_output_bytes_total[5m]) > 5e7", "monitoring-breaks", "the interface's"},
        {"redis_db_keys{db=\"db3\"} > 1000", "monitoring-breaks", "no such label"},
        {"redis_blocked_clients > 10", "monitoring-breaks", "INSUFFICIENT_DATA"},
        {"sum(redis_memory_used_bytes) < 1000", "monitoring-breaks",
         "silent when the series is gone"},
        {"rate(redis_commands_processed_total[30s]) > 9", "monitoring-breaks",
         "nothing shorter than 60 s"},
        {"redis_memory_used_bytes > 1e9", "monitoring-counterpart", "BytesUsedForCache"},
        {"redis_cluster_slots_fail > 0", "monitoring-blind", "CLUSTER INFO probe"},
        {"redis_aof_last_write_status == 0", "monitoring-blind", "AOF is not supported"},
        {"changes(redis_connected_slaves[1m]) > 1", "monitoring-blind", "events"},
        {"predict_linear(redis_memory_used_bytes[1h], 3600) > 1e9", "monitoring-blind",
         "no alarm computes predict_linear()"},
        {"up{job=\"redis\"} == 0", "monitoring-blind", "no exporter to be scraped"},
        {"redis_my_own_script_metric > 3", "monitoring-unknown-metric", "who makes this metric"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_alert("valkey8.1", rows[i].expression, rows[i].rule, rows[i].says);
}

static void serverless_publishes_less(void **state)
{
    (void)state;
    assert_alert("serverless", "redis_mem_fragmentation_ratio > 1.5", "monitoring-blind",
                 "serverless publishes no counterpart");
    assert_alert("serverless", "redis_connected_clients > 5000", "monitoring-counterpart",
                 "CurrConnections");
}

static void a_recording_rule_is_judged_by_what_it_is_made_of(void **state)
{
    (void)state;
    report *r =
        judged("valkey8.1", "- record: job:fail:sum\n  expr: sum(redis_cluster_slots_fail)\n"
                            "- record: loop:a\n  expr: loop:b\n"
                            "- record: loop:b\n  expr: loop:a\n"
                            "- alert: A\n  expr: job:fail:sum > 0\n");
    assert_non_null(found(r, "monitoring-blind:A"));
    assert_non_null(found(r, "monitoring-blind:job:fail:sum"));
    report_free(r);
}

static void two_rules_of_one_name_are_two_findings(void **state)
{
    (void)state;
    report *r = judged("valkey8.1", "- alert: A\n  expr: redis_up == 0\n"
                                    "- alert: A\n  expr: redis_up == 0\n  for: 5m\n");
    assert_non_null(found(r, "monitoring-breaks:A"));
    assert_non_null(found(r, "monitoring-breaks:A:2"));
    assert_string_equal(needed(r, "monitoring-breaks:A:2")->where, "rules.yml:3");
    report_free(r);
}

static void rules_of_another_exporter_are_not_converted_by_name(void **state)
{
    (void)state;
    report *r = judged("valkey8.1", "- alert: ShardDown\n  expr: redis_up == 0\n"
                                    "- alert: DatabaseDown\n  expr: bdb_up == 0\n");
    assert_non_null(found(r, "monitoring-other-exporter"));
    assert_null(found(r, "monitoring-breaks:ShardDown"));
    report_free(r);
}

static void rules_about_something_else_are_left_alone(void **state)
{
    (void)state;
    report *r = judged("valkey8.1", "- alert: DiskFull\n  expr: node_filesystem_avail_bytes < 1\n");
    assert_null(found(r, "monitoring-blind:DiskFull"));
    assert_non_null(found(r, "monitoring-file"));
    report_free(r);
    r = judged("valkey8.1", "null\n");
    assert_string_equal(needed(r, "monitoring-file")->title, "the Prometheus rules are empty");
    report_free(r);
    r = judged("valkey8.1", "groups: [\n");
    assert_string_equal(needed(r, "monitoring-file")->title, "the Prometheus rules cannot be read");
    report_free(r);
}

static void without_a_file_the_exporter_is_still_weighed(void **state)
{
    (void)state;
    report *r = judged("valkey8.1", NULL);
    const finding *f = needed(r, "monitoring-exporter-metrics");
    assert_string_equal(f->evidence, "exact 20, approximate 45, none 346, of these a constant 3");
    assert_null(found(r, "monitoring-file"));
    assert_int_equal(r->sections[0].part_count, 4);
    report_free(r);
}

/* What converts and what does not must agree with the table of published alerts. */
static void every_published_alert_is_judged_as_its_row_says(void **state)
{
    (void)state;
    const knowledge_table *t = knowledge_at(TABLE_ALERTS);
    size_t blind = 0;
    size_t seen = 0;
    for (size_t i = 0; i < t->row_count; i++) {
        const char *text = knowledge_cell(t, i, "promql");
        const char *alarm = knowledge_cell(t, i, "cloudwatch_alarm");
        if (*text == '(' && strncmp(text, "(count", 6) != 0) continue; /* "(none)" */
        arena a = {0};
        const char *yaml = arena_printf(&a, "- alert: X\n  expr: >-\n    %s\n", text);
        report *r = judged("valkey8.1", yaml);
        bool is_none = strncmp(alarm, "none", 4) == 0 || strncmp(alarm, "drop", 4) == 0;
        if (is_none != (found(r, "monitoring-blind:X") != NULL))
            fail_msg("'%s' is judged otherwise than '%s'", text, alarm);
        seen++;
        blind += is_none;
        report_free(r);
        arena_clear(&a);
    }
    assert_int_equal(seen, 33);
    assert_int_equal(blind, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_told_from_functions_labels_and_words),
        cmocka_unit_test(the_threshold_is_the_number_behind_the_last_comparison),
        cmocka_unit_test(numbers_matchers_and_blanks_do_not_change_the_shape),
        cmocka_unit_test(durations_are_read_as_prometheus_writes_them),
        cmocka_unit_test(rules_are_found_however_deep),
        cmocka_unit_test(a_file_without_rules_is_right),
        cmocka_unit_test(a_file_that_is_no_yaml_names_its_line),
        cmocka_unit_test(every_trap_of_a_copied_rule_is_told),
        cmocka_unit_test(serverless_publishes_less),
        cmocka_unit_test(a_recording_rule_is_judged_by_what_it_is_made_of),
        cmocka_unit_test(two_rules_of_one_name_are_two_findings),
        cmocka_unit_test(rules_of_another_exporter_are_not_converted_by_name),
        cmocka_unit_test(rules_about_something_else_are_left_alone),
        cmocka_unit_test(without_a_file_the_exporter_is_still_weighed),
        cmocka_unit_test(every_published_alert_is_judged_as_its_row_says),
    };
    return cmocka_run_group_tests_name("audit_monitoring", tests, NULL, NULL);
}
