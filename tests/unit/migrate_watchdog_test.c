/* The watchdog: what stalls, what is only idle, and which side it is. */
#include "test.h"

#include "base/clock.h"
#include "migrate/watchdog.h"

static watchdog w;
static link_status s;
static int64_t now_ns;

static void begin(void)
{
    now_ns = 100 * NS_PER_S;
    s = (link_status){.phase = LINK_STREAM, .receiver = {.state = RECEIVER_STREAM}};
    watchdog_init(&w, now_ns);
}

static void received(uint64_t bytes)
{
    s.receiver.bytes += bytes;
    s.stream.end += bytes;
    s.lag_bytes = s.stream.end - s.progress.applied_offset;
}

static void applied_all(uint64_t commands)
{
    s.progress.applied_offset = s.stream.end;
    s.progress.commands += commands;
    s.lag_bytes = 0;
}

static link_activity look_after(int64_t seconds, uint64_t source_offset)
{
    now_ns += seconds * NS_PER_S;
    watchdog_look(&w, &s, source_offset, now_ns);
    return w.activity;
}

static void a_quiet_source_that_pings_is_idle_for_ever(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 100; i++) {
        received(14);
        applied_all(0);
        assert_int_equal(look_after(10, s.stream.end), ACTIVITY_IDLE);
    }
    assert_string_equal(watchdog_show(&w, now_ns).text, "");
}

static void a_busy_link_moves_and_is_idle_when_nothing_came_for_a_while(void **state)
{
    (void)state;
    begin();
    received(1000);
    applied_all(5);
    assert_int_equal(look_after(0, 0), ACTIVITY_MOVING);
    assert_int_equal(look_after(1, 0), ACTIVITY_MOVING);
    assert_int_equal(look_after(2, 0), ACTIVITY_IDLE);
}

static void a_target_that_takes_nothing_is_stalled_after_the_time_of_the_watchdog(void **state)
{
    (void)state;
    begin();
    received(14);
    applied_all(1);
    (void)look_after(0, 0);
    received(14);
    applied_all(0);
    assert_int_equal(look_after(60, 0), ACTIVITY_IDLE); /* long idle is no head start */
    received(4711);
    assert_int_equal(look_after(1, 0), ACTIVITY_MOVING);
    received(1);
    assert_int_equal(look_after(8, 0), ACTIVITY_MOVING);
    assert_int_equal(look_after(3, 0), ACTIVITY_STALLED);
    assert_int_equal(w.side, SIDE_TARGET);
    assert_string_equal(
        watchdog_show(&w, now_ns).text,
        "stalled: nothing was applied by the target for 12 s, 4712 bytes wait there");
    applied_all(3);
    assert_int_equal(look_after(1, 0), ACTIVITY_MOVING);
}

static void a_source_that_is_ahead_and_sends_nothing_is_stalled(void **state)
{
    (void)state;
    begin();
    received(100);
    applied_all(1);
    (void)look_after(0, 0);
    assert_int_equal(look_after(9, 200), ACTIVITY_IDLE);
    assert_int_equal(look_after(1, 200), ACTIVITY_STALLED);
    assert_int_equal(w.side, SIDE_SOURCE);
    assert_string_equal(
        watchdog_show(&w, now_ns).text,
        "stalled: nothing was received from the source for 10 s, 100 bytes wait there");
}

static void a_source_that_does_not_even_ping_is_stalled(void **state)
{
    (void)state;
    begin();
    received(100);
    applied_all(1);
    (void)look_after(0, 0);
    assert_int_equal(look_after(12, 0), ACTIVITY_IDLE);
    assert_int_equal(look_after(12, 0), ACTIVITY_STALLED);
}

static void what_somebody_asked_for_or_a_reason_names_is_not_a_stall(void **state)
{
    (void)state;
    begin();
    received(1000);
    s.throttle.reason = THROTTLE_FILE;
    (void)look_after(60, 0);
    assert_int_equal(w.activity, ACTIVITY_HELD);
    s.throttle.reason = THROTTLE_OPS; /* slow, but it moves */
    assert_int_equal(look_after(1, 0), ACTIVITY_MOVING);
    s.phase = LINK_PAUSED;
    assert_int_equal(look_after(60, 0), ACTIVITY_HELD);
    s.phase = LINK_STREAM;
    s.trouble.kind = ERR_IO;
    assert_int_equal(look_after(60, 0), ACTIVITY_HELD);
    s.trouble.kind = ERR_NONE;
    received(14);
    assert_int_equal(look_after(9, 0), ACTIVITY_MOVING); /* its time begins anew */
}

static void a_snapshot_that_is_not_taken_stalls_and_one_that_is_made_waits(void **state)
{
    (void)state;
    begin();
    s.phase = LINK_WAITING;
    s.receiver.state = RECEIVER_WAITING;
    assert_int_equal(look_after(1, 0), ACTIVITY_WAITING);
    s.phase = LINK_SNAPSHOT;
    s.snapshot.end = 5000;
    s.receiver.bytes = 5000;
    s.progress.snapshot_bytes = 2000;
    assert_int_equal(look_after(1, 0), ACTIVITY_MOVING);
    assert_int_equal(look_after(11, 0), ACTIVITY_STALLED);
    assert_int_equal(w.waiting, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_source_that_pings_is_idle_for_ever),
        cmocka_unit_test(a_busy_link_moves_and_is_idle_when_nothing_came_for_a_while),
        cmocka_unit_test(a_target_that_takes_nothing_is_stalled_after_the_time_of_the_watchdog),
        cmocka_unit_test(a_source_that_is_ahead_and_sends_nothing_is_stalled),
        cmocka_unit_test(a_source_that_does_not_even_ping_is_stalled),
        cmocka_unit_test(what_somebody_asked_for_or_a_reason_names_is_not_a_stall),
        cmocka_unit_test(a_snapshot_that_is_not_taken_stalls_and_one_that_is_made_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
