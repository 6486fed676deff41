#include "test.h"

#include <unistd.h>

#include "verify/classify.h"
#include "verify/print.h"
#include "verify/suspects.h"

#define NOW INT64_C(1795384000000)
#define TOLERANCE 1000

static sample value(uint64_t body)
{
    return (sample){
        .there = true, .expiry = EXPIRY_NONE, .now_ms = NOW, .body = {.half = {body, body}}};
}

static sample expiring(uint64_t body, int64_t expiry)
{
    sample s = value(body);
    s.expiry = expiry;
    return s;
}

static const sample absent = {.there = false, .expiry = EXPIRY_NO_KEY, .now_ms = NOW};

/* ---- classes ---- */

static void every_class_has_its_pair_of_samples(void **state)
{
    (void)state;
    sample list = value(1);
    list.kind = 1;
    const struct {
        sample source, target;
        verify_class want;
    } rows[] = {
        {value(1), value(1), VERIFY_EQUAL},
        {absent, absent, VERIFY_EQUAL},
        {value(1), absent, VERIFY_MISSING},
        {absent, value(1), VERIFY_EXTRA},
        {value(1), list, VERIFY_TYPE},
        {value(1), value(2), VERIFY_VALUE},
        {expiring(1, NOW + 9000), value(1), VERIFY_EXPIRY},
        {expiring(1, NOW + 9000), expiring(2, NOW + 1), VERIFY_VALUE},
        {expiring(1, NOW - 1), absent, VERIFY_EXPIRED_NOT_REAPED},
        {absent, expiring(1, NOW - 1), VERIFY_EXPIRED_NOT_REAPED},
        {absent, expiring(1, NOW + 5000), VERIFY_EXTRA},
        {expiring(1, NOW + 5000), absent, VERIFY_MISSING},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        verify_class got = sample_compare(&rows[i].source, &rows[i].target, TOLERANCE);
        if (got != rows[i].want)
            fail_msg("row %zu: wanted %s, got %s", i, verify_class_name(rows[i].want),
                     verify_class_name(got));
    }
}

static void expiries_may_differ_by_the_tolerance_and_no_more(void **state)
{
    (void)state;
    assert_true(expiry_equal(5000, 6000, 1000));
    assert_true(expiry_equal(6000, 5000, 1000));
    assert_false(expiry_equal(5000, 6001, 1000));
    assert_false(expiry_equal(6001, 5000, 1000));
    assert_true(expiry_equal(5000, 5000, 0));
    assert_false(expiry_equal(5000, 5001, 0));
    assert_true(expiry_equal(EXPIRY_NONE, EXPIRY_NONE, 0));
    assert_false(expiry_equal(EXPIRY_NONE, 0, 1000)); /* never is not soon */
    assert_false(expiry_equal(0, EXPIRY_NONE, 1000));
}

static void a_hold_is_taken_off_exactly_from_its_limit_on(void **state)
{
    (void)state;
    bool held = false;
    assert_int_equal(expiry_release(NOW + EXPIRY_HOLD_MS, &held), NOW);
    assert_true(held);
    assert_int_equal(expiry_release(EXPIRY_HOLD_MS, &held), 0);
    assert_true(held);
    assert_int_equal(expiry_release(EXPIRY_HOLD_MS - 1, &held), EXPIRY_HOLD_MS - 1);
    assert_false(held);
    assert_int_equal(expiry_release(EXPIRY_NONE, &held), EXPIRY_NONE);
    assert_false(held);
}

static void a_held_key_is_equal_to_its_free_twin(void **state)
{
    (void)state;
    bool held = false;
    sample source = expiring(1, NOW + 5000);
    sample target = expiring(1, expiry_release(NOW + 5000 + EXPIRY_HOLD_MS, &held));
    target.held = held;
    assert_int_equal(sample_compare(&source, &target, 0), VERIFY_EQUAL);
}

static void every_class_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < VERIFY_CLASSES; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(verify_class_name((verify_class)a),
                                    verify_class_name((verify_class)b));
}

/* ---- the vote ---- */

typedef struct {
    vote v;
    sample seen[32];
} booth;

static booth *booth_of(booth *b)
{
    *b = (booth){0};
    b->v.seen = b->seen;
    b->v.seen_room = COUNT_OF(b->seen);
    return b;
}

static void try_values(booth *b, uint64_t before, uint64_t target, uint64_t after)
{
    sample s = value(before);
    sample t = value(target);
    sample u = value(after);
    vote_add(&b->v, &s, &t, &u, TOLERANCE);
}

static void three_equal_tries_settle_a_key(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    try_values(&b, 1, 1, 1);
    assert_int_equal(vote_decide(&b.v, false), VOTE_AGAIN); /* one may be a coincidence */
    try_values(&b, 2, 2, 2);
    assert_int_equal(vote_decide(&b.v, false), VOTE_AGAIN);
    try_values(&b, 2, 2, 2);
    assert_int_equal(vote_decide(&b.v, false), VOTE_EQUAL);
}

