/* The rule sets for commands, users and data, over facts made by hand. */
#include "audit_facts.h"

static void commands_are(hand_made *h, fact_command *c, size_t count)
{
    h->node.commands = c;
    h->node.command_count = count;
}

static void an_applications_blocked_command_blocks_and_a_tools_warns(void **state)
{
    (void)state;
    fact_command used[] = {{.name = "keys", .calls = 3},       {.name = "config|get", .calls = 9},
                           {.name = "config|set", .calls = 1}, {.name = "psync", .calls = 2},
                           {.name = "bgsave", .calls = 0},     {.name = "get", .calls = 100}};
    hand_made *h = hand_new("serverless");
    commands_are(h, used, COUNT_OF(used));
    hand_judge(h, &audit_commands);
    hand_want(h, "command-blocked:KEYS", SEVERITY_BLOCK);
    const finding *config = hand_want(h, "command-blocked-tool:CONFIG", SEVERITY_WARN);
    assert_holds(config->evidence, "calls of CONFIG GET: 9, CONFIG SET: 1");
    hand_want(h, "command-blocked-tool:PSYNC", SEVERITY_INFO);
    hand_want_none(h, "command-blocked-tool:BGSAVE");
    hand_free(h);
    h = hand_new("valkey8.1");
    commands_are(h, used, COUNT_OF(used));
    hand_judge(h, &audit_commands);
    hand_want_none(h, "command-blocked:KEYS");
    hand_want(h, "command-blocked-tool:CONFIG", SEVERITY_WARN);
    hand_free(h);
}

static void what_an_audit_alone_may_have_sent_is_a_note(void **state)
{
    (void)state;
    fact_command used[] = {{.name = "config|get", .calls = 1}};
    hand_made *h = hand_new("valkey8.1");
    commands_are(h, used, COUNT_OF(used));
    hand_judge(h, &audit_commands);
    hand_want(h, "command-blocked-tool:CONFIG", SEVERITY_INFO);
    hand_free(h);
}

static void a_module_without_a_counterpart_blocks_and_stays_behind(void **state)
{
    (void)state;
    fact_module modules[] = {{"timeseries", "11202"}, {"ReJSON", "20608"}, {"mine", "1"}};
    fact_command used[] = {{.name = "ts.add", .calls = 4}, {.name = "hexpire", .calls = 1}};
    hand_made *h = hand_new("valkey8.1");
    h->node.modules = modules;
    h->node.module_count = COUNT_OF(modules);
    commands_are(h, used, COUNT_OF(used));
    hand_judge(h, &audit_commands);
    assert_holds(hand_want(h, "module:timeseries", SEVERITY_BLOCK)->action, AUDIT_STAY);
    hand_want(h, "module:ReJSON", SEVERITY_WARN);
    hand_want(h, "module:mine", SEVERITY_BLOCK);
    assert_holds(hand_want(h, "module:timeseries", SEVERITY_BLOCK)->evidence, "TS.ADD: 4");
    hand_want_none(h, "feature:Time series"); /* the module's finding says it */
    hand_want(h, "feature:Hash field TTL", SEVERITY_BLOCK);
    hand_free(h);
    h = hand_new("valkey9.0");
    used[0].name = "get"; /* HOTKEYS GET is another command */
    commands_are(h, used, COUNT_OF(used));
    hand_judge(h, &audit_commands);
    hand_want_none(h, "feature:HOTKEYS");
    hand_judge(h, &audit_commands);
    hand_want(h, "feature:Hash field TTL", SEVERITY_WARN);
    hand_free(h);
}

