/* Small strings of a snapshot in one MSET: which ones, how many, and what the command holds. */
#include "test.h"

#include "apply/batch.h"
#include "resp/command.h"

static value_item item(uint8_t type, const char *key, span value)
{
    return (value_item){.type = rdb_type_any(type),
                        .key = span_text(key),
                        .value = value,
                        .expires_at_ms = -1,
                        .idle_s = -1,
                        .frequency = -1,
                        .rdb_version = 11};
}

static void assert_command(value_batch *b, size_t count, const char *const *args)
{
    buf out = buf_of(MIB);
    err e = {0};
    if (!value_batch_write(b, &out, &e)) fail_msg("%s", e.text);
    resp_command c = {0};
    size_t size = 0;
    assert_int_equal(resp_command_read(&c, buf_span(&out), 0, &size, &e), STEP_DONE);
    assert_int_equal(size, out.size);
    assert_int_equal(c.arg_count, count);
    for (size_t i = 0; i < count; i++)
        assert_span_text(resp_command_arg(&c, out.at, i), args[i]);
    resp_command_clear(&c);
    buf_clear(&out);
}

static void strings_that_stand_plainly_go_together(void **state)
{
    (void)state;
    static const char *const want[] = {"MSET", "a", "hello", "b", "-2", "", ""};
    value_batch b;
    value_batch_init(&b);
    value_item text = item(0, "a", span_text("\x05hello"));
    value_item number = item(0, "b", span_text("\xc0\xfe"));
    value_item empty = item(0, "", span_of("\x00", 1));
    assert_true(value_batch_add(&b, &text, 3, 700));
    assert_true(value_batch_add(&b, &number, 3, 800));
    assert_true(value_batch_add(&b, &empty, 3, 900));
    assert_int_equal(b.pairs, 3);
    assert_int_equal(b.db, 3);
    assert_int_equal(b.item_at, 700);
    assert_command(&b, COUNT_OF(want), want);
    assert_int_equal(b.pairs, 0);
    value_item again = item(0, "c", span_text("\x01x"));
    assert_true(value_batch_add(&b, &again, 0, 950)); /* of another database now */
    assert_int_equal(b.item_at, 950);
    value_batch_clear(&b);
}

static void what_needs_more_than_its_value_goes_by_itself(void **state)
{
    (void)state;
    static uint8_t large[BATCH_PAIR_BYTES_MAX];
    value_batch b;
    value_batch_init(&b);
    value_item list = item(1, "k", span_text("\x01\x01x"));
    value_item packed = item(0, "k", span_text("\xc3\x04\x0a\x00x\xe0\x00"));
    value_item big = item(0, "k", span_of(large, sizeof large));
    value_item expiring = item(0, "k", span_text("\x01x"));
    value_item idle = expiring;
    value_item frequent = expiring;
    expiring.expires_at_ms = 0;
    idle.idle_s = 0;
    frequent.frequency = 0;
    const value_item *const alone[] = {&list, &packed, &big, &expiring, &idle, &frequent};
    for (size_t i = 0; i < COUNT_OF(alone); i++)
        assert_false(value_batch_add(&b, alone[i], 0, 0));
    assert_int_equal(b.pairs, 0);
    assert_int_equal(b.args.size, 0);
    value_batch_clear(&b);
}

static void a_batch_is_due_when_it_is_full_or_the_database_changes(void **state)
{
    (void)state;
    static uint8_t bytes[2000] = {0x47, 0xce}; /* a length of 1,998 */
    value_batch b;
    value_batch_init(&b);
    value_item small = item(0, "k", span_text("\x01x"));
    value_item large = item(0, "k", span_of(bytes, sizeof bytes));
    assert_false(value_batch_is_due(&b, 0));
    assert_false(value_batch_is_due(&b, 1));
    for (size_t i = 0; i < BATCH_PAIRS_MAX; i++) {
        assert_false(value_batch_is_due(&b, 1));
        assert_true(value_batch_add(&b, &small, 1, i));
        assert_true(value_batch_is_due(&b, 0));
    }
    assert_true(value_batch_is_due(&b, 1));
    value_batch_clear(&b);
    b.pairs = 0;
    while (!value_batch_is_due(&b, 1))
        assert_true(value_batch_add(&b, &large, 1, 0));
    assert_true(b.pairs < BATCH_PAIRS_MAX);
    assert_in_range(b.args.size, BATCH_BYTES_MAX, b.args.max);
    value_batch_clear(&b);
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    value_batch b;
    value_batch_init(&b);
    value_item v = item(0, "k", span_text("\x05hello"));
    assert_true(value_batch_add(&b, &v, 0, 0));
    for (size_t max = 0; max < strlen("*3\r\n$4\r\nMSET\r\n$1\r\nk\r\n$5\r\nhello\r\n"); max++) {
        buf out = buf_of(max);
        err e = {0};
        assert_false(value_batch_write(&b, &out, &e));
        assert_int_equal(e.kind, ERR_LIMIT);
        buf_clear(&out);
    }
    value_batch_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_that_stand_plainly_go_together),
        cmocka_unit_test(what_needs_more_than_its_value_goes_by_itself),
        cmocka_unit_test(a_batch_is_due_when_it_is_full_or_the_database_changes),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
