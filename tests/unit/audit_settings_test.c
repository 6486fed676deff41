#include "audit/conf.h"
#include "audit/parameter_group.h"
#include "audit/setting_value.h"
#include "audit/settings.h"
#include "audit_facts.h"

/* --- helpers --------------------------------------------------------------------------------- */

static void running(hand_made *h, const char *name, const char *value)
{
    settings_add_running(&h->facts, &h->node, name, value);
}

static void file(hand_made *h, const char *text)
{
    size_t count = 0;
    conf_line *lines = NULL;
    h->facts.conf_path = "redis.conf";
    conf_read(span_text(text), &h->facts.memory, &count, &lines);
    settings_add_file(&h->facts, &h->node, count, lines);
}

static const finding *want(hand_made *h, const char *id, severity s)
{
    return hand_want(h, id, s);
}

/* The code of the parameter group in that language, "" without one. */
static const char *group(const hand_made *h, const char *language)
{
    for (size_t s = 0; s < h->r->section_count; s++) {
        for (size_t i = 0; i < h->r->sections[s].part_count; i++) {
            const report_part *p = &h->r->sections[s].parts[i];
            if (p->kind == PART_CODE && strcmp(p->language, language) == 0) return p->text;
        }
    }
    return "";
}

/* The cell of that directive in the table "Changed on the source"; NULL without one. */
static const char *changed_cell(const hand_made *h, const char *directive, size_t column)
{
    for (size_t s = 0; s < h->r->section_count; s++) {
        for (size_t i = 0; i < h->r->sections[s].part_count; i++) {
            const report_part *p = &h->r->sections[s].parts[i];
            if (p->kind != PART_TABLE || strcmp(p->title, "Changed on the source") != 0) continue;
            for (size_t row = 0; row < p->row_count; row++) {
                const char **cells = p->cells + row * p->column_count;
                if (strcmp(cells[0], directive) == 0) return cells[column];
            }
        }
    }
    return NULL;
}

static size_t findings_of(const hand_made *h, const char *rule)
{
    size_t count = 0;
    for (size_t i = 0; i < h->r->finding_count; i++)
        count += finding_rule_size(h->r->findings[i].id) == strlen(rule) &&
                 strncmp(h->r->findings[i].id, rule, strlen(rule)) == 0;
    return count;
}

/* --- values ---------------------------------------------------------------------------------- */

static void values_have_one_form_however_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type, *value, *canonical;
    } all[] = {
        {"x", "memory", "1gb", "1073741824"},
        {"x", "memory", "1G", "1000000000"},
        {"x", "memory", "64Mb", "67108864"},
        {"x", "memory", "5%", "5%"},
        {"x", "memory", "99999999999gb", "99999999999gb"},
        {"x", "int", "-1", "-1"},
        {"x", "int", "0700", "700"},
        {"x", "bool", "YES", "yes"},
        {"x", "enum", "AllKeys-LRU", "allkeys-lru"},
        {"oom-score-adj", "enum", "Relative", "yes"},
        {"x", "string", "Upper Case", "Upper Case"},
        {"x", "string", "\"\"", ""},
        {"x", "special", "3600  1 300\t100", "3600 1 300 100"},
        {"x", "special", "50.0 99 99.90", "50 99 99.9"},
        {"x", "special", "10.0.0.1 -::1", "10.0.0.1 -::1"},
        {"notify-keyspace-events", "special", "KEA", "AKE"},
        {"notify-keyspace-events", "special", "Ex$g", "g$xE"},
        {"notify-keyspace-events", "special", "KEg$lshzxetd", "AKE"},
        {"notify-keyspace-events", "special", "Q?", "Q?"},
    };
    arena memory = {0};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        knowledge_directive d = {.name = all[i].name, .type = all[i].type};
        assert_string_equal(setting_canonical(&d, all[i].value, &memory), all[i].canonical);
    }
    arena_clear(&memory);
}

