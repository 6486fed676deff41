/* The governor under a clock of the test's own: what it lets through, how fast it reacts and comes
 * back, and which reason it names. */
#include "test.h"

#include "apply/governor.h"
#include "base/clock.h"

static governor g;
static throttle_evidence seen;
static int64_t now_ns;

static void begin(throttle_limits limits)
{
    now_ns = NS_PER_S;
    seen = (throttle_evidence){.latency_ns = -1};
    governor_init(&g, now_ns);
    governor_limit(&g, &limits, false);
}

static void look(int64_t latency_ms, uint64_t used, uint64_t max)
{
    seen.latency_number++;
    seen.memory_number++;
    seen.latency_ns = latency_ms * NS_PER_MS;
    seen.memory_used = used;
    seen.memory_max = max;
    governor_learn(&g, &seen, now_ns);
}

/* Writes as much as it may for so long, in turns of 1 ms, at most `most` commands of `size` bytes a
 * turn; a look every 200 ms when `latency_ms` is not negative. */
static size_t write_for(int64_t ms, size_t most, size_t size, int64_t latency_ms)
{
    size_t written = 0;
    for (int64_t i = 0; i < ms; i++) {
        now_ns += NS_PER_MS;
        if (latency_ms >= 0 && i % 200 == 199) look(latency_ms, 0, 0);
        throttle_budget b = governor_budget(&g, now_ns);
        size_t ops = size_min(size_min(b.ops, b.bytes / size + (b.bytes % size != 0)), most);
        governor_spend(&g, ops, ops * size);
        written += ops;
    }
    return written;
}

static void assert_near(size_t got, size_t want, size_t percent)
{
    if (got < want - want * percent / 100 || got > want + want * percent / 100)
        fail_msg("wanted %zu within %zu%%, got %zu", want, percent, got);
}

static void without_limits_everything_may_be_written(void **state)
{
    (void)state;
    begin((throttle_limits){0});
    look(5000, 100, 100);
    throttle_budget b = governor_budget(&g, now_ns);
    assert_true(b.ops == SIZE_MAX && b.bytes == SIZE_MAX && b.wait_ms == 0);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_NONE);
}

static void a_limit_of_commands_is_held_to_one_in_fifty(void **state)
{
    (void)state;
    static const int64_t limits[] = {1, 7, 100, 12345, 200000};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        begin((throttle_limits){.ops_per_s = limits[i]});
        assert_near(write_for(20000, SIZE_MAX, 1, -1), (size_t)limits[i] * 20, 5);
        assert_int_equal(governor_reason(&g, now_ns), THROTTLE_OPS);
    }
}

static void a_limit_of_bytes_is_held_also_by_commands_larger_than_it(void **state)
{
    (void)state;
    begin((throttle_limits){.bytes_per_s = 100000});
    assert_near(write_for(20000, SIZE_MAX, 100, -1), 20000, 5);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_BYTES);
    begin((throttle_limits){.bytes_per_s = 100000});
    assert_near(write_for(100000, 1, 1000000, -1), 10, 10); /* into debt, and paid back */
}

static void a_pause_is_not_followed_by_a_flood(void **state)
{
    (void)state;
    begin((throttle_limits){.ops_per_s = 1000});
    now_ns += 3600 * NS_PER_S;
    assert_true(governor_budget(&g, now_ns).ops <= 100);
}

static void a_slow_writer_is_not_told_to_be_held_back(void **state)
{
    (void)state;
    begin((throttle_limits){.ops_per_s = 100000});
    (void)write_for(2000, 1, 1, -1);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_NONE);
}

static void a_rising_latency_slows_down_within_a_second_and_recovers_by_itself(void **state)
{
    (void)state;
    begin((throttle_limits){.latency_ms = 10});
    size_t free_rate = write_for(1000, 100, 50, 2);
    assert_int_equal(free_rate, 100000);
    (void)write_for(1000, 100, 50, 30);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_LATENCY);
    size_t slowed = write_for(1000, 100, 50, 30);
    if (slowed > free_rate / 16) fail_msg("%zu of %zu commands/s", slowed, free_rate);
    assert_true(slowed > 0); /* it goes on trying */
    (void)write_for(15000, 100, 50, 2);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_NONE);
    assert_int_equal(write_for(1000, 100, 50, 2), free_rate);
}

static void a_latency_far_above_slows_down_at_the_first_look(void **state)
{
    (void)state;
    begin((throttle_limits){.latency_ms = 10});
    (void)write_for(1000, 100, 50, 2);
    look(500, 0, 0);
    assert_true(g.ops.per_s > 0 && g.ops.per_s <= 100000.0 / 8 + 1);
}

static void the_same_look_counts_once(void **state)
{
    (void)state;
    begin((throttle_limits){.latency_ms = 10});
    (void)write_for(1000, 100, 50, 2);
    look(20, 0, 0);
    double once = g.share;
    governor_learn(&g, &seen, now_ns);
    assert_true(g.share <= once && g.share >= once);
}

/* Writing that leaves the memory as it is: the growth reckoned with becomes the least, twice. */
static void growth_fades(uint64_t used, uint64_t max)
{
    look(1, used, max);
    for (int i = 0; i < 10; i++) {
        governor_spend(&g, 1, 4096);
        look(1, used, max);
    }
    look(1, used, max);
    look(1, used, max);
}