static void databases_events_wait_and_scripts_are_judged_by_the_target(void **state)
{
    (void)state;
    fact_database databases[] = {{.db = 0, .keys = 5}, {.db = 7, .keys = 1}};
    fact_setting settings[] = {{.name = "notify-keyspace-events", .running = "Ex"}};
    fact_command used[] = {{.name = "wait", .calls = 2},
                           {.name = "evalsha", .calls = 8},
                           {.name = "blpop", .calls = 3},
                           {.name = "fcall", .calls = 1},
                           {.name = "mget", .calls = 12}};
    static const char *const targets[] = {"valkey8.1", "serverless"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        bool is_serverless = i == 1;
        hand_made *h = hand_new(targets[i]);
        h->node.databases = databases;
        h->node.database_count = COUNT_OF(databases);
        h->node.settings = settings;
        h->node.setting_count = COUNT_OF(settings);
        commands_are(h, used, COUNT_OF(used));
        hand_judge(h, &audit_commands);
        severity harder = is_serverless ? SEVERITY_BLOCK : SEVERITY_WARN;
        hand_want(h, "databases", harder);
        hand_want(h, "keyspace-events", harder);
        hand_want(h, "wait", harder);
        hand_want(h, "functions", is_serverless ? SEVERITY_BLOCK : SEVERITY_INFO);
        hand_want(h, "scripts", SEVERITY_WARN);
        hand_want(h, "blocking-commands", SEVERITY_INFO);
        if (is_serverless) hand_want(h, "command-cross-slot", SEVERITY_BLOCK);
        if (!is_serverless) hand_want_none(h, "command-cross-slot");
        hand_free(h);
    }
}

static void a_renamed_command_is_told_without_its_new_name(void **state)
{
    (void)state;
    fact_conf_line lines[] = {{"rename-command", "FLUSHALL hidden-name-17", 4, NULL},
                              {"rename-command", "KEYS ", 5, NULL},
                              {"rename-command", "DEBUG \"\"", 6, NULL}};
    hand_made *h = hand_new("valkey8.1");
    h->facts.conf_path = "redis.conf";
    h->node.lines = lines;
    h->node.line_count = COUNT_OF(lines);
    hand_judge(h, &audit_commands);
    const finding *f = hand_want(h, "command-renamed:FLUSHALL", SEVERITY_WARN);
    assert_null(strstr(f->evidence, "hidden"));
    assert_string_equal(f->where, "redis.conf:4");
    assert_holds(hand_want(h, "command-renamed:KEYS", SEVERITY_WARN)->title, "disabled");
    assert_holds(hand_want(h, "command-renamed:KEYS", SEVERITY_WARN)->action, "-KEYS");
    f = hand_want(h, "command-renamed:DEBUG", SEVERITY_INFO); /* nobody may run it there */
    assert_string_equal(f->action, "nothing");
    hand_free(h);
}

/* --- users ------------------------------------------------------------------------------------ */

static void a_password_becomes_a_token_only_by_the_rules_of_one(void **state)
{
    (void)state;
    static const struct {
        const char *mask, *says;
        severity severity;
    } cases[] = {
        {"****************", "length and characters fit", SEVERITY_INFO},
        {"***************", "fewer than 16", SEVERITY_WARN},
        {"****************?", "may not have", SEVERITY_WARN},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fact_setting settings[] = {{.name = "requirepass", .running = cases[i].mask}};
        hand_made *h = hand_new("valkey8.1");
        h->node.settings = settings;
        h->node.setting_count = 1;
        hand_judge(h, &audit_users);
        const finding *f = hand_want(h, "user-auth-token", cases[i].severity);
        assert_holds(f->evidence, cases[i].says);
        assert_null(strstr(f->evidence, "***"));
        hand_want(h, "user-tls", SEVERITY_WARN);
        hand_free(h);
    }
}

