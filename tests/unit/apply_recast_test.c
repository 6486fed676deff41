/* What a target before 7.0 gets in the place of commands it does not know; the scripts among them
 * run on the engine in tests/integration/test_old_target.py. */
#include "test.h"

#include "apply/recast.h"
#include "base/mem.h"
#include "resp/command.h"

#define ARGS_MAX 32

/* "a bc" as arguments; a word in '' is empty. */
static size_t words_cut(const char *text, span *ret)
{
    span rest = span_text(text);
    span word;
    size_t count = 0;
    while (span_cut(&rest, ' ', &word)) {
        assert_true(count < ARGS_MAX);
        ret[count++] = span_is(word, "''") ? (span){0} : word;
    }
    return count;
}

/* Commands as text, "; " between them; a script is shown as <script>. */
static void commands_tell(span wire, buf *ret)
{
    resp_command c = {0};
    for (bool first = true; wire.size > 0; first = false) {
        size_t size = 0;
        err e = {0};
        assert_int_equal(resp_command_read(&c, wire, 0, &size, &e), STEP_DONE);
        assert_true(first || buf_text(ret, "; "));
        for (size_t i = 0; i < c.arg_count; i++) {
            span arg = resp_command_arg(&c, wire.at, i);
            bool script = i == 1 && span_is(resp_command_arg(&c, wire.at, 0), "EVAL");
            if (script) arg = span_text("<script>");
            assert_true((i == 0 || buf_u8(ret, ' ')) && buf_append(ret, arg));
        }
        wire = span_tail(wire, size);
    }
    resp_command_clear(&c);
}

typedef struct {
    const char *from;
    const char *to;    /* NULL: refused as malformed */
    const char *aside; /* the key that is set aside */
} row;

static void
rows_check(const row *rows, size_t count, unsigned target, unsigned source, bool same_version)
{
    for (size_t i = 0; i < count; i++) {
        span args[ARGS_MAX];
        buf out = buf_of(MIB);
        buf told = buf_of(MIB);
        err e = {0};
        recast_result r = {0};
        const rewrite_times t = {.hold_until_ms = 1000,
                                 .target_rdb_version = target,
                                 .source_rdb_version = source,
                                 .same_version = same_version};
        size_t n = words_cut(rows[i].from, args);
        bool good = recast(n, args, &t, &out, &r, &e);
        if (good != (rows[i].to != NULL)) fail_msg("'%s': %s", rows[i].from, e.text);
        if (!good) assert_int_equal(e.kind, ERR_FORMAT);
        if (good) {
            commands_tell(buf_span(&out), &told);
            if (!span_is(buf_span(&told), rows[i].to))
                fail_msg("'%s': wanted '%s', got '%.*s'", rows[i].from, rows[i].to, (int)told.size,
                         (const char *)told.at);
            assert_int_equal(r.aside != NULL, rows[i].aside != NULL);
            if (rows[i].aside) assert_span_text(r.key, rows[i].aside);
        }
        buf_clear(&out);
        buf_clear(&told);
    }
}

