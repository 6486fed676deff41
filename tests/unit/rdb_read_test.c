/* Lengths, strings, the walker, the file reader, payloads and LZF, on bytes written by hand. What
 * real engines write is in rdb_golden_test.c. */
#include "test.h"

#include "base/crc64.h"
#include "rdb/file.h"
#include "rdb/lzf.h"
#include "rdb/payload.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})
#define SPAN(...) span_of(BYTES(__VA_ARGS__), sizeof(BYTES(__VA_ARGS__)))

static void a_64_bit_length_split_at_any_byte_asks_for_more(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x81, 0, 0, 0, 0, 0, 1, 0, 2};
    for (size_t have = 0; have <= sizeof bytes; have++) {
        cursor in = {.at = bytes, .end = bytes + have};
        rdb_length l = {0};
        err e = {0};
        step got = rdb_length_read(&in, UINT64_MAX, &l, &e);
        assert_int_equal(got, have == sizeof bytes ? STEP_DONE : STEP_MORE);
        assert_int_equal(in.offset, got == STEP_DONE ? sizeof bytes : 0); /* nothing eaten early */
        if (got == STEP_DONE) assert_int_equal(l.value, 0x10002);
    }
}

static void a_length_has_four_forms(void **state)
{
    (void)state;
    const struct {
        span bytes;
        uint64_t value;
    } forms[] = {
        {SPAN(0x3f), 63},
        {SPAN(0x40, 0x40), 64},
        {SPAN(0x7f, 0xff), 16383},
        {SPAN(0x80, 0xff, 0xff, 0xff, 0xff), UINT32_MAX},
        {SPAN(0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        cursor in = cursor_of(forms[i].bytes);
        uint64_t got = 0;
        err e = {0};
        assert_int_equal(rdb_number_read(&in, UINT64_MAX, &got, &e), STEP_DONE);
        assert_int_equal(got, forms[i].value);
        assert_int_equal(cursor_left(&in), 0);
    }
}

static void a_length_one_past_its_limit_is_refused_with_its_offset(void **state)
{
    (void)state;
    err e = {0};
    rdb_length l = {0};
    cursor in = cursor_of(SPAN(0x40, 0x64));
    in.offset = 77;
    assert_int_equal(rdb_length_read(&in, 99, &l, &e), STEP_BAD);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_non_null(strstr(e.text, "length 100, limit 99, at offset 77"));
    assert_int_equal(rdb_length_read(&in, 100, &l, &e), STEP_DONE);
}

static void a_length_form_nobody_writes_is_refused(void **state)
{
    (void)state;
    err e = {0};
    rdb_length l = {0};
    cursor in = cursor_of(SPAN(0x82, 0));
    assert_int_equal(rdb_length_read(&in, UINT64_MAX, &l, &e), STEP_BAD);
    assert_non_null(strstr(e.text, "no length form 0x82, at offset 0"));
    uint64_t number = 0;
    in = cursor_of(SPAN(0xc0, 1));
    assert_int_equal(rdb_number_read(&in, UINT64_MAX, &number, &e), STEP_BAD);
    assert_non_null(strstr(e.text, "instead of a number"));
}

static void a_string_that_is_a_number_has_its_decimal_text(void **state)
{
    (void)state;
    const struct {
        span bytes;
        const char *text;
    } numbers[] = {
        {SPAN(0xc0, 0x00), "0"},
        {SPAN(0xc0, 0xff), "-1"},
        {SPAN(0xc1, 0x00, 0x80), "-32768"},
        {SPAN(0xc1, 0xff, 0x7f), "32767"},
        {SPAN(0xc2, 0x00, 0x00, 0x00, 0x80), "-2147483648"},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        for (size_t have = 0; have <= numbers[i].bytes.size; have++) {
            cursor in = cursor_of(span_of(numbers[i].bytes.at, have));
            rdb_string_head head;
            err e = {0};
            step got = rdb_string_head_read(&in, 100, &head, &e);
            assert_int_equal(got, have == numbers[i].bytes.size ? STEP_DONE : STEP_MORE);
            if (got != STEP_DONE) continue;
            assert_int_equal(head.stored, 0);
            rdb_decimal d;
            rdb_decimal_write(head.number, &d);
            assert_span_text(rdb_decimal_span(&d), numbers[i].text);
        }
    }
    rdb_decimal d;
    rdb_decimal_write(INT64_MIN, &d);
    assert_span_text(rdb_decimal_span(&d), "-9223372036854775808");
}

static void a_string_that_claims_more_than_lzf_can_make_is_refused(void **state)
{
    (void)state;
    err e = {0};
    rdb_string_head head;
    cursor in = cursor_of(SPAN(0xc3, 0x01, 0x80, 0x00, 0x00, 0x00, 0xb0)); /* 1 makes 176 */
    assert_int_equal(rdb_string_head_read(&in, RDB_KEY_MAX, &head, &e), STEP_BAD);
    assert_non_null(strstr(e.text, "1 compressed bytes cannot make 176, at offset 1"));
    in = cursor_of(SPAN(0xc4));
    assert_int_equal(rdb_string_head_read(&in, RDB_KEY_MAX, &head, &e), STEP_BAD);
    assert_non_null(strstr(e.text, "no string encoding 4"));
}

/* Walks a value given in pieces of `piece` bytes; what is not eaten stays in the window. */
static step walk_in_pieces(uint8_t type, span value, size_t piece, uint64_t *ret_consumed, err *e)
{
    rdb_walk w;
    assert_true(rdb_walk_begin(&w, type, e));
    cursor in = {.at = value.at, .end = value.at};
    const uint8_t *end = value.at + value.size;
    for (;;) {
        step s = rdb_walk_step(&w, &in, e);
        assert_true(s == STEP_BAD || w.consumed == in.offset);
        *ret_consumed = w.consumed;
        if (s != STEP_MORE || in.end == end) return s;
        assert_true(cursor_left(&in) < RDB_WINDOW_MIN);
        in.end += size_min(piece, (size_t)(end - in.end));
    }
}

static const struct {
    uint8_t type;
    const char *what;
    span bytes;
} values[] = {
    {0,
     "string",
     {(const uint8_t *)"\x03"
                       "abc",
      4}},
    {0, "number", {(const uint8_t *)"\xc1\x10\x20", 3}},
    {0, "lzf", {(const uint8_t *)"\xc3\x05\x0a\x00x\xe0\x00\x00", 8}},
    {1,
     "list",
     {(const uint8_t *)"\x02\x01"
                       "a\xc0\x05",
      5}},
    {1, "empty list", {(const uint8_t *)"\x00", 1}},
    {3,
     "zset with ASCII scores",
     {(const uint8_t *)"\x03\x01"
                       "a\x03"
                       "1.5\x01"
                       "b\xfe\x01"
                       "c\xfd",
      13}},
    {4,
     "hash",
     {(const uint8_t *)"\x01\x01"
                       "f\x02vv",
      6}},
    {5, "zset", {(const uint8_t *)"\x01\x01z\0\0\0\0\0\0\xf0\x3f", 11}},
    {7,
     "module",
     {(const uint8_t *)"\x81\1\2\3\4\5\6\7\x08"
                       "\x01\x05\x02\x41\x00\x03"
                       "ffff"
                       "\x04"
                       "dddddddd"
                       "\x05\x02st\x00",
      9 + 2 + 3 + 5 + 9 + 4 + 1}},
    {15, "stream without groups", {(const uint8_t *)"\x00\x00\x00\x00\x00", 5}},
    {21,
     "stream with a group",
     {(const uint8_t *)"\x01\x10kkkkkkkkkkkkkkkk\x02nn"
                       "\x01\x05\x06\x05\x06\x00\x00\x07"
                       "\x01\x01g\x05\x06\x01"
                       "\x01IIIIIIIIIIIIIIIITTTTTTTT\x03"
                       "\x01\x01"
                       "cSSSSSSSSAAAAAAAA\x01JJJJJJJJJJJJJJJJ",
      1 + 17 + 3 + 8 + 1 + 2 + 3 + 1 + 24 + 1 + 1 + 2 + 16 + 1 + 16}},
    {22,
     "hash with expiries",
     {(const uint8_t *)"\x01\x01"
                       "f\x01vXXXXXXXX",
      13}},
    {24,
     "hash of redis 7.4",
     {(const uint8_t *)"BBBBBBBB\x01\x00\x01"
                       "f\x01v",
      14}},
};

static void a_value_given_in_pieces_of_any_size_ends_where_it_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t piece = 1; piece <= values[i].bytes.size; piece++) {
            uint64_t consumed = 0;
            err e = {0};
            step got = walk_in_pieces(values[i].type, values[i].bytes, piece, &consumed, &e);
            if (got != STEP_DONE || consumed != values[i].bytes.size)
                fail_msg("%s in pieces of %zu: step %d after %" PRIu64 " bytes: %s", values[i].what,
                         piece, got, consumed, e.text);
        }
    }
}

