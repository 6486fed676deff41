#include "test.h"

#include "audit/audit_internal.h"

static void add(report *r, const char *id, severity s)
{
    report_add_finding(r, &(finding){.id = id, .area = "Test", .severity = s, .title = id});
}

static const grade *grade_of(const report *r, audit_dimension d)
{
    for (size_t i = 0; i < r->grade_count; i++)
        if (strcmp(r->grades[i].dimension, audit_dimension_name(d)) == 0) return &r->grades[i];
    fail_msg("'%s' has no grade", audit_dimension_name(d));
    abort();
}

static bool says(const char *text, const char *what)
{
    return text && strstr(text, what);
}

/* --- grades ---------------------------------------------------------------------------------- */

static void six_dimensions_are_graded_low_when_nothing_is_found(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    audit_grade(r);
    assert_int_equal(r->grade_count, 6);
    for (size_t i = 0; i < r->grade_count; i++)
        assert_int_equal(r->grades[i].level, GRADE_LOW);
    assert_string_equal(r->verdict, "Go: nothing speaks against it.");
    assert_true(says(r->kind, "Change of address"));
    report_free(r);
}

static void warnings_make_medium_and_a_blocker_makes_high(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    add(r, "monitoring-blind:A", SEVERITY_WARN);
    add(r, "monitoring-blind:B", SEVERITY_WARN);
    add(r, "boundary-host", SEVERITY_BLOCK);
    audit_grade(r);
    const grade *operations = grade_of(r, DIMENSION_OPERATIONS);
    assert_int_equal(operations->level, GRADE_MEDIUM);
    assert_string_equal(operations->reason, "warned by monitoring-blind (2)");
    const grade *abstraction = grade_of(r, DIMENSION_ABSTRACTION);
    assert_int_equal(abstraction->level, GRADE_HIGH);
    assert_string_equal(abstraction->reason, "blocked by boundary-host");
    assert_true(says(r->kind, "Redesign first"));
    report_free(r);
}

static void six_rules_that_warn_make_high_and_many_findings_of_one_do_not(void **state)
{
    (void)state;
    static const char *const ids[] = {"monitoring-blind:A", "monitoring-breaks:B",
                                      "boundary-backup",    "boundary-logging",
                                      "boundary-failover",  "boundary-open"};
    for (size_t rules = 5; rules <= 6; rules++) {
        report *r = report_new("audit", "t");
        for (size_t i = 0; i < rules; i++)
            add(r, ids[i], SEVERITY_WARN);
        for (size_t i = 0; i < 20; i++)
            add(r, report_printf(r, "monitoring-blind:%zu", i), SEVERITY_WARN);
        audit_grade(r);
        assert_int_equal(grade_of(r, DIMENSION_OPERATIONS)->level,
                         rules == 6 ? GRADE_HIGH : GRADE_MEDIUM);
        assert_true(says(r->kind, "Change of operator"));
        report_free(r);
    }
}

static void what_is_accepted_counts_no_more_and_is_said(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    report_add_finding(r, &(finding){.id = "boundary-host",
                                     .area = "Test",
                                     .severity = SEVERITY_BLOCK,
                                     .title = "host",
                                     .accepted_reason = "known"});
    audit_grade(r);
    assert_int_equal(grade_of(r, DIMENSION_ABSTRACTION)->level, GRADE_LOW);
    assert_true(says(grade_of(r, DIMENSION_ABSTRACTION)->reason, "1 accepted"));
    assert_string_equal(r->verdict, "Go: nothing speaks against it.");
    report_free(r);
}

/* --- the verdict ----------------------------------------------------------------------------- */

