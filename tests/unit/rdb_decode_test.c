/* The packed encodings and the decoder on bytes written by hand: encodings that no engine at hand
 * writes any more, damage, limits; and the digest element by element. */
#include "test.h"

#include <math.h>

#include "base/buf.h"
#include "base/crc64.h"
#include "rdb/decode.h"
#include "rdb/digest.h"
#include "rdb/packed.h"
#include "rdb/payload.h"
#include "rdb/text.h"
#include "rdb/walk.h"

#define LITERAL(text) span_of(text, sizeof(text) - 1)
/* The same, for a table that is static. */
#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* "a,1,-7" : the values of a blob; or the error. */
static bool blob_list(rdb_blob format, span blob, buf *ret, err *e)
{
    rdb_pack p;
    if (!rdb_pack_open(&p, format, blob, e)) return false;
    for (;;) {
        rdb_packed value;
        packed_step s = rdb_pack_next(&p, blob, &value, e);
        if (s == PACKED_END) return true;
        if (s == PACKED_BAD) return false;
        if (ret->size) assert_true(buf_text(ret, ","));
        if (value.is_number)
            assert_true(buf_printf(ret, "%" PRId64, value.number));
        else
            assert_true(buf_append(ret, value.text));
    }
}

/* One blob per encoding, with every form of value that is short enough to write down. */
static const struct {
    rdb_blob format;
    span blob;
    const char *values;
} blobs[] = {
    {RDB_BLOB_LISTPACK,
     BYTES("\x3b\0\0\0\x0b\0"
           "\x7f\x01"
           "\x82hi\x03"
           "\xdf\xff\x02"
           "\xcf\xff\x02"
           "\xe0\x02yo\x04"
           "\xf0\x02\0\0\0no\x07"
           "\xf1\x00\x80\x03"
           "\xf2\xff\xff\x7f\x04"
           "\xf3\xff\xff\xff\xff\x05"
           "\xf4\0\0\0\0\0\0\0\x80\x09"
           "\x80\x01"
           "\xff"),
     "127,hi,-1,4095,yo,no,-32768,8388607,-1,-9223372036854775808,"},
    {RDB_BLOB_ZIPLIST,
     BYTES("\x3c\0\0\0\x39\0\0\0\x0a\0"
           "\x00\x02hi"
           "\x04\x40\x02yo"
           "\x05\x80\0\0\0\x02no"
           "\x08\xc0\x00\x80"
           "\x04\xd0\xff\xff\xff\x7f"
           "\x06\xe0\0\0\0\0\0\0\0\x80"
           "\x0a\xf0\x00\x00\x80"
           "\x05\xfe\x80"
           "\x03\xf1"
           "\x02\xfd"
           "\xff"),
     "hi,yo,no,-32768,2147483647,-9223372036854775808,-8388608,-128,0,12"},
    {RDB_BLOB_INTSET, BYTES("\x02\0\0\0\x02\0\0\0\xff\xff\x05\x00"), "-1,5"},
    {RDB_BLOB_INTSET, BYTES("\x04\0\0\0\x01\0\0\0\0\0\0\x80"), "-2147483648"},
    {RDB_BLOB_INTSET, BYTES("\x08\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x80"), "-9223372036854775808"},
    {RDB_BLOB_ZIPMAP,
     BYTES("\x02\x01"
           "f\x02\x00vv\x02gg\xfe\x01\0\0\0\x03w###\xff"),
     "f,vv,gg,w"},
};

static void every_packed_encoding_reads_every_form_of_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(blobs); i++) {
        buf got = buf_of(MIB);
        err e = {0};
        if (!blob_list(blobs[i].format, blobs[i].blob, &got, &e)) fail_msg("%zu: %s", i, e.text);
        assert_span_text(buf_span(&got), blobs[i].values);
        buf_clear(&got);
    }
}

static void a_blob_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(blobs); i++) {
        for (size_t size = 0; size < blobs[i].blob.size; size++) {
            /* Exactly as large as it says, so that the sanitizer sees a byte read behind it. */
            uint8_t *copy = malloc(size + 1);
            memcpy(copy + 1, blobs[i].blob.at, size);
            buf got = buf_of(MIB);
            err e = {0};
            if (blob_list(blobs[i].format, span_of(copy + 1, size), &got, &e))
                fail_msg("blob %zu of %zu bytes", i, size);
            assert_int_equal(e.kind, ERR_FORMAT);
            buf_clear(&got);
            free(copy);
        }
    }
}

