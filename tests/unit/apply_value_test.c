/* Keys of files that real engines wrote (tests/golden/make_rdb.py) as commands for the target: what
 * the commands hold must be what the decoder finds in the file. */
#include "test.h"

#include "apply/value.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "rdb/decode.h"
#include "rdb/file.h"
#include "rdb/payload.h"
#include "rdb/text.h"
#include "resp/command.h"

#define FILE_MAX (4 * MIB)
#define EXPIRY INT64_C(4102444800123)

static const char *const engines[] = {ENGINES};

static span golden_read(const char *engine, const char *suffix)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/golden/rdb/%s%s", SOURCE_ROOT, engine, suffix);
    FILE *f = fopen(path, "rbe");
    if (!f) fail_msg("no '%s'", path);
    uint8_t *at = mem_alloc(FILE_MAX);
    size_t size = fread(at, 1, FILE_MAX, f);
    assert_true(size < FILE_MAX);
    (void)fclose(f); /* it was only read */
    return span_of(at, size);
}

static void golden_free(span s)
{
    free((void *)(uintptr_t)s.at); /* it was allocated here, a span only promises not to write */
}

/* Calls back for every key, with its value's bytes. */
typedef void key_function(const rdb_item *item, span value);

static void file_walk(span file, key_function *each)
{
    rdb_reader r;
    rdb_reader_init(&r);
    cursor in = cursor_of(file);
    rdb_item item = {0};
    err e = {0};
    size_t count = 0;
    while (item.kind != RDB_ITEM_END) {
        if (rdb_next(&r, &in, &item, &e) != STEP_DONE) fail_msg("%s", e.text);
        if (item.kind != RDB_ITEM_KEY) continue;
        const uint8_t *begin = in.at;
        rdb_walk w;
        assert_true(rdb_walk_begin(&w, item.type->number, &e));
        assert_int_equal(rdb_walk_step(&w, &in, &e), STEP_DONE);
        each(&item, span_of(begin, (size_t)(in.at - begin)));
        count++;
    }
    assert_true(count > 0);
    rdb_reader_clear(&r);
}

static void every_file_walk(const char *const *suffixes, size_t count, key_function *each)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++)
        for (size_t k = 0; k < count; k++) {
            span file = golden_read(engines[i], suffixes[k]);
            file_walk(file, each);
            golden_free(file);
        }
}

