/* Figures of many keys in bounded memory: the fullest seconds, the largest keys. */
#include "audit/key_tally.h"
#include "test.h"

static void a_full_second_is_told_among_more_seconds_than_there_is_room_for(void **state)
{
    (void)state;
    second_counter c;
    fact_second full[3];
    seconds_init(&c);
    for (int64_t i = 0; i < 3 * (int64_t)SECONDS_MAX; i++) {
        seconds_add(&c, 1000000 + i);
        if (i % 100 == 0) seconds_add(&c, 42);
    }
    assert_true(c.used <= SECONDS_MAX);
    assert_true(seconds_fullest(&c, full, 3) >= 1);
    assert_int_equal(full[0].second, 42);
    uint64_t there = 3 * SECONDS_MAX / 100 + 1;
    assert_true(full[0].keys <= there); /* never more than there were */
    assert_true(full[0].keys + 5 >= there);
    seconds_clear(&c);
}

static void the_fullest_seconds_come_first_and_single_keys_are_none(void **state)
{
    (void)state;
    second_counter c;
    fact_second full[2];
    seconds_init(&c);
    static const int64_t seconds[] = {7, 9, 9, 8, 8, 8, 6, 6, 6, 6};
    for (size_t i = 0; i < COUNT_OF(seconds); i++)
        seconds_add(&c, seconds[i]);
    assert_int_equal(seconds_fullest(&c, full, 2), 2);
    assert_int_equal(full[0].second, 6);
    assert_int_equal(full[0].keys, 4);
    assert_int_equal(full[1].second, 8);
    seconds_clear(&c);
}

static void of_many_keys_the_largest_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    arena memory = {0};
    fact_sample s = {0};
    key_tally t;
    key_tally_init(&t, &memory, &s);
    char name[32];
    for (uint64_t i = 1; i <= 1000; i++) {
        (void)snprintf(name, sizeof name, "k\x01:%" PRIu64, i);
        key_tally_add(&t, &(tally_key){.name = span_text(name),
                                       .type = "hash",
                                       .encoding = "hash-listpack",
                                       .bytes = i * 7919 % 1009,
                                       .has_expiry = i % 4 == 0,
                                       .never_expires = i % 4 != 0,
                                       .left_ms = 59999,
                                       .expires_at_ms = 1700000000000,
                                       .frequency = -1});
    }
    key_tally_fill(&t);
    assert_int_equal(s.looked_at, 1000);
    assert_int_equal(s.without_expiry, 750);
    assert_int_equal(s.expiry_buckets[0], 250);
    assert_int_equal(s.second_count, 1);
    assert_int_equal(s.seconds[0].keys, 250);
    assert_int_equal(s.largest_count, TALLY_TOP_MAX);
    for (size_t i = 0; i < s.largest_count; i++)
        assert_int_equal(s.largest[i].bytes, 1008 - i);
    assert_int_equal(s.hot_count, 0);
    assert_int_equal(s.prefix_count, 1);
    assert_string_equal(s.prefixes[0].name, "k\\x01:");
    key_tally_clear(&t);
    arena_clear(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_second_is_told_among_more_seconds_than_there_is_room_for),
        cmocka_unit_test(the_fullest_seconds_come_first_and_single_keys_are_none),
        cmocka_unit_test(of_many_keys_the_largest_are_kept_and_all_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