static void a_value_cut_off_anywhere_asks_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t have = 0; have < values[i].bytes.size; have++) {
            uint64_t consumed = 0;
            err e = {0};
            span cut = span_of(values[i].bytes.at, have);
            assert_int_equal(walk_in_pieces(values[i].type, cut, 1, &consumed, &e), STEP_MORE);
        }
    }
}

static void a_string_larger_than_the_window_is_skipped_in_pieces(void **state)
{
    (void)state;
    uint8_t window[64] = {0x81, 0, 0, 0, 1, 0, 0, 0, 0}; /* 4 GiB */
    err e = {0};
    rdb_walk w;
    assert_true(rdb_walk_begin(&w, 0, &e));
    cursor in = {.at = window, .end = window + sizeof window};
    assert_int_equal(rdb_walk_step(&w, &in, &e), STEP_MORE);
    assert_int_equal(w.consumed, sizeof window);
    assert_int_equal(w.skip, (UINT64_C(1) << 32) - (sizeof window - 9));
    w.skip = 10; /* as if the rest had come */
    in = cursor_of(span_of(window, sizeof window));
    assert_int_equal(rdb_walk_step(&w, &in, &e), STEP_DONE);
    assert_int_equal(cursor_left(&in), sizeof window - 10);
}

static void a_type_without_a_grammar_stops_with_its_name(void **state)
{
    (void)state;
    err e = {0};
    rdb_walk w;
    assert_false(rdb_walk_begin(&w, 27, &e));
    assert_non_null(strstr(e.text, "stream-listpacks-5"));
    assert_false(rdb_walk_begin(&w, 8, &e));
    assert_non_null(strstr(e.text, "no object type 8"));
    assert_null(rdb_type_readable(22, 12, 9, &e));
    assert_non_null(strstr(e.text, "type 22 (hash-metadata-pre-ga) cannot be read, at offset 9"));
    assert_null(rdb_type_readable(243, 80, 9, &e));
    assert_non_null(strstr(e.text, "opcode 243 (slot-import) cannot be read"));
    assert_null(rdb_type_readable(243, 12, 9, &e));
    assert_non_null(strstr(e.text, "opcode 243 (key-meta) cannot be read"));
    assert_null(rdb_type_readable(100, 11, 9, &e));
    assert_non_null(strstr(e.text, "no object type 100 in RDB version 11"));
}

