/* What a source sends after PSYNC, cut at every byte. */
#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "repl/psync.h"

#define ID "0123456789abcdef0123456789abcdef01234567"
#define ID2 "76543210fedcba9876543210fedcba9876543210"
#define MARK "aabbccddeeffgghhiijjkkllmmnnooppqqrrsstt"

/* All events as text; bytes of neighbouring events of one kind flow together. */
static void event_tell(buf *out, const psync_event *v, psync_event_kind *last)
{
    static const char *const names[] = {
        [PSYNC_SNAPSHOT_BYTES] = "|bytes ", [PSYNC_STREAM_BYTES] = "|stream "};
    bool good = true;
    switch (v->kind) {
    case PSYNC_FULLRESYNC:
        good = buf_printf(out, "|full %s %" PRIu64, v->replid, v->offset);
        break;
    case PSYNC_CONTINUE:
        good = buf_printf(out, "|continue %s", v->replid);
        break;
    case PSYNC_DUAL_CHANNEL:
        good = buf_text(out, "|dual");
        break;
    case PSYNC_PLACE:
        good = buf_printf(out, "|place %s %" PRIu64 " %" PRIu64, v->replid, v->offset, v->client);
        break;
    case PSYNC_REFUSED:
        good = buf_text(out, "|refused ") && buf_append(out, v->bytes);
        break;
    case PSYNC_SNAPSHOT_BEGIN:
        good = v->size == UINT64_MAX ? buf_text(out, "|begin ?")
                                     : buf_printf(out, "|begin %" PRIu64, v->size);
        break;
    case PSYNC_SNAPSHOT_END:
        good = buf_text(out, "|end");
        break;
    case PSYNC_SNAPSHOT_BYTES:
    case PSYNC_STREAM_BYTES:
        assert_true(v->bytes.size > 0);
        if (*last != v->kind) good = buf_text(out, names[v->kind]);
        good = good && buf_append(out, v->bytes);
        break;
    }
    assert_true(good);
    *last = v->kind;
}

typedef struct {
    psync_reader reader;
    buf window; /* exactly what is not eaten, so that the sanitizer sees its end */
    buf told;
    psync_event_kind last;
    err e;
} run;

static step run_feed(run *r, span more)
{
    assert_true(buf_append(&r->window, more));
    for (;;) {
        uint8_t *exact = mem_alloc(r->window.size);
        if (r->window.size) memcpy(exact, r->window.at, r->window.size);
        cursor in = cursor_of(span_of(exact, r->window.size));
        psync_event v;
        step s = psync_read(&r->reader, &in, &v, &r->e);
        if (s == STEP_DONE) event_tell(&r->told, &v, &r->last);
        buf_drop(&r->window, (size_t)(in.at - exact));
        free(exact);
        if (s != STEP_DONE) return s;
        if (v.kind == PSYNC_REFUSED) return STEP_MORE; /* the connection ends there */
    }
}

/* An answer to PSYNC comes, or (`alone`) what follows SYNC on a connection of the snapshot's own.
 */
static run run_new(bool alone)
{
    return (run){.reader = {.at = alone ? PSYNC_AT_PLACE : PSYNC_AT_ANSWER},
                 .window = buf_of(MIB),
                 .told = buf_of(MIB),
                 .last = PSYNC_FULLRESYNC};
}

static void run_end(run *r)
{
    buf_clear(&r->window);
    buf_clear(&r->told);
}