static void a_blob_with_any_byte_changed_is_read_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(blobs); i++) {
        size_t size = blobs[i].blob.size;
        uint8_t *copy = malloc(size);
        for (size_t n = 0; n < size * 256; n++) {
            memcpy(copy, blobs[i].blob.at, size);
            copy[n / 256] = (uint8_t)n;
            buf got = buf_of(MIB);
            err e = {0};
            bool good = blob_list(blobs[i].format, span_of(copy, size), &got, &e);
            assert_true(good || e.kind == ERR_FORMAT);
            buf_clear(&got);
        }
        free(copy);
    }
}

static void damaged_blobs_are_named_with_their_byte(void **state)
{
    (void)state;
    const struct {
        rdb_blob format;
        span blob;
        const char *text;
    } damaged[] = {
        {RDB_BLOB_LISTPACK, LITERAL("\x08\0\0\0\x01\0\x01\xff"),
         "a value is cut off at its byte 6"},
        {RDB_BLOB_LISTPACK, LITERAL("\x09\0\0\0\x01\0\x01\x02\xff"),
         "the length behind a value is wrong at its byte 6"},
        {RDB_BLOB_LISTPACK, LITERAL("\x09\0\0\0\x01\0\xf5\x01\xff"), "no such value at its byte 6"},
        {RDB_BLOB_LISTPACK, LITERAL("\x09\0\0\0\x02\0\x01\x01\xff"), "1 values where it says 2"},
        {RDB_BLOB_LISTPACK, LITERAL("\x09\0\0\0\x01\0\x82\x01\xff"),
         "a text is longer than the rest at its byte 6"},
        {RDB_BLOB_LISTPACK, LITERAL("\x0a\0\0\0\x01\0\x01\x01\xff"), "its size is wrong"},
        {RDB_BLOB_ZIPLIST, LITERAL("\x0d\0\0\0\x0a\0\0\0\x01\0\x01\xf2\xff"),
         "the size of the value before is wrong at its byte 10"},
        {RDB_BLOB_ZIPLIST, LITERAL("\x0d\0\0\0\x0a\0\0\0\x01\0\x00\xff\xff"),
         "no such value at its byte 10"},
        {RDB_BLOB_ZIPLIST, LITERAL("\x0c\0\0\0\x0a\0\0\0\x01\0\x00\xff"), "a value is cut off"},
        {RDB_BLOB_INTSET, LITERAL("\x03\0\0\0\x01\0\0\0\1\2\3"), "its size is wrong"},
        {RDB_BLOB_INTSET, LITERAL("\x02\0\0\0\x02\0\0\0\1\2\3"), "its size is wrong"},
        {RDB_BLOB_ZIPMAP, LITERAL("\x01\x01g\xff"), "a field without a value"},
        {RDB_BLOB_ZIPMAP,
         LITERAL("\x01\x01g\x01\x04"
                 "f\xff"),
         "slack behind the end at its byte 3"},
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        buf got = buf_of(MIB);
        err e = {0};
        assert_false(blob_list(damaged[i].format, damaged[i].blob, &got, &e));
        if (!strstr(e.text, damaged[i].text))
            fail_msg("wanted '%s', got '%s'", damaged[i].text, e.text);
        buf_clear(&got);
    }
}

/* The elements of a value, in pieces of `piece` bytes, as "kind text value score expiry;". */
static step value_list(
    uint8_t type, span value, size_t piece, const rdb_decode_limits *limits, buf *ret, err *e)
{
    struct rdb_decoder *d = rdb_decoder_new(limits);
    rdb_decoder_begin(d, rdb_type_any(type));
    cursor in = {.at = value.at, .end = value.at + size_min(piece, value.size)};
    const uint8_t *end = value.at + value.size;
    step s = STEP_DONE;
    rdb_element element = {.kind = RDB_ELEMENT_ITEM};
    while (s != STEP_BAD && element.kind != RDB_ELEMENT_END) {
        s = rdb_decode_next(d, &in, &element, e);
        if (s == STEP_MORE && in.end == end) break;
        if (s == STEP_MORE) {
            assert_true(cursor_left(&in) < RDB_WINDOW_MIN);
            in.end += size_min(piece, (size_t)(end - in.end));
        }
        if (s != STEP_DONE || element.kind == RDB_ELEMENT_END) continue;
        assert_true(buf_append(ret, element.text));
        if (element.value.size) assert_true(buf_text(ret, "="));
        assert_true(buf_append(ret, element.value));
        if (element.kind == RDB_ELEMENT_SCORED) assert_true(buf_printf(ret, "=%g", element.score));
        if (element.kind == RDB_ELEMENT_FIELD && element.expires_at_ms != -1)
            assert_true(buf_printf(ret, "@%" PRId64, element.expires_at_ms));
        if (element.kind != RDB_ELEMENT_PIECE && element.kind != RDB_ELEMENT_MODULE)
            assert_true(buf_text(ret, ";"));
    }
    if (s == STEP_DONE) assert_true(in.at == end);
    rdb_decoder_free(d);
    return s;
}

