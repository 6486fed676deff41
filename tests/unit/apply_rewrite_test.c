/* The checkpoint's text, held expiries, the table of rules, and each rewritten command. */
#include "test.h"

#include "apply/checkpoint.h"
#include "apply/hold.h"
#include "apply/rewrite.h"
#include "base/mem.h"

/* ---- checkpoint ---- */

static const struct {
    checkpoint c;
    const char *text;
} checkpoints[] = {
    {{.generation = 3, .offset = 4711}, "v1 generation=3 stream offset=4711 db=0"},
    {{.generation = UINT64_MAX, .offset = INT64_MAX, .db = UINT16_MAX},
     "v1 generation=18446744073709551615 stream offset=9223372036854775807 db=65535"},
    {{.generation = 3,
      .in_snapshot = true,
      .offset = 80,
      .crc = 7,
      .reconcile = true,
      .rdb_version = 10},
     "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=1 rdb=10"},
    {{.generation = UINT64_MAX,
      .in_snapshot = true,
      .offset = INT64_MAX,
      .db = UINT16_MAX,
      .crc = UINT64_MAX,
      .reconcile = false,
      .rdb_version = 9999},
     "v1 generation=18446744073709551615 snapshot offset=9223372036854775807 db=65535 "
     "crc=18446744073709551615 keys=0 rdb=9999"},
    {{.generation = 3,
      .in_snapshot = true,
      .offset = 80,
      .crc = 7,
      .rdb_version = 10,
      .stream_db = UINT16_MAX},
     "v1 generation=3 snapshot offset=80 db=0 stream_db=65535 crc=7 keys=0 rdb=10"},
};

static void a_checkpoint_reads_back_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(checkpoints); i++) {
        const checkpoint *c = &checkpoints[i].c;
        buf text = buf_of(256); /* as the applier gives it */
        assert_true(checkpoint_write(c, &text));
        assert_span_text(buf_span(&text), checkpoints[i].text);
        checkpoint got = {0};
        err e = {0};
        if (!checkpoint_read(buf_span(&text), &got, &e)) fail_msg("%s", e.text);
        assert_true(got.generation == c->generation && got.in_snapshot == c->in_snapshot);
        assert_true(got.offset == c->offset && got.db == c->db && got.crc == c->crc);
        assert_true(got.reconcile == c->reconcile && got.rdb_version == c->rdb_version);
        buf_clear(&text);
    }
}

static void a_checkpoint_cut_anywhere_is_refused_or_a_shorter_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(checkpoints); i++) {
        const char *text = checkpoints[i].text;
        const char *last = strrchr(text, '=') + 1; /* behind it every cut is a shorter number */
        for (size_t size = 0; size < strlen(text); size++) {
            checkpoint got = {0};
            err e = {0};
            bool good = checkpoint_read(span_of(text, size), &got, &e);
            assert_int_equal(good, text + size > last);
            if (!good) assert_int_equal(e.kind, ERR_FORMAT);
        }
    }
}

static void a_foreign_or_damaged_checkpoint_is_shown_and_refused(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "",
        "hello",
        "v2 generation=3 stream offset=1 db=0",
        "v1 generation=3 stream offset=1 db=0 crc=1",
        "v1 generation=3  stream offset=1 db=0",
        "v1 generation=-3 stream offset=1 db=0",
        "v1 generation=3 strean offset=1 db=0",
        "v1 generation=3 stream offset=9223372036854775808 db=0",
        "v1 generation=3 stream offset=1 db=65536",
        "v1 generation=18446744073709551616 stream offset=1 db=0",
        "v1 stream generation=3 offset=1 db=0",
        "v1 generation=3 snapshot offset=80 db=0 crc=7",
        "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=1",
        "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=2 rdb=10",
        "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=1 rdb=10000",
        "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=1 rdb=10 x",
        "v1 generation=3 snapshot offset=80 db=0 stream_db=65536 crc=7 keys=1 rdb=10",
        "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=1 rdb=10 stream_db=3",
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        checkpoint got = {0};
        err e = {0};
        if (checkpoint_read(span_text(damaged[i]), &got, &e)) fail_msg("'%s'", damaged[i]);
        assert_int_equal(e.kind, ERR_FORMAT);
        assert_non_null(strstr(e.text, span_show(span_text(damaged[i])).text));
        assert_int_equal(got.generation, 0);
    }
}

static void the_checkpoint_key_carries_the_link_id(void **state)
{
    (void)state;
    assert_string_equal(checkpoint_key_of("0123456789abcdef").text,
                        "handover:checkpoint:0123456789abcdef");
}