static void the_verdict_names_the_blockers_first(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    add(r, "monitoring-blind:A", SEVERITY_WARN);
    add(r, "x", SEVERITY_BLOCK);
    add(r, "y", SEVERITY_BLOCK);
    audit_grade(r);
    assert_string_equal(r->verdict, "Go after these 2 things: x; y.");
    assert_string_equal(r->findings[0].id, "x");
    report_free(r);

    r = report_new("audit", "t");
    add(r, "x", SEVERITY_BLOCK);
    audit_grade(r);
    assert_string_equal(r->verdict, "Go after this: x.");
    report_free(r);

    r = report_new("audit", "t");
    for (size_t i = 0; i < 9; i++)
        add(r, report_printf(r, "b%zu", i), SEVERITY_BLOCK);
    audit_grade(r);
    assert_string_equal(r->verdict, "Go after these 9 things: b0; b1; b2; b3; b4; b5; and 3 more.");
    report_free(r);

    r = report_new("audit", "t");
    add(r, "x", SEVERITY_WARN);
    audit_grade(r);
    assert_string_equal(r->verdict, "Go: nothing blocks. 1 warning is to be read first.");
    report_free(r);
}

static void a_blocker_without_a_way_around_it_says_stay(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    add(r, "x", SEVERITY_BLOCK);
    report_add_finding(r, &(finding){.id = "y",
                                     .area = "Test",
                                     .severity = SEVERITY_BLOCK,
                                     .title = "a module of your own",
                                     .action = "Stay self-managed, or replace it"});
    audit_grade(r);
    assert_string_equal(r->verdict, "Stay self-managed: a module of your own.");
    report_free(r);
}

/* --- duties ---------------------------------------------------------------------------------- */

static report *duties_judged(const char *target, audit_node *node)
{
    audit_facts f = {.node_count = 1, .nodes = node};
    knowledge_target t = {0};
    assert_true(knowledge_target_find(target, &t));
    report *r = report_new("audit", "t");
    audit_boundary.judge(&f, &t, &(audit_options){0}, r);
    arena_clear(&f.memory);
    return r;
}

static bool has(const report *r, const char *id)
{
    for (size_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].id, id) == 0) return true;
    return false;
}

static void every_duty_of_the_table_is_looked_for_and_no_other(void **state)
{
    (void)state;
    assert_true(audit_boundary_is_whole());
}

