/* What a server keeps for a replica that does not read yet, against what a snapshot needs. */
#include "test.h"

#include "base/mem.h"
#include "migrate/buffer_limit.h"

static void the_three_numbers_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    buffer_limit l;
    assert_true(buffer_limit_parse("replica 268435456 67108864 60", &l));
    assert_int_equal(l.hard, 268435456);
    assert_int_equal(l.soft, 67108864);
    assert_int_equal(l.soft_s, 60);
    static const char *const wrong[] = {"",
                                        "replica",
                                        "replica 1",
                                        "replica 1 2",
                                        "replica 1 2 x",
                                        "normal 1 2 3",
                                        "replica -1 2 3"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (buffer_limit_parse(wrong[i], &l)) fail_msg("'%s' was read", wrong[i]);
}

static void what_a_snapshot_needs_is_judged_against_both_limits(void **state)
{
    (void)state;
    buffer_limit l = {.hard = 1000, .soft = 100, .soft_s = 60};
    assert_int_equal(buffer_limit_judge(&l, 1001, 1), BUFFER_PASSES_HARD);
    assert_int_equal(buffer_limit_judge(&l, 1000, 60), BUFFER_HOLDS);
    assert_int_equal(buffer_limit_judge(&l, 101, 61), BUFFER_PASSES_SOFT);
    assert_int_equal(buffer_limit_judge(&l, 100, 61), BUFFER_HOLDS);
    assert_int_equal(buffer_limit_judge(&(buffer_limit){0}, 1e15, 1e6), BUFFER_HOLDS);
}

static void a_backlog_that_is_larger_is_the_limit_from_7_on(void **state)
{
    (void)state;
    static const engine_version old = {.product = ENGINE_REDIS, .major = 6, .minor = 2};
    static const engine_version new = {.product = ENGINE_REDIS, .major = 7};
    buffer_limit l = {.hard = 1000, .soft = 0};
    buffer_limit_raise(&l, 5000, &old);
    assert_int_equal(l.hard, 1000);
    buffer_limit_raise(&l, 5000, &new);
    assert_int_equal(l.hard, 5000);
    assert_int_equal(l.soft, 0); /* none stays none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(what_a_snapshot_needs_is_judged_against_both_limits),
        cmocka_unit_test(a_backlog_that_is_larger_is_the_limit_from_7_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