/* ---- hold ---- */

static void an_expiry_is_held_up_to_the_border_and_not_behind_it(void **state)
{
    (void)state;
    int64_t until = INT64_C(1763800000000);
    assert_true(hold_expiry(until, until) == until + HOLD_SHIFT_MS);
    assert_true(hold_expiry(until + 1, until) == until + 1);
    assert_true(hold_expiry(1, until) == 1 + HOLD_SHIFT_MS);
    assert_true(hold_is_held(hold_expiry(1, until)));
    assert_false(hold_is_held(HOLD_SHIFT_MS - 1));
    assert_true(hold_is_held(HOLD_SHIFT_MS));
}

/* ---- rules ---- */

/* What occurs in the streams of redis 6.0, 7.0, 8.6 and valkey 8.0, 9.1 and is more than data to be
 * passed on; and what looks like it but is not. */
static const struct {
    const char *name;
    rule_kind kind;
} special[] = {
    {"SELECT", RULE_SELECT},
    {"MULTI", RULE_MULTI},
    {"EXEC", RULE_EXEC},
    {"REPLCONF", RULE_GETACK},
    /* Not data. */
    {"PING", RULE_DROP},
    {"PUBLISH", RULE_DROP},
    {"SPUBLISH", RULE_DROP},
    {"SCRIPT", RULE_DROP},
    {"PFDEBUG", RULE_DROP},
    /* Whole databases, libraries, slots. */
    {"FLUSHALL", RULE_FLUSH},
    {"FLUSHDB", RULE_FLUSH},
    {"SWAPDB", RULE_FLUSH},
    {"FUNCTION", RULE_FUNCTION},
    {"CLUSTER", RULE_STOP},
    {"TRIMSLOTS", RULE_STOP},
    /* Times: relative from 6.0, absolute later. */
    {"SET", RULE_SET},
    {"SETEX", RULE_SETEX},
    {"PSETEX", RULE_SETEX},
    {"EXPIRE", RULE_EXPIRE},
    {"PEXPIRE", RULE_EXPIRE},
    {"EXPIREAT", RULE_EXPIRE},
    {"PEXPIREAT", RULE_EXPIRE},
    {"RESTORE", RULE_RESTORE},
    {"RESTORE-ASKING", RULE_RESTORE},
    /* Expiry of fields. */
    {"HEXPIRE", RULE_RECAST},
    {"HPEXPIRE", RULE_RECAST},
    {"HEXPIREAT", RULE_RECAST},
    {"HPEXPIREAT", RULE_RECAST},
    {"HPERSIST", RULE_RECAST},
    /* What only some engines have: their keys go to the quarantine. */
    {"VADD", RULE_ASIDE},
    {"VREM", RULE_ASIDE},
    {"VSETATTR", RULE_ASIDE},
    {"XACKDEL", RULE_ASIDE},
    {"XCFGSET", RULE_DROP},
    {"XIDMPRECORD", RULE_DROP},
    /* Newer forms of what every engine has. */
    {"HGETDEL", RULE_RECAST},
    {"HSETEX", RULE_RECAST},
    {"MSETEX", RULE_RECAST},
    {"XDELEX", RULE_RECAST},
    {"XADD", RULE_RECAST},
    {"XTRIM", RULE_RECAST},
    {"BITOP", RULE_RECAST},
    /* Scripts as such: replicated by effect by every engine we take. */
    {"EVAL", RULE_STOP},
    {"EVALSHA", RULE_STOP},
    {"FCALL", RULE_STOP},
};

static void every_command_that_is_special_has_its_rule_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(special); i++) {
        for (int form = 0; form < 3; form++) {
            char name[32];
            size_t size = strlen(special[i].name);
            for (size_t k = 0; k < size; k++) {
                char c = special[i].name[k];
                bool lower = form == 1 || (form == 2 && k % 2);
                name[k] = lower && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
            }
            const rule *r = rule_find(span_of(name, size));
            if (!r || r->kind != special[i].kind) fail_msg("'%s'", special[i].name);
            assert_string_equal(r->name, special[i].name);
        }
    }
}