static const struct {
    uint8_t type;
    span bytes;
    const char *elements;
} values[] = {
    {0, BYTES("\x05hello"), "hello"},
    {0, BYTES("\x00"), ""},
    {0, BYTES("\xc3\x00\x00"), ""},
    {0, BYTES("\xc1\x10\x27"), "10000"},
    {0, BYTES("\xc3\x05\x0c\x00x\xe0\x02\x00"), "xxxxxxxxxxxx"},
    {1,
     BYTES("\x03\x01"
           "a\xc0\x05\x00"),
     "a;5;;"},
    {2,
     BYTES("\x02\x01"
           "a\xc0\xff"),
     "a;-1;"},
    {2, BYTES("\x01\xc3\x00\x00"), ";"},
    {3,
     BYTES("\x04\x01"
           "a\x03"
           "1.5\x01"
           "b\xfe\x01"
           "c\xff\xc0\x07\x02-2"),
     "a=1.5;b=inf;c=-inf;7=-2;"},
    {4,
     BYTES("\x01\x01"
           "f\xc0\x10"),
     "f=16;"},
    {5, BYTES("\x01\x01z\0\0\0\0\0\0\xf8\x3f"), "z=1.5;"},
    {7, BYTES("\x01\x02\x05\x05\x02st\x00"), "\x01\x02\x05\x05\x02st"},
    {9,
     BYTES("\x09\x01\x01"
           "f\x02\x01vv#\xff"),
     "f=vv;"},
    {10, BYTES("\x0f\x0f\0\0\0\x0c\0\0\0\x02\0\x00\xf2\x02\xf3\xff"), "1;2;"},
    {11, BYTES("\x0a\x02\0\0\0\x01\0\0\0\x05\x00"), "5;"},
    {12, BYTES("\x10\x10\0\0\0\x0d\0\0\0\x02\0\x00\x01z\x03\xf4\xff"), "z=3;"},
    {13,
     BYTES("\x10\x10\0\0\0\x0d\0\0\0\x02\0\x00\x01"
           "f\x03\xf4\xff"),
     "f=3;"},
    {14,
     BYTES("\x02\x0d\x0d\0\0\0\x0a\0\0\0\x01\0\x00\xf2\xff\x0d\x0d\0\0\0\x0a\0\0\0\x01\0\x00"
           "\xf3\xff"),
     "1;2;"},
    {18,
     BYTES("\x02\x02\x09\x09\0\0\0\x01\0\x05\x01\xff\x01\x03"
           "abc"),
     "5;abc;"},
    {22,
     BYTES("\x02\x01"
           "f\x01v\xe8\x03\0\0\0\0\0\0\x01"
           "g\x01w\xff\xff\xff\xff\xff\xff\xff\xff"),
     "f=v@1000;g=w;"},
    {24,
     BYTES("\xe8\x03\0\0\0\0\0\0\x03\x00\x01"
           "f\x01v\x01\x01"
           "g\x01w\x05\x01h\x01x"),
     "f=v;g=w@1000;h=x@1004;"},
    {25,
     BYTES("\xe8\x03\0\0\0\0\0\0\x10\x10\0\0\0\x03\0\x81"
           "f\x02\x81v\x02\xc3\xe8\x02\xff"),
     "f=v@1000;"},
};

static void a_value_in_pieces_of_any_size_has_the_same_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t piece = 1; piece <= values[i].bytes.size; piece++) {
            buf got = buf_of(MIB);
            err e = {0};
            step s = value_list(values[i].type, values[i].bytes, piece, &RDB_DECODE_LIMITS_DEFAULT,
                                &got, &e);
            if (s != STEP_DONE) fail_msg("value %zu in pieces of %zu: %s", i, piece, e.text);
            span want = span_text(values[i].elements);
            if (values[i].type == 7) want = values[i].bytes; /* with its end mark, a zero byte */
            assert_true(span_equal(buf_span(&got), want));
            buf_clear(&got);
        }
    }
}