static void every_grammar_is_balanced_and_made_of_known_letters(void **state)
{
    (void)state;
    const rdb_type *type;
    for (size_t row = 0; (type = rdb_type_row(row)); row++) {
        if (!type->grammar) continue;
        size_t depth = 0;
        for (const char *at = type->grammar; *at; at++) {
            if (*at == '(') {
                depth++;
                assert_true(at[-1] == 'l');
                continue;
            }
            if (*at == ')') depth--;
            if (rdb_shape_of(*at) == RDB_SHAPE_END) fail_msg("%s: letter %c", type->name, *at);
            assert_true(depth <= RDB_NESTING_MAX);
        }
        assert_int_equal(depth, 0);
    }
}

static void damaged_module_values_are_named_with_their_offset(void **state)
{
    (void)state;
    err e = {0};
    uint64_t consumed = 0;
    assert_int_equal(walk_in_pieces(7, SPAN(0x05, 0x09), 2, &consumed, &e), STEP_BAD);
    assert_non_null(strstr(e.text, "no module opcode 9, at offset 1"));
}

/* A file with one of everything the reader knows. */
static const char file_text[] =
    "REDIS0011"
    "\xfa\x09redis-ver\x05"
    "7.2.0"
    "\xfa\x0aredis-bits\xc0\x40"
    "\xf5\x04"
    "code"
    "\xf7\x81\0\0\0\0\0\0\0\0\x02\x02\x05\x03"
    "aux\x00"
    "\xfe\x00\xfb\x02\x01\xf4\x40\x64\x03\x01"
    "\x00\x01"
    "a\x01"
    "1"
    "\xfc\x00\xe8\x76\x48\x17\x00\x00\x00\xf8\x41\x00\x04\xc3\x06\x0c\x01kk\xe0\x01\x00\x01\x01"
    "f\x01v"
    "\xfe\x05\xfd\x10\x27\x00\x00\xf9\x63\x00\xc0\x07\x02"
    "xx"
    "\xff\x01\x02\x03\x04\x05\x06\x07\x08";

