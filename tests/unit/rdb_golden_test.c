/* Files that real engines wrote (tests/golden/make_rdb.py), held against what the same engines said
 * is in them; and the digest, which must not see in which encoding or by which engine a value was
 * stored. */
#include "test.h"

#include "base/buf.h"
#include "base/crc64.h"
#include "rdb/decode.h"
#include "rdb/digest.h"
#include "rdb/file.h"
#include "rdb/payload.h"

#define FILE_MAX (4 * MIB)

static const char *const engines[] = {ENGINES};
/* What is in them is told by a newer engine that has loaded them: written by old engines, and forms
 * that those write no more by themselves, made by hand (tests/golden/make_old_rdb.py). */
static const char *const told[] = {"redis-2.8",    "redis-3.2",    "redis-5.0",
                                   "handmade-2.4", "handmade-2.8", "handmade-3.2"};

static span golden_read(const char *engine, const char *suffix)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/golden/rdb/%s%s", SOURCE_ROOT, engine, suffix);
    FILE *f = fopen(path, "rbe");
    if (!f) fail_msg("no '%s'", path);
    uint8_t *at = malloc(FILE_MAX);
    size_t size = fread(at, 1, FILE_MAX, f);
    assert_true(size < FILE_MAX);
    (void)fclose(f); /* it was only read */
    return span_of(at, size);
}

static void golden_free(span s)
{
    free((void *)(uintptr_t)s.at); /* it was allocated here, a span only promises not to write */
}

/* Lines as the script writes them. */
static void text_add(buf *out, span s)
{
    bool good = true;
    if (s.size > 40) {
        uint64_t fnv = 0xcbf29ce484222325;
        for (size_t i = 0; i < s.size; i++)
            fnv = (fnv ^ s.at[i]) * 0x100000001b3;
        good = buf_printf(out, "fnv:%zu:%016" PRIx64, s.size, fnv);
    } else {
        for (size_t i = 0; good && i < s.size; i++) {
            bool plain = s.at[i] > 0x20 && s.at[i] < 0x7f && s.at[i] != '\\';
            good = plain ? buf_u8(out, s.at[i]) : buf_printf(out, "\\x%02x", s.at[i]);
        }
    }
    assert_true(good);
}