/* Arrive as they are or as other commands; a target of 7.0 or newer does the same with them. */
static const char *const passed[] = {"APPEND",
                                     "BITFIELD",
                                     "COPY",
                                     "DECR",
                                     "DEL",
                                     "GEOADD",
                                     "GEORADIUS",
                                     "GETDEL",
                                     "GETSET",
                                     "HDEL",
                                     "HINCRBY",
                                     "HINCRBYFLOAT",
                                     "HMSET",
                                     "HSET",
                                     "HSETNX",
                                     "INCR",
                                     "INCRBYFLOAT",
                                     "LINSERT",
                                     "LMOVE",
                                     "LPOP",
                                     "LPUSH",
                                     "LREM",
                                     "LSET",
                                     "LTRIM",
                                     "MIGRATE",
                                     "MOVE",
                                     "MSET",
                                     "MSETNX",
                                     "PERSIST",
                                     "PFADD",
                                     "PFCOUNT",
                                     "PFMERGE",
                                     "RENAME",
                                     "RENAMENX",
                                     "RPOPLPUSH",
                                     "RPUSH",
                                     "SADD",
                                     "SETBIT",
                                     "SETNX",
                                     "SETRANGE",
                                     "SINTERSTORE",
                                     "SMOVE",
                                     "SORT",
                                     "SPOP",
                                     "SREM",
                                     "SUNIONSTORE",
                                     "UNLINK",
                                     "XACK",
                                     "XCLAIM",
                                     "XDEL",
                                     "XGROUP",
                                     "XSETID",
                                     "ZADD",
                                     "ZINCRBY",
                                     "ZPOPMIN",
                                     "ZRANGESTORE",
                                     "ZREMRANGEBYSCORE",
                                     "a.module.command"};

static void everything_else_is_passed_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(passed); i++) {
        const rule *r = rule_find(span_text(passed[i]));
        if (r && r->kind != RULE_PASS && r->since != 10) fail_msg("'%s'", passed[i]);
    }
}

static void commands_that_changed_the_source_must_change_the_target(void **state)
{
    (void)state;
    static const char *const must[] = {"EXPIRE",  "PEXPIRE", "EXPIREAT", "PEXPIREAT",
                                       "PERSIST", "MOVE",    "RENAMENX"};
    for (size_t i = 0; i < COUNT_OF(must); i++)
        assert_true(rule_find(span_text(must[i]))->must_change);
    /* Sent also when there was nothing to delete. */
    assert_false(rule_find(span_text("DEL"))->must_change);
    assert_false(rule_find(span_text("UNLINK"))->must_change);
}

static void a_key_under_a_new_name_may_inherit_a_held_expiry(void **state)
{
    (void)state;
    assert_int_equal(rule_find(span_text("COPY"))->new_name, 2);
    assert_int_equal(rule_find(span_text("RENAME"))->new_name, 2);
    assert_int_equal(rule_find(span_text("RENAMENX"))->new_name, 2);
    assert_int_equal(rule_find(span_text("MOVE"))->new_name, 1);
}

/* Every row is found, so the table is in the order that the search needs; and no name next to a
 * row is: one byte less, one more, a zero byte behind, the neighbours of its last byte. */
static void a_name_beside_a_rule_is_another_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(special); i++) {
        const char *name = special[i].name;
        size_t size = strlen(name);
        for (int byte = 0; byte < 256; byte++) {
            uint8_t *other = mem_alloc(size + 1); /* exact, so that the sanitizer sees its end */
            memcpy(other, name, size);
            other[size] = (uint8_t)byte;
            const rule *r = rule_find(span_of(other, size + 1));
            if (r) assert_int_equal(strlen(r->name), size + 1);
            other[size - 1] = (uint8_t)byte;
            r = rule_find(span_of(other, size));
            if (r) assert_true(span_is_nocase(span_of(other, size), r->name));
            r = rule_find(span_of(other, size - 1));
            if (r) assert_int_equal(strlen(r->name), size - 1);
            free(other);
        }
    }
    assert_null(rule_find((span){0}));
    assert_null(rule_find(span_of("\0", 1)));
    assert_null(rule_find(span_of("\xff\xff", 2)));
    assert_null(rule_find(span_of("DEL\0", 4)));
    assert_null(rule_find(span_of("DEL\0X", 5)));
}

/* ---- rewriting ---- */

#define NOW INT64_C(1763800000000)    /* received */
#define UNTIL INT64_C(1763886400000)  /* a day later: held up to here */
#define SHIFT INT64_C(35184372088832) /* 2^45 */

