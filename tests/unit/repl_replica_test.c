/* Which replica may feed the link: what INFO of both says, also cut off anywhere. */
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "repl/replica.h"

#define ID "0123456789abcdef0123456789abcdef01234567"
#define ID2 "76543210fedcba9876543210fedcba9876543210"
#define OTHER "ffffffffffffffffffffffffffffffffffffffff"
#define SERVER "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n"
#define SOURCE                                                                                     \
    SERVER "role:master\r\nconnected_slaves:3\r\n"                                                 \
           "slave0:ip=10.0.0.7,port=6380,state=wait_bgsave,offset=0,lag=0\r\n"                     \
           "slave1:ip=10.0.0.8,port=6381,state=online,offset=990,lag=0\r\n"                        \
           "slave2:ip=10.0.0.9,port=99999,state=online,offset=990,lag=0\r\n"                       \
           "master_replid:" ID "\r\nmaster_repl_offset:1000\r\n"
#define REPLICA                                                                                    \
    SERVER "loading:0\r\nrole:slave\r\nmaster_link_status:up\r\nmaster_sync_in_progress:0\r\n"     \
           "slave_read_only:1\r\nmaster_replid:" ID "\r\nmaster_replid2:" ID2 "\r\n"               \
           "maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"                                       \
           "slave_repl_offset:990\r\nrepl_backlog_active:1\r\n"                                    \
           "repl_backlog_first_byte_offset:500\r\n"

/* REPLICA with one piece of it replaced; free() it. */
static char *changed(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *out = NULL;
    int size = asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_true(size > 0);
    return out;
}

static bool fits(const char *source, const char *replica, const char *replid, uint64_t end, err *e)
{
    replica_need need = {.replid = replid, .end = end};
    *e = (err){0};
    return replica_fits(span_text(source), span_text(replica), &need, e);
}

static void a_replica_that_is_well_fits(void **state)
{
    (void)state;
    err e;
    assert_true(fits(SOURCE, REPLICA, "", 0, &e));
    assert_true(fits(SOURCE, REPLICA, ID, 990, &e));
    assert_true(fits(SOURCE, REPLICA, ID, 499, &e)); /* the next byte is the backlog's first */
    assert_true(fits(SOURCE, REPLICA, ID2, 700, &e));
}

static void a_link_that_could_not_go_on_there_stays_away(void **state)
{
    (void)state;
    err e;
    assert_false(fits(SOURCE, REPLICA, ID, 991, &e));
    assert_non_null(strstr(e.text, "at offset 990, the link at 991"));
    assert_false(fits(SOURCE, REPLICA, ID, 498, &e));
    assert_non_null(strstr(e.text, "backlog"));
    assert_false(fits(SOURCE, REPLICA, OTHER, 700, &e));
    assert_non_null(strstr(e.text, "history"));
}

