#include "test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "drill/advice.h"
#include "drill/connections.h"
#include "drill/group.h"
#include "drill/ledger.h"
#include "drill/line.h"

static void a_failure_is_known_by_what_its_library_said(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        drill_failure kind;
    } rows[] = {
        {"READONLY You can't write against a read only replica.", FAILURE_READONLY},
        {"ReadOnlyError: You can't write against a read only replica.", FAILURE_READONLY},
        {"READONLY You can't write against a read only replica. script: 3fab, on @user_script:1.",
         FAILURE_READONLY_SCRIPT},
        {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
         "replica?)",
         FAILURE_UNBLOCKED},
        {"EXECABORT Transaction discarded because of previous errors.", FAILURE_EXECABORT},
        {"MOVED 866 10.0.0.1:6379", FAILURE_MOVED},
        {"LOADING Redis is loading the dataset in memory", FAILURE_LOADING},
        {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
         FAILURE_MASTERDOWN},
        {"read ECONNRESET", FAILURE_RESET},
        {"Unexpected end of stream.", FAILURE_RESET},
        {"Connection closed by server.", FAILURE_RESET},
        {"write: broken pipe", FAILURE_RESET},
        {"connect ECONNREFUSED 127.0.0.1:6379", FAILURE_REFUSED},
        {"dial tcp 127.0.0.1:6379: i/o timeout", FAILURE_TIMEOUT},
        {"Timeout reading from socket", FAILURE_TIMEOUT},
        {"Error -2 connecting to x:6379. Name or service not known.", FAILURE_NAME},
        {"NOAUTH Authentication required.", FAILURE_AUTH},
        {"certificate verify failed", FAILURE_TLS},
        {"Reached the max retries per request limit (which is 20).", FAILURE_GAVE_UP},
        {"Failed to connect to cart.example:6379.", FAILURE_REFUSED},
        {"", FAILURE_OTHER},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (drill_failure_of(span_text(rows[i].text)) != rows[i].kind)
            fail_msg("'%s' is %s", rows[i].text,
                     drill_failure_name(drill_failure_of(span_text(rows[i].text))));
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        assert_non_null(drill_failure_name((drill_failure)i));
}

static void a_line_says_what_was_written_or_failed(void **state)
{
    (void)state;
    assert_int_equal(drill_line_read(span_text("ok 17\r")).n, 17);
    assert_int_equal(drill_line_read(span_text("ok 17")).kind, LINE_OK);
    assert_int_equal(drill_line_read(span_text("ok")).kind, LINE_OTHER);
    assert_int_equal(drill_line_read(span_text("ok -1")).kind, LINE_OTHER);
    assert_int_equal(drill_line_read(span_text("ok 99999999999999999999")).kind, LINE_OTHER);
    assert_int_equal(drill_line_read(span_text("")).kind, LINE_OTHER);
    assert_int_equal(drill_line_read(span_text("error")).kind, LINE_ERROR);
    assert_span_text(drill_line_read(span_text("error a b")).text, "a b");
    drill_line l = drill_line_read(span_text("library redis-py 5.0.1"));
    assert_int_equal(l.kind, LINE_LIBRARY);
    assert_span_text(l.text, "redis-py");
    assert_span_text(l.version, "5.0.1");
    assert_int_equal(drill_line_read(span_text("library hiredis")).version.size, 0);
}

static void lines_cut_anywhere_are_the_same_lines(void **state)
{
    (void)state;
    static const char text[] = "ok 1\nerror boom\n\nlibrary a 1\nok 2\nok 3";
    for (size_t at = 0; at < sizeof text - 1; at++) {
        drill_lines lines = {0};
        drill_line l;
        uint64_t sum = 0;
        size_t count = 0;
        span pieces[] = {span_of(text, at), span_of(text + at, sizeof text - 1 - at)};
        for (size_t i = 0; i < COUNT_OF(pieces); i++) {
            while (drill_lines_next(&lines, &pieces[i], &l)) {
                count++;
                if (l.kind == LINE_OK) sum += l.n;
                if (l.kind == LINE_ERROR) assert_span_text(l.text, "boom");
            }
            assert_int_equal(pieces[i].size, 0);
        }
        assert_int_equal(count, 5);
        assert_int_equal(sum, 3); /* the last one has not ended */
    }
}