/* A number behind a marker of the tables below: @ is NOW, # is NOW + 2^45; the rest is added. */
static void word_write(buf *out, span word)
{
    bool now = span_starts(word, "@");
    bool held = span_starts(word, "#");
    if (!now && !held) {
        assert_true(buf_append(out, word));
        return;
    }
    int64_t more = 0;
    if (word.size > 1) assert_true(span_to_i64(span_tail(word, 1), &more));
    assert_true(buf_printf(out, "%" PRId64, NOW + (held ? SHIFT : 0) + more));
}

static size_t words_cut(const char *text, buf *memory, span *ret)
{
    span rest = span_text(text);
    span word;
    size_t count = 0;
    size_t begins[REWRITE_ARGS_MAX];
    assert_true(buf_reserve(memory, 4096)); /* so that it does not move */
    while (span_cut(&rest, ' ', &word)) {
        assert_true(count < REWRITE_ARGS_MAX);
        begins[count] = memory->size;
        word_write(memory, word);
        ret[count] = span_of(memory->at + begins[count], memory->size - begins[count]);
        count++;
    }
    return count;
}

/* Answers whether it was rewritten; ret_text: the words, with blanks. */
static bool line_rewrite(const char *line, buf *ret_text, bool *ret_held, err *e)
{
    buf memory = buf_of(64 * KIB);
    span args[REWRITE_ARGS_MAX];
    size_t count = words_cut(line, &memory, args);
    const rule *r = rule_find(args[0]);
    assert_non_null(r);
    rewrite_times t = {.received_ms = NOW, .hold_until_ms = UNTIL, .target_rdb_version = 10};
    rewritten w;
    bool done = rewrite(r, count, args, &t, &w, e);
    ret_text->size = 0;
    for (size_t i = 0; done && i < w.arg_count; i++)
        assert_true((i == 0 || buf_u8(ret_text, ' ')) && buf_append(ret_text, w.args[i]));
    *ret_held = done && w.held;
    buf_clear(&memory);
    return done;
}

/* UNTIL is @86400000. */
static const struct {
    const char *from, *to;
    bool held;
} rewrites[] = {
    /* SET: relative of 6.0, absolute later, at the border, behind it. */
    {"SET k v EX 100", "SET k v PXAT #100000", true},
    {"SET k v ex 100", "SET k v PXAT #100000", true},
    {"SET k v PX 100000", "SET k v PXAT #100000", true},
    {"SET k v PX 86400000", "SET k v PXAT #86400000", true},
    {"SET k v PX 86400001", "SET k v PXAT @86400001", false},
    {"SET k v EX 86401", "SET k v PXAT @86401000", false},
    {"SET k v EXAT 1763800001", "SET k v PXAT #1000", true},
    {"SET k v EXAT 4000000000", "SET k v PXAT 4000000000000", false},
    {"SET k v PXAT @86400000", "SET k v PXAT #86400000", true},
    {"SET k v PXAT @86400001", "SET k v PXAT @86400001", false},
    {"SET k v PXAT 1000", "SET k v PXAT 35184372089832", true}, /* long past: held, a DEL comes */
    {"SET k v PXAT 35184372088831", "SET k v PXAT 35184372088831", false},
    {"SET k v KEEPTTL", "SET k v KEEPTTL", false},
    /* What was decided on the source is taken off. */
    {"SET k v PX 100000 NX", "SET k v PXAT #100000", true},
    {"SET k v NX PX 100000", "SET k v PXAT #100000", true},
    {"SET k v XX", "SET k v", false},
    {"SET k v xx GET", "SET k v", false},
    {"SET k v IFEQ old", "SET k v", false},
    {"SET k v IFEQ NX KEEPTTL", "SET k v KEEPTTL", false},
    {"SET k v IFNE old", "SET k v", false},
    {"SET k v IFDEQ 0123 PX 100000", "SET k v PXAT #100000", true},
    {"SET k v IFDNE 0123", "SET k v", false},
    {"SET k v XX KEEPTTL GET", "SET k v KEEPTTL", false},
    {"set k v nx", "set k v", false},
    {"SET NX XX", "SET NX XX", false}, /* a key and a value */
    /* SETEX, PSETEX: 6.0 only. */
    {"SETEX k 100 v", "SET k v PXAT #100000", true},
    {"SETEX k 86401 v", "SET k v PXAT @86401000", false},
    {"PSETEX k 86400000 v", "SET k v PXAT #86400000", true},
    {"psetex k 86400001 v", "SET k v PXAT @86400001", false},
    /* The expiry family. */
    {"EXPIRE k 100", "PEXPIREAT k #100000", true},
    {"EXPIRE k 86401", "PEXPIREAT k @86401000", false},
    {"PEXPIRE k 86400000", "PEXPIREAT k #86400000", true},
    {"EXPIREAT k 1763800001", "PEXPIREAT k #1000", true},
    {"PEXPIREAT k @86400000", "PEXPIREAT k #86400000", true},
    {"PEXPIREAT k @86400001", "PEXPIREAT k @86400001", false},
    {"PEXPIREAT k @86400001 GT", "PEXPIREAT k @86400001", false},
    {"pexpireat k @5 LT", "PEXPIREAT k #5", true},
    {"PEXPIREAT k @5 NX", "PEXPIREAT k #5", true},
    {"PEXPIREAT k @5 XX LT", "PEXPIREAT k #5", true},
    /* RESTORE: REPLACE and ABSTTL always. */
    {"RESTORE k 0 p", "RESTORE k 0 p REPLACE ABSTTL", false},
    {"RESTORE k 0 p REPLACE", "RESTORE k 0 p REPLACE ABSTTL", false},
    {"RESTORE k 5000 p", "RESTORE k #5000 p REPLACE ABSTTL", true},
    {"RESTORE k 86400001 p REPLACE", "RESTORE k @86400001 p REPLACE ABSTTL", false},
    {"RESTORE k @5000 p ABSTTL", "RESTORE k #5000 p REPLACE ABSTTL", true},
    {"RESTORE k @5000 p absttl replace", "RESTORE k #5000 p REPLACE ABSTTL", true},
    {"RESTORE k 0 p IDLETIME 5", "RESTORE k 0 p REPLACE ABSTTL IDLETIME 5", false},
    {"RESTORE k @90000000 p REPLACE ABSTTL FREQ 7", "RESTORE k @90000000 p REPLACE ABSTTL FREQ 7",
     false},
    {"RESTORE-ASKING k 5000 p REPLACE", "RESTORE k #5000 p REPLACE ABSTTL", true},
    /* FUNCTION. */
    {"FUNCTION LOAD code", "FUNCTION LOAD REPLACE code", false},
    {"function load replace code", "function load REPLACE code", false},
    {"FUNCTION DELETE lib", "FUNCTION DELETE lib", false},
    {"FUNCTION FLUSH", "FUNCTION FLUSH", false},
    {"FUNCTION FLUSH ASYNC", "FUNCTION FLUSH ASYNC", false},
    {"FUNCTION RESTORE p", "FUNCTION RESTORE p REPLACE", false},
    {"FUNCTION RESTORE p APPEND", "FUNCTION RESTORE p REPLACE", false},
    {"FUNCTION RESTORE p FLUSH", "FUNCTION RESTORE p FLUSH", false},
};