static void an_element_is_refused_one_byte_past_the_limit(void **state)
{
    (void)state;
    const span value = LITERAL("\x01\x05"
                               "12345");
    for (size_t max = 4; max <= 5; max++) {
        rdb_decode_limits limits = {.blob_max = max, .pending_max = KIB};
        buf got = buf_of(MIB);
        err e = {0};
        step s = value_list(1, value, 1, &limits, &got, &e);
        assert_int_equal(s, max == 5 ? STEP_DONE : STEP_BAD);
        if (s == STEP_BAD) assert_int_equal(e.kind, ERR_LIMIT);
        buf_clear(&got);
    }
}

static void a_string_value_larger_than_the_blob_limit_streams(void **state)
{
    (void)state;
    rdb_decode_limits limits = {.blob_max = 4, .pending_max = KIB};
    buf got = buf_of(MIB);
    err e = {0};
    assert_int_equal(value_list(0, LITERAL("\xc3\x05\x0c\x00x\xe0\x02\x00"), 3, &limits, &got, &e),
                     STEP_DONE);
    assert_span_text(buf_span(&got), "xxxxxxxxxxxx");
    buf_clear(&got);
}

/* A stream whose only node is deleted entries: field "f", one group with two pending ids. */
#define STREAM_NODE                                                                                \
    "\x01\x10\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x00"                                                 \
    "\x1d\x1d\0\0\0\x0a\0\x01\x01\x00\x01\x01\x01\x81"                                             \
    "f\x02\x00\x01\x02\x01\x00\x01\x01\x01\x81v\x02\x04\x01\xff"
#define PENDING(id, count) "\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0" id "\x09\0\0\0\0\0\0\0" count
#define OWNED(id) "\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0" id
#define GROUP_BEGIN "\x01\x05\x01\x01\x01g\x05\x01"

static void a_stream_is_decoded_with_its_group_and_pending_entries(void **state)
{
    (void)state;
    static const char bytes[] = STREAM_NODE GROUP_BEGIN
        "\x01" PENDING("\x01", "\x03") "\x01\x03"
                                       "bob\x07\0\0\0\0\0\0\0\x01" OWNED("\x01");
    struct rdb_decoder *d = rdb_decoder_new(&RDB_DECODE_LIMITS_DEFAULT);
    rdb_decoder_begin(d, rdb_type_any(15));
    cursor in = cursor_of(LITERAL(bytes));
    err e = {0};
    rdb_element el;
    rdb_element_kind kinds[] = {RDB_ELEMENT_ENTRY, RDB_ELEMENT_ENTRY_FIELD, RDB_ELEMENT_STREAM,
                                RDB_ELEMENT_GROUP, RDB_ELEMENT_CONSUMER,    RDB_ELEMENT_PENDING,
                                RDB_ELEMENT_END};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (rdb_decode_next(d, &in, &el, &e) != STEP_DONE) fail_msg("%s", e.text);
        assert_int_equal(el.kind, kinds[i]);
        if (el.kind == RDB_ELEMENT_ENTRY) assert_int_equal(el.id.seq, 1);
        if (el.kind == RDB_ELEMENT_ENTRY_FIELD) {
            assert_span_text(el.text, "f");
            assert_span_text(el.value, "v");
        }
        if (el.kind == RDB_ELEMENT_STREAM) assert_false(el.stream.has_history);
        if (el.kind == RDB_ELEMENT_GROUP) assert_int_equal(el.entries_read, -1);
        if (el.kind == RDB_ELEMENT_CONSUMER) assert_int_equal(el.active_ms, 7);
        if (el.kind != RDB_ELEMENT_PENDING) continue;
        assert_span_text(el.text, "bob");
        assert_int_equal(el.delivered_ms, 9);
        assert_int_equal(el.count, 3);
    }
    assert_int_equal(cursor_left(&in), 0);
    rdb_decoder_free(d);
}