/* Reads a whole file in pieces, values included, and writes one line per item. */
static step read_in_pieces(span file, size_t piece, buf *ret, err *e)
{
    rdb_reader r;
    rdb_reader_init(&r);
    rdb_walk w;
    bool in_value = false;
    cursor in = {.at = file.at, .end = file.at + size_min(piece, file.size)};
    const uint8_t *end = file.at + file.size;
    step s = STEP_DONE;
    rdb_item item = {0};
    while (s != STEP_BAD && item.kind != RDB_ITEM_END) {
        s = in_value ? rdb_walk_step(&w, &in, e) : rdb_next(&r, &in, &item, e);
        if (s == STEP_MORE) {
            if (in.end == end) break;
            assert_true(cursor_left(&in) < RDB_WINDOW_MIN);
            in.end += size_min(piece, (size_t)(end - in.end));
        }
        if (s != STEP_DONE) continue;
        if (in_value) {
            in_value = false;
            continue;
        }
        assert_true(buf_printf(
            ret,
            "%d db%u key='%.*s' value='%.*s' type=%s at=%" PRId64 " idle=%" PRId64 " freq=%" PRId64
            " n=%" PRIu64 ",%" PRIu64 " slot=%" PRIu64 " sum=%" PRIx64 "\n",
            item.kind, item.db, (int)item.key.size, (const char *)item.key.at, (int)item.value.size,
            (const char *)item.value.at, item.type ? item.type->name : "", item.expires_at_ms,
            item.idle_s, item.frequency, item.key_count, item.expire_count, item.slot,
            item.checksum));
        in_value = item.kind == RDB_ITEM_KEY;
        if (in_value) assert_true(rdb_walk_begin(&w, item.type->number, e));
    }
    rdb_reader_clear(&r);
    return s;
}