static void duties_are_told_with_what_was_found(void **state)
{
    (void)state;
    static const char info[] = "redis_version:7.0.15\r\nrole:master\r\nconnected_slaves:2\r\n"
                               "redis_mode:standalone\r\nos:Linux 6.1\r\n";
    fact_setting settings[] = {{.name = "save", .running = "3600 1 300 100"},
                               {.name = "appendonly", .running = "yes"},
                               {.name = "requirepass", .running = ""},
                               {.name = "logfile", .running = "/var/log/redis.log"},
                               {.name = "min-replicas-to-write", .running = "1"}};
    fact_command commands[] = {{.name = "evalsha", .calls = 7}};
    audit_node node = {.address = "10.0.0.5:6379",
                       .info = span_text(info),
                       .setting_count = COUNT_OF(settings),
                       .settings = settings,
                       .command_count = COUNT_OF(commands),
                       .commands = commands};
    report *r = duties_judged("valkey8.1", &node);
    static const char *const wanted[] = {"boundary-failover", "boundary-backup", "boundary-loss",
                                         "boundary-logging",  "boundary-open",   "boundary-scripts",
                                         "boundary-rollback", "boundary-ask"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (!has(r, wanted[i])) fail_msg("'%s' is missing", wanted[i]);
    assert_false(has(r, "boundary-alerting")); /* no rules were given */
    char *text = report_render(r, &(report_view){.form = REPORT_JSON});
    assert_true(says(text, "\"nodes looked at 1, role master, replicas 2, mode standalone\""));
    assert_true(says(text, "\"appendonly yes\""));
    assert_true(says(text, "\"script calls 7, function libraries 0\""));
    free(text);
    report_free(r);
}

static void nothing_read_means_questions_and_no_false_finding(void **state)
{
    (void)state;
    audit_node node = {.address = "redis.conf"};
    report *r = duties_judged("serverless", &node);
    static const char *const unwanted[] = {"boundary-failover", "boundary-backup",
                                           "boundary-open",     "boundary-logging",
                                           "boundary-scripts",  "boundary-loss"};
    for (size_t i = 0; i < COUNT_OF(unwanted); i++)
        if (has(r, unwanted[i])) fail_msg("'%s' was found in nothing", unwanted[i]);
    assert_true(has(r, "boundary-ask"));
    report_free(r);
}

/* --- rows ------------------------------------------------------------------------------------ */

static void rules_are_named_once_and_explained(void **state)
{
    (void)state;
    const audit_rule_set *set = NULL;
    for (size_t s = 0; (set = audit_rule_set_at(s)); s++) {
        for (size_t i = 0; i < set->row_count; i++) {
            const audit_rule_row *row = &set->rows[i];
            if (audit_rule_row_find(row->rule) != row) fail_msg("'%s' stands twice", row->rule);
            assert_int_equal(finding_rule_size(row->rule), strlen(row->rule));
            assert_true(strlen(row->meaning) > 20);
            assert_null(strpbrk(row->meaning, "|\n"));
            assert_true(row->dimension < DIMENSION_COUNT);
        }
    }
    assert_null(audit_rule_row_find("no-such-rule"));
    assert_non_null(audit_rule_row_find("monitoring-blind:RedisDown"));
}

static void every_finding_has_a_row_and_stands_in_its_area(void **state)
{
    (void)state;
    static const char rules[] = "- alert: A\n  expr: redis_up == 0\n"
                                "- alert: B\n  expr: redis_cluster_slots_fail > 0\n"
                                "- alert: C\n  expr: redis_unheard_of > 0\n"
                                "- alert: D\n  expr: redis_memory_used_bytes > 1\n";
    fact_client client = {.address = "10.0.0.9",
                          .local = "",
                          .name = "redis_exporter",
                          .lib_name = "",
                          .lib_version = "",
                          .user = "default",
                          .last_command = "info",
                          .flags = "N"};
    fact_setting save = {.name = "save", .running = "60 1"};
    audit_node node = {.address = "10.0.0.5:6379",
                       .client_count = 1,
                       .clients = &client,
                       .setting_count = 1,
                       .settings = &save};
    audit_facts f = {
        .node_count = 1, .nodes = &node, .rules_path = "rules.yml", .rules = span_text(rules)};
    knowledge_target t = {0};
    assert_true(knowledge_target_find("valkey8.1", &t));
    const audit_rule_set *set = NULL;
    for (size_t s = 0; (set = audit_rule_set_at(s)); s++) {
        if (!set->judge) continue;
        report *r = report_new("audit", "t");
        set->judge(&f, &t, &(audit_options){0}, r);
        for (size_t i = 0; i < r->finding_count; i++) {
            if (!audit_rule_row_find(r->findings[i].id))
                fail_msg("'%s' has no row", r->findings[i].id);
            assert_string_equal(r->findings[i].area, set->area);
        }
        report_free(r);
    }
    arena_clear(&f.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_dimensions_are_graded_low_when_nothing_is_found),
        cmocka_unit_test(warnings_make_medium_and_a_blocker_makes_high),
        cmocka_unit_test(six_rules_that_warn_make_high_and_many_findings_of_one_do_not),
        cmocka_unit_test(what_is_accepted_counts_no_more_and_is_said),
        cmocka_unit_test(the_verdict_names_the_blockers_first),
        cmocka_unit_test(a_blocker_without_a_way_around_it_says_stay),
        cmocka_unit_test(every_duty_of_the_table_is_looked_for_and_no_other),
        cmocka_unit_test(duties_are_told_with_what_was_found),
        cmocka_unit_test(nothing_read_means_questions_and_no_false_finding),
        cmocka_unit_test(rules_are_named_once_and_explained),
        cmocka_unit_test(every_finding_has_a_row_and_stands_in_its_area),
    };
    return cmocka_run_group_tests_name("audit_grade", tests, NULL, NULL);
}