static void a_cold_key_that_differs_costs_one_try_a_round(void **state)
{
    (void)state;
    booth b;
    try_values(booth_of(&b), 1, 2, 1);
    assert_int_equal(vote_decide(&b.v, false), VOTE_OPEN);
    assert_int_equal(vote_decide(&b.v, true), VOTE_AGAIN); /* known to move: more patience */
    assert_int_equal(b.v.class, VERIFY_VALUE);
}

static void a_key_that_is_behind_now_and_then_is_equal(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    try_values(&b, 1, 1, 1);
    try_values(&b, 2, 1, 2); /* not there yet */
    try_values(&b, 2, 2, 2);
    assert_int_equal(vote_decide(&b.v, true), VOTE_AGAIN);
    try_values(&b, 3, 3, 3);
    assert_int_equal(vote_decide(&b.v, true), VOTE_EQUAL);
    assert_int_equal(b.v.passed, 1);
    assert_int_equal(b.v.missed, 0);
}

static void a_counter_ahead_by_one_is_not_equal_because_it_once_looked_so(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    for (uint64_t n = 10; n < 30; n++) {
        if (n % 10 == 0) try_values(&b, n, n, n); /* in the moment the target lags */
        try_values(&b, n, n + 1, n);
    }
    assert_int_equal(vote_decide(&b.v, true), VOTE_OPEN);
    assert_int_equal(vote_close(&b.v), VERIFY_VALUE);
}

static void a_source_that_never_stands_still_is_equal_when_the_target_follows(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    for (uint64_t n = 10; n < 40; n += 2)
        try_values(&b, n, n - 2, n + 1); /* two steps behind, every step seen */
    assert_int_equal(b.v.equal, 0);
    assert_int_equal(vote_close(&b.v), VERIFY_EQUAL);
}

static void a_target_that_does_not_move_with_its_source_is_different(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    for (uint64_t n = 10; n < 40; n += 2)
        try_values(&b, n, 7, n + 1);
    assert_int_equal(vote_close(&b.v), VERIFY_VALUE);
}

static void a_key_that_moves_on_both_sides_and_never_meets_is_unsettled(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    for (uint64_t n = 10; n < 40; n += 2)
        try_values(&b, n, 1000 + n, n + 1);
    assert_int_equal(vote_close(&b.v), VERIFY_UNSETTLED);
}

static void a_key_that_is_gone_on_both_sides_is_equal(void **state)
{
    (void)state;
    booth b;
    booth_of(&b);
    for (int i = 0; i < 3; i++)
        vote_add(&b.v, &absent, &absent, &absent, TOLERANCE);
    assert_int_equal(vote_decide(&b.v, false), VOTE_EQUAL);
}

/* ---- suspects ---- */

/* Adds `count` suspects with keys of `size` bytes and reads them back, twice. */
static void suspects_round_trip(size_t count, size_t size, bool want_spilled)
{
    err e = {0};
    suspects *list = suspects_new("/tmp");
    uint8_t *key = test_malloc(size);
    for (size_t i = 0; i < count; i++) {
        suspect s = {.db = (int)(i % 7), .class = VERIFY_VALUE, .rounds = (uint8_t)i};
        memset(key, (int)i, size);
        assert_true(suspects_add(list, &s, span_of(key, size), &e));
    }
    assert_int_equal(suspects_count(list), count);
    assert_int_equal(suspects_spilled(list), want_spilled);
    for (int pass = 0; pass < 2; pass++) {
        suspect s;
        span got;
        assert_true(suspects_rewind(list, &e));
        for (size_t i = 0; i < count; i++) {
            assert_true(suspects_next(list, &s, &got, &e));
            memset(key, (int)i, size);
            assert_true(span_equal(got, span_of(key, size)));
            assert_int_equal(s.db, i % 7);
            assert_int_equal(s.rounds, (uint8_t)i);
        }
        assert_false(suspects_next(list, &s, &got, &e));
        assert_int_equal(e.kind, ERR_NONE);
    }
    suspects_clear(list);
    assert_int_equal(suspects_count(list), 0);
    assert_false(suspects_spilled(list));
    test_free(key);
    suspects_free(list);
}

static void a_few_suspects_stay_in_memory(void **state)
{
    (void)state;
    suspects_round_trip(0, 10, false);
    suspects_round_trip(100, 0, false);
    suspects_round_trip(100, 33, false);
}

static void many_suspects_go_through_a_file_in_order(void **state)
{
    (void)state;
    suspects_round_trip(30000, 77, true);
}

static void one_very_long_key_is_kept_whole(void **state)
{
    (void)state;
    suspects_round_trip(5, 5 * MIB, true);
}