static const char file_listing[] =
    "0 db0 key='' value='' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "1 db0 key='redis-ver' value='7.2.0' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "1 db0 key='redis-bits' value='64' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "5 db0 key='' value='code' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "6 db0 key='' value='' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "2 db0 key='' value='' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "3 db0 key='' value='' type= at=-1 idle=-1 freq=-1 n=2,1 slot=0 sum=0\n"
    "4 db0 key='' value='' type= at=-1 idle=-1 freq=-1 n=3,1 slot=100 sum=0\n"
    "7 db0 key='a' value='' type=string at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "7 db0 key='kkkkkkkkkkkk' value='' type=hash at=100000000000 idle=256 freq=-1 n=0,0 slot=0 "
    "sum=0\n"
    "2 db5 key='' value='' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=0\n"
    "7 db5 key='7' value='' type=string at=10000000 idle=-1 freq=99 n=0,0 slot=0 sum=0\n"
    "8 db5 key='' value='' type= at=-1 idle=-1 freq=-1 n=0,0 slot=0 sum=807060504030201\n";

static void a_file_given_in_pieces_of_any_size_has_the_same_items(void **state)
{
    (void)state;
    span file = span_of(file_text, sizeof file_text - 1);
    for (size_t piece = 1; piece <= file.size; piece++) {
        buf listing = buf_of(MIB);
        err e = {0};
        if (read_in_pieces(file, piece, &listing, &e) != STEP_DONE) fail_msg("%s", e.text);
        assert_span_text(buf_span(&listing), file_listing);
        buf_clear(&listing);
    }
}

static void a_file_cut_off_anywhere_is_never_complete(void **state)
{
    (void)state;
    for (size_t have = 0; have < sizeof file_text - 1; have++) {
        buf listing = buf_of(MIB);
        err e = {0};
        assert_int_equal(read_in_pieces(span_of(file_text, have), have + 1, &listing, &e),
                         STEP_MORE);
        buf_clear(&listing);
    }
}

static void a_reader_is_taken_up_behind_a_value(void **state)
{
    (void)state;
    span file = span_of(file_text, sizeof file_text - 1);
    size_t tail = sizeof("\xfd\x10\x27\x00\x00\xf9\x63\x00\xc0\x07\x02"
                         "xx"
                         "\xff\x01\x02\x03\x04\x05\x06\x07\x08") -
                  1;
    cursor in = cursor_of(span_tail(file, file.size - tail));
    in.offset = file.size - tail;
    rdb_reader r;
    rdb_item item;
    err e = {0};
    rdb_reader_resume(&r, 11, 5);
    assert_int_equal(rdb_next(&r, &in, &item, &e), STEP_DONE);
    assert_int_equal(item.kind, RDB_ITEM_KEY);
    assert_int_equal(item.db, 5);
    assert_int_equal(item.offset, file.size - tail);
    assert_span_text(item.key, "7");
    rdb_reader_clear(&r);
}

static void damaged_files_are_named_with_their_offset(void **state)
{
    (void)state;
    const struct {
        span bytes;
        const char *text;
    } damaged[] = {
        {span_text("HELLO0011"), "no RDB file: it begins with 'HELLO0011', at offset 0"},
        {span_text("REDIS0015"), "RDB version 'REDIS0015', known are 1 to 14, at offset 0"},
        {span_text("REDIS0000"), "RDB version 'REDIS0000'"},
        {span_text("VALKEY011"), "RDB version 'VALKEY011', known are 80 to 81"},
        {span_text("REDIS0011\x08"), "no object type 8 in RDB version 11, at offset 9"},
        {span_text("REDIS0011\x16"), "type 22 (hash-metadata-pre-ga) cannot be read, at offset 9"},
        {span_text("VALKEY080\x18"), "no object type 24 in RDB version 80, at offset 9"},
        {span_text("REDIS0011\xf6"), "opcode 246 (function-pre-ga) cannot be read, at offset 9"},
        {span_text("VALKEY080\xf3"), "opcode 243 (slot-import) cannot be read, at offset 9"},
        {span_of("REDIS0011\xfe\x80\xff\xff\xff\xff", 15), "length 4294967295, limit 2147483647"},
        {span_of("REDIS0011\x00\x80\x20\x00\x00\x01", 15),
         "length 536870913, limit 536870912, at offset 10"},
        {span_of("REDIS0011\x00\xc3\x02\x05\xe0\x00", 15), "damaged LZF string of 2 bytes"},
        {span_of("REDIS0011\xfc\0\0\0\0\0\0\0\xff", 18), "expiry -"},
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        buf listing = buf_of(MIB);
        err e = {0};
        assert_int_equal(read_in_pieces(damaged[i].bytes, 64, &listing, &e), STEP_BAD);
        if (!strstr(e.text, damaged[i].text))
            fail_msg("wanted '%s', got '%s'", damaged[i].text, e.text);
        buf_clear(&listing);
    }
}