static void damaged_values_are_named_with_their_offset(void **state)
{
    (void)state;
    const struct {
        uint8_t type;
        span bytes;
        const char *text;
    } damaged[] = {
        {3, LITERAL("\x01\x01z\xfd"), "a score that is no number, at offset 3"},
        {3, LITERAL("\x01\x01z\x02xx"), "a score that is no number, at offset 3"},
        {3, LITERAL("\x01\x01z\x31"), "a score of 49 digits, at offset 3"},
        {5, LITERAL("\x01\x01z\0\0\0\0\0\0\xf8\x7f"), "a score that is no number, at offset 3"},
        {18, LITERAL("\x01\x03"), "no quicklist container 3, at offset 1"},
        {18, LITERAL("\x01\x02\x00"), "an empty blob in a list-quicklist-2, at offset 3"},
        {16, LITERAL("\x09\x09\0\0\0\x01\0\x05\x01\xff"),
         "hash-listpack, blob that ends at offset 10: the last value has no partner"},
        {17, LITERAL("\x0c\x0c\0\0\0\x02\0\x05\x01\x81x\x02\xff"), "score 'x' is no number"},
        {11, LITERAL("\x01\x02"), "set-intset, blob that ends at offset 2: damaged intset"},
        {11, LITERAL("\xc3\x02\x05\xe0\x00"), "damaged LZF string of 2 bytes, at offset 3"},
        {22,
         LITERAL("\x01\x01"
                 "f\x01v\xfe\xff\xff\xff\xff\xff\xff\xff"),
         "the expiry of a field is no time"},
        {15, LITERAL("\x01\x02xx"), "a stream node id of 2 bytes"},
        {15, LITERAL("\x00" GROUP_BEGIN "\x01" PENDING("\x01", "\x03") "\x00"),
         "1 pending entries of a group have no consumer"},
        {15, LITERAL("\x00" GROUP_BEGIN "\x02" PENDING("\x02", "\x03") PENDING("\x01", "\x03")),
         "pending entries out of order"},
        {15,
         LITERAL("\x00" GROUP_BEGIN
                 "\x01" PENDING("\x01", "\x03") "\x01\x01"
                                                "c\0\0\0\0\0\0\0\0\x01" OWNED("\x02")),
         "a consumer's pending entry 5-2 is not in its group"},
        {15,
         LITERAL("\x00" GROUP_BEGIN "\x01" PENDING("\x01", "\x03") "\x01\x01"
                                                                   "c\0\0\0\0\0\0\0\0\x02" OWNED(
                                                                       "\x01") OWNED("\x01")),
         "pending entry 5-1 has two consumers"},
        {15,
         LITERAL("\x00" GROUP_BEGIN "\x03" PENDING("\x01", "\x03") PENDING("\x02", "\x03")
                     PENDING("\x03", "\x03")),
         "more than 2 pending entries in one group"},
    };
    rdb_decode_limits limits = {.blob_max = KIB, .pending_max = 8};
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        buf got = buf_of(MIB);
        err e = {0};
        step s = value_list(damaged[i].type, damaged[i].bytes, MIB, &limits, &got, &e);
        if (s != STEP_BAD || !strstr(e.text, damaged[i].text))
            fail_msg("wanted '%s', got %d '%s'", damaged[i].text, s, e.text);
        buf_clear(&got);
    }
}

static void two_million_pending_entries_take_some_eight_bytes_each(void **state)
{
    (void)state;
    enum { COUNT = 2000000 };
    rdb_pending p;
    rdb_pending_init(&p, (size_t)8 * COUNT);
    err e = {0};
    for (uint64_t i = 0; i < COUNT; i++) {
        rdb_pending_row row = {.id = {1700000000000 + i / 3, i % 3},
                               .delivered_ms = INT64_C(1710000000000) + (int64_t)(i * 7 % 1000),
                               .deliveries = 1 + i % 5};
        if (!rdb_pending_add(&p, &row, &e)) fail_msg("%s", e.text);
    }
    assert_true(p.rows.size < p.rows.max);
    for (uint64_t i = 0; i < COUNT; i += 17) {
        rdb_pending_row row = {0};
        rdb_stream_id id = {1700000000000 + i / 3, i % 3};
        assert_int_equal(rdb_pending_take(&p, id, &row), PENDING_FOUND);
        assert_int_equal(row.delivered_ms, INT64_C(1710000000000) + (int64_t)(i * 7 % 1000));
        assert_int_equal(row.deliveries, 1 + i % 5);
        assert_int_equal(rdb_pending_take(&p, id, &row), PENDING_TAKEN);
    }
    rdb_pending_row row = {0};
    assert_int_equal(rdb_pending_take(&p, (rdb_stream_id){0, 1}, &row), PENDING_UNKNOWN);
    assert_int_equal(rdb_pending_take(&p, (rdb_stream_id){UINT64_MAX, 1}, &row), PENDING_UNKNOWN);
    rdb_pending_empty(&p);
    assert_int_equal(rdb_pending_take(&p, (rdb_stream_id){1700000000000, 0}, &row),
                     PENDING_UNKNOWN);
    /* The largest numbers there are. */
    row = (rdb_pending_row){{UINT64_MAX, UINT64_MAX}, INT64_MIN, UINT64_MAX};
    assert_true(rdb_pending_add(&p, &row, &e));
    assert_int_equal(rdb_pending_take(&p, row.id, &row), PENDING_FOUND);
    assert_true(row.delivered_ms == INT64_MIN && row.deliveries == UINT64_MAX);
    assert_false(rdb_pending_add(&p, &row, &e)); /* not behind the last */
    rdb_pending_clear(&p);
}