static const row before_7[] = {
    {"COPY a b", "EVAL <script> 2 a b", NULL},
    {"COPY a b DB 3 REPLACE", "EVAL <script> 2 a b 3", NULL},
    {"copy a b replace db 3", "EVAL <script> 2 a b 3", NULL},
    {"COPY a b DB", NULL, NULL},
    {"COPY a b WHAT", NULL, NULL},
    {"LMOVE a b RIGHT LEFT", "RPOPLPUSH a b", NULL},
    {"lmove a b right left", "RPOPLPUSH a b", NULL},
    {"LMOVE a b LEFT RIGHT", "EVAL <script> 2 a b 0 RPUSH LPOP", NULL},
    {"LMOVE a b LEFT LEFT", "EVAL <script> 2 a b 0 LPUSH LPOP", NULL},
    {"LMOVE a a RIGHT RIGHT", "EVAL <script> 2 a a -1 RPUSH RPOP", NULL},
    {"LMOVE a b UP DOWN", NULL, NULL},
    {"LPOP l", "LPOP l", NULL},
    {"LPOP l 3", "LTRIM l 3 -1", NULL},
    {"LPOP l 0", "LTRIM l 0 -1", NULL},
    {"RPOP l 3", "LTRIM l 0 -4", NULL},
    {"rpop l 1", "LTRIM l 0 -2", NULL},
    {"LPOP l x", NULL, NULL},
    {"LPOP l -1", NULL, NULL},
    {"RPOP l 9223372036854775807", NULL, NULL},
    {"ZADD z NX 1 a", "ZADD z NX 1 a", NULL},
    {"ZADD z GT 1 a", "ZADD z 1 a", NULL},
    {"ZADD z XX GT CH 1 a", "ZADD z 1 a", NULL},
    {"ZADD z LT INCR -1 a", "ZADD z INCR -1 a", NULL},
    {"ZADD z GT CH 1 a 2 b", "EVAL <script> 1 z GT  1 a 2 b", NULL},
    {"zadd z xx lt 1 a 2 b", "EVAL <script> 1 z LT XX 1 a 2 b", NULL},
    {"ZADD z GT 1 a 2", NULL, NULL},
    {"ZADD z GT CH", NULL, NULL},
    {"ZRANGESTORE d z 0 -1", "EVAL <script> 2 d z ZRANGE scores 0 -1 WITHSCORES", NULL},
    {"ZRANGESTORE d z 0 1 REV", "EVAL <script> 2 d z ZREVRANGE scores 0 1 WITHSCORES", NULL},
    {"ZRANGESTORE d z (1 5 BYSCORE LIMIT 2 3",
     "EVAL <script> 2 d z ZRANGEBYSCORE scores (1 5 WITHSCORES LIMIT 2 3", NULL},
    {"ZRANGESTORE d z + - BYLEX REV", "EVAL <script> 2 d z ZREVRANGEBYLEX members + -", NULL},
    {"ZRANGESTORE d z 0 1 LIMIT 2", NULL, NULL},
    {"ZDIFFSTORE d 2 a b", "EVAL <script> 3 d a b", NULL},
    {"ZDIFFSTORE d 3 a b", NULL, NULL},
    {"ZDIFFSTORE d 0 a", NULL, NULL},
    {"GEOSEARCHSTORE d g FROMMEMBER m BYRADIUS 5 km", "DEL d; GEORADIUSBYMEMBER g m 5 km STORE d",
     NULL},
    {"GEOSEARCHSTORE d g FROMLONLAT 1 2 BYRADIUS 5 m DESC COUNT 3",
     "DEL d; GEORADIUS g 1 2 5 m COUNT 3 DESC STORE d", NULL},
    {"GEOSEARCHSTORE g g FROMMEMBER m BYRADIUS 5 km", "GEORADIUSBYMEMBER g m 5 km STORE g", NULL},
    {"GEOSEARCHSTORE d g FROMMEMBER m BYBOX 5 5 km", "", "d"},
    {"GEOSEARCHSTORE d g FROMMEMBER m BYRADIUS 5 km COUNT 3 ANY", "", "d"},
    {"GEOSEARCHSTORE d g FROMMEMBER m BYRADIUS 5 km STOREDIST", "", "d"},
    {"GEOSEARCHSTORE d g BYRADIUS 5 km ASC DESC", NULL, NULL},
    {"GEOSEARCHSTORE d g FROMMEMBER m BYRADIUS 5", NULL, NULL},
    {"GEORADIUS g 1 2 5 km STORE d", "DEL d; GEORADIUS g 1 2 5 km STORE d", NULL},
    {"GEORADIUSBYMEMBER g ANY 5 km COUNT 3 STORE d",
     "DEL d; GEORADIUSBYMEMBER g ANY 5 km COUNT 3 STORE d", NULL},
    {"GEORADIUS g 1 2 5 km COUNT 3 ANY STORE d", "", "d"},
    {"GEORADIUS g 1 2 5 km STOREDIST d", "", "d"},
    {"GEORADIUS g 1 2 5 km STORE", NULL, NULL},
    {"BITOP AND d a b", "BITOP AND d a b", NULL},
    {"BITOP DIFF d a b", "", "d"},
    {"MSETEX 2 a 1 b 2 PXAT 9000", "SET a 1; PEXPIREAT a 9000; SET b 2; PEXPIREAT b 9000", NULL},
    {"MSETEX 1 a 1 KEEPTTL", "SET a 1 KEEPTTL", NULL},
    {"XADD x NOMKSTREAM MAXLEN = 3 5-1 f v", "XADD x MAXLEN = 3 5-1 f v", NULL},
    {"XADD x MINID = 3-2 5-1 f v", "XADD x 5-1 f v; EVAL <script> 1 x 3-1", NULL},
    {"XADD x MINID 3 5-1 f v", "XADD x 5-1 f v; EVAL <script> 1 x 2-18446744073709551615", NULL},
    {"XADD x MINID 0-0 5-1 f v", "XADD x 5-1 f v", NULL},
    {"XADD x MINID x 5-1 f v", NULL, NULL},
    {"XTRIM x MAXLEN = 3 LIMIT 100", "XTRIM x MAXLEN = 3", NULL},
    {"XTRIM x MINID = 0-1", "EVAL <script> 1 x 0-0", NULL},
    {"XTRIM x MAXLEN = 3 DELREF", "", "x"},
    {"XTRIM x MAXLEN =", NULL, NULL},
    {"XTRIM x LIMIT 3", NULL, NULL},
    {"XCLAIM x g c 0 1-1 TIME 5 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
     "EVAL <script> 1 x g c 0 1-1 TIME 5 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1", NULL},
    {"XGROUP CREATE x g 0", "XGROUP CREATE x g 0", NULL},
    {"XGROUP CREATE x g 0 MKSTREAM ENTRIESREAD 5", "XGROUP CREATE x g 0 MKSTREAM", NULL},
    {"XGROUP SETID x g 5-1 ENTRIESREAD 5", "XGROUP SETID x g 5-1", NULL},
    {"XGROUP DELCONSUMER x g ENTRIESREAD", "XGROUP DELCONSUMER x g ENTRIESREAD", NULL},
    {"XGROUP CREATECONSUMER x g c", "XREADGROUP GROUP g c STREAMS x 18446744073709551615-0", NULL},
    {"XGROUP CREATECONSUMER x g", NULL, NULL},
    {"XSETID x 5-1", "XSETID x 5-1", NULL},
    {"XSETID x 5-1 ENTRIESADDED 7 MAXDELETEDID 3-1", "XSETID x 5-1", NULL},
};