static void put(buf *out, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(buf *out, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_true(buf_append(out, span_of(text, (size_t)size)));
}

typedef struct {
    buf lines;
    buf prefix; /* "DB KEY " */
    buf string;
    buf group;
    size_t index, field_index;
} listing;

static void id_put(buf *out, rdb_stream_id id)
{
    put(out, " %" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

static void stream_put(listing *l, const rdb_element *element)
{
    buf *out = &l->lines;
    if (element->kind == RDB_ELEMENT_ENTRY) {
        l->field_index = 0;
        put(out, "entry %zu", l->index++);
        id_put(out, element->id);
        put(out, " %" PRIu64, element->count);
    } else if (element->kind == RDB_ELEMENT_ENTRY_FIELD) {
        put(out, "entry-field %zu.%zu ", l->index - 1, l->field_index++);
        text_add(out, element->text);
        put(out, " ");
        text_add(out, element->value);
    } else if (element->kind == RDB_ELEMENT_STREAM) {
        put(out, "stream %" PRIu64, element->stream.length);
        id_put(out, element->stream.last);
        if (!element->stream.has_history) return;
        id_put(out, element->stream.first);
        id_put(out, element->stream.max_deleted);
        put(out, " %" PRIu64, element->stream.entries_added);
    } else if (element->kind == RDB_ELEMENT_GROUP) {
        l->group.size = 0;
        text_add(&l->group, element->text);
        put(out, "group %.*s", (int)l->group.size, (const char *)l->group.at);
        id_put(out, element->id);
        put(out, " %" PRId64, element->entries_read);
    } else if (element->kind == RDB_ELEMENT_CONSUMER) {
        put(out, "consumer %.*s ", (int)l->group.size, (const char *)l->group.at);
        text_add(out, element->text);
        put(out, " %" PRId64 " %" PRId64, element->seen_ms, element->active_ms);
    } else {
        assert_int_equal(element->kind, RDB_ELEMENT_PENDING);
        put(out, "pending %.*s", (int)l->group.size, (const char *)l->group.at);
        id_put(out, element->id);
        put(out, " ");
        text_add(out, element->text);
        put(out, " %" PRId64 " %" PRIu64, element->delivered_ms, element->count);
    }
}

static void element_put(listing *l, rdb_kind kind, const rdb_element *element)
{
    buf *out = &l->lines;
    if (element->kind == RDB_ELEMENT_PIECE) {
        assert_true(buf_append(&l->string, element->text));
        return;
    }
    if (element->kind == RDB_ELEMENT_END && kind != RDB_KIND_STRING) return;
    assert_true(buf_append(out, buf_span(&l->prefix)));
    switch (element->kind) {
    case RDB_ELEMENT_END:
        put(out, "string ");
        text_add(out, buf_span(&l->string));
        break;
    case RDB_ELEMENT_ITEM:
        put(out, "item %zu ", l->index++);
        text_add(out, element->text);
        break;
    case RDB_ELEMENT_MEMBER:
        put(out, "member ");
        text_add(out, element->text);
        break;
    case RDB_ELEMENT_FIELD:
        put(out, "field ");
        text_add(out, element->text);
        put(out, " ");
        text_add(out, element->value);
        put(out, " %" PRId64, element->expires_at_ms);
        break;
    case RDB_ELEMENT_SCORED:
        put(out, "scored ");
        text_add(out, element->text);
        put(out, " %.17g", element->score);
        break;
    case RDB_ELEMENT_ENTRY:
    case RDB_ELEMENT_ENTRY_FIELD:
    case RDB_ELEMENT_STREAM:
    case RDB_ELEMENT_GROUP:
    case RDB_ELEMENT_CONSUMER:
    case RDB_ELEMENT_PENDING:
        stream_put(l, element);
        break;
    case RDB_ELEMENT_PIECE:
    case RDB_ELEMENT_MODULE:
        fail();
    }
    put(out, "\n");
}

/* The file, given in a window that grows by `piece` and is cut off behind by what is eaten. */
typedef struct {
    cursor in;
    const uint8_t *end;
    size_t piece;
} feed;

static feed feed_of(span file, size_t piece)
{
    return (feed){
        .in = {.at = file.at, .end = file.at}, .end = file.at + file.size, .piece = piece};
}

static bool feed_more(feed *f)
{
    if (f->in.end == f->end) return false;
    assert_true(cursor_left(&f->in) < RDB_WINDOW_MIN);
    f->in.end += size_min(f->piece, (size_t)(f->end - f->in.end));
    return true;
}

static void item_read(rdb_reader *r, feed *f, rdb_item *ret)
{
    err e = {0};
    for (;;) {
        step s = rdb_next(r, &f->in, ret, &e);
        if (s == STEP_DONE) return;
        if (s == STEP_BAD) fail_msg("%s", e.text);
        if (!feed_more(f)) fail_msg("the file is cut off");
    }
}

static void element_read(struct rdb_decoder *d, feed *f, rdb_element *ret)
{
    err e = {0};
    for (;;) {
        step s = rdb_decode_next(d, &f->in, ret, &e);
        if (s == STEP_DONE) return;
        if (s == STEP_BAD) fail_msg("%s", e.text);
        if (!feed_more(f)) fail_msg("the value is cut off");
    }
}

static void key_list(listing *l, struct rdb_decoder *d, feed *f, const rdb_item *item)
{
    l->prefix.size = 0;
    l->string.size = 0;
    l->index = 0;
    put(&l->prefix, "%u ", item->db);
    text_add(&l->prefix, item->key);
    put(&l->prefix, " ");
    assert_true(buf_append(&l->lines, buf_span(&l->prefix)));
    put(&l->lines, "key %s %" PRId64 "\n", rdb_kind_name(item->type->kind), item->expires_at_ms);
    rdb_decoder_begin(d, item->type);
    cursor value = {.at = f->in.at, .end = f->end, .offset = f->in.offset};
    rdb_walk w;
    err e = {0};
    assert_true(rdb_walk_begin(&w, item->type->number, &e));
    assert_int_equal(rdb_walk_step(&w, &value, &e), STEP_DONE);
    rdb_element element = {0};
    do {
        element_read(d, f, &element);
        element_put(l, item->type->kind, &element);
    } while (element.kind != RDB_ELEMENT_END);
    if (f->in.offset != value.offset)
        fail_msg("%s: the decoder stopped at %" PRIu64 ", the walker at %" PRIu64, item->type->name,
                 f->in.offset, value.offset);
}

static int line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(buf *lines)
{
    assert_true(buf_u8(lines, 0));
    char **at = malloc(lines->size * sizeof *at);
    size_t count = 0;
    char *save = NULL;
    for (char *line = strtok_r((char *)lines->at, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        at[count++] = line;
    qsort(at, count, sizeof *at, line_compare);
    buf sorted = buf_of(FILE_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(buf_text(&sorted, at[i]));
        assert_true(buf_text(&sorted, "\n"));
    }
    free(at);
    buf_clear(lines);
    *lines = sorted;
}

static buf file_list(span file, size_t piece)
{
    listing l = {.lines = buf_of(FILE_MAX),
                 .prefix = buf_of(FILE_MAX),
                 .string = buf_of(FILE_MAX),
                 .group = buf_of(FILE_MAX)};
    struct rdb_decoder *d = rdb_decoder_new(&RDB_DECODE_LIMITS_DEFAULT);
    rdb_reader r;
    rdb_reader_init(&r);
    feed f = feed_of(file, piece);
    rdb_item item = {0};
    while (item.kind != RDB_ITEM_END) {
        item_read(&r, &f, &item);
        if (item.kind == RDB_ITEM_KEY) key_list(&l, d, &f, &item);
        if (item.kind != RDB_ITEM_FUNCTION) continue;
        put(&l.lines, "function ");
        text_add(&l.lines, item.value);
        put(&l.lines, "\n");
    }
    assert_true(f.in.at == f.end);
    rdb_reader_clear(&r);
    rdb_decoder_free(d);
    buf_clear(&l.prefix);
    buf_clear(&l.string);
    buf_clear(&l.group);
    lines_sort(&l.lines);
    return l.lines;
}

static void lines_compare(const char *engine, span want, span got)
{
    for (;;) {
        span want_line = {0};
        span got_line = {0};
        bool wanted = span_cut(&want, '\n', &want_line);
        bool has = span_cut(&got, '\n', &got_line);
        if (!wanted && !has) return;
        if (wanted != has || !span_equal(want_line, got_line))
            fail_msg("%s: the engine says '%.*s', the file '%.*s'", engine, (int)want_line.size,
                     (const char *)want_line.at, (int)got_line.size, (const char *)got_line.at);
    }
}

static void a_file_holds_what_its_engine_says_in_windows_of_any_size(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 64, 4096, FILE_MAX};
    for (size_t i = 0; i < COUNT_OF(engines) + COUNT_OF(told); i++) {
        const char *name = i < COUNT_OF(engines) ? engines[i] : told[i - COUNT_OF(engines)];
        span file = golden_read(name, ".rdb");
        span want = golden_read(name, ".txt");
        for (size_t p = 0; p < COUNT_OF(pieces); p++) {
            buf got = file_list(file, pieces[p]);
            lines_compare(name, want, buf_span(&got));
            buf_clear(&got);
        }
        golden_free(file);
        golden_free(want);
    }
}

static void the_checksum_of_every_file_is_that_of_its_bytes(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".rdb", "-lru.rdb", "-lfu.rdb"};
    for (size_t i = 0; i < COUNT_OF(engines) * COUNT_OF(suffixes); i++) {
        span file = golden_read(engines[i / 3], suffixes[i % 3]);
        rdb_reader r;
        rdb_reader_init(&r);
        cursor in = cursor_of(file);
        rdb_item item = {0};
        uint64_t crc = 0;
        err e = {0};
        while (item.kind != RDB_ITEM_END) {
            const uint8_t *begin = in.at;
            assert_int_equal(rdb_next(&r, &in, &item, &e), STEP_DONE);
            crc = crc64_update(crc,
                               span_of(begin, rdb_item_crc_size(&item, (size_t)(in.at - begin))));
            if (item.kind != RDB_ITEM_KEY) continue;
            rdb_walk w;
            begin = in.at;
            assert_true(rdb_walk_begin(&w, item.type->number, &e));
            assert_int_equal(rdb_walk_step(&w, &in, &e), STEP_DONE);
            crc = crc64_update(crc, span_of(begin, (size_t)(in.at - begin)));
        }
        if (!rdb_checksum_check(&item, crc, &e)) fail_msg("%s", e.text);
        assert_true(item.checksum != 0);
        rdb_reader_clear(&r);
        golden_free(file);
    }
}

static void idle_time_and_frequency_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(engines) * 2; i++) {
        bool lru = i % 2 == 0;
        span file = golden_read(engines[i / 2], lru ? "-lru.rdb" : "-lfu.rdb");
        rdb_reader r;
        rdb_reader_init(&r);
        feed f = feed_of(file, FILE_MAX);
        rdb_item item = {0};
        size_t seen = 0;
        while (item.kind != RDB_ITEM_END) {
            item_read(&r, &f, &item);
            if (item.kind != RDB_ITEM_KEY) continue;
            seen++;
            assert_true((item.idle_s >= 0) == lru);
            assert_true((item.frequency >= 0) == !lru);
            bool restored = span_is(item.key, "restored");
            if (restored && lru) assert_true(item.idle_s >= 4990 && item.idle_s < 5060);
            if (restored && !lru) assert_int_equal(item.frequency, 77);
            rdb_walk w;
            err e = {0};
            assert_true(rdb_walk_begin(&w, item.type->number, &e));
            assert_int_equal(rdb_walk_step(&w, &f.in, &e), STEP_DONE);
        }
        assert_int_equal(seen, 2);
        rdb_reader_clear(&r);
        golden_free(file);
    }
}

/* The digests of a file's keys, by what stands in the file, with the payload made here. */
typedef struct {
    char key[64];
    rdb_digest digest;
    rdb_kind kind;
} digested;

static size_t file_digest(span file, struct rdb_digester *d, digested *ret)
{
    rdb_reader r;
    rdb_reader_init(&r);
    feed f = feed_of(file, FILE_MAX);
    rdb_item item = {0};
    buf payload = buf_of(FILE_MAX);
    size_t count = 0;
    uint16_t version = 0;
    while (item.kind != RDB_ITEM_END) {
        item_read(&r, &f, &item);
        if (item.kind == RDB_ITEM_HEADER) version = item.version;
        if (item.kind != RDB_ITEM_KEY) continue;
        err e = {0};
        rdb_walk w;
        const uint8_t *begin = f.in.at;
        assert_true(rdb_walk_begin(&w, item.type->number, &e));
        assert_int_equal(rdb_walk_step(&w, &f.in, &e), STEP_DONE);
        payload.size = 0;
        assert_true(buf_u8(&payload, item.type->number));
        assert_true(buf_append(&payload, span_of(begin, (size_t)(f.in.at - begin))));
        rdb_footer footer = rdb_footer_make(crc64_update(0, buf_span(&payload)), version);
        assert_true(buf_append(&payload, span_of(footer.at, sizeof footer.at)));
        buf name = buf_of(FILE_MAX);
        put(&name, "%u ", item.db);
        text_add(&name, item.key);
        assert_true(name.size < sizeof ret->key);
        memcpy(ret[count].key, name.at, name.size);
        ret[count].key[name.size] = '\0';
        buf_clear(&name);
        digested *row = &ret[count++];
        if (!rdb_digest_payload(d, buf_span(&payload), &row->digest, &row->kind, &e))
            fail_msg("%s: %s", row->key, e.text);
        assert_int_equal(row->kind, item.type->kind);
    }
    buf_clear(&payload);
    rdb_reader_clear(&r);
    return count;
}

static const digested *digested_find(const digested *rows, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].key, key) == 0) return &rows[i];
    return NULL;
}