static void the_checksum_of_a_file_is_over_all_but_itself(void **state)
{
    (void)state;
    uint8_t file[18] = "REDIS0011\xff";
    uint64_t crc = crc64_update(0, span_of(file, 10));
    for (size_t i = 0; i < 8; i++)
        file[10 + i] = (uint8_t)(crc >> (8 * i));
    rdb_reader r;
    rdb_reader_init(&r);
    rdb_item item = {0};
    err e = {0};
    cursor in = cursor_of(span_of(file, sizeof file));
    crc = 0;
    while (item.kind != RDB_ITEM_END) {
        const uint8_t *before = in.at;
        assert_int_equal(rdb_next(&r, &in, &item, &e), STEP_DONE);
        size_t eaten = (size_t)(in.at - before);
        crc = crc64_update(crc, span_of(before, rdb_item_crc_size(&item, eaten)));
    }
    assert_true(rdb_checksum_check(&item, crc, &e));
    assert_false(rdb_checksum_check(&item, crc ^ 1, &e));
    item.checksum = 0; /* saved without */
    assert_true(rdb_checksum_check(&item, crc ^ 1, &e));
    rdb_reader_clear(&r);
}

static void a_payload_opens_and_one_with_any_byte_changed_does_not(void **state)
{
    (void)state;
    /* valkey 8.0: SET k hello, DUMP k */
    uint8_t bytes[7 + RDB_FOOTER_SIZE] = "\x00\x05hello";
    rdb_footer footer = rdb_footer_make(crc64_update(0, span_of(bytes, 7)), 11);
    memcpy(bytes + 7, footer.at, RDB_FOOTER_SIZE);
    rdb_payload p;
    err e = {0};
    if (!rdb_payload_open(span_of(bytes, sizeof bytes), &p, &e)) fail_msg("%s", e.text);
    assert_int_equal(p.type->number, 0);
    assert_int_equal(p.version, 11);
    assert_span_text(p.value, "\x05hello");
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 0x40;
        assert_false(rdb_payload_open(span_of(bytes, sizeof bytes), &p, &e));
        bytes[i] ^= 0x40;
    }
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_false(rdb_payload_open(span_of(bytes, size), &p, &e));
}

/* "0123456789" and then itself over and over, for 100000 bytes. */
static span lzf_sample(uint8_t *bytes)
{
    size_t size = 0;
    bytes[size++] = 9;
    memcpy(bytes + size, "0123456789", 10);
    size += 10;
    for (size_t made = 10; made < 100000;) {
        size_t copy = size_min(264, 100000 - made);
        assert_true(copy >= 9 || copy == 6);
        if (copy >= 9) {
            bytes[size++] = 0xe0;
            bytes[size++] = (uint8_t)(copy - 9);
        } else {
            bytes[size++] = (uint8_t)((copy - 2) << 5);
        }
        bytes[size++] = 9; /* ten bytes ago */
        made += copy;
    }
    return span_of(bytes, size);
}

