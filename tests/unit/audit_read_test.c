#include "test.h"

#include "audit/access_string.h"
#include "audit/census.h"
#include "audit/conf.h"
#include "audit/parse.h"
#include "audit/settings.h"

/* --- the configuration file ------------------------------------------------------------------- */

static conf_line line_of(const char *text, arena *memory)
{
    size_t count = 0;
    conf_line *lines = NULL;
    conf_read(span_text(text), memory, &count, &lines);
    assert_int_equal(count, 1);
    return lines[0];
}

static void words_are_cut_as_the_engines_cut_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *words[4];
    } cases[] = {
        {"maxmemory 100mb", "maxmemory", {"100mb"}},
        {"  MaxMemory\t100mb \r", "maxmemory", {"100mb"}},
        {"save \"\"", "save", {""}},
        {"save ''", "save", {""}},
        {"requirepass \"a b\\\"c\\\\\\x41\\n\"", "requirepass", {"a b\"c\\A\n"}},
        {"requirepass 'it\\'s \\n'", "requirepass", {"it's \\n"}},
        {"requirepass \"\\xzz\"", "requirepass", {"xzz"}},
        {"requirepass a\"b c\"", "requirepass", {"ab c"}},
        {"save 900 1 300 10", "save", {"900", "1", "300", "10"}},
        {"logfile # no comment here", "logfile", {"#", "no", "comment", "here"}},
        {"rename-command KEYS \"\"", "rename-command", {"KEYS", ""}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        arena memory = {0};
        conf_line line = line_of(cases[i].text, &memory);
        assert_null(line.problem);
        assert_string_equal(line.name, cases[i].name);
        for (size_t k = 0; k < 4 && cases[i].words[k]; k++) {
            assert_true(k < line.word_count);
            assert_string_equal(line.words[k], cases[i].words[k]);
        }
        arena_clear(&memory);
    }
}

static void a_line_that_the_engine_refuses_is_told_and_the_next_one_is_read(void **state)
{
    (void)state;
    static const char *const bad[] = {"a \"open\nhz 10\n", "a 'open\nhz 10\n", "a \"b\"c\nhz 10\n",
                                      "a 'b'c\nhz 10\n",   "\"\n hz 10",       "a \"b\\\nhz 10"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        arena memory = {0};
        size_t count = 0;
        conf_line *lines = NULL;
        conf_read(span_text(bad[i]), &memory, &count, &lines);
        assert_int_equal(count, 2);
        assert_non_null(lines[0].problem);
        assert_int_equal(lines[0].line, 1);
        assert_null(lines[1].problem);
        assert_string_equal(lines[1].name, "hz");
        assert_int_equal(lines[1].line, 2);
        arena_clear(&memory);
    }
}

static void comments_and_empty_lines_count_as_lines_only(void **state)
{
    (void)state;
    arena memory = {0};
    size_t count = 0;
    conf_line *lines = NULL;
    conf_read(span_text("# a\n\n   \n\t# b\r\nport 1"), &memory, &count, &lines);
    assert_int_equal(count, 1);
    assert_int_equal(lines[0].line, 5);
    conf_read(span_text(""), &memory, &count, &lines);
    assert_int_equal(count, 0);
    arena_clear(&memory);
}

static void settings_of_a_file_keep_no_password(void **state)
{
    (void)state;
    static const char text[] = "requirepass s3cr3t-word\nuser app on >another-word ~* +@all\n"
                               "masterauth third-word\nsentinel auth-pass mymaster fourth-word\n"
                               "save 900 1\nsave 300 10\nslave-read-only no\n";
    audit_facts f = {0};
    audit_node n = {.version = {.product = ENGINE_REDIS, .major = 7}};
    size_t count = 0;
    conf_line *lines = NULL;
    conf_read(span_text(text), &f.memory, &count, &lines);
    settings_add_file(&f, &n, count, lines);
    assert_string_equal(audit_setting(&n, "save"), "900 1 300 10");
    assert_string_equal(audit_setting(&n, "replica-read-only"), "no");
    assert_int_equal(n.user_count, 1);
    assert_int_equal(n.users[0].password_count, 1);
    for (size_t i = 0; i < n.line_count; i++)
        assert_null(strstr(n.lines[i].arguments, "-word"));
    for (size_t i = 0; i < n.setting_count; i++)
        assert_null(strstr(n.settings[i].file, "-word"));
    assert_null(strstr(n.users[0].rules, "-word"));
    arena_clear(&f.memory);
}

/* --- the engines' texts ----------------------------------------------------------------------- */