static void a_stream_node_with_any_byte_changed_is_read_within_its_bounds(void **state)
{
    (void)state;
    static const char bytes[] = STREAM_NODE "\x01\x05\x01\x00";
    size_t size = sizeof bytes - 1;
    uint8_t *copy = malloc(size);
    for (size_t n = 0; n < size * 256; n++) {
        memcpy(copy, bytes, size);
        copy[n / 256] = (uint8_t)n;
        buf got = buf_of(MIB);
        err e = {0};
        struct rdb_decoder *d = rdb_decoder_new(&RDB_DECODE_LIMITS_DEFAULT);
        rdb_decoder_begin(d, rdb_type_any(15));
        cursor in = cursor_of(span_of(copy, size));
        rdb_element element = {.kind = RDB_ELEMENT_ITEM};
        while (element.kind != RDB_ELEMENT_END &&
               rdb_decode_next(d, &in, &element, &e) == STEP_DONE)
            ;
        rdb_decoder_free(d);
        buf_clear(&got);
    }
    free(copy);
}

/* A payload around the bytes of a value. */
static span payload_of(buf *b, uint8_t type, span value, uint16_t version)
{
    b->size = 0;
    assert_true(buf_u8(b, type));
    assert_true(buf_append(b, value));
    rdb_footer footer = rdb_footer_make(crc64_update(0, buf_span(b)), version);
    assert_true(buf_append(b, span_of(footer.at, sizeof footer.at)));
    return buf_span(b);
}

static rdb_digest digest_of(struct rdb_digester *d, uint8_t type, span value, uint16_t version)
{
    buf b = buf_of(MIB);
    rdb_digest digest;
    err e = {0};
    if (!rdb_digest_payload(d, payload_of(&b, type, value, version), &digest, NULL, &e))
        fail_msg("%s", e.text);
    buf_clear(&b);
    return digest;
}

static rdb_digest
digest_fed(struct rdb_digester *d, rdb_kind kind, const rdb_element *elements, size_t count)
{
    rdb_digest_begin(d, kind);
    for (size_t i = 0; i < count; i++)
        rdb_digest_feed(d, &elements[i]);
    return rdb_digest_end(d);
}

#define FED(kind, ...)                                                                             \
    digest_fed(d, kind, (const rdb_element[]){__VA_ARGS__},                                        \
               COUNT_OF(((const rdb_element[]){__VA_ARGS__})))

static struct rdb_digester *digester(int64_t hold_ms)
{
    rdb_digest_options options = {.limits = RDB_DECODE_LIMITS_DEFAULT, .expiry_hold_ms = hold_ms};
    return rdb_digester_new(&options);
}

static void elements_in_any_order_have_the_digest_of_the_payload(void **state)
{
    (void)state;
    struct rdb_digester *d = digester(0);
    rdb_element a = {.kind = RDB_ELEMENT_MEMBER, .text = span_text("a")};
    rdb_element minus = {.kind = RDB_ELEMENT_MEMBER, .text = span_text("-1")};
    rdb_digest set = digest_of(d, 2, values[6].bytes, 11);
    assert_true(rdb_digest_equal(set, FED(RDB_KIND_SET, a, minus)));
    assert_true(rdb_digest_equal(set, FED(RDB_KIND_SET, minus, a)));
    assert_false(rdb_digest_equal(set, FED(RDB_KIND_SET, a)));
    assert_false(rdb_digest_equal(set, FED(RDB_KIND_SET, a, a)));
    rdb_element f = {.kind = RDB_ELEMENT_FIELD,
                     .text = span_text("f"),
                     .value = span_text("v"),
                     .expires_at_ms = 1000};
    rdb_element g = {.kind = RDB_ELEMENT_FIELD,
                     .text = span_text("g"),
                     .value = span_text("w"),
                     .expires_at_ms = -1};
    rdb_digest hash = digest_of(d, 22,
                                LITERAL("\x02\x01"
                                        "f\x01v\xe8\x03\0\0\0\0\0\0\x01"
                                        "g\x01w\xff\xff\xff\xff\xff\xff\xff\xff"),
                                80);
    assert_true(rdb_digest_equal(hash, FED(RDB_KIND_HASH, g, f)));
    f.expires_at_ms = 1001;
    assert_false(rdb_digest_equal(hash, FED(RDB_KIND_HASH, g, f)));
    f.expires_at_ms = 1000;
    f.text = span_text("v");
    f.value = span_text("f");
    assert_false(rdb_digest_equal(hash, FED(RDB_KIND_HASH, g, f)));
    rdb_digester_free(d);
}