static void the_memory_limit_is_not_overrun_between_two_looks(void **state)
{
    (void)state;
    begin((throttle_limits){.memory_percent = 90});
    growth_fades(800000, 1000000);
    size_t written = write_for(5000, SIZE_MAX, 100, -1);
    if (written * 100 > 50100) fail_msg("%zu bytes, of 50000 at most", written * 100);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_MEMORY);
    assert_int_equal(governor_budget(&g, now_ns).ops, 0);
}

static void what_was_on_its_way_at_a_look_is_counted_once_more(void **state)
{
    (void)state;
    begin((throttle_limits){.memory_percent = 90});
    assert_int_equal(governor_budget(&g, now_ns).ops, 0); /* before the first look */
    growth_fades(800000, 1000000);
    governor_spend(&g, 1, 40000);
    look(1, 800000, 1000000);
    assert_int_equal(governor_budget(&g, now_ns).bytes, 10000);
    look(1, 840000, 1000000);
    assert_int_equal(governor_budget(&g, now_ns).bytes, 30000);
}

static void strings_that_grow_on_the_target_are_reckoned_as_what_they_become(void **state)
{
    (void)state;
    begin((throttle_limits){.memory_percent = 80});
    uint64_t used = 1000000;
    uint64_t max = 40000000;
    uint64_t written = 0;
    for (int i = 0; i < 300; i++) { /* each byte becomes thirty */
        look(1, used, max);
        uint64_t bytes = write_for(200, 10000, 31, -1) * 31;
        written += bytes;
        used += bytes * 30;
        if (used > max / 100 * 81) fail_msg("%zu bytes used after look %d", (size_t)used, i);
    }
    assert_true(used > max / 100 * 77 && written > 0); /* and the room is used */
}

static void the_memory_limit_stops_and_lets_go_a_little_below(void **state)
{
    (void)state;
    begin((throttle_limits){.memory_percent = 90});
    look(1, 900000, 1000000);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_MEMORY);
    look(1, 895000, 1000000);
    assert_int_equal(governor_budget(&g, now_ns).ops, 0);
    look(1, 889000, 1000000);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_NONE);
    assert_true(governor_budget(&g, now_ns).ops > 0);
}

static void the_file_stops_everything_and_is_the_first_reason(void **state)
{
    (void)state;
    begin((throttle_limits){.ops_per_s = 10, .latency_ms = 1, .memory_percent = 50});
    seen.file = true;
    look(100, 90, 100);
    assert_int_equal(governor_budget(&g, now_ns).ops, 0);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_FILE);
    seen.file = false;
    look(100, 90, 100);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_MEMORY);
    look(100, 10, 100);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_LATENCY);
}

static void a_cutover_lifts_every_limit_and_gives_them_back(void **state)
{
    (void)state;
    throttle_limits limits = {.ops_per_s = 1, .memory_percent = 10};
    begin(limits);
    look(1, 90, 100);
    governor_limit(&g, &limits, true);
    assert_true(governor_budget(&g, now_ns).ops == SIZE_MAX);
    assert_int_equal(governor_reason(&g, now_ns), THROTTLE_NONE);
    governor_limit(&g, &limits, false);
    assert_int_equal(governor_budget(&g, now_ns).ops, 0);
}

static void every_reason_is_told_with_its_figures(void **state)
{
    (void)state;
    throttle_status s = {
        .limits = {1000, 2000, 10, 90},
        .seen = {.latency_ns = 34 * NS_PER_MS + 500000, .memory_used = 915, .memory_max = 1000}};
    static const char *const texts[] = {
        "",
        "throttled: the throttle file is there",
        "throttled: the target uses 91.5% of its memory, limit 90%",
        "throttled: the target answers within 34.5 ms, limit 10 ms",
        "throttled to 1000 commands/s",
        "throttled to 2000 bytes/s",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        s.reason = (throttle_reason)i;
        assert_string_equal(throttle_show(&s).text, texts[i]);
        assert_non_null(throttle_reason_name(s.reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_everything_may_be_written),
        cmocka_unit_test(a_limit_of_commands_is_held_to_one_in_fifty),
        cmocka_unit_test(a_limit_of_bytes_is_held_also_by_commands_larger_than_it),
        cmocka_unit_test(a_pause_is_not_followed_by_a_flood),
        cmocka_unit_test(a_slow_writer_is_not_told_to_be_held_back),
        cmocka_unit_test(a_rising_latency_slows_down_within_a_second_and_recovers_by_itself),
        cmocka_unit_test(a_latency_far_above_slows_down_at_the_first_look),
        cmocka_unit_test(the_same_look_counts_once),
        cmocka_unit_test(the_memory_limit_is_not_overrun_between_two_looks),
        cmocka_unit_test(what_was_on_its_way_at_a_look_is_counted_once_more),
        cmocka_unit_test(strings_that_grow_on_the_target_are_reckoned_as_what_they_become),
        cmocka_unit_test(the_memory_limit_stops_and_lets_go_a_little_below),
        cmocka_unit_test(the_file_stops_everything_and_is_the_first_reason),
        cmocka_unit_test(a_cutover_lifts_every_limit_and_gives_them_back),
        cmocka_unit_test(every_reason_is_told_with_its_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