static void info_is_read_twice_without_doubling(void **state)
{
    (void)state;
    static const char text[] =
        "redis_version:6.2.7\r\nrole:slave\r\ncluster_enabled:1\r\n"
        "cmdstat_get:calls=5,usec=10,usec_per_call=2.00,rejected_calls=1,failed_calls=2\r\n"
        "db3:keys=7,expires=2,avg_ttl=100\r\nmodule:name=bf,ver=20400,api=1\r\n";
    arena memory = {0};
    audit_node n = {0};
    parse_info(span_text(text), &memory, &n);
    parse_info(span_text(text), &memory, &n);
    assert_true(n.has_version && n.is_cluster && n.is_replica);
    assert_int_equal(n.command_count, 1);
    assert_int_equal(audit_command(&n, "get")->calls, 5);
    assert_int_equal(n.database_count, 1);
    assert_int_equal(n.databases[0].db, 3);
    assert_int_equal(n.databases[0].expires, 2);
    assert_int_equal(n.module_count, 1);
    assert_string_equal(n.modules[0].version, "20400");
    arena_clear(&memory);
}

static void a_client_is_read_with_its_number_and_without_its_port(void **state)
{
    (void)state;
    static const char text[] = "id=7 addr=[::1]:5000 laddr=[::1]:6379 name=web age=9 idle=1 "
                               "flags=b db=2 cmd=blpop user=app lib-name=jedis lib-ver=5.1.0\n"
                               "no such line\nid=8 addr=10.0.0.7:4 flags=N\n";
    arena memory = {0};
    audit_node n = {0};
    parse_clients(span_text(text), &memory, &n);
    assert_int_equal(n.client_count, 2);
    assert_int_equal(n.clients[0].id, 7);
    assert_string_equal(n.clients[0].address, "[::1]");
    assert_string_equal(n.clients[0].lib_version, "5.1.0");
    assert_true(n.clients[0].is_blocked);
    assert_string_equal(n.clients[1].name, "");
    arena_clear(&memory);
}

/* --- the census ------------------------------------------------------------------------------- */

static void names_past_the_limit_are_counted_as_others(void **state)
{
    (void)state;
    arena memory = {0};
    census c;
    census_init(&c, &memory, 3);
    for (unsigned round = 0; round < 2; round++) {
        for (char name = 'a'; name <= 'e'; name++)
            census_add(&c, &memory, span_of(&name, 1), 10, name == 'a');
    }
    census_sort(&c, 8);
    assert_int_equal(c.group_count, 3);
    assert_string_equal(c.groups[2].name, "(others)");
    assert_int_equal(c.groups[2].keys, 6);
    assert_int_equal(c.groups[0].with_expiry, 2);
    census_sort(&c, 2);
    assert_int_equal(c.group_count, 2);
    assert_int_equal(c.groups[1].keys, 8);
    arena_clear(&memory);
}

static void a_prefix_ends_at_the_first_separator(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"session:17:cart", "session:"}, {"a/b", "a/"},
                                           {"plain", "(no prefix)"},        {"", "(no prefix)"},
                                           {"{u1}:cart", "{...}:"},         {"{u1}", "{...}"},
                                           {"{open", "(no prefix)"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_span_text(census_prefix(span_text(cases[i][0])), cases[i][1]);
}

/* --- access strings --------------------------------------------------------------------------- */

static void what_an_access_string_cannot_hold_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *target, *rules, *text, *lost;
    } cases[] = {
        {"valkey8.1", "on # ~cart:* &* +@all", "on ~cart:* &* +@all", ""},
        {"valkey8.1", "on nopass sanitize-payload ~* +get", "on ~* +get", ""},
        {"valkey8.1", "on ~* +config|get +get", "on ~* +get", "+config|get: CONFIG is blocked"},
        {"valkey8.1", "on ~* +@all -config -get", "on ~* +@all -get", ""},
        {"valkey8.1", "on %R~a* (~b* +get +debug)", "on %R~a* (~b* +get)", "DEBUG is blocked"},
        {"valkey8.1", "on (+debug ~b*)", "on (~b*)", "DEBUG is blocked"},
        {"valkey8.1", "on db=0 ~*", "on ~*", "databases need Valkey 9.1"},
        {"serverless", "on ~* +fcall", "on ~*", "FCALL is blocked"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        arena memory = {0};
        knowledge_target t;
        assert_true(knowledge_target_find(cases[i].target, &t));
        deployment d = t.is_serverless ? DEPLOYMENT_SERVERLESS : DEPLOYMENT_NODE_DISABLED;
        access_string a = access_string_make(cases[i].rules, &t, d, &memory);
        assert_string_equal(a.text, cases[i].text);
        if (*cases[i].lost) {
            assert_non_null(strstr(a.lost, cases[i].lost));
        } else {
            assert_string_equal(a.lost, "");
        }
        arena_clear(&memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_as_the_engines_cut_them),
        cmocka_unit_test(a_line_that_the_engine_refuses_is_told_and_the_next_one_is_read),
        cmocka_unit_test(comments_and_empty_lines_count_as_lines_only),
        cmocka_unit_test(settings_of_a_file_keep_no_password),
        cmocka_unit_test(info_is_read_twice_without_doubling),
        cmocka_unit_test(a_client_is_read_with_its_number_and_without_its_port),
        cmocka_unit_test(names_past_the_limit_are_counted_as_others),
        cmocka_unit_test(a_prefix_ends_at_the_first_separator),
        cmocka_unit_test(what_an_access_string_cannot_hold_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