static void a_string_in_any_pieces_has_one_digest(void **state)
{
    (void)state;
    struct rdb_digester *d = digester(0);
    rdb_element whole = {.kind = RDB_ELEMENT_PIECE, .text = span_text("hello"), .count = 5};
    rdb_element hel = {.kind = RDB_ELEMENT_PIECE, .text = span_text("hel"), .count = 5};
    rdb_element lo = {.kind = RDB_ELEMENT_PIECE, .text = span_text("lo"), .count = 5};
    rdb_element none = {.kind = RDB_ELEMENT_PIECE};
    rdb_digest string = digest_of(d, 0, LITERAL("\x05hello"), 11);
    assert_true(rdb_digest_equal(string, FED(RDB_KIND_STRING, whole)));
    assert_true(rdb_digest_equal(string, FED(RDB_KIND_STRING, hel, lo)));
    assert_false(rdb_digest_equal(string, FED(RDB_KIND_STRING, hel)));
    rdb_digest empty = digest_of(d, 0, LITERAL("\x00"), 11);
    assert_true(rdb_digest_equal(empty, FED(RDB_KIND_STRING, none)));
    rdb_digest_begin(d, RDB_KIND_STRING);
    assert_true(rdb_digest_equal(empty, rdb_digest_end(d)));
    rdb_digester_free(d);
}

static void the_order_of_a_list_counts_and_so_does_its_type(void **state)
{
    (void)state;
    struct rdb_digester *d = digester(0);
    rdb_element a = {.kind = RDB_ELEMENT_ITEM, .text = span_text("a")};
    rdb_element five = {.kind = RDB_ELEMENT_ITEM, .text = span_text("5")};
    rdb_digest list = digest_of(d, 1,
                                LITERAL("\x02\x01"
                                        "a\xc0\x05"),
                                11);
    assert_true(rdb_digest_equal(list, FED(RDB_KIND_LIST, a, five)));
    assert_false(rdb_digest_equal(list, FED(RDB_KIND_LIST, five, a)));
    rdb_element member = {.kind = RDB_ELEMENT_MEMBER, .text = span_text("a")};
    assert_false(rdb_digest_equal(FED(RDB_KIND_LIST, a), FED(RDB_KIND_SET, member)));
    rdb_digester_free(d);
}

static void a_score_of_minus_zero_is_zero(void **state)
{
    (void)state;
    struct rdb_digester *d = digester(0);
    rdb_element zero = {.kind = RDB_ELEMENT_SCORED, .text = span_text("m"), .score = 0.0};
    rdb_element minus = zero;
    minus.score = -0.0;
    rdb_element near = zero;
    near.score = 5e-324;
    assert_true(rdb_digest_equal(FED(RDB_KIND_ZSET, zero), FED(RDB_KIND_ZSET, minus)));
    assert_false(rdb_digest_equal(FED(RDB_KIND_ZSET, zero), FED(RDB_KIND_ZSET, near)));
    rdb_digester_free(d);
}

static void a_held_field_expiry_has_the_digest_of_the_real_one(void **state)
{
    (void)state;
    int64_t hold = INT64_C(1) << 45;
    struct rdb_digester *d = digester(hold);
    rdb_element real = {.kind = RDB_ELEMENT_FIELD, .text = span_text("f"), .expires_at_ms = 1000};
    rdb_element held = real;
    held.expires_at_ms += hold;
    assert_true(rdb_digest_equal(FED(RDB_KIND_HASH, real), FED(RDB_KIND_HASH, held)));
    rdb_digester_free(d);
    d = digester(0);
    assert_false(rdb_digest_equal(FED(RDB_KIND_HASH, real), FED(RDB_KIND_HASH, held)));
    rdb_digester_free(d);
}