static const struct {
    const char *sent, *told;
} sessions[] = {
    {"+FULLRESYNC " ID " 4711\r\n$5\r\nREDIS*1\r\n", "|full " ID " 4711|begin 5|bytes REDIS|end"
                                                     "|stream *1\r\n"},
    {"\n\n+FULLRESYNC " ID " 0\r\n\n\n\n$3\r\nabc", "|full " ID " 0|begin 3|bytes abc|end"},
    {"+FULLRESYNC " ID " 18446744073709551615\r\n$0\r\nxy",
     "|full " ID " 18446744073709551615|begin 0|end|stream xy"},
    {"+FULLRESYNC " ID " 1\r\n$EOF:" MARK "\r\nREDIS0011" MARK,
     "|full " ID " 1|begin ?|bytes REDIS0011|end"},
    /* An early ACK: the stream follows the mark at once. */
    {"+FULLRESYNC " ID " 1\r\n\n$EOF:" MARK "\r\nREDIS0011" MARK "*1\r\n$4\r\nPING\r\n" MARK,
     "|full " ID " 1|begin ?|bytes REDIS0011|end|stream *1\r\n$4\r\nPING\r\n" MARK},
    /* Begins of the mark inside the data, also right before it. */
    {"+FULLRESYNC " ID " 1\r\n$EOF:" MARK "\r\naabbccaabbccddeeffgghhiijjkkllmmnnooppqqrrsst"
     "a" MARK "s",
     "|full " ID " 1|begin ?|bytes aabbccaabbccddeeffgghhiijjkkllmmnnooppqqrrssta|end|stream s"},
    {"+FULLRESYNC " ID " 1\r\n$EOF:" MARK "\r\n" MARK "x", "|full " ID " 1|begin ?|end|stream x"},
    {"+CONTINUE\r\nabc", "|continue |stream abc"},
    {"+CONTINUE " ID2 "\r\n*1\r\n", "|continue " ID2 "|stream *1\r\n"},
    {"+CONTINUE\n\nabc", "|continue |stream \nabc"}, /* a newline in the stream is the stream's */
    {"-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
     "|refused NOMASTERLINK Can't SYNC while not connected with my master"},
    {"\n-LOADING Redis is loading\r\n", "|refused LOADING Redis is loading"},
    {"+FULLRESYNC " ID " 1\r\n\n-ERR Unable to perform background save\r\n",
     "|full " ID " 1|refused ERR Unable to perform background save"},
    /* Dual channel: the first connection's answer, then what follows its second PSYNC. */
    {"+DUALCHANNELSYNC\r\n", "|dual"},
    {"+DUALCHANNELSYNC\r\n\n+CONTINUE " ID "\r\n*1\r\n", "|dual|continue " ID "|stream *1\r\n"},
    /* The other one; valkey 9.1 names no database. */
    {"\n\n$ENDOFF:4711 " ID " 0 6\r\n\n$EOF:" MARK "\r\nREDIS0011" MARK,
     "|place " ID " 4711 6|begin ?|bytes REDIS0011|end"},
    {"$ENDOFF:18446744073709551615 " ID " -1 18446744073709551615\r\n$3\r\nabc",
     "|place " ID " 18446744073709551615 18446744073709551615|begin 3|bytes abc|end"},
    {"-NOPERM User x has no permissions to run the 'sync' command\r\n",
     "|refused NOPERM User x has no permissions to run the 'sync' command"},
};

static bool comes_alone(const char *sent)
{
    return strstr(sent, "$ENDOFF:") || strstr(sent, "'sync'");
}

static void every_session_cut_at_any_byte_tells_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        span sent = span_text(sessions[i].sent);
        for (size_t cut = 0; cut <= sent.size; cut++) {
            run r = run_new(comes_alone(sessions[i].sent));
            assert_int_equal(run_feed(&r, span_of(sent.at, cut)), STEP_MORE);
            assert_int_equal(run_feed(&r, span_tail(sent, cut)), STEP_MORE);
            if (!span_is(buf_span(&r.told), sessions[i].told))
                fail_msg("session %zu cut at %zu: %.*s", i, cut, (int)r.told.size,
                         (const char *)r.told.at);
            run_end(&r);
        }
    }
}

static void every_session_byte_by_byte_tells_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        run r = run_new(comes_alone(sessions[i].sent));
        span sent = span_text(sessions[i].sent);
        for (size_t at = 0; at < sent.size; at++)
            assert_int_equal(run_feed(&r, span_of(sent.at + at, 1)), STEP_MORE);
        assert_span_text(buf_span(&r.told), sessions[i].told);
        run_end(&r);
    }
}

