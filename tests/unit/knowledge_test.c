#include "knowledge/knowledge.h"
#include "knowledge/knowledge_internal.h"
#include "test.h"

#define TODAY "2026-11-26"

static void every_table_has_rows_sources_and_dates(void **state)
{
    (void)state;
    for (unsigned id = 0; id < TABLE_COUNT; id++) {
        const knowledge_table *t = knowledge_at((table_id)id);
        assert_true(t->row_count > 0);
        for (size_t row = 0; row < t->row_count; row++) {
            const char *source = knowledge_cell(t, row, "source");
            if (!*source) fail_msg("data/%s.tsv: row %zu has no source", t->name, row + 1);
            const char *date = knowledge_cell(t, row, "date");
            if (strlen(date) != 10 || date[4] != '-' || date[7] != '-')
                fail_msg("data/%s.tsv: row %zu: date '%s'", t->name, row + 1, date);
            if (!*t->cells[row * t->column_count])
                fail_msg("data/%s.tsv: row %zu begins with nothing", t->name, row + 1);
        }
    }
}

/* One value out of a set, for columns that code branches on. */
static void column_is_one_of(table_id id, const char *column, const char *const *words)
{
    const knowledge_table *t = knowledge_at(id);
    for (size_t row = 0; row < t->row_count; row++) {
        const char *cell = knowledge_cell(t, row, column);
        size_t i = 0;
        while (words[i] && strcmp(words[i], cell) != 0)
            i++;
        if (!words[i]) fail_msg("data/%s.tsv: row %zu: %s is '%s'", t->name, row + 1, column, cell);
    }
}

static void the_words_that_code_branches_on_are_known(void **state)
{
    (void)state;
    column_is_one_of(TABLE_DIRECTIVE_FATE, "fate",
                     (const char *[]){"parameter", "parameter-readonly", "api-property", "managed",
                                      "unsupported", "client-side", NULL});
    column_is_one_of(TABLE_DIRECTIVE_FATE, "severity_if_changed",
                     (const char *[]){"info", "warn", "block", NULL});
    column_is_one_of(TABLE_ENGINE_DIRECTIVES, "engine", (const char *[]){"redis", "valkey", NULL});
    column_is_one_of(TABLE_ENGINE_DIRECTIVES, "type",
                     (const char *[]){"bool", "enum", "int", "memory", "special", "string", NULL});
    column_is_one_of(TABLE_ENGINE_DIRECTIVES, "mutable_at_runtime",
                     (const char *[]){"yes", "no", "protected", "unknown", NULL});
    column_is_one_of(TABLE_EXPORTER, "exactness",
                     (const char *[]){"exact", "approx", "none", NULL});
    column_is_one_of(TABLE_CLIENTS, "follows_failover_by_default",
                     (const char *[]){"yes", "no", "partly", "unknown", NULL});
}

static void every_directive_of_every_version_has_a_fate(void **state)
{
    (void)state;
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_DIRECTIVES);
    for (size_t row = 0; row < t->row_count; row++) {
        knowledge_fate fate;
        const char *name = knowledge_cell(t, row, "directive");
        if (!knowledge_fate_find(name, &fate)) fail_msg("directive '%s' has no fate", name);
    }
}

/* Some words name another directive: "with cluster-enabled". */
static void the_word_that_says_when_a_directive_is_judged_is_known(void **state)
{
    (void)state;
    static const char *const words[] = {"if changed", "if in the file", "if smaller there",
                                        "by hand"};
    static const char *const prefixes[] = {"with ", "without ", "value with "};
    const knowledge_table *fates = knowledge_at(TABLE_DIRECTIVE_FATE);
    for (size_t row = 0; row < fates->row_count; row++) {
        knowledge_fate other;
        const char *judged = knowledge_cell(fates, row, "judged");
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(words); i++)
            known |= strcmp(judged, words[i]) == 0;
        for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
            size_t size = strlen(prefixes[i]);
            known |= strncmp(judged, prefixes[i], size) == 0 &&
                     knowledge_fate_find(judged + size, &other);
        }
        if (!known) fail_msg("data/directive-fate.tsv: row %zu: judged '%s'", row + 1, judged);
    }
}

static void a_parameter_is_of_the_target_only_when_its_version_has_it(void **state)
{
    (void)state;
    knowledge_target t;
    knowledge_parameter p;
    assert_true(knowledge_target_find("valkey8.1", &t));
    assert_true(knowledge_parameter_of(&t, "commandlog-reply-larger-than", &p));
    assert_false(knowledge_parameter_of(&t, "search-default-timeout-ms", &p)); /* of 8.2 */
    assert_true(knowledge_target_find("serverless", &t));
    assert_true(knowledge_parameter_of(&t, "maxmemory-policy", &p));
    assert_false(p.is_modifiable);
    assert_false(knowledge_parameter_of(&t, "slowlog-max-len", &p));
}