static void of_a_stream_counts_what_is_replicated(void **state)
{
    (void)state;
    struct rdb_digester *d = digester(0);
    rdb_element entry = {.kind = RDB_ELEMENT_ENTRY, .id = {5, 1}, .count = 1};
    rdb_element field = {
        .kind = RDB_ELEMENT_ENTRY_FIELD, .text = span_text("f"), .value = span_text("v")};
    rdb_element stream = {.kind = RDB_ELEMENT_STREAM, .stream = {.length = 1, .last = {5, 1}}};
    rdb_element group = {.kind = RDB_ELEMENT_GROUP, .text = span_text("g"), .id = {5, 1}};
    rdb_element consumer = {.kind = RDB_ELEMENT_CONSUMER, .text = span_text("bob"), .seen_ms = 7};
    rdb_element pending = {.kind = RDB_ELEMENT_PENDING,
                           .text = span_text("bob"),
                           .id = {5, 1},
                           .delivered_ms = 9,
                           .count = 3};
    rdb_digest payload =
        digest_of(d, 15,
                  LITERAL(STREAM_NODE GROUP_BEGIN
                          "\x01" PENDING("\x01", "\x03") "\x01\x03"
                                                         "bob\x07\0\0\0\0\0\0\0\x01" OWNED("\x01")),
                  9);
#define STREAM_FED FED(RDB_KIND_STREAM, entry, field, stream, group, consumer, pending)
    assert_true(rdb_digest_equal(payload, STREAM_FED));
    /* These do not count: */
    stream.stream.length = 9;
    stream.stream.has_history = true;
    stream.stream.entries_added = 9;
    group.entries_read = 4;
    consumer.seen_ms = 8;
    consumer.text = span_text("idle");
    assert_true(rdb_digest_equal(payload, STREAM_FED));
    /* Each of these does: */
    uint64_t *const counts[] = {&entry.id.ms,  &entry.id.seq,  &stream.stream.last.seq,
                                &group.id.seq, &pending.id.ms, &pending.count};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        ++*counts[i];
        assert_false(rdb_digest_equal(payload, STREAM_FED));
        --*counts[i];
    }
    pending.delivered_ms++;
    assert_false(rdb_digest_equal(payload, STREAM_FED));
    pending.delivered_ms--;
    pending.text = span_text("eve");
    assert_false(rdb_digest_equal(payload, STREAM_FED));
    rdb_digester_free(d);
}

static void payloads_with_a_wrong_value_have_no_digest(void **state)
{
    (void)state;
    struct rdb_digester *d = digester(0);
    buf b = buf_of(MIB);
    rdb_digest digest;
    err e = {0};
    assert_false(
        rdb_digest_payload(d, payload_of(&b, 1, LITERAL("\x02\x01z"), 11), &digest, NULL, &e));
    assert_non_null(strstr(e.text, "payload of a list: it is cut off"));
    assert_false(
        rdb_digest_payload(d, payload_of(&b, 0, LITERAL("\x01zz"), 11), &digest, NULL, &e));
    assert_non_null(strstr(e.text, "1 bytes behind the value"));
    assert_false(
        rdb_digest_payload(d, payload_of(&b, 26, LITERAL("\x01z"), 13), &digest, NULL, &e));
    assert_non_null(strstr(e.text, "stream-listpacks-4"));
    buf_clear(&b);
    rdb_digester_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packed_encoding_reads_every_form_of_value),
        cmocka_unit_test(a_blob_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_blob_with_any_byte_changed_is_read_within_its_bounds),
        cmocka_unit_test(damaged_blobs_are_named_with_their_byte),
        cmocka_unit_test(a_value_in_pieces_of_any_size_has_the_same_elements),
        cmocka_unit_test(an_element_is_refused_one_byte_past_the_limit),
        cmocka_unit_test(a_string_value_larger_than_the_blob_limit_streams),
        cmocka_unit_test(a_stream_is_decoded_with_its_group_and_pending_entries),
        cmocka_unit_test(two_million_pending_entries_take_some_eight_bytes_each),
        cmocka_unit_test(damaged_values_are_named_with_their_offset),
        cmocka_unit_test(a_stream_node_with_any_byte_changed_is_read_within_its_bounds),
        cmocka_unit_test(elements_in_any_order_have_the_digest_of_the_payload),
        cmocka_unit_test(a_string_in_any_pieces_has_one_digest),
        cmocka_unit_test(the_order_of_a_list_counts_and_so_does_its_type),
        cmocka_unit_test(a_score_of_minus_zero_is_zero),
        cmocka_unit_test(a_held_field_expiry_has_the_digest_of_the_real_one),
        cmocka_unit_test(of_a_stream_counts_what_is_replicated),
        cmocka_unit_test(payloads_with_a_wrong_value_have_no_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
