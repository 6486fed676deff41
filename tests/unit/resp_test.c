#include "test.h"

#include "resp/command.h"
#include "resp/reply.h"

static const char two_commands[] =
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\nv2\r\n*1\r\n$4\r\nPING\r\n";

static void a_command_split_at_any_byte_asks_for_more(void **state)
{
    (void)state;
    size_t first = sizeof two_commands - 1 - strlen("*1\r\n$4\r\nPING\r\n");
    for (size_t have = 0; have <= first; have++) {
        resp_command c = {0};
        err e = {0};
        size_t size = 0;
        step got = resp_command_read(&c, span_of(two_commands, have), 0, &size, &e);
        assert_int_equal(got, have == first ? STEP_DONE : STEP_MORE);
        if (have < first) got = resp_command_read(&c, span_text(two_commands), 0, &size, &e);
        assert_int_equal(got, STEP_DONE);
        assert_int_equal(size, first);
        assert_int_equal(c.arg_count, 3);
        const uint8_t *start = (const uint8_t *)two_commands;
        assert_span_text(resp_command_arg(&c, start, 0), "SET");
        assert_span_text(resp_command_arg(&c, start, 2), "v\r\nv2");
        resp_command_clear(&c);
    }
}

static void numbers_are_written_as_printf_writes_them(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 7, -1, 10, 4102444800123, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char want[64];
        char digits[24];
        (void)snprintf(digits, sizeof digits, "%" PRId64, numbers[i]);
        (void)snprintf(want, sizeof want, "$%zu\r\n%s\r\n", strlen(digits), digits);
        buf out = buf_of(KIB);
        assert_true(resp_arg_i64(&out, numbers[i]));
        assert_span_text(buf_span(&out), want);
        buf_clear(&out);
    }
}

static void a_command_reader_goes_on_with_the_next_command(void **state)
{
    (void)state;
    resp_command c = {0};
    err e = {0};
    span in = span_text(two_commands);
    size_t size = 0;
    assert_int_equal(resp_command_read(&c, in, 0, &size, &e), STEP_DONE);
    in = span_tail(in, size);
    assert_int_equal(resp_command_read(&c, in, 0, &size, &e), STEP_DONE);
    assert_int_equal(c.arg_count, 1);
    assert_span_text(resp_command_arg(&c, in.at, 0), "PING");
    resp_command_clear(&c);
}

static void a_newline_between_commands_is_an_empty_command(void **state)
{
    (void)state;
    resp_command c = {0};
    err e = {0};
    size_t size = 0;
    assert_int_equal(resp_command_read(&c, span_text("\n*1\r\n"), 0, &size, &e), STEP_DONE);
    assert_int_equal(size, 1);
    assert_int_equal(c.arg_count, 0);
}

static void damaged_commands_are_named_with_their_offset(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "PING\r\n",
        "*x\r\n",
        "*-1\r\n",
        "*1\r\n+1\r\n",
        "*1\r\n$3\r\nabcX\r",
        "*1\r\n$-1\r\n",
        "*1048577\r\n",
        "*1\n",
        "*111111111111111111111111111",
        "*1\r\n$1073741825\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        resp_command c = {0};
        err e = {0};
        size_t size = 0;
        step got = resp_command_read(&c, span_text(damaged[i]), 5000, &size, &e);
        if (got != STEP_BAD) fail_msg("'%s' was not refused", damaged[i]);
        assert_non_null(strstr(e.text, "offset 50"));
        resp_command_clear(&c);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    buf out = buf_of(1000);
    const span args[] = {span_text("SET"), span_of("\0\r\n", 3), span_text("")};
    assert_true(resp_spans(&out, 3, args));
    resp_command c = {0};
    err e = {0};
    size_t size = 0;
    assert_int_equal(resp_command_read(&c, buf_span(&out), 0, &size, &e), STEP_DONE);
    assert_int_equal(size, out.size);
    for (size_t i = 0; i < 3; i++)
        assert_true(span_equal(resp_command_arg(&c, out.at, i), args[i]));
    resp_command_clear(&c);
    buf_clear(&out);
}