static void the_table_of_directives_says_how_far_it_goes_back(void **state)
{
    (void)state;
    engine_version v = {.product = ENGINE_REDIS, .major = 5, .minor = 0, .patch = 14};
    assert_false(knowledge_directives_hold(&v));
    v.major = 6;
    assert_true(knowledge_directives_hold(&v));
    v.product = ENGINE_VALKEY;
    v.major = 8;
    assert_true(knowledge_directives_hold(&v));
}

/* "parameter group: a, b-{c,d}" or "node type: a": the first name must exist in some family. */
static void a_fate_that_is_a_parameter_names_one_that_exists(void **state)
{
    (void)state;
    const knowledge_table *fates = knowledge_at(TABLE_DIRECTIVE_FATE);
    const knowledge_table *parameters = knowledge_at(TABLE_PARAMETERS);
    for (size_t row = 0; row < fates->row_count; row++) {
        const char *via = knowledge_cell(fates, row, "via");
        if (strncmp(knowledge_cell(fates, row, "fate"), "parameter", 9) != 0) continue;
        bool by_group = strncmp(via, "parameter group: ", 17) == 0;
        assert_true(by_group || strncmp(via, "node type: ", 11) == 0);
        via += by_group ? 17 : 11;
        size_t size = strcspn(via, " ,;({");
        bool found = false;
        for (size_t i = 0; i < parameters->row_count && !found; i++)
            found = strncmp(knowledge_cell(parameters, i, "parameter"), via, size) == 0;
        if (!found)
            fail_msg("the fate of '%s' names no parameter: '%s'",
                     fates->cells[row * fates->column_count], via);
    }
}

static void directives_are_found_by_version_name_and_alias(void **state)
{
    (void)state;
    knowledge_directive d;
    engine_version old = {.product = ENGINE_REDIS, .major = 6, .minor = 2, .patch = 16};
    engine_version redis7 = {.product = ENGINE_REDIS, .major = 7, .minor = 0, .patch = 15};
    engine_version ancient = {.product = ENGINE_REDIS, .major = 2, .minor = 8};
    assert_true(knowledge_directive_find(&old, "acl-pubsub-default", &d));
    assert_string_equal(d.default_value, "allchannels");
    assert_true(knowledge_directive_find(&redis7, "ACL-pubsub-default", &d));
    assert_string_equal(d.default_value, "resetchannels");
    assert_true(knowledge_directive_find(&redis7, "slave-read-only", &d));
    assert_string_equal(d.name, "replica-read-only");
    assert_true(knowledge_directive_find(&ancient, "maxmemory", &d)); /* as the oldest known */
    assert_false(knowledge_directive_find(&redis7, "no-such-thing", &d));
    size_t count = 0;
    while (knowledge_directive_at(&redis7, count, &d))
        count++;
    assert_in_range(count, 150, 250);
}

static void the_settings_of_a_module_have_one_fate(void **state)
{
    (void)state;
    knowledge_fate fate;
    assert_true(knowledge_fate_find("mymodule.cache", &fate));
    assert_string_equal(fate.fate, "unsupported");
    assert_false(knowledge_fate_find("no-such-thing", &fate));
}