static void buffer_limits_are_read_class_by_class(void **state)
{
    (void)state;
    static const char text[] = "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60 PUBSUB 1 2 3";
    buffer_limit limit = {"untouched"};
    assert_true(buffer_limit_read(text, CLASS_REPLICA, &limit));
    assert_string_equal(limit.text, "268435456 67108864 60");
    assert_true(buffer_limit_read(text, CLASS_PUBSUB, &limit));
    assert_string_equal(limit.text, "1 2 3");
    assert_false(buffer_limit_read("pubsub 1 2 3", CLASS_NORMAL, &limit));
    assert_false(buffer_limit_read("normal 1 2", CLASS_NORMAL, &limit));
    assert_false(buffer_limit_read("normal 1 many 3", CLASS_NORMAL, &limit));
    assert_false(buffer_limit_read("", CLASS_NORMAL, &limit));
}

/* --- what was changed ------------------------------------------------------------------------ */

static void an_untouched_source_has_nothing_changed_and_its_defaults_named(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    knowledge_directive d;
    for (size_t i = 0; knowledge_directive_at(&h->node.version, i, &d); i++)
        if (!d.is_ignored && strcmp(d.name, "user") != 0) running(h, d.name, d.default_value);
    hand_judge(h, &audit_settings);
    assert_null(changed_cell(h, "maxmemory", 0));
    assert_int_equal(findings_of(h, "setting-parameter"), 0);
    assert_int_equal(findings_of(h, "setting-unknown"), 0);
    assert_int_equal(findings_of(h, "setting-managed"), 0);
    assert_int_equal(findings_of(h, "setting-property"), 0);
    const finding *f = want(h, "setting-default:maxmemory-policy", SEVERITY_WARN);
    assert_string_equal(
        f->title, "maxmemory-policy was left at noeviction; ElastiCache starts at volatile-lru");
    want(h, "setting-default:acl-pubsub-default", SEVERITY_WARN);
    want(h, "setting-default:latency-tracking", SEVERITY_WARN);
    want(h, "setting-default:maxmemory-samples", SEVERITY_INFO);
    want(h, "setting-fixed:maxclients", SEVERITY_INFO);
    /* a larger backlog there is as good, and no cluster is no matter of cluster settings */
    hand_want_none(h, "setting-default:repl-backlog-size");
    hand_want_none(h, "setting-default:cluster-require-full-coverage");
    hand_free(h);
}

static void each_fate_has_its_finding(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *id;
        severity severity;
    } all[] = {
        {"maxmemory-policy", "allkeys-lfu", "setting-parameter:maxmemory-policy", SEVERITY_WARN},
        {"timeout", "10", "setting-range:timeout", SEVERITY_WARN},
        {"lua-time-limit", "60000", "setting-fixed:busy-reply-threshold", SEVERITY_WARN},
        {"maxmemory", "4gb", "setting-property:maxmemory", SEVERITY_WARN},
        {"hz", "100", "setting-managed:hz", SEVERITY_INFO},
        {"enable-debug-command", "local", "setting-unsupported:enable-debug-command",
         SEVERITY_WARN},
        {"tls-ca-cert-file", "/etc/ca.pem", "setting-client:tls-ca-cert-file", SEVERITY_WARN},
        {"lazyfree-lazy-user-del", "yes", "setting-managed:lazyfree-lazy-user-del", SEVERITY_WARN},
        {"notify-keyspace-events", "Ktm", "setting-range:notify-keyspace-events", SEVERITY_WARN},
        {"slave-serve-stale-data", "no", "setting-managed:replica-serve-stale-data", SEVERITY_WARN},
        {"appendonly", "yes", "setting-fixed:appendonly", SEVERITY_BLOCK},
        {"unixsocket", "/run/r.sock", "setting-property:unixsocket", SEVERITY_BLOCK},
    };
    hand_made *h = hand_new("valkey8.1");
    for (size_t i = 0; i < COUNT_OF(all); i++)
        running(h, all[i].name, all[i].value);
    hand_judge(h, &audit_settings);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const finding *f = want(h, all[i].id, all[i].severity);
        assert_non_null(f->source);
        assert_non_null(f->date);
        assert_string_equal(f->where, "CONFIG GET, 10.0.0.5:6379");
    }
    assert_string_equal(changed_cell(h, "hz", 3), "managed");
    assert_string_equal(changed_cell(h, "maxmemory", 1), "4294967296");
    hand_free(h);
}