static void a_target_before_7_gets_what_it_knows(void **state)
{
    (void)state;
    rows_check(before_7, COUNT_OF(before_7), 9, 10, false);
}

/* What the source before 7.0 does, the target does as well. */
static const row both_before_7[] = {
    {"XCLAIM x g c 0 1-1 FORCE JUSTID", "XCLAIM x g c 0 1-1 FORCE JUSTID", NULL},
    /* 6.2 does not compute a distance as 6.0 does. */
    {"GEORADIUS g 1 2 5 km STOREDIST d", "", "d"},
    {"GEORADIUS g 1 2 5 km COUNT 3 ANY STORE d", "", "d"},
};
static const row same_before_7[] = {
    {"GEORADIUS g 1 2 5 km STOREDIST d", "GEORADIUS g 1 2 5 km STOREDIST d", NULL},
    {"GEOSEARCHSTORE d g FROMMEMBER m BYBOX 5 5 km", "GEOSEARCHSTORE d g FROMMEMBER m BYBOX 5 5 km",
     NULL},
};

static void between_two_before_7_what_they_do_alike_stays(void **state)
{
    (void)state;
    rows_check(both_before_7, COUNT_OF(both_before_7), 9, 9, false);
    rows_check(same_before_7, COUNT_OF(same_before_7), 9, 9, true);
}

/* An engine takes LIMIT beside '=' from its primary, not from us. */
static const row newer[] = {
    {"XADD x MAXLEN = 201 LIMIT 150 400-1 a 1", "XADD x MAXLEN = 201 400-1 a 1", NULL},
    {"XADD x MINID = 3-2 LIMIT 5 5-1 f v", "XADD x MINID = 3-2 5-1 f v", NULL},
    {"XTRIM x MAXLEN = 101 LIMIT 120", "XTRIM x MAXLEN = 101", NULL},
    {"XTRIM x MINID = 400-1 LIMIT 100000", "XTRIM x MINID = 400-1", NULL},
    {"XTRIM x MAXLEN 5", "XTRIM x MAXLEN 5", NULL},
    {"XTRIM x MAXLEN 5 KEEPREF", "XTRIM x MAXLEN 5", NULL},
    {"BITOP ONE d a b", "", "d"},
};

static void the_limit_of_a_trim_is_left_out_for_any_target(void **state)
{
    (void)state;
    rows_check(newer, COUNT_OF(newer), 11, 13, false);
}

/* Most commands are passed on without a closer look. */
static void only_the_forms_in_question_are_looked_at(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool due;
    } rows[] = {{"ZADD z 1 a", false},   {"ZADD z -inf a", false}, {"ZADD z +5 a", false},
                {"ZADD z .5 a", false},  {"ZADD z GT 1 a", true},  {"ZADD z inf a", true},
                {"XADD x 1-1 a", false}, {"XADD x MINID 1", true}, {"LPOP l", false},
                {"LPOP l 5", true},      {"rpop l", false},        {"XTRIM x", true}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        span args[ARGS_MAX];
        size_t n = words_cut(rows[i].line, args);
        if (recast_is_due(n, args) != rows[i].due) fail_msg("'%s'", rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_before_7_gets_what_it_knows),
        cmocka_unit_test(between_two_before_7_what_they_do_alike_stays),
        cmocka_unit_test(the_limit_of_a_trim_is_left_out_for_any_target),
        cmocka_unit_test(only_the_forms_in_question_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
