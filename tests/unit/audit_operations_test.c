#include "audit_facts.h"

#include "audit/operations.h"

#define SERVER                                                                                     \
    "role:master\r\nconnected_slaves:1\r\nuptime_in_seconds:1000\r\nused_memory:1000000000\r\n"

static audit_node *node_of(hand_made *h, const char *info)
{
    hand_info(h, info);
    return &h->node;
}

static fact_setting *settings_of(hand_made *h, size_t count)
{
    fact_setting *made = arena_alloc(&h->facts.memory, count * sizeof *made);
    h->node.settings = made;
    h->node.setting_count = count;
    return made;
}

/* --- engine and formats ---------------------------------------------------------------------- */

static void rdb_versions_are_read_as_the_table_writes_them(void **state)
{
    (void)state;
    static const char valkey81[] = "1-11; 12-79 refused; rdb-version-check strict";
    static const char valkey90[] = "1-11 with magic REDIS, 80 with magic VALKEY";
    static const char redis71[] = "1-10 certain; 11 unknown (the documented rollback)";
    assert_true(knowledge_rdb_is_loaded(valkey81, 11));
    assert_false(knowledge_rdb_is_loaded(valkey81, 12));
    assert_false(knowledge_rdb_is_loaded(valkey81, 80));
    assert_true(knowledge_rdb_is_loaded(valkey90, 80));
    assert_false(knowledge_rdb_is_loaded(valkey90, 12));
    assert_true(knowledge_rdb_is_loaded(redis71, 10));
    assert_false(knowledge_rdb_is_loaded(redis71, 11));
    for (size_t i = 0; i < knowledge_at(TABLE_ENGINE_VERSIONS)->row_count; i++) {
        const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
        if (strncmp(knowledge_cell(t, i, "engine"), "source", 6) == 0) continue;
        assert_true(knowledge_rdb_is_loaded(knowledge_cell(t, i, "rdb_versions_loaded"), 6));
    }
}

static void a_source_the_target_cannot_load_is_said(void **state)
{
    (void)state;
    static const struct {
        engine_version version;
        const char *target;
        bool is_newer;
    } cases[] = {
        {{.product = ENGINE_REDIS, .major = 7, .minor = 4, .rdb_version = 12}, "valkey8.1", true},
        {{.product = ENGINE_REDIS, .major = 7, .minor = 2, .rdb_version = 11}, "valkey8.1", false},
        {{.product = ENGINE_REDIS, .major = 7, .minor = 2, .rdb_version = 11}, "redis7.1", true},
        {{.product = ENGINE_VALKEY, .major = 9, .rdb_version = 80}, "valkey8.1", true},
        {{.product = ENGINE_VALKEY, .major = 9, .rdb_version = 80}, "valkey9.0", false},
        {{.product = ENGINE_VALKEY, .major = 9, .rdb_version = 80}, "serverless", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new(cases[i].target);
        node_of(h, SERVER)->version = cases[i].version;
        hand_judge(h, &audit_operations);
        hand_want(h, "ops-engine", SEVERITY_INFO);
        if (cases[i].is_newer) {
            hand_want(h, "ops-newer", SEVERITY_WARN);
        } else {
            hand_want_none(h, "ops-newer");
        }
        hand_free(h);
    }
}

static void an_engine_is_told_its_end_of_support_there(void **state)
{
    (void)state;
    static const struct {
        engine_version version;
        const char *says;
    } cases[] = {
        {{.product = ENGINE_REDIS, .major = 6, .minor = 2}, "end of standard support 2027-01-31"},
        {{.product = ENGINE_REDIS, .major = 3, .minor = 2}, "end of life 2023-07-31"},
        {{.product = ENGINE_REDIS, .major = 2, .minor = 8}, "end of life 2023-01-13"},
        {{.product = ENGINE_REDIS, .major = 7, .minor = 4}, "does not offer this version"},
        {{.product = ENGINE_VALKEY, .major = 8, .minor = 1}, "offered"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new("valkey8.1");
        node_of(h, SERVER)->version = cases[i].version;
        hand_judge(h, &audit_operations);
        assert_holds(hand_want(h, "ops-engine", SEVERITY_INFO)->evidence, cases[i].says);
        if (cases[i].version.major < 6)
            hand_want(h, "ops-old", SEVERITY_WARN);
        else
            hand_want_none(h, "ops-old");
        hand_want_none(h, "ops-support");
        hand_free(h);
    }
    hand_made *h = hand_new("redis6.2");
    node_of(h, SERVER);
    hand_judge(h, &audit_operations);
    hand_want(h, "ops-support", SEVERITY_WARN);
    hand_free(h);
}

/* --- running it ------------------------------------------------------------------------------ */

static void what_is_persisted_today_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *aof, *save, *says;
        severity severity;
    } cases[] = {
        {"yes", "3600 1", "an append-only file (appendfsync always)", SEVERITY_WARN},
        {"no", "3600 1", "snapshots (save 3600 1)", SEVERITY_INFO},
        {"no", "", "nothing", SEVERITY_INFO},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new("valkey8.1");
        fact_setting *s = settings_of(h, 3);
        s[0] = (fact_setting){.name = "appendonly", .running = cases[i].aof};
        s[1] = (fact_setting){.name = "save", .running = cases[i].save};
        s[2] = (fact_setting){.name = "appendfsync", .running = "always"};
        hand_judge(h, &audit_operations);
        assert_holds(hand_want(h, "ops-persistence", cases[i].severity)->title, cases[i].says);
        hand_free(h);
    }
}

