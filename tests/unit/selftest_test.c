/* Which commands a cell of the table names, and what an answer says of one. */
#include "test.h"

#include "selftest/selftest_internal.h"

static void a_cell_names_its_commands(void **state)
{
    (void)state;
    static const struct {
        const char *command, *subcommand, *names;
    } rows[] = {
        {"CONFIG", "", "CONFIG;"},
        {"ACL", "LOG", "ACL LOG;"},
        {"FLUSHALL / FLUSHDB", "", "FLUSHALL;FLUSHDB;"},
        {"CLUSTER INFO / NODES / MYID", "", "CLUSTER INFO;CLUSTER NODES;CLUSTER MYID;"},
        {"AUTH / HELLO AUTH", "", "AUTH;"},
        {"FT.CREATE / FT._LIST", "", "FT.CREATE;FT._LIST;"},
        {"any write", "sent to a replica", ""},
        {"any write sent to a replica", "", ""},
        {"HEXPIRE family, HSETEX", "", ""},
        {"SENTINEL", "(all)", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        arena memory = {0};
        selftest_name names[8];
        char got[256] = "";
        size_t count =
            selftest_names(rows[i].command, rows[i].subcommand, &memory, names, COUNT_OF(names));
        for (size_t n = 0; n < count; n++) {
            size_t used = strlen(got);
            (void)snprintf(got + used, sizeof got - used, "%s%s%s;", names[n].command,
                           *names[n].subcommand ? " " : "", names[n].subcommand);
        }
        assert_string_equal(got, rows[i].names);
        arena_clear(&memory);
    }
}

static void no_more_names_than_there_is_room_for(void **state)
{
    (void)state;
    arena memory = {0};
    selftest_name names[2];
    assert_int_equal(selftest_names("A / B / C", "", &memory, names, 2), 2);
    assert_int_equal(selftest_names("ACL", "LOG", &memory, names, 0), 0);
    arena_clear(&memory);
}

static void an_answer_says_whether_a_command_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        selftest_presence means;
    } rows[] = {
        {"ERR unknown command 'CONFIG', with args beginning with: ", SELFTEST_ABSENT},
        {"ERR unknown command `CONFIG`, with args beginning with: ", SELFTEST_ABSENT},
        {"ERR Unknown subcommand 'x'. Try ACL HELP.", SELFTEST_ABSENT},
        {"ERR unknown subcommand or wrong number of arguments for 'LOG'. Try ACL HELP.",
         SELFTEST_UNCLEAR},
        {"NOPERM User default has no permissions to run the 'acl|setuser' command",
         SELFTEST_REFUSED},
        {"ERR wrong number of arguments for 'debug' command", SELFTEST_THERE},
        {"ERR syntax error", SELFTEST_THERE},
        {"", SELFTEST_THERE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        reply answer = {.kind = REPLY_ERROR, .text = span_text(rows[i].text)};
        assert_int_equal(selftest_presence_of(&answer), rows[i].means);
        answer.kind = REPLY_BULK;
        assert_int_equal(selftest_presence_of(&answer), SELFTEST_THERE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_names_its_commands),
        cmocka_unit_test(no_more_names_than_there_is_room_for),
        cmocka_unit_test(an_answer_says_whether_a_command_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
