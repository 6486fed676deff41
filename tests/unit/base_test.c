#include "test.h"

#include "base/buf.h"
#include "base/crc64.h"
#include "base/mem.h"

static void the_checksum_of_the_engines_test_vector_is_right(void **state)
{
    (void)state;
    /* valkey src/crc64.c, crc64Test: "123456789" -> e9c6d914c4b8d9ca */
    assert_true(crc64_update(0, span_text("123456789")) == UINT64_C(0xe9c6d914c4b8d9ca));
    uint64_t in_two = crc64_update(crc64_update(0, span_text("1234")), span_text("56789"));
    assert_true(in_two == UINT64_C(0xe9c6d914c4b8d9ca));
}

static void numbers_at_their_limits_are_read_or_refused(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(span_to_i64(span_text("9223372036854775807"), &v) && v == INT64_MAX);
    assert_true(span_to_i64(span_text("-9223372036854775808"), &v) && v == INT64_MIN);
    static const char *const refused[] = {
        "", "-", "+1", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "0x1", "1.0"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_false(span_to_i64(span_text(refused[i]), &v));
    uint64_t u = 0;
    assert_true(span_to_u64(span_text("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(span_to_u64(span_text("18446744073709551616"), &u));
}

static void an_empty_span_compares_like_an_empty_text(void **state)
{
    (void)state;
    span empty = span_tail(span_text("abc"), 3);
    assert_true(span_is(empty, "") && span_is_nocase(empty, "") && span_starts(empty, ""));
    assert_false(span_is_nocase(empty, "a") || span_is_nocase(span_text("a"), ""));
    assert_true(span_is_nocase(span_text("GeT"), "get"));
}

static void a_buffer_never_grows_past_its_limit(void **state)
{
    (void)state;
    buf b = buf_of(100);
    for (int i = 0; i < 100; i++)
        assert_true(buf_u8(&b, 'x'));
    assert_false(buf_u8(&b, 'x'));
    assert_int_equal(b.size, 100);
    buf_drop(&b, 60);
    assert_true(buf_append(&b, span_text("0123456789")));
    assert_int_equal(b.size, 50);
    buf_clear(&b);
}

static void an_error_keeps_its_cause_when_context_is_added(void **state)
{
    (void)state;
    err e = {0};
    assert_false(err_set(&e, ERR_IO, "the cause"));
    assert_false(err_hint(&e, "do this"));
    assert_false(err_hint(&e, "do something else"));
    for (int i = 0; i < 200; i++)
        assert_false(err_wrap(&e, "layer %d", i));
    assert_non_null(strstr(e.text, "the cause"));
    assert_string_equal(e.hint, "do this");
    assert_int_equal(e.kind, ERR_IO);
}

static void bytes_are_shown_escaped_and_cut(void **state)
{
    (void)state;
    assert_string_equal(span_show(span_of("a'\n\xff", 4)).text, "a\\x27\\x0a\\xff");
    uint8_t many[65] = {0};
    assert_int_equal(strlen(span_show(span_of(many, 65)).text), 64 * 4 + 3);
}

static void an_arena_gives_aligned_zeroed_memory(void **state)
{
    (void)state;
    arena a = {0};
    for (size_t i = 1; i < 20000; i = i * 3 / 2 + 1) {
        uint8_t *at = arena_alloc(&a, i);
        assert_int_equal((uintptr_t)at % 16, 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(at[k], 0);
        memset(at, 0xff, i);
    }
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    arena_clear(&a);
}

static void blanks_around_a_span_are_cut(void **state)
{
    (void)state;
    assert_span_text(span_trim(span_text(" \t a b\r\n")), "a b");
    assert_span_text(span_trim(span_text(" \n")), "");
    assert_span_text(span_trim((span){0}), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_of_the_engines_test_vector_is_right),
        cmocka_unit_test(numbers_at_their_limits_are_read_or_refused),
        cmocka_unit_test(an_empty_span_compares_like_an_empty_text),
        cmocka_unit_test(a_buffer_never_grows_past_its_limit),
        cmocka_unit_test(an_error_keeps_its_cause_when_context_is_added),
        cmocka_unit_test(bytes_are_shown_escaped_and_cut),
        cmocka_unit_test(an_arena_gives_aligned_zeroed_memory),
        cmocka_unit_test(blanks_around_a_span_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