static void troubles_of_the_server_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *info, *id;
        severity severity;
    } cases[] = {
        {SERVER "rdb_last_bgsave_status:err\r\n", "ops-save-failed", SEVERITY_WARN},
        {"role:master\r\nconnected_slaves:0\r\n", "ops-single", SEVERITY_INFO},
        {"role:master\r\nconnected_slaves:6\r\n", "ops-replicas", SEVERITY_WARN},
        {SERVER "slave0:ip=10.0.0.6,port=6379,state=wait_bgsave,offset=0,lag=0\r\n",
         "ops-replica-link:10.0.0.5:6379", SEVERITY_WARN},
        {SERVER "latest_fork_usec:250000\r\n", "ops-fork", SEVERITY_WARN},
        {SERVER "used_memory_rss:7000000000\r\ntotal_system_memory:10000000000\r\n", "ops-memory",
         SEVERITY_WARN},
        {SERVER "cluster_state:fail\r\n", "ops-cluster", SEVERITY_BLOCK},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new("valkey8.1");
        node_of(h, cases[i].info);
        fact_setting *s = settings_of(h, 2);
        s[0] = (fact_setting){.name = "appendonly", .running = "no"};
        s[1] = (fact_setting){.name = "save", .running = ""};
        hand_judge(h, &audit_operations);
        hand_want(h, cases[i].id, cases[i].severity);
        hand_free(h);
    }
    hand_made *h = hand_new("valkey8.1");
    node_of(h, SERVER "rdb_last_bgsave_status:ok\r\ncluster_state:ok\r\nlatest_fork_usec:900\r\n"
                      "slave0:ip=10.0.0.6,port=6379,state=online,offset=9,lag=0\r\n");
    hand_judge(h, &audit_operations);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        hand_want_none(h, cases[i].id);
    hand_free(h);
}

static void buffers_are_held_against_the_rate_of_writes(void **state)
{
    (void)state;
    static const char quiet[] =
        SERVER "total_net_input_bytes:1000\r\nrepl_backlog_size:1048576\r\n";
    static const char busy[] =
        SERVER "total_net_input_bytes:20000000000\r\nrepl_backlog_size:1048576\r\n";
    fact_command set = {.name = "set", .calls = 200000};
    fact_command incr = {.name = "incr", .calls = 5};
    fact_command hincrby = {.name = "hincrby", .calls = 5};
    fact_command commands[] = {hincrby, incr, set};
    hand_made *h = hand_new("valkey8.1");
    fact_setting *s = settings_of(h, 1);
    s[0] = (fact_setting){
        .name = "client-output-buffer-limit",
        .running = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"};
    h->node.commands = commands;
    h->node.command_count = COUNT_OF(commands);
    node_of(h, quiet);
    hand_judge(h, &audit_operations);
    hand_want_none(h, "ops-backlog");
    hand_want_none(h, "ops-replica-buffer");
    node_of(h, busy);
    hand_judge(h, &audit_operations);
    hand_want(h, "ops-backlog", SEVERITY_WARN);
    assert_holds(hand_want(h, "ops-replica-buffer", SEVERITY_WARN)->evidence, "268 MB");
    audit_traffic t = audit_traffic_of(&h->facts.memory, &h->facts);
    assert_string_equal(t.repeats, "hincrby, incr");
    assert_true(t.writes > 200 && t.writes < 201);
    hand_free(h);
}

/* --- conditions ------------------------------------------------------------------------------ */

static void every_check_is_of_a_condition_in_the_table(void **state)
{
    (void)state;
    const knowledge_table *t = knowledge_at(TABLE_CONSTRAINTS);
    for (size_t n = 0; audit_constraint_checked(n); n++) {
        bool found = false;
        for (size_t i = 0; i < t->row_count; i++)
            found |= strcmp(knowledge_cell(t, i, "id"), audit_constraint_checked(n)) == 0;
        if (!found) fail_msg("'%s' is not in the table", audit_constraint_checked(n));
    }
}

/* How often a text stands in a section's tables. */
static size_t cells_that_are(const hand_made *h, const char *id, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < h->r->section_count; i++) {
        const report_section *s = &h->r->sections[i];
        if (strcmp(s->id, id) != 0) continue;
        for (size_t p = 0; p < s->part_count; p++)
            for (size_t c = 0; c < s->parts[p].row_count * s->parts[p].column_count; c++)
                count += s->parts[p].cells[c] && strcmp(s->parts[p].cells[c], text) == 0;
    }
    return count;
}