static void a_parameter_of_an_older_family_is_one_there(void **state)
{
    (void)state;
    hand_made *h = hand_new("redis7.1");
    running(h, "lazyfree-lazy-user-del", "yes");
    hand_judge(h, &audit_settings);
    want(h, "setting-parameter:lazyfree-lazy-user-del", SEVERITY_WARN);
    assert_holds(group(h, "yaml"), "lazyfree-lazy-user-del: 'yes'");
    hand_free(h);
}

static void what_the_service_does_anyway_is_no_finding_and_not_in_the_group(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "maxmemory-policy", "volatile-lru");
    running(h, "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub "
            "33554432 8388608 60");
    hand_judge(h, &audit_settings);
    assert_string_equal(changed_cell(h, "maxmemory-policy", 5), "the same there");
    assert_int_equal(h->r->finding_count, 0);
    assert_string_equal(group(h, "sh"), "");
    hand_free(h);
}

static void buffer_limits_are_judged_class_by_class(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "client-output-buffer-limit",
            "normal 1048576 0 0 slave 536870912 67108864 60 pubsub 67108864 8388608 60");
    hand_judge(h, &audit_settings);
    want(h, "setting-parameter:client-output-buffer-limit-normal", SEVERITY_INFO);
    want(h, "setting-parameter:client-output-buffer-limit-pubsub", SEVERITY_WARN);
    want(h, "setting-fixed:client-output-buffer-limit-replica", SEVERITY_WARN);
    const char *made = group(h, "yaml");
    assert_holds(made, "client-output-buffer-limit-normal-hard-limit: '1048576'");
    assert_holds(made, "client-output-buffer-limit-pubsub-hard-limit: '67108864'");
    assert_null(strstr(made, "soft"));
    hand_free(h);
}

static void a_serverless_cache_takes_no_parameters(void **state)
{
    (void)state;
    hand_made *h = hand_new("serverless");
    running(h, "maxmemory-policy", "allkeys-lru");
    running(h, "notify-keyspace-events", "AKE");
    running(h, "slowlog-max-len", "1000");
    hand_judge(h, &audit_settings);
    want(h, "setting-fixed:maxmemory-policy", SEVERITY_WARN);
    want(h, "setting-fixed:notify-keyspace-events", SEVERITY_WARN);
    want(h, "setting-absent:slowlog-max-len", SEVERITY_INFO);
    assert_string_equal(group(h, "sh"), "");
    hand_free(h);
}

static void client_certificates_block_by_the_engines_own_default(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "tls-port", "0");
    running(h, "tls-auth-clients", "yes");
    hand_judge(h, &audit_settings);
    hand_want_none(h, "setting-unsupported:tls-auth-clients");
    h->node.settings[0].running = "6380";
    hand_judge(h, &audit_settings);
    want(h, "setting-unsupported:tls-auth-clients", SEVERITY_BLOCK);
    h->node.settings[1].running = "optional";
    hand_judge(h, &audit_settings);
    want(h, "setting-unsupported:tls-auth-clients", SEVERITY_WARN);
    h->node.settings[1].running = "no";
    hand_judge(h, &audit_settings);
    hand_want_none(h, "setting-unsupported:tls-auth-clients");
    hand_free(h);
}