static void of_a_line_that_is_too_long_the_rest_is_passed_over(void **state)
{
    (void)state;
    static char text[DRILL_LINE_MAX * 2];
    drill_lines lines = {0};
    drill_line l;
    memset(text, 'x', sizeof text);
    span in = span_of(text, sizeof text);
    assert_false(drill_lines_next(&lines, &in, &l));
    in = span_text("y\nok 5\n");
    assert_true(drill_lines_next(&lines, &in, &l));
    assert_int_equal(l.kind, LINE_OTHER);
    assert_true(l.text.size < DRILL_LINE_MAX);
    assert_true(drill_lines_next(&lines, &in, &l));
    assert_int_equal(l.n, 5);
}

static void the_longest_time_without_a_write_counts_from_the_failover(void **state)
{
    (void)state;
    ledger_write writes[] = {{1, 0}, {2, 90}, {3, 100}, {4, 150}, {5, 400}, {6, 410}};
    ledger l = {.writes = writes, .count = COUNT_OF(writes)};
    assert_int_equal(ledger_stall_ns(&l, 95, 420), 250);
    assert_int_equal(ledger_stall_ns(&l, 95, 1000), 590); /* none came back */
    assert_int_equal(ledger_stall_ns(&l, 405, 420), 10);
    l.count = 0;
    assert_int_equal(ledger_stall_ns(&l, 100, 300), 200);
}

static void a_ledger_keeps_the_first_text_of_each_failure(void **state)
{
    (void)state;
    static char text[2 * LEDGER_TEXT_SIZE];
    ledger l;
    ledger_write last;
    int64_t at_ns = 0;
    memset(text, 'x', sizeof text);
    ledger_init(&l);
    assert_false(ledger_last(&l, &last));
    ledger_attempt(&l, 3);
    ledger_acknowledge(&l, 2);
    ledger_fail(&l, FAILURE_RESET, span_text("first"));
    ledger_fail(&l, FAILURE_RESET, span_text("second"));
    ledger_fail(&l, FAILURE_OTHER, span_of(text, sizeof text));
    assert_true(ledger_last(&l, &last));
    assert_int_equal(last.n, 2);
    assert_int_equal(l.attempted, 3);
    assert_int_equal(ledger_failures(&l, &at_ns), 3);
    assert_true(at_ns > 0);
    assert_string_equal(l.examples[FAILURE_RESET], "first");
    assert_int_equal(strlen(l.examples[FAILURE_OTHER]), LEDGER_TEXT_SIZE - 1);
    ledger_clear(&l);
}

#define LIST_LINE(id, address, name, flags)                                                        \
    "id=" id " addr=" address " laddr=10.0.0.9:6379 fd=8 name=" name " age=1 idle=0 flags=" flags  \
    " db=0 cmd=get user=app lib-name=jedis lib-ver=5.1.0\n"

static void connections_that_stayed_are_told_from_those_that_came_back(void **state)
{
    (void)state;
    static const char before[] =
        LIST_LINE("1", "10.0.0.1:1000", "web", "N") LIST_LINE("2", "10.0.0.1:1001", "web", "N")
            LIST_LINE("3", "10.0.0.2:1", "", "N") LIST_LINE("4", "10.0.0.3:1", "", "S")
                LIST_LINE("5", "10.0.0.1:9", "handover-drill", "N")
                    LIST_LINE("6", "/sock:0", "web", "U") "\nid=x addr=\n";
    static const char old[] = LIST_LINE("2", "10.0.0.1:1001", "web", "N");
    static const char new[] =
        LIST_LINE("71", "10.0.0.1:2000", "web", "N") LIST_LINE("2", "10.0.0.7:2000", "new", "N");
    arena memory = {0};
    drill_connections *all = NULL;
    size_t count = 0;
    connections_compare(span_text(before), span_text(old), span_text(new), &memory, &all, &count);
    assert_int_equal(count, 2);
    assert_string_equal(all[0].address, "10.0.0.1");
    assert_string_equal(all[0].library, "jedis");
    assert_int_equal(all[0].before, 2);
    assert_int_equal(all[0].stayed, 1);
    assert_int_equal(all[0].now, 1);
    assert_string_equal(all[1].address, "10.0.0.2");
    assert_int_equal(all[1].stayed + all[1].now, 0);
    connections_compare((span){0}, (span){0}, (span){0}, &memory, &all, &count);
    assert_int_equal(count, 0);
    arena_clear(&memory);
}