static void lzf_streamed_in_pieces_of_any_size_makes_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t bytes[4096];
    span in = lzf_sample(bytes);
    uint8_t *whole = malloc(100000);
    assert_true(lzf_decompress(in, whole, 100000));
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(whole[i], '0' + i % 10);
    lzf_stream *z = malloc(sizeof *z);
    for (size_t piece = 1; piece <= 64; piece++) {
        lzf_stream_begin(z, in.size, 100000);
        cursor c = {.at = in.at, .end = in.at};
        size_t made = 0;
        for (;;) {
            span got = {0};
            err e = {0};
            step s = lzf_stream_next(z, &c, &got, &e);
            if (s == STEP_BAD) fail_msg("%s", e.text);
            if (s == STEP_MORE) {
                assert_true(cursor_left(&c) < LZF_TOKEN_BYTES_MAX);
                c.end += size_min(piece, (size_t)(in.at + in.size - c.end));
                continue;
            }
            if (got.size == 0) break;
            assert_memory_equal(got.at, whole + made, got.size);
            made += got.size;
        }
        assert_int_equal(made, 100000);
    }
    free(z);
    free(whole);
}

static void damaged_lzf_is_refused_whole_and_streamed(void **state)
{
    (void)state;
    const struct {
        span bytes;
        size_t size;
    } damaged[] = {
        {SPAN(0x20, 0x00), 3},             /* looks back before the beginning */
        {SPAN(0x00, 'a', 0x20, 0x01), 4},  /* one too far */
        {SPAN(0x01, 'a'), 2},              /* a literal run cut off */
        {SPAN(0x00, 'a', 0xe0), 20},       /* a copy cut off */
        {SPAN(0x00, 'a', 0xe0, 0x01), 20}, /* inside its offset */
        {SPAN(0x00, 'a'), 2},              /* makes too little */
        {SPAN(0x01, 'a', 'b'), 1},         /* makes too much */
        {SPAN(0x00, 'a', 0x20, 0x00), 3},  /* a copy of one too much */
    };
    lzf_stream *z = malloc(sizeof *z);
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        uint8_t out[32];
        assert_false(lzf_decompress(damaged[i].bytes, out, damaged[i].size));
        lzf_stream_begin(z, damaged[i].bytes.size, damaged[i].size);
        cursor c = cursor_of(damaged[i].bytes);
        err e = {0};
        span piece = {0};
        step s;
        while ((s = lzf_stream_next(z, &c, &piece, &e)) == STEP_DONE && piece.size > 0)
            ;
        if (s != STEP_BAD) fail_msg("damaged LZF %zu was streamed", i);
        assert_non_null(strstr(e.text, "at offset"));
    }
    free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_64_bit_length_split_at_any_byte_asks_for_more),
        cmocka_unit_test(a_length_has_four_forms),
        cmocka_unit_test(a_length_one_past_its_limit_is_refused_with_its_offset),
        cmocka_unit_test(a_length_form_nobody_writes_is_refused),
        cmocka_unit_test(a_string_that_is_a_number_has_its_decimal_text),
        cmocka_unit_test(a_string_that_claims_more_than_lzf_can_make_is_refused),
        cmocka_unit_test(a_value_given_in_pieces_of_any_size_ends_where_it_ends),
        cmocka_unit_test(a_value_cut_off_anywhere_asks_for_more),
        cmocka_unit_test(a_string_larger_than_the_window_is_skipped_in_pieces),
        cmocka_unit_test(a_type_without_a_grammar_stops_with_its_name),
        cmocka_unit_test(every_grammar_is_balanced_and_made_of_known_letters),
        cmocka_unit_test(damaged_module_values_are_named_with_their_offset),
        cmocka_unit_test(a_file_given_in_pieces_of_any_size_has_the_same_items),
        cmocka_unit_test(a_file_cut_off_anywhere_is_never_complete),
        cmocka_unit_test(a_reader_is_taken_up_behind_a_value),
        cmocka_unit_test(damaged_files_are_named_with_their_offset),
        cmocka_unit_test(the_checksum_of_a_file_is_over_all_but_itself),
        cmocka_unit_test(a_payload_opens_and_one_with_any_byte_changed_does_not),
        cmocka_unit_test(lzf_streamed_in_pieces_of_any_size_makes_the_same_bytes),
        cmocka_unit_test(damaged_lzf_is_refused_whole_and_streamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