static void a_list_is_used_again_after_it_was_cleared(void **state)
{
    (void)state;
    err e = {0};
    suspects *list = suspects_new("/tmp");
    for (int turn = 0; turn < 2; turn++) {
        suspect s = {.db = turn};
        span got;
        uint8_t key[4096] = {(uint8_t)turn};
        for (int i = 0; i < 1000; i++)
            assert_true(suspects_add(list, &s, span_of(key, sizeof key), &e));
        assert_true(suspects_spilled(list));
        assert_true(suspects_rewind(list, &e));
        assert_true(suspects_next(list, &s, &got, &e));
        assert_int_equal(s.db, turn);
        assert_int_equal(got.at[0], turn);
        suspects_clear(list);
    }
    suspects_free(list);
}

static void a_list_without_a_place_for_its_file_says_what_to_do(void **state)
{
    (void)state;
    err e = {0};
    bool good = true;
    suspects *list = suspects_new("/nonexistent/directory");
    uint8_t key[4096] = {0};
    for (int i = 0; i < 1000 && good; i++)
        good = suspects_add(list, &(suspect){0}, span_of(key, sizeof key), &e);
    assert_false(good);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.hint, "TMPDIR"));
    suspects_free(list);
}

static void a_full_list_says_so(void **state)
{
    (void)state;
    err e = {0};
    suspects *list = suspects_new("/tmp");
    uint8_t *key = test_malloc(4 * MIB);
    memset(key, 'k', 4 * MIB);
    for (size_t i = 0; i < SUSPECTS_SIZE_MAX / (4 * MIB) - 1; i++)
        assert_true(suspects_add(list, &(suspect){0}, span_of(key, 4 * MIB), &e));
    assert_false(suspects_full(list));
    assert_true(suspects_add(list, &(suspect){0}, span_of(key, 4 * MIB), &e));
    assert_true(suspects_full(list));
    test_free(key);
    suspects_free(list);
}

/* ---- keys in JSON ---- */

static void keys_that_are_no_utf8_are_escaped_and_marked(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t size;
        const char *want;
        bool escaped;
    } rows[] = {
        {"cart:42", 7, "cart:42", false},
        {"b\xc3\xa4r", 4, "b\xc3\xa4r", false},
        {"b\xe4r", 3, "b\\xe4r", true},
        {"\xff\\n", 3, "\\xff\\x5cn", true},
        {"", 0, "", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool escaped = !rows[i].escaped;
        char *got = verify_key_text(span_of(rows[i].bytes, rows[i].size), &escaped);
        assert_string_equal(got, rows[i].want);
        assert_int_equal(escaped, rows[i].escaped);
        free(got);
    }
}

static void differences_add_up_over_classes_and_functions(void **state)
{
    (void)state;
    verify_result r = {0};
    assert_int_equal(verify_differences(&r), 0);
    r.counts[VERIFY_EQUAL] = 100; /* no difference */
    r.counts[VERIFY_MISSING] = 1;
    r.counts[VERIFY_UNSETTLED] = 2;
    r.functions.extra = 4;
    assert_int_equal(verify_differences(&r), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_its_pair_of_samples),
        cmocka_unit_test(expiries_may_differ_by_the_tolerance_and_no_more),
        cmocka_unit_test(a_hold_is_taken_off_exactly_from_its_limit_on),
        cmocka_unit_test(a_held_key_is_equal_to_its_free_twin),
        cmocka_unit_test(every_class_has_a_name_of_its_own),
        cmocka_unit_test(three_equal_tries_settle_a_key),
        cmocka_unit_test(a_cold_key_that_differs_costs_one_try_a_round),
        cmocka_unit_test(a_key_that_is_behind_now_and_then_is_equal),
        cmocka_unit_test(a_counter_ahead_by_one_is_not_equal_because_it_once_looked_so),
        cmocka_unit_test(a_source_that_never_stands_still_is_equal_when_the_target_follows),
        cmocka_unit_test(a_target_that_does_not_move_with_its_source_is_different),
        cmocka_unit_test(a_key_that_moves_on_both_sides_and_never_meets_is_unsettled),
        cmocka_unit_test(a_key_that_is_gone_on_both_sides_is_equal),
        cmocka_unit_test(a_few_suspects_stay_in_memory),
        cmocka_unit_test(many_suspects_go_through_a_file_in_order),
        cmocka_unit_test(one_very_long_key_is_kept_whole),
        cmocka_unit_test(a_list_is_used_again_after_it_was_cleared),
        cmocka_unit_test(a_list_without_a_place_for_its_file_says_what_to_do),
        cmocka_unit_test(a_full_list_says_so),
        cmocka_unit_test(keys_that_are_no_utf8_are_escaped_and_marked),
        cmocka_unit_test(differences_add_up_over_classes_and_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