static void put(buf *out, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(buf *out, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_true(buf_append(out, span_of(text, (size_t)size)));
}

/* Bytes as hex where they are not letters, so that a line is a line. */
static void put_bytes(buf *out, span s)
{
    for (size_t i = 0; i < s.size; i++) {
        bool plain = s.at[i] > 0x20 && s.at[i] < 0x7f && s.at[i] != '\\';
        assert_true(plain ? buf_u8(out, s.at[i]) : buf_printf(out, "\\x%02x", s.at[i]));
    }
}

/* A line of a word and some byte strings. */
static void line(buf *out, const char *word, size_t count, const span *parts)
{
    put(out, "%s", word);
    for (size_t i = 0; i < count; i++) {
        put(out, " ");
        put_bytes(out, parts[i]);
    }
    put(out, "\n");
}

/* ---- what is in the value, by the decoder ---- */

static void element_tell(buf *out, const rdb_element *v, buf *group, bool *string)
{
    const span pair[] = {v->text, v->value};
    span in_group[] = {{0}, v->text};
    *string = v->kind == RDB_ELEMENT_PIECE;
    switch (v->kind) {
    case RDB_ELEMENT_PIECE:
        put_bytes(out, v->text);
        break;
    case RDB_ELEMENT_ITEM:
        line(out, "item", 1, pair);
        break;
    case RDB_ELEMENT_MEMBER:
        line(out, "member", 1, pair);
        break;
    case RDB_ELEMENT_FIELD:
        line(out, "field", 2, pair);
        break;
    case RDB_ELEMENT_SCORED:
        put(out, "scored %a", v->score);
        line(out, "", 1, pair);
        break;
    case RDB_ELEMENT_ENTRY:
        put(out, "entry %" PRIu64 "-%" PRIu64 "\n", v->id.ms, v->id.seq);
        break;
    case RDB_ELEMENT_ENTRY_FIELD:
        line(out, "entry-field", 2, pair);
        break;
    case RDB_ELEMENT_STREAM:
        put(out, "stream %" PRIu64 "-%" PRIu64, v->stream.last.ms, v->stream.last.seq);
        if (v->stream.has_history)
            put(out, " ENTRIESADDED %" PRIu64 " MAXDELETEDID %" PRIu64 "-%" PRIu64,
                v->stream.entries_added, v->stream.max_deleted.ms, v->stream.max_deleted.seq);
        put(out, "\n");
        break;
    case RDB_ELEMENT_GROUP:
        group->size = 0;
        assert_true(buf_append(group, v->text));
        put(out, "group %" PRIu64 "-%" PRIu64 " %" PRId64, v->id.ms, v->id.seq, v->entries_read);
        line(out, "", 1, pair);
        break;
    case RDB_ELEMENT_CONSUMER:
        in_group[0] = buf_span(group);
        line(out, "consumer", 2, in_group);
        break;
    case RDB_ELEMENT_PENDING:
        in_group[0] = buf_span(group);
        put(out, "pending %" PRIu64 "-%" PRIu64 " %" PRId64 " %" PRIu64, v->id.ms, v->id.seq,
            v->delivered_ms, v->count);
        line(out, "", 2, in_group);
        break;
    case RDB_ELEMENT_MODULE:
    case RDB_ELEMENT_END:
        break;
    }
}

/* Behind all else: the fields that expire. */
static buf value_tell(const rdb_type *type, span value)
{
    struct rdb_decoder *d = rdb_decoder_new(&RDB_DECODE_LIMITS_DEFAULT);
    rdb_decoder_begin(d, type);
    cursor in = cursor_of(value);
    buf out = buf_of(64 * MIB);
    buf group = buf_of(MIB);
    buf expiries = buf_of(MIB);
    for (bool string = false;;) {
        rdb_element v;
        err e = {0};
        if (rdb_decode_next(d, &in, &v, &e) != STEP_DONE) fail_msg("%s", e.text);
        if (v.kind == RDB_ELEMENT_END) break;
        if (v.kind == RDB_ELEMENT_FIELD && v.expires_at_ms >= 0) {
            put(&expiries, "expires %" PRId64, v.expires_at_ms);
            line(&expiries, "", 1, &v.text);
        }
        element_tell(&out, &v, &group, &string);
    }
    rdb_decoder_free(d);
    buf_clear(&group);
    assert_true(buf_append(&out, buf_span(&expiries)));
    buf_clear(&expiries);
    return out;
}

/* ---- what is in the commands ---- */

typedef struct {
    span args[2048];
    size_t count;
} command;

/* Answers how many bytes the command has; 0: no more. */
static size_t command_take(span in, command *ret)
{
    resp_command c = {0};
    size_t size = 0;
    err e = {0};
    if (in.size == 0) return 0;
    if (resp_command_read(&c, in, 0, &size, &e) != STEP_DONE) fail_msg("%s", e.text);
    assert_true(c.arg_count <= COUNT_OF(ret->args));
    ret->count = c.arg_count;
    for (size_t i = 0; i < c.arg_count; i++)
        ret->args[i] = resp_command_arg(&c, in.at, i);
    resp_command_clear(&c);
    return size;
}

#define CHUNK_ELEMENTS 512

static void each_tell(buf *out, const command *c, const char *word, size_t per_line)
{
    assert_true(c->count > 2 && (c->count - 2) % per_line == 0);
    assert_true((c->count - 2) / per_line <= CHUNK_ELEMENTS);
    for (size_t i = 2; i < c->count; i += per_line)
        line(out, word, per_line, c->args + i);
}

static void scored_tell(buf *out, const command *c)
{
    for (size_t i = 2; i < c->count; i += 2) {
        double score = 0;
        assert_true(span_to_double(c->args[i], &score));
        put(out, "scored %a", score);
        line(out, "", 1, c->args + i + 1);
    }
}

static void group_tell(buf *out, const command *c)
{
    if (span_is(c->args[1], "CREATECONSUMER")) {
        assert_int_equal(c->count, 5);
        line(out, "consumer", 2, c->args + 3);
        return;
    }
    assert_true(span_is(c->args[1], "CREATE") && span_is(c->args[5], "MKSTREAM"));
    assert_true(c->count == 6 || (c->count == 8 && span_is(c->args[6], "ENTRIESREAD")));
    put(out, "group ");
    put_bytes(out, c->args[4]);
    put(out, " ");
    put_bytes(out, c->count == 8 ? c->args[7] : span_text("-1"));
    line(out, "", 1, c->args + 3);
}

static void claim_tell(buf *out, const command *c)
{
    assert_int_equal(c->count, 12);
    static const char *const words[] = {
        [4] = "0", [6] = "TIME", [8] = "RETRYCOUNT", [10] = "FORCE", [11] = "JUSTID"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (words[i]) assert_span_text(c->args[i], words[i]);
    put(out, "pending ");
    put_bytes(out, c->args[5]);
    put(out, " ");
    put_bytes(out, c->args[7]);
    put(out, " ");
    put_bytes(out, c->args[9]);
    line(out, "", 2, c->args + 2);
}

static void entry_tell(buf *out, const command *c)
{
    assert_true(c->count >= 5 && c->count % 2 == 1);
    line(out, "entry", 1, c->args + 2);
    for (size_t i = 3; i < c->count; i += 2)
        line(out, "entry-field", 2, c->args + i);
}

static void command_tell(buf *out, const command *c)
{
    span name = c->args[0];
    if (span_is(name, "APPEND")) {
        assert_int_equal(c->count, 3);
        put_bytes(out, c->args[2]);
    } else if (span_is(name, "RPUSH"))
        each_tell(out, c, "item", 1);
    else if (span_is(name, "SADD"))
        each_tell(out, c, "member", 1);
    else if (span_is(name, "HSET"))
        each_tell(out, c, "field", 2);
    else if (span_is(name, "ZADD"))
        scored_tell(out, c);
    else if (span_is(name, "XADD"))
        entry_tell(out, c);
    else if (span_is(name, "XSETID"))
        line(out, "stream", c->count - 2, c->args + 2);
    else if (span_is(name, "XGROUP"))
        group_tell(out, c);
    else if (span_is(name, "XCLAIM"))
        claim_tell(out, c);
    else
        fail_msg("'%s' is no command of a value", span_show(name).text);
}

/* DEL first; PEXPIREAT last when there is an expiry; the empty stream's XADD and XDEL left out. */
static buf commands_tell(span sent, span key, int64_t expires_at_ms)
{
    buf out = buf_of(64 * MIB);
    buf expiries = buf_of(MIB);
    command *c = mem_alloc(sizeof *c);
    size_t number = 0;
    bool expired = false;
    for (size_t size; (size = command_take(sent, c)) > 0; number++) {
        sent = span_tail(sent, size);
        assert_false(expired); /* nothing behind the expiry */
        bool group = span_is(c->args[0], "XGROUP");
        assert_true(span_equal(c->args[group ? 2 : 1], key));
        if (number == 0) {
            assert_true(c->count == 2 && span_is(c->args[0], "DEL"));
            continue;
        }
        if (span_is(c->args[0], "PEXPIREAT")) {
            int64_t at = 0;
            assert_true(c->count == 3 && span_to_i64(c->args[2], &at) && at == expires_at_ms);
            expired = true;
            continue;
        }
        if (span_is(c->args[0], "XADD") && span_is(c->args[2], "0-1")) {
            sent = span_tail(sent, command_take(sent, c));
            assert_true(span_is(c->args[0], "XDEL") && span_is(c->args[2], "0-1"));
            continue;
        }
        if (span_is(c->args[0], "HSETEX")) { /* HSETEX key PXAT ms FIELDS 1 field value */
            assert_true(c->count == 8 && span_is(c->args[2], "PXAT") && span_is(c->args[5], "1"));
            line(&out, "field", 2, c->args + 6);
            put(&expiries, "expires ");
            put_bytes(&expiries, c->args[3]);
            line(&expiries, "", 1, c->args + 6);
            continue;
        }
        command_tell(&out, c);
    }
    assert_true(buf_append(&out, buf_span(&expiries)));
    buf_clear(&expiries);
    assert_true(expired == (expires_at_ms >= 0));
    free(c);
    return out;
}

/* Writes a value fed in pieces; false: refused. */
static bool writer_run(const rdb_type *type,
                       span key,
                       span value,
                       int64_t expires,
                       const value_target *target,
                       size_t piece,
                       buf *out,
                       err *e)
{
    const value_target none = {.rdb_version = 12};
    value_writer *w = value_writer_new(type, key, expires, target ? target : &none);
    cursor in = {.at = value.at, .end = value.at};
    const uint8_t *end = value.at + value.size;
    step s = STEP_MORE;
    while (s == STEP_MORE) {
        size_t commands = 0;
        size_t before = out->size;
        s = value_writer_step(w, &in, out, &commands, e);
        assert_true(commands <= VALUE_COMMANDS_MAX);
        assert_int_equal(commands > 0, out->size > before);
        if (s != STEP_MORE || commands > 0) continue;
        if (in.end == end) fail_msg("the value is cut off");
        assert_true(cursor_left(&in) < RDB_WINDOW_MIN || piece < RDB_WINDOW_MIN);
        in.end += size_min(piece, (size_t)(end - in.end));
    }
    if (s == STEP_DONE) assert_true(in.at == end);
    value_writer_free(w);
    return s == STEP_DONE;
}

static bool tells_field_expiry(const buf *told)
{
    size_t at = 0;
    return span_find(buf_span(told), span_text("expires "), &at);
}

/* What redis 6.0 does not know stands in no command of a value. */
static void a_target_before_7_is_told_what_it_knows(const rdb_item *item, span value)
{
    static const char *const unknown[] = {"CREATECONSUMER", "ENTRIESREAD", "ENTRIESADDED",
                                          "MAXDELETEDID", "PXAT"};
    buf sent = buf_of(64 * MIB);
    err e = {0};
    size_t at = 0;
    const value_target old = {.rdb_version = 9};
    bool done = writer_run(item->type, item->key, value, EXPIRY, &old, 100, &sent, &e);
    if (!done) assert_int_equal(e.kind, ERR_STATE); /* expiries of fields */
    for (size_t i = 0; done && i < COUNT_OF(unknown); i++)
        assert_false(span_find(buf_span(&sent), span_text(unknown[i]), &at));
    buf_clear(&sent);
}

static void the_writer_writes_what_the_decoder_finds(const rdb_item *item, span value)
{
    static const size_t pieces[] = {1, 7, 100, FILE_MAX};
    buf want = value_tell(item->type, value);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        buf sent = buf_of(64 * MIB);
        err e = {0};
        int64_t expires = i % 2 ? EXPIRY : -1;
        const value_target as_they_are = {
            .rdb_version = 12, .fields_expire = i < 2, .hold_until_ms = -1};
        bool done =
            writer_run(item->type, item->key, value, expires, &as_they_are, pieces[i], &sent, &e);
        bool stays = tells_field_expiry(&want) && !as_they_are.fields_expire;
        if (!done && stays) { /* named, and nothing goes to the target */
            assert_int_equal(e.kind, ERR_STATE);
            buf_clear(&sent);
            continue;
        }
        if (!done) fail_msg("%s: %s", item->type->name, e.text);
        buf got = commands_tell(buf_span(&sent), item->key, expires);
        if (!span_equal(buf_span(&got), buf_span(&want)))
            fail_msg("%s '%s': wanted\n%.*s\ngot\n%.*s", item->type->name,
                     span_show(item->key).text, (int)want.size, (const char *)want.at,
                     (int)got.size, (const char *)got.at);
        buf_clear(&got);
        buf_clear(&sent);
    }
    buf_clear(&want);
}

static const char *const plain_suffix[] = {".rdb"};
static const char *const usage_suffixes[] = {"-lru.rdb", "-lfu.rdb"};

static void the_commands_of_every_value_hold_every_element_in_pieces_of_any_size(void **state)
{
    (void)state;
    every_file_walk(plain_suffix, 1, the_writer_writes_what_the_decoder_finds);
}

static void no_command_of_a_value_is_unknown_before_7(void **state)
{
    (void)state;
    every_file_walk(plain_suffix, 1, a_target_before_7_is_told_what_it_knows);
}

/* ---- one command ---- */

static bool is_plain_string(const rdb_item *item, span value)
{
    cursor in = cursor_of(value);
    rdb_string_head head;
    err e = {0};
    return item->type->kind == RDB_KIND_STRING &&
           rdb_string_head_read(&in, FILE_MAX, &head, &e) == STEP_DONE &&
           head.form != RDB_STRING_LZF;
}

static void restore_is_right(const command *c, const value_item *v)
{
    bool idle = v->idle_s >= 0;
    bool usage = idle || v->frequency >= 0;
    int64_t number = 0;
    size_t at = v->expires_at_ms < 0 ? 5 : 6;
    assert_int_equal(c->count, at + (usage ? 2U : 0U));
    assert_span_text(c->args[0], "RESTORE");
    assert_true(span_equal(c->args[1], v->key));
    assert_true(span_to_i64(c->args[2], &number));
    assert_true(number == (v->expires_at_ms < 0 ? 0 : v->expires_at_ms));
    rdb_payload p;
    err e = {0};
    if (!rdb_payload_open(c->args[3], &p, &e)) fail_msg("%s", e.text);
    assert_true(p.type == v->type && span_equal(p.value, v->value));
    assert_int_equal(p.version, v->rdb_version);
    assert_span_text(c->args[4], "REPLACE");
    if (at == 6) assert_span_text(c->args[5], "ABSTTL");
    if (!usage) return;
    assert_span_text(c->args[at], idle ? "IDLETIME" : "FREQ");
    assert_true(span_to_i64(c->args[at + 1], &number));
    assert_true(number == (idle ? v->idle_s : v->frequency));
}

static void set_is_right(const command *c, const value_item *v)
{
    buf want = value_tell(v->type, v->value);
    buf got = buf_of(MIB);
    put_bytes(&got, c->args[2]);
    assert_true(span_equal(buf_span(&got), buf_span(&want)));
    assert_span_text(c->args[0], "SET");
    assert_true(span_equal(c->args[1], v->key));
    assert_int_equal(c->count, v->expires_at_ms < 0 ? 3 : 5);
    if (c->count == 5) {
        int64_t at = 0;
        assert_span_text(c->args[3], "PXAT");
        assert_true(span_to_i64(c->args[4], &at) && at == v->expires_at_ms);
    }
    buf_clear(&want);
    buf_clear(&got);
}

/* Before 7.0 a string that expires goes whole: key and expiry in one command. */
static void one_command_carries(const rdb_item *item, span value)
{
    command *c = mem_alloc(sizeof *c);
    for (int i = 0; i < 4; i++) {
        value_item v = {.type = item->type,
                        .key = item->key,
                        .value = value,
                        .expires_at_ms = i % 2 ? EXPIRY : -1,
                        .idle_s = item->idle_s,
                        .frequency = item->frequency,
                        .rdb_version = i >= 2                  ? 9
                                       : item->type->is_valkey ? 80
                                                               : 12};
        if (i >= 2 && !value_is_taken(v.type, v.rdb_version)) break;
        buf out = buf_of(FILE_MAX);
        err e = {0};
        if (!value_write(&v, &out, &e)) fail_msg("%s", e.text);
        assert_int_equal(command_take(buf_span(&out), c), out.size);
        bool usage = v.idle_s >= 0 || v.frequency >= 0;
        bool in_one = i == 3;
        if (is_plain_string(item, value) && !usage && !in_one)
            set_is_right(c, &v);
        else
            restore_is_right(c, &v);
        buf_clear(&out);
    }
    free(c);
}

static void a_plain_string_goes_as_set_and_all_else_as_its_own_bytes(void **state)
{
    (void)state;
    every_file_walk(plain_suffix, 1, one_command_carries);
}

static void usage_of_the_source_goes_along(void **state)
{
    (void)state;
    every_file_walk(usage_suffixes, 2, one_command_carries);
}

static void a_full_buffer_names_the_key(void **state)
{
    (void)state;
    value_item v = {.type = rdb_type_any(0),
                    .key = span_text("cart:42"),
                    .value = span_text("\x05hello"),
                    .expires_at_ms = EXPIRY,
                    .idle_s = -1,
                    .frequency = -1,
                    .rdb_version = 11};
    buf whole = buf_of(KIB);
    err e = {0};
    assert_true(value_write(&v, &whole, &e));
    for (size_t max = 0; max < whole.size; max++) {
        buf out = buf_of(max);
        assert_false(value_write(&v, &out, &e));
        assert_int_equal(e.kind, ERR_LIMIT);
        assert_non_null(strstr(e.text, "cart:42"));
        buf_clear(&out);
    }
    buf_clear(&whole);
}

/* ---- larger than any golden one ---- */

static void length_put(buf *out, size_t length)
{
    assert_true(buf_u8(out, 0x80) && buf_be(out, 4, length));
}

static void a_large_set_goes_in_chunks_and_steps_of_limited_size(void **state)
{
    (void)state;
    size_t members = 100000;
    buf value = buf_of(FILE_MAX);
    length_put(&value, members);
    for (size_t i = 0; i < members; i++)
        assert_true(buf_printf(&value, "\x06%06zu", i));
    for (size_t piece = 1000; piece <= FILE_MAX; piece *= 64) {
        buf sent = buf_of(64 * MIB);
        err e = {0};
        if (!writer_run(rdb_type_any(2), span_text("k"), buf_span(&value), -1, NULL, piece, &sent,
                        &e))
            fail_msg("%s", e.text);
        buf got = commands_tell(buf_span(&sent), span_text("k"), -1);
        span rest = buf_span(&got);
        span text;
        for (size_t i = 0; i < members; i++) {
            char want[32];
            (void)snprintf(want, sizeof want, "member %06zu", i);
            assert_true(span_cut(&rest, '\n', &text));
            assert_span_text(text, want);
        }
        assert_int_equal(rest.size, 0);
        buf_clear(&got);
        buf_clear(&sent);
    }
    buf_clear(&value);
}

static void a_large_string_is_appended_piece_by_piece(void **state)
{
    (void)state;
    size_t size = 3 * MIB;
    buf value = buf_of(FILE_MAX);
    length_put(&value, size);
    for (size_t i = 0; i < size; i++)
        assert_true(buf_u8(&value, (uint8_t)('a' + i % 23)));
    buf sent = buf_of(64 * MIB);
    err e = {0};
    if (!writer_run(rdb_type_any(0), span_text("k"), buf_span(&value), EXPIRY, NULL, 50000, &sent,
                    &e))
        fail_msg("%s", e.text);
    buf got = commands_tell(buf_span(&sent), span_text("k"), EXPIRY);
    assert_true(span_equal(buf_span(&got), span_tail(buf_span(&value), 5)));
    buf_clear(&got);
    buf_clear(&sent);
    buf_clear(&value);
}

static void a_damaged_value_ends_the_writer(void **state)
{
    (void)state;
    /* A hash in a listpack whose bytes are none. */
    buf sent = buf_of(MIB);
    err e = {0};
    assert_false(writer_run(rdb_type_any(16), span_text("k"), span_text("\x08garbage!"), -1, NULL,
                            FILE_MAX, &sent, &e));
    assert_int_equal(e.kind, ERR_FORMAT);
    buf_clear(&sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_commands_of_every_value_hold_every_element_in_pieces_of_any_size),
        cmocka_unit_test(no_command_of_a_value_is_unknown_before_7),
        cmocka_unit_test(a_plain_string_goes_as_set_and_all_else_as_its_own_bytes),
        cmocka_unit_test(usage_of_the_source_goes_along),
        cmocka_unit_test(a_full_buffer_names_the_key),
        cmocka_unit_test(a_large_set_goes_in_chunks_and_steps_of_limited_size),
        cmocka_unit_test(a_large_string_is_appended_piece_by_piece),
        cmocka_unit_test(a_damaged_value_ends_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