static void secrets_are_not_shown(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "requirepass", "Hunter2");
    hand_judge(h, &audit_settings);
    const finding *f = want(h, "setting-property:requirepass", SEVERITY_BLOCK);
    assert_holds(f->evidence, "requirepass = set");
    assert_null(strstr(f->evidence, "*"));
    hand_free(h);
}

/* --- files ----------------------------------------------------------------------------------- */

static void a_file_alone_stands_on_the_engines_defaults(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    h->facts.is_live = false;
    file(h, "maxmemory 2gb\nPort 6380\nslave-read-only no\nbogus-name 3\nuser alice on >x\n"
            "user bob off\n");
    hand_judge(h, &audit_settings);
    const finding *f = want(h, "setting-property:maxmemory", SEVERITY_WARN);
    assert_string_equal(f->where, "redis.conf:1");
    want(h, "setting-property:port", SEVERITY_WARN);
    want(h, "setting-managed:replica-read-only", SEVERITY_WARN);
    f = want(h, "setting-unknown:bogus-name", SEVERITY_INFO);
    assert_string_equal(f->where, "redis.conf:4");
    f = want(h, "setting-property:user", SEVERITY_BLOCK);
    assert_holds(f->evidence, "2 lines: alice");
    f = want(h, "setting-default:maxmemory-policy", SEVERITY_WARN);
    assert_holds(f->where, "redis.conf does not name it");
    hand_free(h);
}

static void new_names_of_commands_are_kept_secret_and_carried_by_hand(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    file(h, "rename-command CONFIG \"\"\nrename-command FLUSHALL b840fc\n");
    hand_judge(h, &audit_settings);
    const finding *f = want(h, "setting-parameter:rename-command", SEVERITY_BLOCK);
    assert_string_equal(f->title,
                        "rename-command is in 2 lines; somebody has to decide what becomes of it");
    assert_string_equal(f->evidence, "2 lines: CONFIG; FLUSHALL");
    assert_null(strstr(group(h, "sh"), "rename"));
    assert_string_equal(changed_cell(h, "rename-command", 1), "in 2 lines");
    hand_free(h);
}

static void how_a_server_was_started_is_no_change(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "port", "7001");
    running(h, "bind", "10.0.0.5");
    running(h, "dir", "/srv/redis");
    running(h, "logfile", "/var/log/redis.log");
    running(h, "pidfile", "/run/redis.pid");
    running(h, "daemonize", "yes");
    hand_judge(h, &audit_settings);
    assert_int_equal(h->r->finding_count, 0);
    assert_null(changed_cell(h, "port", 0));
    hand_free(h);
}

static void running_and_file_are_compared_by_value_not_by_spelling(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "maxmemory", "2147483648");
    running(h, "hz", "50");
    running(h, "save", "900 1 300 10");
    running(h, "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
    file(h, "maxmemory 2gb\nhz 10\nsave 900 1\nsave 300 10\n"
            "client-output-buffer-limit pubsub 64mb 8mb 60\n");
    hand_judge(h, &audit_settings);
    hand_want_none(h, "setting-file:maxmemory");
    hand_want_none(h, "setting-file:save");
    const finding *f = want(h, "setting-file:hz", SEVERITY_WARN);
    assert_string_equal(f->evidence, "running 50, file 10");
    want(h, "setting-file:client-output-buffer-limit", SEVERITY_WARN);
    hand_free(h);
}

static void a_sentinels_file_is_no_server(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    file(h, "port 26379\nsentinel monitor mymaster 10.0.0.1 6379 2\n"
            "sentinel auth-pass mymaster hunter2\n");
    hand_judge(h, &audit_settings);
    const finding *f = want(h, "setting-sentinel", SEVERITY_BLOCK);
    assert_holds(f->evidence, "2 lines: monitor mymaster");
    assert_null(strstr(f->evidence, "hunter2"));
    assert_int_equal(h->r->finding_count, 1);
    hand_free(h);
}