static void allowed_values_are_ranges_words_and_letters(void **state)
{
    (void)state;
    static const struct {
        const char *allowed, *value;
        bool holds;
    } rows[] = {
        {"1-75", "75", true},
        {"1-75", "76", false},
        {"0-", "9999999", true},
        {"0,20-", "0", true},
        {"0,20-", "19", false},
        {"-5,-4,-3,-2,-1,1-", "-2", true},
        {"-5,-4,-3,-2,-1,1-", "0", false},
        {"yes,no", "YES", true},
        {"yes,no", "maybe", false},
        {"1-75", "many", false},
        {"letters out of KEg$lshzxeA", "KEA", true},
        {"letters out of KEg$lshzxeA", "KEt", false},
        {"any integer", "-17", true},
        {"by node type", "1", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        knowledge_parameter p = {.allowed = rows[i].allowed};
        if (knowledge_parameter_allows(&p, rows[i].value) != rows[i].holds)
            fail_msg("'%s' in '%s'", rows[i].value, rows[i].allowed);
    }
}

static void defaults_of_parameters_are_allowed_themselves(void **state)
{
    (void)state;
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    for (size_t row = 0; row < t->row_count; row++) {
        knowledge_parameter p;
        const char *family = knowledge_cell(t, row, "family");
        const char *name = knowledge_cell(t, row, "parameter");
        int64_t number = 0;
        assert_true(knowledge_parameter_find(family, name, &p));
        bool plain = span_to_i64(span_text(p.default_value), &number) ||
                     strcmp(p.default_value, "yes") == 0 || strcmp(p.default_value, "no") == 0;
        if (plain && !strstr(p.note, "disagree") && !strstr(p.note, "print") &&
            !knowledge_parameter_allows(&p, p.default_value))
            fail_msg("%s %s: default '%s' is not in '%s'", family, name, p.default_value,
                     p.allowed);
    }
}

static void targets_are_the_offered_versions_and_serverless(void **state)
{
    (void)state;
    knowledge_target t;
    assert_true(knowledge_target_find("valkey8.1", &t));
    assert_string_equal(t.family, "valkey8");
    assert_true(knowledge_target_find("valkey9.0", &t));
    assert_string_equal(t.family, "valkey9");
    assert_true(knowledge_target_find("redis7.1", &t));
    assert_string_equal(t.family, "redis7");
    assert_true(knowledge_target_find("redis6.2", &t));
    assert_string_equal(t.support_end, "2027-01-31");
    assert_true(knowledge_target_find("serverless", &t));
    assert_true(t.is_serverless);
    assert_string_equal(t.engine, "valkey");
    assert_false(knowledge_target_find("valkey1.0", &t));
    assert_non_null(strstr(knowledge_target_names(), "valkey8.1"));
}

static void commands_are_found_with_their_subcommand(void **state)
{
    (void)state;
    knowledge_command c;
    assert_true(knowledge_command_find(DEPLOYMENT_SERVERLESS, "acl", "setuser", &c));
    assert_string_equal(c.state, "blocked");
    assert_false(knowledge_command_find(DEPLOYMENT_NODE_DISABLED, "GET", NULL, &c));
}

static void clients_are_found_by_what_they_report(void **state)
{
    (void)state;
    static const struct {
        const char *name, *version, *client;
    } rows[] = {
        {"ioredis", "5.8.1", "ioredis [5.8.0,6.0.0)"},
        {"ioredis(bullmq)", "6.0.0", "ioredis [6.0.0,)"},
        {"redis-py", "5.0.1", "redis-py [5.0.0,6.0.0)"},
        {"redis-py(django-redis_v5.4.0)", "", "redis-py [8.0.0,)"},
        {"node-redis", "6.3.1", "node-redis [6.0.0,)"},
        {"Lettuce", "6.4.0", "lettuce [6.3.0,7.5.0)"},
        {"go-redis(,go1.22)", "9.5.0", "go-redis [9.2.0,9.22.0)"},
        {"GlideJS", "2.5.2", "valkey-glide [1.0,)"},
        {"SE.Redis-v2.8", "2.8.0", "StackExchange.Redis [2.7.10,)"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        knowledge_client c = {0};
        assert_true(knowledge_client_find(rows[i].name, rows[i].version, &c));
        assert_string_equal(c.client, rows[i].client);
    }
    knowledge_client c;
    assert_false(knowledge_client_find("my-own-client", "1.0", &c));
    assert_false(knowledge_client_find("none", "", &c));
    assert_true(knowledge_client_named("bullmq", &c));
    assert_true(knowledge_client_named("redisson", &c));
}

static void versions_compare_by_number_and_lie_in_ranges(void **state)
{
    (void)state;
    assert_true(version_compare(span_text("6.0.16"), span_text("6.2")) < 0);
    assert_true(version_compare(span_text("10.0"), span_text("9.9")) > 0);
    assert_int_equal(version_compare(span_text("7.2"), span_text("7.2.0")), 0);
    assert_true(version_in_range(span_text("3.47.1"), span_text("redisson <3.48.0")));
    assert_false(version_in_range(span_text("3.48.0"), span_text("redisson <3.48.0")));
    assert_true(version_in_range(span_text("6.1"), span_text("phpredis [5,6.1]")));
    assert_false(version_in_range(span_text("6.2"), span_text("phpredis [5,6.1]")));
    assert_true(version_in_range(span_text("1"), span_text("no range at all")));
}

static void tables_grow_stale_by_their_oldest_date(void **state)
{
    (void)state;
    assert_string_equal(knowledge_date(), "2026-11-22");
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        const knowledge_table *t = knowledge_at((table_id)i);
        assert_true(strcmp(t->date, t->newest_date) <= 0);
    }
    assert_false(knowledge_is_stale(TODAY, 90));
    assert_true(knowledge_is_stale("2027-03-01", 90));
    assert_true(knowledge_is_stale("no date", 90));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_has_rows_sources_and_dates),
        cmocka_unit_test(the_words_that_code_branches_on_are_known),
        cmocka_unit_test(every_directive_of_every_version_has_a_fate),
        cmocka_unit_test(the_word_that_says_when_a_directive_is_judged_is_known),
        cmocka_unit_test(a_parameter_is_of_the_target_only_when_its_version_has_it),
        cmocka_unit_test(the_table_of_directives_says_how_far_it_goes_back),
        cmocka_unit_test(a_fate_that_is_a_parameter_names_one_that_exists),
        cmocka_unit_test(directives_are_found_by_version_name_and_alias),
        cmocka_unit_test(the_settings_of_a_module_have_one_fate),
        cmocka_unit_test(allowed_values_are_ranges_words_and_letters),
        cmocka_unit_test(defaults_of_parameters_are_allowed_themselves),
        cmocka_unit_test(targets_are_the_offered_versions_and_serverless),
        cmocka_unit_test(commands_are_found_with_their_subcommand),
        cmocka_unit_test(clients_are_found_by_what_they_report),
        cmocka_unit_test(versions_compare_by_number_and_lie_in_ranges),
        cmocka_unit_test(tables_grow_stale_by_their_oldest_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