/* Only what may still become the mark is kept back, and never more than that. */
static void a_marked_snapshot_keeps_back_less_than_a_mark(void **state)
{
    (void)state;
    run r = run_new(false);
    assert_int_equal(run_feed(&r, span_text("+FULLRESYNC " ID " 1\r\n$EOF:" MARK "\r\n")),
                     STEP_MORE);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(run_feed(&r, span_text("aabbccdde")), STEP_MORE);
        assert_true(r.window.size < PSYNC_MARK_SIZE);
    }
    run_end(&r);
}

static void what_is_no_answer_is_refused_at_any_cut(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "+OK\r\n",
        "*1\r\n",
        "REDIS0011\r\n",
        " \r\n",
        "+FULLRESYNC\r\n",
        "+FULLRESYNC " ID "\r\n",
        "+FULLRESYNC " ID " x\r\n",
        "+FULLRESYNC " ID " -1\r\n",
        "+FULLRESYNC " ID "0 1\r\n",
        "+FULLRESYNC 0123 1\r\n",
        "+FULLRESYNC " ID " 18446744073709551616\r\n",
        "+CONTINUE 0123\r\n",
        "+FULLRESYNC " ID " 1\r\nREDIS\r\n",
        "+FULLRESYNC " ID " 1\r\n$x\r\n",
        "+FULLRESYNC " ID " 1\r\n$\r\n",
        "+FULLRESYNC " ID " 1\r\n$-1\r\n",
        "+FULLRESYNC " ID " 1\r\n$EOF:abc\r\n",
        "$ENDOFF:1 " ID " 0 6\r\n",
        "+DUALCHANNELSYNC 1\r\n",
    };
    static const char *const misplaced[] = {
        "+FULLRESYNC " ID " 1\r\n",
        "$EOF:" MARK "\r\n",
        "$ENDOFF:\r\n",
        "$ENDOFF:1\r\n",
        "$ENDOFF:1 " ID "\r\n",
        "$ENDOFF:1 " ID " 0\r\n",
        "$ENDOFF:1 " ID " 0 \r\n",
        "$ENDOFF:1 " ID " 0 x\r\n",
        "$ENDOFF:1 " ID " 0 6 7\r\n",
        "$ENDOFF:-1 " ID " 0 6\r\n",
        "$ENDOFF:1 0123 0 6\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(damaged) + COUNT_OF(misplaced); i++) {
        bool alone = i >= COUNT_OF(damaged);
        const char *text = alone ? misplaced[i - COUNT_OF(damaged)] : damaged[i];
        span sent = span_text(text);
        for (size_t cut = 0; cut < sent.size; cut++) {
            run r = run_new(alone);
            assert_int_equal(run_feed(&r, span_of(sent.at, cut)), STEP_MORE);
            if (run_feed(&r, span_tail(sent, cut)) != STEP_BAD) fail_msg("'%s' was taken", text);
            assert_int_equal(r.e.kind, ERR_FORMAT);
            run_end(&r);
        }
    }
}

static void a_line_without_an_end_is_refused_at_its_limit(void **state)
{
    (void)state;
    run r = run_new(false);
    step s = STEP_MORE;
    size_t fed = 0;
    for (; s == STEP_MORE && fed < 5000; fed++)
        s = run_feed(&r, span_text("-"));
    assert_int_equal(s, STEP_BAD);
    assert_int_equal(fed, 1024);
    run_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_session_cut_at_any_byte_tells_the_same),
        cmocka_unit_test(every_session_byte_by_byte_tells_the_same),
        cmocka_unit_test(a_marked_snapshot_keeps_back_less_than_a_mark),
        cmocka_unit_test(what_is_no_answer_is_refused_at_any_cut),
        cmocka_unit_test(a_line_without_an_end_is_refused_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