static void a_group_that_cannot_fail_over_is_refused_with_what_to_do(void **state)
{
    (void)state;
    const aws_group good = {
        .id = "cart", .status = "available", .node_count = 2, .auto_failover = true};
    aws_group bad[] = {good, good, good, good};
    static const char *const hints[] = {"wait", "cluster mode", "increase-replica-count",
                                        "--automatic-failover-enabled"};
    err e = {0};
    bad[0].status = "modifying";
    bad[1].cluster_mode = true;
    bad[2].node_count = 1;
    bad[3].auto_failover = false;
    assert_true(drill_group_check(&good, &e));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        e = (err){0};
        assert_false(drill_group_check(&bad[i], &e));
        assert_int_equal(e.kind, ERR_STATE);
        assert_non_null(strstr(e.hint, hints[i]));
    }
}

static void the_five_events_of_a_failover_are_told_apart(void **state)
{
    (void)state;
    static const char done[] = "Failover from primary node a-001 to replica node a-002 completed";
    assert_int_equal(
        group_event_of("replication-group", "Test Failover API called for node group 0001"),
        GROUP_EVENT_CALLED);
    assert_int_equal(group_event_of("cache-cluster", done), GROUP_EVENT_NODE_DONE);
    assert_int_equal(group_event_of("replication-group", done), GROUP_EVENT_GROUP_DONE);
    assert_int_equal(group_event_of("cache-cluster", "Recovering cache nodes 0001"),
                     GROUP_EVENT_RECOVERING);
    assert_int_equal(group_event_of("cache-cluster", "Finished recovery for cache nodes 0001"),
                     GROUP_EVENT_RECOVERED);
    assert_int_equal(group_event_of("cache-cluster", "Cache cluster created"), GROUP_EVENT_OTHER);
}

static void advice_is_the_librarys_own_else_of_what_was_met(void **state)
{
    (void)state;
    arena memory = {0};
    drill_client c = {.library = "", .version = "", .followed = true, .lost = 3};
    assert_string_equal(advice_for(&c, &memory), "");
    c.followed = false;
    assert_non_null(strstr(advice_for(&c, &memory), "age limit"));
    c.lost = 0;
    assert_non_null(strstr(advice_for(&c, &memory), "time limit"));
    c.failures[FAILURE_READONLY] = 1;
    assert_non_null(strstr(advice_for(&c, &memory), "READONLY"));
    c.ended = true;
    assert_non_null(strstr(advice_for(&c, &memory), "it ended"));
    c.library = "ioredis";
    c.version = "5.8.1";
    assert_non_null(strstr(advice_for(&c, &memory), "reconnectOnError"));
    arena_clear(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_known_by_what_its_library_said),
        cmocka_unit_test(a_line_says_what_was_written_or_failed),
        cmocka_unit_test(lines_cut_anywhere_are_the_same_lines),
        cmocka_unit_test(of_a_line_that_is_too_long_the_rest_is_passed_over),
        cmocka_unit_test(the_longest_time_without_a_write_counts_from_the_failover),
        cmocka_unit_test(a_ledger_keeps_the_first_text_of_each_failure),
        cmocka_unit_test(connections_that_stayed_are_told_from_those_that_came_back),
        cmocka_unit_test(a_group_that_cannot_fail_over_is_refused_with_what_to_do),
        cmocka_unit_test(the_five_events_of_a_failover_are_told_apart),
        cmocka_unit_test(advice_is_the_librarys_own_else_of_what_was_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