static void every_form_is_rewritten_to_absolute_unconditional_and_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rewrites); i++) {
        buf got = buf_of(64 * KIB);
        buf want = buf_of(64 * KIB);
        span words[REWRITE_ARGS_MAX];
        buf memory = buf_of(64 * KIB);
        size_t count = words_cut(rewrites[i].to, &memory, words);
        for (size_t k = 0; k < count; k++)
            assert_true((k == 0 || buf_u8(&want, ' ')) && buf_append(&want, words[k]));
        bool held = false;
        err e = {0};
        if (!line_rewrite(rewrites[i].from, &got, &held, &e))
            fail_msg("'%s': %s", rewrites[i].from, e.text);
        if (!span_equal(buf_span(&got), buf_span(&want)) || held != rewrites[i].held)
            fail_msg("'%s': wanted '%.*s', got '%.*s'", rewrites[i].from, (int)want.size,
                     (const char *)want.at, (int)got.size, (const char *)got.at);
        buf_clear(&got);
        buf_clear(&want);
        buf_clear(&memory);
    }
}

static const struct {
    const char *line;
    err_kind kind;
} refused[] = {
    /* An expiry that is a held one already: refused, it would come out wrong. */
    {"SET k v PXAT 35184372088832", ERR_LIMIT},
    {"SET k v EXAT 35184372089", ERR_LIMIT},
    {"PEXPIREAT k 35184372088832", ERR_LIMIT},
    {"EXPIREAT k 35184372089", ERR_LIMIT},
    {"EXPIRE k 99999999999", ERR_LIMIT},
    {"SETEX k 99999999999 v", ERR_LIMIT},
    {"RESTORE k 35184372088832 p ABSTTL", ERR_LIMIT},
    {"RESTORE k 35184372088832 p", ERR_LIMIT},
    /* Times that are none. */
    {"SET k v EX", ERR_FORMAT},
    {"SET k v EX x", ERR_FORMAT},
    {"SET k v EX 9223372036854775807", ERR_FORMAT},
    {"SET k v PX 9223372036854775807", ERR_FORMAT},
    {"EXPIRE k 9223372036854775807", ERR_FORMAT},
    {"PEXPIRE k 9223372036854775807", ERR_FORMAT},
    {"PEXPIRE k 9223372036854775808", ERR_FORMAT},
    {"PEXPIREAT k", ERR_FORMAT},
    {"PEXPIREAT", ERR_FORMAT},
    {"RESTORE k 9223372036854775807 p", ERR_FORMAT},
    {"RESTORE k x p", ERR_FORMAT},
    {"RESTORE k 0", ERR_FORMAT},
    {"RESTORE k 0 p 1 2 3 4 5 6 7", ERR_FORMAT},
    /* Forms that no engine sends. */
    {"SET k", ERR_FORMAT},
    {"SET k v WHAT", ERR_FORMAT},
    {"SET k v IFEQ", ERR_FORMAT},
    {"SET k v 1 2 3 4 5 6 7 8 9 10", ERR_FORMAT},
    {"SETEX k 100", ERR_FORMAT},
    {"SETEX k 100 v NX", ERR_FORMAT},
    {"SETEX k v 100", ERR_FORMAT},
    {"FUNCTION", ERR_FORMAT},
    {"FUNCTION a b c d e f g h", ERR_FORMAT},
};