#define KEYS_MAX 256

static void a_value_has_one_digest_from_every_engine(void **state)
{
    (void)state;
    static digested first[KEYS_MAX];
    static digested other[KEYS_MAX];
    rdb_digest_options options = {.limits = RDB_DECODE_LIMITS_DEFAULT};
    struct rdb_digester *d = rdb_digester_new(&options);
    span file = golden_read(engines[0], ".rdb");
    size_t first_count = file_digest(file, d, first);
    golden_free(file);
    assert_true(first_count > 40);
    for (size_t i = 1; i < COUNT_OF(engines); i++) {
        file = golden_read(engines[i], ".rdb");
        size_t count = file_digest(file, d, other);
        golden_free(file);
        size_t same = 0;
        for (size_t k = 0; k < count; k++) {
            const digested *row = digested_find(first, first_count, other[k].key);
            if (!row) continue;
            same++;
            /* Its pending entries were delivered when the file was made. */
            bool differs = strcmp(row->key, "0 x:many") == 0;
            if (rdb_digest_equal(row->digest, other[k].digest) == differs)
                fail_msg("%s of %s", row->key, engines[i]);
        }
        assert_true(same > 40);
    }
    rdb_digester_free(d);
}

/* The key without the word for its encoding: twins hold the same value. */
static void base_name(const char *key, char *ret, size_t size)
{
    static const char *const words[] = {"packed", "plain"};
    (void)snprintf(ret, size, "%s", key);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        char *found = strstr(ret, words[i]);
        if (found) *found = '\0';
    }
}