static void each_thing_against_a_replica_is_named(void **state)
{
    (void)state;
    static const struct {
        bool of_source;
        const char *from, *to, *said;
    } rows[] = {
        {false, "role:slave", "role:master", "no replica"},
        {false, "master_link_status:up", "master_link_status:down", "is down"},
        {false, "sync_in_progress:0", "sync_in_progress:1", "copied itself"},
        {false, "slave_read_only:1", "slave_read_only:0", "writes of its own"},
        {false, "loading:0", "loading:1", "loading"},
        {false, "master_replid:" ID, "master_replid:" OTHER, "replication id"},
        {false, "valkey_version:8.0", "valkey_version:8.1",
         "valkey 8.1.1, the source valkey 8.0.1"},
        {false, "maxmemory:0", "maxmemory:1000000", "evict keys by itself"},
        {false, "maxmemory:0", "x:0", "evict keys by itself"},
        {true, "role:master", "role:slave", "not a primary"},
        {true, "repl_offset:1000", "repl_offset:16778207", "16777217 bytes behind"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *text = changed(rows[i].of_source ? SOURCE : REPLICA, rows[i].from, rows[i].to);
        err e;
        assert_false(rows[i].of_source ? fits(text, REPLICA, "", 0, &e)
                                       : fits(SOURCE, text, "", 0, &e));
        if (!strstr(e.text, rows[i].said)) fail_msg("row %zu: %s", i, e.text);
        free(text);
    }
}

static void a_replica_with_a_limit_fits_when_nothing_is_evicted_there(void **state)
{
    (void)state;
    char *limited = changed(REPLICA, "maxmemory:0", "maxmemory:1000000");
    char *keeping = changed(limited, "allkeys-lru", "noeviction");
    replica_need need = {.replid = "", .keeps_all = true};
    err e;
    assert_false(fits(SOURCE, limited, "", 0, &e));
    assert_true(fits(SOURCE, keeping, "", 0, &e));
    assert_true(replica_fits(span_text(SOURCE), span_text(limited), &need, &e));
    free(limited);
    free(keeping);
}

static void the_source_tells_how_far_a_replica_came(void **state)
{
    (void)state;
    uint64_t offset = 0;
    assert_true(replica_offset(span_text(SOURCE), "10.0.0.8", 6381, &offset));
    assert_int_equal(offset, 990);
    assert_false(replica_offset(span_text(SOURCE), "10.0.0.8", 6380, &offset));
    assert_false(replica_offset(span_text(SOURCE), "10.0.0.7", 6380, &offset)); /* not online */
    assert_false(replica_offset(span_text(SOURCE), "10.0.0.9", 6381, &offset));
}

static void engines_before_7_are_not_read_through_a_replica(void **state)
{
    (void)state;
    char *source = changed(SOURCE, SERVER, "redis_version:6.2.14\r\n");
    char *replica = changed(REPLICA, SERVER, "redis_version:6.2.14\r\n");
    err e;
    assert_false(fits(source, replica, "", 0, &e));
    assert_non_null(strstr(e.text, "from 7.0 on"));
    free(source);
    free(replica);
}

/* Cut anywhere, neither INFO may say yes unless the last line that decides is whole. */
static void an_info_cut_anywhere_does_not_fit_by_mistake(void **state)
{
    (void)state;
    const char *texts[] = {SOURCE, REPLICA};
    for (size_t which = 0; which < COUNT_OF(texts); which++) {
        size_t whole = strlen(texts[which]);
        for (size_t have = 0; have < whole; have++) {
            char *cut = mem_alloc(have + 1); /* exact, so that the sanitizer sees its end */
            memcpy(cut, texts[which], have);
            span part = span_of(cut, have);
            replica_need need = {.replid = ID, .end = 700};
            err e = {0};
            bool yes = which == 0 ? replica_fits(part, span_text(REPLICA), &need, &e)
                                  : replica_fits(span_text(SOURCE), part, &need, &e);
            /* Of the last number any digit may be missing: then the offset is smaller. */
            if (yes && have + 6 < whole) fail_msg("text %zu cut at %zu fits", which, have);
            span host;
            uint16_t port = 0;
            uint64_t offset = 0;
            for (unsigned i = 0; i < 4; i++)
                (void)replica_listed(part, i, &host, &port);
            (void)replica_offset(part, "10.0.0.9", 1, &offset);
            free(cut);
        }
    }
}

static void only_replicas_that_are_online_have_an_address(void **state)
{
    (void)state;
    span host;
    uint16_t port = 1;
    assert_true(replica_listed(span_text(SOURCE), 0, &host, &port));
    assert_int_equal(host.size, 0);
    assert_true(replica_listed(span_text(SOURCE), 1, &host, &port));
    assert_true(span_is(host, "10.0.0.8"));
    assert_int_equal(port, 6381);
    assert_true(replica_listed(span_text(SOURCE), 2, &host, &port));
    assert_int_equal(host.size, 0); /* no such port */
    assert_false(replica_listed(span_text(SOURCE), 3, &host, &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_that_is_well_fits),
        cmocka_unit_test(a_link_that_could_not_go_on_there_stays_away),
        cmocka_unit_test(each_thing_against_a_replica_is_named),
        cmocka_unit_test(a_replica_with_a_limit_fits_when_nothing_is_evicted_there),
        cmocka_unit_test(the_source_tells_how_far_a_replica_came),
        cmocka_unit_test(engines_before_7_are_not_read_through_a_replica),
        cmocka_unit_test(an_info_cut_anywhere_does_not_fit_by_mistake),
        cmocka_unit_test(only_replicas_that_are_online_have_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