static void writing_past_the_limit_answers_false(void **state)
{
    (void)state;
    for (size_t max = 0; max < 31; max++) {
        buf out = buf_of(max);
        const char *const args[] = {"SET", "key", "value"};
        assert_false(resp_texts(&out, 3, args));
        buf_clear(&out);
    }
}

static const char nested[] = "*4\r\n+OK\r\n*2\r\n:-7\r\n$-1\r\n*0\r\n%1\r\n$1\r\na\r\n#t\r\n";

static void a_nested_reply_split_at_any_byte_reads_the_same(void **state)
{
    (void)state;
    for (size_t have = 0; have < sizeof nested; have++) {
        arena memory = {0};
        reply_reader r = {0};
        err e = {0};
        const reply *got = NULL;
        cursor in = cursor_of(span_of(nested, have));
        step s = reply_read(&r, &in, &memory, &got, &e);
        assert_int_equal(s, have == sizeof nested - 1 ? STEP_DONE : STEP_MORE);
        in.end = (const uint8_t *)nested + sizeof nested - 1;
        if (s == STEP_MORE) s = reply_read(&r, &in, &memory, &got, &e);
        assert_int_equal(s, STEP_DONE);
        assert_int_equal(got->count, 4);
        assert_span_text(got->items[0].text, "OK");
        assert_int_equal(got->items[1].items[0].integer, -7);
        assert_int_equal(got->items[1].items[1].kind, REPLY_NIL);
        assert_int_equal(got->items[2].count, 0);
        assert_int_equal(reply_field(&got->items[3], "a")->integer, 1);
        arena_clear(&memory);
    }
}

static void a_long_array_keeps_every_item(void **state)
{
    (void)state;
    buf in = buf_of(MIB);
    assert_true(buf_text(&in, "*1000\r\n"));
    for (int i = 0; i < 1000; i++)
        assert_true(buf_printf(&in, "*2\r\n:%d\r\n$1\r\nx\r\n", i));
    arena memory = {0};
    reply_reader r = {0};
    err e = {0};
    const reply *got = NULL;
    cursor c = cursor_of(buf_span(&in));
    assert_int_equal(reply_read(&r, &c, &memory, &got, &e), STEP_DONE);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(got->items[i].items[0].integer, i);
    arena_clear(&memory);
    buf_clear(&in);
}

static void replies_nested_too_deep_or_too_large_are_refused(void **state)
{
    (void)state;
    buf deep = buf_of(1000);
    for (int i = 0; i <= REPLY_DEPTH_MAX; i++)
        assert_true(buf_text(&deep, "*1\r\n"));
    const span refused[] = {buf_span(&deep), span_text("$1073741825\r\n"),
                            span_text("*99999999999\r\n"), span_text("?\r\n"), span_text(":x\r\n")};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        arena memory = {0};
        reply_reader r = {0};
        err e = {0};
        const reply *got = NULL;
        cursor c = cursor_of(refused[i]);
        assert_int_equal(reply_read(&r, &c, &memory, &got, &e), STEP_BAD);
        arena_clear(&memory);
    }
    buf_clear(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_split_at_any_byte_asks_for_more),
        cmocka_unit_test(a_command_reader_goes_on_with_the_next_command),
        cmocka_unit_test(numbers_are_written_as_printf_writes_them),
        cmocka_unit_test(a_newline_between_commands_is_an_empty_command),
        cmocka_unit_test(damaged_commands_are_named_with_their_offset),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(writing_past_the_limit_answers_false),
        cmocka_unit_test(a_nested_reply_split_at_any_byte_reads_the_same),
        cmocka_unit_test(a_long_array_keeps_every_item),
        cmocka_unit_test(replies_nested_too_deep_or_too_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