static void a_value_has_one_digest_in_every_encoding_and_no_two_values_share_one(void **state)
{
    (void)state;
    static digested rows[KEYS_MAX];
    rdb_digest_options options = {.limits = RDB_DECODE_LIMITS_DEFAULT};
    struct rdb_digester *d = rdb_digester_new(&options);
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        span file = golden_read(engines[i], ".rdb");
        size_t count = file_digest(file, d, rows);
        golden_free(file);
        size_t twins_seen = 0;
        for (size_t n = 0; n < count * count; n++) {
            const digested *a = &rows[n / count];
            const digested *b = &rows[n % count];
            char base_a[sizeof a->key];
            char base_b[sizeof b->key];
            base_name(a->key, base_a, sizeof base_a);
            base_name(b->key, base_b, sizeof base_b);
            /* Two keys with odd names both hold "v". */
            bool odd = strstr(a->key, "bytes") || strstr(b->key, "bytes");
            if (n / count >= n % count || odd) continue;
            bool twins = strcmp(base_a, base_b) == 0;
            twins_seen += twins;
            if (rdb_digest_equal(a->digest, b->digest) != twins)
                fail_msg("%s: '%s' and '%s'", engines[i], a->key, b->key);
        }
        assert_true(twins_seen >= 7);
    }
    rdb_digester_free(d);
}