static void a_condition_is_judged_or_asked_never_both(void **state)
{
    (void)state;
    static const char *const targets[] = {"valkey8.1", "serverless"};
    const knowledge_table *t = knowledge_at(TABLE_CONSTRAINTS);
    for (size_t k = 0; k < COUNT_OF(targets); k++) {
        hand_made *h = hand_new(targets[k]);
        node_of(h, SERVER);
        hand_judge(h, &audit_operations);
        for (size_t i = 0; i < t->row_count; i++) {
            const char *id = knowledge_cell(t, i, "id");
            size_t judged = cells_that_are(h, "ways", id);
            size_t asked = cells_that_are(h, "questions", id);
            bool is_of_serverless = id[0] == 'S' ? id[1] == 'L' : id[0] == 'O' && id[1] == 'S';
            bool is_of_both = id[0] == 'R';
            bool concerns = is_of_both || is_of_serverless == h->target.is_serverless;
            bool asks = strcmp(knowledge_cell(t, i, "how_to_check_on_source"), "none") != 0;
            if (judged + asked > 1) fail_msg("'%s' stands there twice", id);
            if (concerns && asks && judged + asked == 0) fail_msg("'%s' is missing", id);
            if (!concerns && judged + asked > 0) fail_msg("'%s' does not concern it", id);
        }
        hand_free(h);
    }
}

static void a_condition_that_does_not_hold_is_a_finding(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bad, *good, *id;
    } cases[] = {
        {"requirepass", "secret", "", "constraint:ONL-02"},
        {"protected-mode", "yes", "no", "constraint:ONL-05"},
        {"bind", "127.0.0.1 -::1", "10.0.0.5", "constraint:ONL-06"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new("valkey8.1");
        fact_setting *s = settings_of(h, 1);
        s[0] = (fact_setting){.name = cases[i].name, .running = cases[i].bad};
        hand_judge(h, &audit_operations);
        hand_want(h, cases[i].id, SEVERITY_INFO);
        s[0].running = cases[i].good;
        hand_judge(h, &audit_operations);
        hand_want_none(h, cases[i].id);
        hand_free(h);
    }
}

static void modules_renamed_commands_and_old_engines_close_ways(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    fact_module modules[] = {{"ReJSON", "20600"}, {"search", "20800"}};
    fact_conf_line line = {.name = "rename-command", .arguments = "CONFIG secret", .line = 3};
    node_of(h, SERVER);
    h->node.modules = modules;
    h->node.module_count = 1;
    h->node.version = (engine_version){.product = ENGINE_REDIS, .major = 5, .rdb_version = 9};
    hand_judge(h, &audit_operations);
    hand_want_none(h, "constraint:SEED-15");
    hand_want_none(h, "constraint:ONL-08");
    hand_want(h, "constraint:ONL-23", SEVERITY_INFO);
    h->node.module_count = 2;
    h->node.lines = &line;
    h->node.line_count = 1;
    hand_judge(h, &audit_operations);
    assert_holds(hand_want(h, "constraint:SEED-15", SEVERITY_INFO)->evidence, "search");
    assert_string_equal(hand_want(h, "constraint:ONL-08", SEVERITY_INFO)->evidence,
                        "rename-command: CONFIG");
    hand_free(h);
}

static void serverless_takes_only_so_large_names_elements_and_caches(void **state)
{
    (void)state;
    static const struct {
        const char *info;
        uint64_t element, name;
        bool fits;
    } cases[] = {
        {"used_memory:1000\r\n", 512 * MIB - 1, 4096, true},
        {"used_memory:1000\r\n", 512 * MIB - 1, 4097, false},
        {"used_memory:1000\r\n", 512 * MIB, 10, false},
        {"used_memory:5368709120000\r\n", 10, 10, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new("serverless");
        fact_key largest = {.key = "k", .type = "string", .bytes = cases[i].element};
        node_of(h, cases[i].info);
        h->node.sample = (fact_sample){.looked_at = 1,
                                       .of = 1,
                                       .longest_name = cases[i].name,
                                       .largest_count = 1,
                                       .largest = &largest};
        hand_judge(h, &audit_operations);
        if (cases[i].fits)
            hand_want_none(h, "constraint:SLS-03");
        else
            hand_want(h, "constraint:SLS-03", SEVERITY_WARN);
        hand_free(h);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rdb_versions_are_read_as_the_table_writes_them),
        cmocka_unit_test(a_source_the_target_cannot_load_is_said),
        cmocka_unit_test(an_engine_is_told_its_end_of_support_there),
        cmocka_unit_test(what_is_persisted_today_is_told),
        cmocka_unit_test(troubles_of_the_server_are_found),
        cmocka_unit_test(buffers_are_held_against_the_rate_of_writes),
        cmocka_unit_test(every_check_is_of_a_condition_in_the_table),
        cmocka_unit_test(a_condition_is_judged_or_asked_never_both),
        cmocka_unit_test(a_condition_that_does_not_hold_is_a_finding),
        cmocka_unit_test(modules_renamed_commands_and_old_engines_close_ways),
        cmocka_unit_test(serverless_takes_only_so_large_names_elements_and_caches),
    };
    return cmocka_run_group_tests_name("audit_operations", tests, NULL, NULL);
}