static void users_are_judged_one_by_one(void **state)
{
    (void)state;
    fact_user users[] = {
        {.name = "default", .rules = "on nopass ~* &* +@all", .is_on = true, .is_nopass = true},
        {.name = "app", .rules = "on # ~* +get +debug", .password_count = 3, .is_on = true},
        {.name = "open", .rules = "on nopass ~* +get", .is_on = true, .is_nopass = true}};
    hand_made *h = hand_new("valkey8.1");
    h->node.users = users;
    h->node.user_count = COUNT_OF(users);
    hand_judge(h, &audit_users);
    hand_want(h, "user-default", SEVERITY_WARN);
    hand_want(h, "user-access-string:app", SEVERITY_WARN);
    hand_want(h, "user-passwords-many:app", SEVERITY_WARN);
    hand_want(h, "user-password", SEVERITY_WARN);
    hand_want(h, "user-nopass:open", SEVERITY_WARN);
    hand_want(h, "user-iam", SEVERITY_INFO);
    hand_free(h);
}

static void mutual_tls_is_told(void **state)
{
    (void)state;
    fact_setting settings[] = {{.name = "tls-port", .running = "6379"},
                               {.name = "tls-auth-clients", .running = "yes"},
                               {.name = "tls-protocols", .running = "TLSv1.1 TLSv1.2"}};
    hand_made *h = hand_new("valkey8.1");
    h->node.settings = settings;
    h->node.setting_count = COUNT_OF(settings);
    hand_judge(h, &audit_users);
    hand_want(h, "user-mutual-tls", SEVERITY_WARN);
    hand_want(h, "user-tls-version", SEVERITY_WARN);
    hand_want_none(h, "user-tls");
    hand_free(h);
}

/* --- data ------------------------------------------------------------------------------------- */

static void a_sample_is_judged_scaled(void **state)
{
    (void)state;
    fact_key large[] = {
        {.key = "big", .type = "list", .bytes = UINT64_C(1) << 30, .frequency = -1}};
    fact_second full[] = {{.second = 1900000000, .keys = 60}};
    fact_setting settings[] = {{.name = "maxmemory-policy", .running = "allkeys-lru"}};
    hand_made *h = hand_new("valkey8.1");
    h->node.settings = settings;
    h->node.setting_count = 1;
    h->node.sample = (fact_sample){.looked_at = 1000, .of = 100000, .without_expiry = 940};
    h->node.sample.largest = large;
    h->node.sample.largest_count = 1;
    h->node.sample.seconds = full;
    h->node.sample.second_count = 1;
    h->node.sample.bounded_by = "1000 keys";
    hand_info(h, "used_memory:900\r\nmaxmemory:1000\r\n");
    hand_judge(h, &audit_data);
    assert_holds(hand_want(h, "data-large-keys", SEVERITY_WARN)->evidence, "'big' (list, 1.0 GiB");
    assert_holds(hand_want(h, "data-stampede", SEVERITY_WARN)->title, "about 6000 keys");
    assert_holds(hand_want(h, "data-no-expiry", SEVERITY_WARN)->title, "94 %");
    hand_want(h, "data-full", SEVERITY_WARN);
    hand_want(h, "data-sampled", SEVERITY_INFO);
    hand_free(h);
}

static void what_was_not_read_is_not_judged(void **state)
{
    (void)state;
    static const audit_rule_set *const sets[] = {&audit_commands, &audit_users, &audit_data};
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        hand_made *h = hand_new("serverless");
        hand_judge(h, sets[i]);
        assert_int_equal(h->r->finding_count, 0);
        hand_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_applications_blocked_command_blocks_and_a_tools_warns),
        cmocka_unit_test(what_an_audit_alone_may_have_sent_is_a_note),
        cmocka_unit_test(a_module_without_a_counterpart_blocks_and_stays_behind),
        cmocka_unit_test(databases_events_wait_and_scripts_are_judged_by_the_target),
        cmocka_unit_test(a_renamed_command_is_told_without_its_new_name),
        cmocka_unit_test(a_password_becomes_a_token_only_by_the_rules_of_one),
        cmocka_unit_test(users_are_judged_one_by_one),
        cmocka_unit_test(mutual_tls_is_told),
        cmocka_unit_test(a_sample_is_judged_scaled),
        cmocka_unit_test(what_was_not_read_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