static void a_dump_of_the_engine_has_the_digest_of_the_value_in_the_file(void **state)
{
    (void)state;
    static digested rows[KEYS_MAX];
    rdb_digest_options options = {.limits = RDB_DECODE_LIMITS_DEFAULT};
    struct rdb_digester *d = rdb_digester_new(&options);
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        span file = golden_read(engines[i], ".rdb");
        size_t count = file_digest(file, d, rows);
        golden_free(file);
        span dumps = golden_read(engines[i], ".dump");
        span rest = dumps;
        span line;
        while (span_cut(&rest, '\n', &line)) {
            const uint8_t *space = memrchr(line.at, ' ', line.size);
            assert_non_null(space);
            char key[64] = {0};
            memcpy(key, line.at, size_min(sizeof key - 1, (size_t)(space - line.at)));
            uint8_t payload[400];
            size_t size = 0;
            for (const uint8_t *at = space + 1; at < line.at + line.size; at += 2)
                payload[size++] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
            rdb_digest digest;
            err e = {0};
            if (!rdb_digest_payload(d, span_of(payload, size), &digest, NULL, &e))
                fail_msg("%s: %s", key, e.text);
            const digested *row = digested_find(rows, count, key);
            if (!row || !rdb_digest_equal(row->digest, digest)) fail_msg("%s", key);
        }
        golden_free(dumps);
    }
    rdb_digester_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_holds_what_its_engine_says_in_windows_of_any_size),
        cmocka_unit_test(the_checksum_of_every_file_is_that_of_its_bytes),
        cmocka_unit_test(idle_time_and_frequency_are_read),
        cmocka_unit_test(a_value_has_one_digest_from_every_engine),
        cmocka_unit_test(a_value_has_one_digest_in_every_encoding_and_no_two_values_share_one),
        cmocka_unit_test(a_dump_of_the_engine_has_the_digest_of_the_value_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