static void what_cannot_be_rewritten_is_refused_by_its_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        buf got = buf_of(64 * KIB);
        bool held = false;
        err e = {0};
        if (line_rewrite(refused[i].line, &got, &held, &e)) fail_msg("'%s'", refused[i].line);
        if (e.kind != refused[i].kind) fail_msg("'%s': %s", refused[i].line, e.text);
        buf_clear(&got);
    }
}

/* Redis 6.0 takes no absolute time with a SET: PEXPIREAT follows. */
static void an_expiry_of_set_follows_it_on_a_target_before_7(void **state)
{
    (void)state;
    static const char *const lines[] = {"SET k v PX 100000 NX", "SETEX k 100 v"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        span args[REWRITE_ARGS_MAX];
        buf memory = buf_of(64 * KIB);
        char want[24];
        err e = {0};
        rewritten w;
        size_t count = words_cut(lines[i], &memory, args);
        rewrite_times t = {.received_ms = NOW, .hold_until_ms = UNTIL, .target_rdb_version = 9};
        if (!rewrite(rule_find(args[0]), count, args, &t, &w, &e)) fail_msg("%s", e.text);
        assert_int_equal(w.arg_count, 3);
        assert_span_text(w.args[0], "SET");
        assert_span_text(w.args[2], "v");
        (void)snprintf(want, sizeof want, "%" PRId64, NOW + SHIFT + 100000);
        assert_span_text(w.expiry, want);
        assert_true(w.held);
        buf_clear(&memory);
    }
}

static void a_rule_that_rewrites_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const others[] = {"DEL k", "SELECT 1", "PING", "FLUSHALL", "EVAL x 0"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        buf got = buf_of(64 * KIB);
        bool held = false;
        err e = {0};
        assert_false(line_rewrite(others[i], &got, &held, &e));
        assert_int_equal(e.kind, ERR_STATE);
        buf_clear(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_reads_back_as_it_was_written),
        cmocka_unit_test(a_checkpoint_cut_anywhere_is_refused_or_a_shorter_number),
        cmocka_unit_test(a_foreign_or_damaged_checkpoint_is_shown_and_refused),
        cmocka_unit_test(the_checkpoint_key_carries_the_link_id),
        cmocka_unit_test(an_expiry_is_held_up_to_the_border_and_not_behind_it),
        cmocka_unit_test(every_command_that_is_special_has_its_rule_in_any_case),
        cmocka_unit_test(everything_else_is_passed_on),
        cmocka_unit_test(commands_that_changed_the_source_must_change_the_target),
        cmocka_unit_test(a_key_under_a_new_name_may_inherit_a_held_expiry),
        cmocka_unit_test(a_name_beside_a_rule_is_another_name),
        cmocka_unit_test(every_form_is_rewritten_to_absolute_unconditional_and_held),
        cmocka_unit_test(what_cannot_be_rewritten_is_refused_by_its_kind),
        cmocka_unit_test(an_expiry_of_set_follows_it_on_a_target_before_7),
        cmocka_unit_test(a_rule_that_rewrites_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