static void settings_of_modules_are_one_finding_a_module(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    running(h, "search.timeout", "500");
    running(h, "search.workers", "4");
    running(h, "mine.level", "1");
    hand_judge(h, &audit_settings);
    want(h, "setting-module:search", SEVERITY_BLOCK);
    want(h, "setting-module:mine", SEVERITY_BLOCK);
    assert_int_equal(findings_of(h, "setting-module"), 2);
    hand_free(h);
}

static void nodes_that_differ_in_a_parameter_are_named(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    audit_node nodes[2] = {h->node, h->node};
    nodes[1].address = "10.0.0.6:6379";
    h->facts.nodes = nodes;
    h->facts.node_count = 2;
    settings_add_running(&h->facts, &nodes[0], "maxmemory-policy", "allkeys-lru");
    settings_add_running(&h->facts, &nodes[1], "maxmemory-policy", "noeviction");
    settings_add_running(&h->facts, &nodes[0], "cluster-announce-ip", "10.0.0.5");
    settings_add_running(&h->facts, &nodes[1], "cluster-announce-ip", "10.0.0.6");
    hand_judge(h, &audit_settings);
    const finding *f = want(h, "setting-nodes:maxmemory-policy", SEVERITY_WARN);
    assert_string_equal(f->evidence, "10.0.0.5:6379 has allkeys-lru, 10.0.0.6:6379 has noeviction");
    assert_int_equal(findings_of(h, "setting-nodes"), 1);
    hand_free(h);
}

/* --- the parameter group --------------------------------------------------------------------- */

static void the_group_is_quoted_and_cut_into_requests_of_twenty(void **state)
{
    (void)state;
    parameter_group g = {0};
    hand_made *h = hand_new("redis6.2");
    char names[41][8];
    h->r = report_new("audit", "group");
    size_t section = report_section_at(h->r, "settings", "Settings");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "p%zu", i);
        parameter_group_add(&g, names[i], i ? "1" : "a'b $x");
    }
    parameter_group_add(&g, "p0", "the first stands");
    parameter_group_write(&g, &h->target, h->r, section);
    const char *at = group(h, "sh");
    assert_holds(at, "--cache-parameter-group-name handover-redis6-x");
    assert_holds(at, "--cache-parameter-group-family redis6.x");
    assert_holds(at, "'ParameterName=p0,ParameterValue=a'\\''b $x'");
    assert_holds(group(h, "yaml"), "        p0: 'a''b $x'\n");
    size_t requests = 0;
    while ((at = strstr(at, "modify-cache-parameter-group"))) {
        requests++;
        at++;
    }
    assert_int_equal(requests, 3);
    hand_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_one_form_however_they_are_written),
        cmocka_unit_test(buffer_limits_are_read_class_by_class),
        cmocka_unit_test(an_untouched_source_has_nothing_changed_and_its_defaults_named),
        cmocka_unit_test(each_fate_has_its_finding),
        cmocka_unit_test(a_parameter_of_an_older_family_is_one_there),
        cmocka_unit_test(what_the_service_does_anyway_is_no_finding_and_not_in_the_group),
        cmocka_unit_test(buffer_limits_are_judged_class_by_class),
        cmocka_unit_test(a_serverless_cache_takes_no_parameters),
        cmocka_unit_test(client_certificates_block_by_the_engines_own_default),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(a_file_alone_stands_on_the_engines_defaults),
        cmocka_unit_test(new_names_of_commands_are_kept_secret_and_carried_by_hand),
        cmocka_unit_test(how_a_server_was_started_is_no_change),
        cmocka_unit_test(running_and_file_are_compared_by_value_not_by_spelling),
        cmocka_unit_test(a_sentinels_file_is_no_server),
        cmocka_unit_test(settings_of_modules_are_one_finding_a_module),
        cmocka_unit_test(nodes_that_differ_in_a_parameter_are_named),
        cmocka_unit_test(the_group_is_quoted_and_cut_into_requests_of_twenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
