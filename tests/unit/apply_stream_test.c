/* Groups and the stream against a target played by the test: refused, answered in pieces, diverged.
 */
#include "test.h"

#include <dirent.h>
#include <unistd.h>

#include "apply/group.h"
#include "apply/hold.h"
#include "apply/stream.h"
#include "base/clock.h"
#include "base/mem.h"
#include "peer.h"

#define LINK "0123456789abcdef"
#define KEY "handover:checkpoint:" LINK
#define ID "0123456789abcdef0123456789abcdef01234567"
#define START UINT64_C(1000)

typedef struct {
    peer peer;
    net_loop *loop;
    link_options options;
    link_shared shared;
    apply_context x;
    buf heard; /* by the target, not yet understood */
} world;

static int world_make(void **state)
{
    world *w = mem_alloc(sizeof *w);
    w->loop = net_loop_new();
    w->heard = buf_of(64 * MIB);
    w->options =
        (link_options){.link_id = LINK, .hold_horizon_ms = 86400000, .target_rdb_version = 10};
    link_shared_init(&w->shared);
    w->x = (apply_context){
        .options = &w->options, .shared = &w->shared, .key = checkpoint_key_of(LINK)};
    peer_listen(&w->peer);
    *state = w;
    return 0;
}

static void world_hang_up(world *w)
{
    net_conn_free(w->x.target.conn);
    w->x.target = (target_conn){0};
    peer_hang_up(&w->peer);
    w->heard.size = 0;
    w->x.fatal = false;
}

static void world_connect(world *w)
{
    world_hang_up(w);
    net_target t = {.host = w->peer.path, .in_max = MIB, .out_max = 64 * MIB};
    err e = {0};
    if (!net_conn_open(w->loop, &t, deadline_in_ms(5000), &w->x.target.conn, &e))
        fail_msg("%s", e.text);
    peer_accept(&w->peer);
}

static void spool_remove(world *w)
{
    char dir[160];
    char path[460];
    spool_free(w->x.spool);
    w->x.spool = NULL;
    (void)snprintf(dir, sizeof dir, "%s/spool", w->peer.dir);
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (f->d_name[0] != '.') (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

static int world_end(void **state)
{
    world *w = *state;
    world_hang_up(w);
    spool_remove(w);
    peer_close(&w->peer);
    link_shared_clear(&w->shared);
    buf_clear(&w->heard);
    net_loop_free(w->loop);
    free(w);
    return 0;
}

static void incidents_forget(world *w)
{
    link_shared_clear(&w->shared);
    link_shared_init(&w->shared);
}

/* "SET k v" in wire form. */
static void wire(buf *out, const char *text)
{
    span words[64];
    size_t count = 0;
    span rest = span_text(text);
    while (span_cut(&rest, ' ', &words[count]))
        count++;
    assert_true(resp_spans(out, count, words));
}

/* ---- groups ---- */

typedef struct {
    const char *command;
    unsigned db;
    bool must_change;
} queued;

static void group_fill(world *w, group *g, const queued *rows, size_t count)
{
    group_reset(g);
    g->end = 4711;
    for (size_t i = 0; i < count; i++) {
        buf bytes = buf_of(KIB);
        err e = {0};
        wire(&bytes, rows[i].command);
        assert_true(
            group_add(g, &w->x.target, rows[i].db, rows[i].must_change, buf_span(&bytes), &e));
        buf_clear(&bytes);
    }
}

/* Sends the group, lets the target answer in two pieces; what came of it. */
static step
group_play(world *w, const queued *rows, size_t count, const char *answer, size_t cut, err *e)
{
    group g = {0};
    world_connect(w);
    group_fill(w, &g, rows, count);
    assert_true(group_send(&g, &w->x, 3, e));
    assert_true(net_conn_pump(w->x.target.conn, e));
    span text = span_text(answer);
    step s = STEP_MORE;
    if (cut > 0) {
        peer_send(&w->peer, span_of(text.at, cut));
        assert_true(net_conn_pump(w->x.target.conn, e));
        s = group_answers_read(&g, &w->x, e);
    }
    if (s == STEP_MORE && cut < text.size) {
        peer_send(&w->peer, span_tail(text, cut));
        assert_true(net_conn_pump(w->x.target.conn, e));
        s = group_answers_read(&g, &w->x, e);
    }
    if (s == STEP_DONE) assert_int_equal(net_conn_in(w->x.target.conn).size, 0);
    group_clear(&g);
    return s;
}

static const queued three[] = {
    {"SET a 1", 0, false}, {"PEXPIREAT b 5", 0, true}, {"LPOP c 2", 0, false}};
#define QUEUED_3 "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"

static void a_group_is_sent_as_one_transaction_with_its_checkpoint(void **state)
{
    world *w = *state;
    static const queued rows[] = {
        {"SET a 1", 0, false}, {"SET b 2", 5, false}, {"DEL b", 5, false}};
    group g = {0};
    err e = {0};
    world_connect(w);
    group_fill(w, &g, rows, COUNT_OF(rows));
    g.db = 5;
    assert_int_equal(g.selects, 1);
    assert_true(group_send(&g, &w->x, 3, &e));
    buf want = buf_of(KIB);
    wire(&want, "MULTI");
    wire(&want, "SET a 1");
    wire(&want, "SELECT 5");
    wire(&want, "SET b 2");
    wire(&want, "DEL b");
    wire(&want, "SELECT 0");
    const span set[] = {span_text("SET"), span_text(KEY),
                        span_text("v1 generation=3 stream offset=4711 db=5"), span_text("XX")};
    assert_true(resp_spans(&want, COUNT_OF(set), set));
    wire(&want, "EXEC");
    assert_true(span_equal(buf_span(net_conn_out(w->x.target.conn)), buf_span(&want)));
    assert_int_equal(w->x.target.db, 0);
    buf_clear(&want);
    group_clear(&g);
}

static void answers_cut_at_any_byte_are_read_whole_also_nested_ones(void **state)
{
    world *w = *state;
    static const char *const answers[] = {
        QUEUED_3 "*4\r\n+OK\r\n:1\r\n*2\r\n$2\r\nx\n\r\n$0\r\n\r\n+OK\r\n",
        QUEUED_3 "*4\r\n+OK\r\n:1\r\n*-1\r\n+OK\r\n",
        QUEUED_3 "*4\r\n+OK\r\n:1\r\n*3\r\n*0\r\n*1\r\n*2\r\n:0\r\n$-1\r\n$4\r\n-ERR\r\n+OK\r\n",
        /* An error deep inside an answer is data of that answer. */
        QUEUED_3 "*4\r\n+OK\r\n:1\r\n*2\r\n-ERR inner\r\n:0\r\n+OK\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        for (size_t cut = 0; cut <= strlen(answers[i]); cut++) {
            err e = {0};
            step s = group_play(w, three, COUNT_OF(three), answers[i], cut, &e);
            if (s != STEP_DONE) fail_msg("answer %zu cut at %zu: %s", i, cut, e.text);
            assert_false(link_shared_incidents_waiting(&w->shared));
        }
}

static void an_unfinished_answer_is_waited_for(void **state)
{
    world *w = *state;
    const char *answer = QUEUED_3 "*4\r\n+OK\r\n:1\r\n*-1\r\n+OK\r\n";
    for (size_t size = 1; size < strlen(answer); size++) {
        char part[200] = "";
        memcpy(part, answer, size);
        err e = {0};
        assert_int_equal(group_play(w, three, COUNT_OF(three), part, size, &e), STEP_MORE);
    }
}

/* What EXEC or a queued command answers, whether it passes by itself, what the message names. */
static const struct {
    const char *answer;
    bool passing;
    const char *says;
} refusals[] = {
    /* While queueing: the first refusal counts, with its command. */
    {"+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n+QUEUED\r\n+QUEUED\r\n"
     "+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n",
     true, "SET"},
    {"+OK\r\n+QUEUED\r\n-READONLY You can't write against a read only replica.\r\n-OOM x\r\n"
     "+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n",
     true, "READONLY"},
    {"+OK\r\n+QUEUED\r\n+QUEUED\r\n-ERR unknown command 'LPOP', with args beginning with: \r\n"
     "+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n",
     false, "LPOP"},
    {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-OOM command not allowed\r\n-EXECABORT x\r\n", true,
     "checkpoint"},
    {"-LOADING Redis is loading\r\n-LOADING a\r\n-LOADING b\r\n-LOADING c\r\n-LOADING d\r\n"
     "-ERR EXEC without MULTI\r\n",
     true, "MULTI"},
    {"-NOPERM this user has no permissions to run the 'multi' command\r\n-NOPERM a\r\n-NOPERM b\r\n"
     "-NOPERM c\r\n-NOPERM d\r\n-NOPERM e\r\n",
     false, "NOPERM"},
    /* At EXEC. */
    {QUEUED_3 "-OOM command not allowed when used memory > 'maxmemory'.\r\n", true, "OOM"},
    {QUEUED_3 "-READONLY You can't write against a read only replica.\r\n", true, "READONLY"},
    {QUEUED_3 "-EXECABORT Transaction discarded because of: READONLY You can't write against a "
              "read only replica.\r\n",
     true, "READONLY"},
    {QUEUED_3 "-EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas "
              "to write.\r\n",
     true, "NOREPLICAS"},
    {QUEUED_3 "-EXECABORT Transaction discarded because of: OOM command not allowed when used "
              "memory > 'maxmemory'.\r\n",
     true, "OOM"},
    {QUEUED_3 "-MISCONF Redis is configured to save RDB snapshots\r\n", true, "MISCONF"},
    {QUEUED_3 "-EXECABORT Transaction discarded because of: NOPERM no\r\n", false, "NOPERM"},
    {QUEUED_3 "-EXECABORT Transaction discarded because of previous errors.\r\n", false,
     "EXECABORT"},
    {QUEUED_3 "-ERR whatever\r\n", false, "ERR whatever"},
};

static void a_refused_group_is_tried_again_only_when_the_refusal_passes(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        for (size_t cut = 0; cut < strlen(refusals[i].answer); cut++) {
            err e = {0};
            step s = group_play(w, three, COUNT_OF(three), refusals[i].answer, cut, &e);
            assert_int_equal(s, STEP_BAD);
            assert_int_equal(e.kind, ERR_REFUSED);
            assert_int_equal(e.side, SIDE_TARGET);
            if (w->x.fatal == refusals[i].passing || !strstr(e.text, refusals[i].says))
                fail_msg("'%s' cut at %zu: fatal %d: %s", refusals[i].answer, cut, w->x.fatal,
                         e.text);
            assert_non_null(strstr(e.text, "4711"));
            assert_false(link_shared_incidents_waiting(&w->shared)); /* nothing ran */
        }
}

static void an_error_inside_exec_names_the_key_and_stops_for_good(void **state)
{
    world *w = *state;
    for (size_t bad = 0; bad < 3; bad++) {
        buf answer = buf_of(KIB);
        assert_true(buf_text(&answer, QUEUED_3 "*4\r\n"));
        for (size_t i = 0; i < 4; i++)
            assert_true(buf_text(&answer, i == bad ? "-WRONGTYPE Operation\r\n" : "+OK\r\n"));
        assert_true(buf_u8(&answer, 0));
        for (size_t cut = 0; cut + 1 < answer.size; cut++) {
            err e = {0};
            step s = group_play(w, three, COUNT_OF(three), (char *)answer.at, cut, &e);
            assert_int_equal(s, STEP_BAD);
            assert_true(w->x.fatal);
            assert_int_equal(e.kind, ERR_STATE);
            assert_non_null(strstr(e.text, "WRONGTYPE"));
            assert_int_equal(w->shared.incident_count, 1);
            const link_incident *kept = &w->shared.incidents[0];
            assert_true(kept->diverged && kept->offset == 4711);
            assert_span_text(kept->key, bad == 0 ? "a" : bad == 1 ? "b" : "c");
            incidents_forget(w);
        }
        buf_clear(&answer);
    }
}

static void an_error_of_the_checkpoint_inside_exec_blames_no_key(void **state)
{
    world *w = *state;
    err e = {0};
    step s = group_play(w, three, COUNT_OF(three),
                        QUEUED_3 "*4\r\n+OK\r\n:1\r\n*-1\r\n-NOPERM no\r\n", 0, &e);
    assert_int_equal(s, STEP_BAD);
    assert_true(w->x.fatal);
    assert_non_null(strstr(e.text, "NOPERM"));
    assert_non_null(strstr(e.text, "checkpoint"));
    assert_false(link_shared_incidents_waiting(&w->shared));
}

static void a_group_that_is_only_a_checkpoint_may_be_refused_or_fail(void **state)
{
    world *w = *state;
    static const char *const answers[] = {
        "+OK\r\n-OOM command not allowed\r\n-EXECABORT x\r\n",
        "+OK\r\n+QUEUED\r\n-READONLY no\r\n",
        "-LOADING a\r\n-LOADING b\r\n-ERR EXEC without MULTI\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        err e = {0};
        assert_int_equal(group_play(w, NULL, 0, answers[i], 0, &e), STEP_BAD);
        assert_int_equal(e.kind, ERR_REFUSED);
        assert_false(w->x.fatal);
    }
    err e = {0};
    assert_int_equal(group_play(w, NULL, 0, "+OK\r\n+QUEUED\r\n*1\r\n-NOPERM no\r\n", 0, &e),
                     STEP_BAD);
    assert_true(w->x.fatal);
    assert_int_equal(group_play(w, NULL, 0, "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n", 0, &e), STEP_DONE);
}

static void a_change_that_changed_nothing_is_an_incident_and_no_stop(void **state)
{
    world *w = *state;
    err e = {0};
    step s = group_play(w, three, COUNT_OF(three),
                        QUEUED_3 "*4\r\n+OK\r\n:0\r\n*1\r\n:0\r\n+OK\r\n", 0, &e);
    assert_int_equal(s, STEP_DONE);
    assert_int_equal(w->shared.incident_count, 1);
    assert_span_text(w->shared.incidents[0].key, "b");
    assert_non_null(strstr(w->shared.incidents[0].reason, "PEXPIREAT"));
    assert_int_equal(w->shared.progress.diverged, 1);
}

static void an_answer_in_another_form_is_refused(void **state)
{
    world *w = *state;
    static const char *const answers[] = {
        QUEUED_3 "*3\r\n",         QUEUED_3 "*5\r\n",  QUEUED_3 "*-1\r\n", QUEUED_3 "+OK\r\n",
        QUEUED_3 "*4\r\n+OK\r\n?", "HTTP/1.1 400\r\n", QUEUED_3 "*0\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        err e = {0};
        step s = group_play(w, three, COUNT_OF(three), answers[i], 0, &e);
        if (s != STEP_BAD || e.kind != ERR_FORMAT) fail_msg("'%s': %s", answers[i], e.text);
    }
}

static void a_unit_taken_back_leaves_the_group_as_it_was(void **state)
{
    world *w = *state;
    group g = {0};
    err e = {0};
    static const queued rows[] = {{"SET a 1", 0, false}};
    world_connect(w);
    group_fill(w, &g, rows, 1);
    size_t size = g.bytes.size;
    group_place place = group_tell(&g, &w->x.target);
    const span more[] = {span_text("DEL"), span_text("b")};
    assert_true(group_add_spans(&g, &w->x.target, 9, false, 2, more, &e));
    assert_int_equal(w->x.target.db, 9);
    g.dropped++;
    group_back(&g, &w->x.target, place);
    assert_true(g.bytes.size == size && g.count == 1 && g.selects == 0 && g.dropped == 0);
    assert_int_equal(w->x.target.db, 0);
    group_clear(&g);
}

/* ---- the stream ---- */

static void spool_new(world *w)
{
    spool_remove(w);
    char dir[160];
    (void)snprintf(dir, sizeof dir, "%s/spool", w->peer.dir);
    spool_options o = {.dir = dir, .bytes_max = 64 * MIB, .segment_bytes = MIB};
    spool_origin origin = {.generation = 3, .replid = ID, .offset = START};
    err e = {0};
    if (!spool_open(&o, &w->x.spool, &e) || !spool_begin(w->x.spool, &origin, &e))
        fail_msg("%s", e.text);
}

static stream *stream_new(world *w)
{
    world_connect(w);
    spool_new(w);
    incidents_forget(w);
    checkpoint c = {.generation = 3, .offset = START};
    stream *s = NULL;
    err e = {0};
    if (!stream_open(&w->x, &c, &s, &e)) fail_msg("%s", e.text);
    return s;
}

static void received(world *w, span bytes, int64_t wall_ms)
{
    err e = {0};
    while (bytes.size > 0) {
        size_t size = size_min(bytes.size, SPOOL_RECORD_MAX);
        if (!spool_append(w->x.spool, LANE_STREAM, span_of(bytes.at, size), wall_ms, &e))
            fail_msg("%s", e.text);
        bytes = span_tail(bytes, size);
    }
}

/* The target: hears commands, answers each; what was executed is told as text, one transaction a
 * line, the checkpoint as @offset/db. Answers whether something was heard. */
static bool target_answer(world *w, buf *told)
{
    uint8_t bytes[64 * KIB];
    ssize_t n = recv(w->peer.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) assert_true(buf_append(&w->heard, span_of(bytes, (size_t)n)));
    buf answers = buf_of(MIB);
    resp_command c = {0};
    size_t at = 0;
    size_t size = 0;
    err e = {0};
    size_t multi = 0; /* commands since MULTI */
    size_t whole = 0; /* bytes up to the last EXEC */
    size_t told_at = told->size;
    size_t answered_at = 0;
    for (;; at += size) {
        span in = span_tail(buf_span(&w->heard), at);
        if (in.size == 0 || resp_command_read(&c, in, 0, &size, &e) != STEP_DONE) break;
        span name = resp_command_arg(&c, in.at, 0);
        bool good = true;
        if (span_is(name, "MULTI")) {
            multi = 0;
            good = buf_text(&answers, "+OK\r\n");
        } else if (span_is(name, "EXEC")) {
            good = buf_printf(&answers, "*%zu\r\n", multi);
            for (; multi > 0; multi--)
                good = good && buf_text(&answers, "+OK\r\n");
            good = good && buf_text(told, "\n");
            whole = at + size;
            told_at = told->size;
            answered_at = answers.size;
        } else if (c.arg_count >= 3 && span_is(resp_command_arg(&c, in.at, 1), KEY)) {
            checkpoint p = {0};
            assert_true(checkpoint_read(resp_command_arg(&c, in.at, 2), &p, &e));
            multi++;
            good = buf_printf(told, "@%" PRIu64 "/%u", p.offset, p.db) &&
                   buf_text(&answers, "+QUEUED\r\n");
        } else {
            multi++;
            for (size_t i = 0; i < c.arg_count; i++)
                good = good && buf_append(told, resp_command_arg(&c, in.at, i)) &&
                       buf_text(told, i + 1 < c.arg_count ? " " : "; ");
            good = good && buf_text(&answers, "+QUEUED\r\n");
        }
        assert_true(good);
    }
    /* Only whole transactions are answered; the rest is heard again. */
    told->size = told_at;
    answers.size = answered_at;
    buf_drop(&w->heard, whole);
    if (answers.size) peer_send(&w->peer, buf_span(&answers));
    buf_clear(&answers);
    resp_command_clear(&c);
    return n > 0;
}

/* Steps until both sides have nothing to do; false: the stream stopped. */
static bool stream_settle(world *w, stream *s, buf *told, err *e)
{
    for (int quiet = 0; quiet < 3;) {
        bool idle = false;
        step got = stream_step(s, false, &idle, e);
        if (got == STEP_BAD) return false;
        quiet = target_answer(w, told) || !idle ? 0 : quiet + 1;
    }
    return true;
}

/* The text with a NUL behind it. */
static const char *told_text(buf *told)
{
    assert_true(buf_u8(told, 0));
    told->size--;
    return (const char *)told->at;
}

/* All commands told, without the checkpoints and where one transaction ends. */
static buf commands_only(const buf *told)
{
    buf out = buf_of(64 * MIB);
    span rest = buf_span(told);
    span text;
    while (span_cut(&rest, '\n', &text)) {
        span word;
        while (span_cut(&text, ';', &word)) {
            span part = span_starts(word, " ") ? span_tail(word, 1) : word;
            if (part.size == 0 || part.at[0] == '@' || span_is(part, "SELECT 0")) continue;
            assert_true(buf_append(&out, part) && buf_text(&out, "\n"));
        }
    }
    return out;
}

static void a_stream_received_in_two_parts_is_applied_once_and_by_whole_units(void **state)
{
    world *w = *state;
    buf bytes = buf_of(KIB);
    uint64_t ends[16] = {0};
    size_t units = 0;
    static const char *const commands[] = {"SET a 1", "MULTI", "INCR b", "LPUSH c x y", "EXEC",
                                           "ping",    "DEL a", "multi",  "EXEC",        "INCR d"};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        wire(&bytes, commands[i]);
        bool inside = i == 1 || i == 2 || i == 3 || i == 7;
        if (!inside) ends[units++] = START + bytes.size;
        if (i == 5) assert_true(buf_u8(&bytes, '\n'));
        if (i == 5) ends[units++] = START + bytes.size;
    }
    for (size_t cut = 0; cut <= bytes.size; cut++) {
        stream *s = stream_new(w);
        buf told = buf_of(MIB);
        err e = {0};
        received(w, span_of(bytes.at, cut), 1);
        if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
        uint64_t below = START; /* all whole units that were there */
        for (size_t i = 0; i < units; i++)
            if (ends[i] <= START + cut) below = ends[i];
        assert_true(w->shared.progress.applied_offset == below);
        received(w, span_tail(buf_span(&bytes), cut), 2);
        if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
        buf got = commands_only(&told);
        assert_span_text(buf_span(&got), "SET a 1\nINCR b\nLPUSH c x y\nDEL a\nINCR d\n");
        assert_true(w->shared.progress.applied_offset == START + bytes.size);
        assert_int_equal(w->shared.progress.commands, 5);
        assert_int_equal(w->shared.progress.applied_wall_ms, cut == bytes.size ? 1 : 2);
        /* A transaction of the source is never in two of ours. */
        char *in_one = strstr(told_text(&told), "INCR b; LPUSH c x y; ");
        assert_non_null(in_one);
        buf_clear(&got);
        buf_clear(&told);
        stream_free(s);
    }
    buf_clear(&bytes);
}

static void the_next_group_waits_for_the_answer_of_the_one_before(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    buf bytes = buf_of(KIB);
    buf told = buf_of(MIB);
    err e = {0};
    bool idle = false;
    wire(&bytes, "SET a 1");
    received(w, buf_span(&bytes), 1);
    assert_int_equal(stream_step(s, false, &idle, &e), STEP_MORE);
    received(w, buf_span(&bytes), 1);
    uint8_t got[KIB];
    ssize_t first = recv(w->peer.fd, got, sizeof got, MSG_DONTWAIT);
    assert_true(first > 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(stream_step(s, false, &idle, &e), STEP_MORE);
    assert_true(idle);
    assert_int_equal(recv(w->peer.fd, got, sizeof got, MSG_DONTWAIT), -1);
    assert_true(w->shared.progress.applied_offset == START); /* sent is not applied */
    peer_send(&w->peer, span_text("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n"));
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    assert_true(w->shared.progress.applied_offset == START + 2 * bytes.size);
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

static void a_long_stream_goes_in_groups_of_limited_size(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    buf bytes = buf_of(MIB);
    buf told = buf_of(4 * MIB);
    err e = {0};
    for (int i = 0; i < 5000; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "SET k%d v", i);
        wire(&bytes, text);
    }
    received(w, buf_span(&bytes), 1);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    span rest = buf_span(&told);
    span text;
    int next = 0;
    while (span_cut(&rest, '\n', &text)) {
        size_t commands = 0;
        span part;
        while (span_cut(&text, ';', &part)) {
            if (part.size < 2 || part.at[0] == '@' || part.at[1] == '@') continue;
            char want[32];
            (void)snprintf(want, sizeof want, "%sSET k%d v", commands ? " " : "", next++);
            assert_span_text(part, want);
            commands++;
        }
        assert_true(commands <= GROUP_COMMANDS_MAX);
    }
    assert_int_equal(next, 5000);
    assert_int_equal(w->shared.progress.commands, 5000);
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

/* What becomes of a stream, in one group. NUL-terminated lists of commands. */
typedef struct {
    const char *commands[8];
    const char *told; /* up to the checkpoint; NULL: it stops */
    const char *says; /* of the error */
} stream_row;

static const stream_row rows[] = {
    {{"SELECT 3", "SET a 1", "MULTI", "SELECT 5", "SET b 2", "EXEC", "SET c 3"},
     "SELECT 3; SET a 1; SELECT 5; SET b 2; SET c 3; SELECT 0; ",
     NULL},
    {{"SELECT 0", "PUBLISH ch hi", "SCRIPT LOAD x", "SPUBLISH ch hi", "PING", "SET a 1"},
     "SET a 1; ",
     NULL},
    {{"SET a 1 NX", "set b 2 XX GET", "SET c 3"}, "SET a 1; set b 2; SET c 3; ", NULL},
    {{"some.module x"}, "some.module x; ", NULL},
    {{"FLUSHALL"}, NULL, "FLUSHALL"},
    {{"SET a 1", "FLUSHDB"}, NULL, "FLUSHDB"},
    {{"SWAPDB 0 1"}, NULL, "SWAPDB"},
    {{"EVAL x 0"}, NULL, "EVAL"},
    {{"HSETEX h KEEPTTL FIELDS 2 f v g w", "HSETEX h FNX FIELDS 1 f v"},
     "HSET h f v g w; HSET h f v; ",
     NULL},
    {{"HGETDEL h FIELDS 2 f g", "XDELEX x IDS 2 1-1 2-1", "XDELEX x KEEPREF IDS 1 3-1"},
     "HDEL h f g; XDEL x 1-1 2-1; XDEL x 3-1; ",
     NULL},
    {{"MSETEX 2 a 1 b 2", "MSETEX 1 a 1 NX KEEPTTL", "MSETEX 1 a 1 PXAT 9000000000000"},
     "SET a 1; SET b 2; SET a 1 KEEPTTL; SET a 1 PXAT 9000000000000; ",
     NULL},
    {{"XADD x 1-1 f v", "XADD x MAXLEN = 3 2-1 f v", "XADD x NOMKSTREAM MINID 1-1 3-1 IDMP v",
      "XADD x KEEPREF MAXLEN 3 IDMP p i 4-1 f v", "XADD x IDMPAUTO p 5-1 f v"},
     "XADD x 1-1 f v; XADD x MAXLEN = 3 2-1 f v; XADD x MINID 1-1 3-1 IDMP v; "
     "XADD x MAXLEN 3 4-1 f v; XADD x 5-1 f v; ",
     NULL},
    {{"XCFGSET x IDMP-DURATION 1", "XIDMPRECORD x p i 1-1", "SET a 1"}, "SET a 1; ", NULL},
    {{"HGETDEL h FIELDS 3 f g"}, NULL, "HGETDEL"},
    {{"HGETDEL h"}, NULL, "HGETDEL"},
    {{"HSETEX h FIELDS 1 f"}, NULL, "HSETEX"},
    {{"HSETEX h KEEPTTL"}, NULL, "HSETEX"},
    {{"MSETEX 3 a 1 b 2"}, NULL, "MSETEX"},
    {{"MSETEX 18446744073709551615 a 1"}, NULL, "MSETEX"},
    {{"MSETEX 9223372036854775809 a 1"}, NULL, "MSETEX"},
    {{"MSETEX 1 a 1 PX"}, NULL, "MSETEX"},
    {{"MSETEX 1 a 1 IFEQ x"}, NULL, "MSETEX"},
    {{"XDELEX x IDS 1"}, NULL, "XDELEX"},
    {{"XADD x IDMP p"}, NULL, "XADD"},
    {{"XADD x MAXLEN"}, NULL, "XADD"},
    {{"SELECT x"}, NULL, "SELECT"},
    {{"SELECT 65536"}, NULL, "SELECT"},
    {{"SELECT"}, NULL, "SELECT"},
    {{"SET a 1 EX"}, NULL, "SET"},
    {{"MULTI", "SET a 1", "EXPIRE a x", "EXEC"}, NULL, "EXPIRE"},
};

/* What no command of the target says is left out, by name, and held back until it is noted. */
static void a_command_for_which_there_is_no_other_sets_its_key_aside(void **state)
{
    world *w = *state;
    static const char *const asides[] = {"HPEXPIREAT h 9000000000000 FIELDS 1 f",
                                         "HSETEX h PXAT 9000000000000 FIELDS 1 f v",
                                         "VADD h VALUES 1 1 e",
                                         "XACKDEL h g IDS 1 1-1",
                                         "XDELEX h DELREF IDS 1 1-1",
                                         "XADD h MAXLEN 3 ACKED 1-1 f v"};
    for (size_t i = 0; i < COUNT_OF(asides); i++) {
        stream *s = stream_new(w);
        buf bytes = buf_of(KIB);
        buf told = buf_of(MIB);
        err e = {0};
        wire(&bytes, asides[i]);
        wire(&bytes, "SET a 1");
        received(w, buf_span(&bytes), 1);
        bool idle = false;
        size_t before = w->shared.incident_count;
        assert_int_equal(stream_step(s, false, &idle, &e), STEP_MORE);
        assert_int_equal(w->shared.incident_count, before + 1);
        assert_span_text(w->shared.incidents[before].key, "h");
        assert_true(idle); /* nothing was sent */
        while (w->shared.incident_count > 0)
            free((void *)(uintptr_t)w->shared.incidents[--w->shared.incident_count].key.at);
        if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
        assert_true(strncmp(told_text(&told), "SET a 1; ", 9) == 0);
        buf_clear(&bytes);
        buf_clear(&told);
        stream_free(s);
    }
}

static void rows_check(world *w, const stream_row *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stream *s = stream_new(w);
        buf bytes = buf_of(KIB);
        buf told = buf_of(MIB);
        err e = {0};
        for (size_t k = 0; k < COUNT_OF(list[i].commands) && list[i].commands[k]; k++)
            wire(&bytes, list[i].commands[k]);
        received(w, buf_span(&bytes), 1);
        bool good = stream_settle(w, s, &told, &e);
        if (good != (list[i].told != NULL)) fail_msg("row %zu: %s", i, e.text);
        if (good) {
            char *at = strchr(told_text(&told), '@');
            assert_non_null(at);
            if (!span_is(span_of(told.at, (size_t)(at - (char *)told.at)), list[i].told))
                fail_msg("row %zu: %s", i, (char *)told.at);
        } else {
            assert_true(w->x.fatal);
            assert_int_equal(e.side, SIDE_SOURCE);
            if (!strstr(e.text, list[i].says) || !strstr(e.text, "offset") || !e.hint[0])
                fail_msg("row %zu: %s (%s)", i, e.text, e.hint);
            assert_int_equal(told.size, 0);
        }
        buf_clear(&bytes);
        buf_clear(&told);
        stream_free(s);
    }
}

static void each_kind_of_command_is_passed_dropped_followed_or_stops(void **state)
{
    rows_check(*state, rows, COUNT_OF(rows));
}

static void the_checkpoint_carries_the_selected_database(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    buf bytes = buf_of(KIB);
    buf told = buf_of(MIB);
    err e = {0};
    wire(&bytes, "SELECT 7");
    wire(&bytes, "SET a 1");
    received(w, buf_span(&bytes), 1);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    char want[64];
    (void)snprintf(want, sizeof want, "SELECT 7; SET a 1; SELECT 0; @%" PRIu64 "/7\n",
                   START + bytes.size);
    assert_string_equal(told_text(&told), want);
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

static void flushes_are_passed_on_when_the_operator_said_so(void **state)
{
    world *w = *state;
    w->options.flush_pass = true;
    stream *s = stream_new(w);
    buf bytes = buf_of(KIB);
    buf told = buf_of(MIB);
    err e = {0};
    wire(&bytes, "SELECT 2");
    wire(&bytes, "flushdb");
    received(w, buf_span(&bytes), 1);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    assert_non_null(strstr(told_text(&told), "SELECT 2; flushdb; "));
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

/* To a target that knows expiries of hash fields: absolute, and held when they are near. */
static void expiries_of_fields_are_written_and_held(void **state)
{
    world *w = *state;
    w->options.fields_expire = true;
    static const stream_row forms[] = {
        {{"HPEXPIREAT h 9000000000000 FIELDS 2 f g", "HPEXPIREAT h 1000 NX FIELDS 1 f",
          "HEXPIREAT h 1 XX FIELDS 1 f", "HPERSIST h FIELDS 2 f g"},
         "HPEXPIREAT h 9000000000000 FIELDS 2 f g; "
         "HPEXPIREAT h 35184372089832 NX FIELDS 1 f; "
         "HPEXPIREAT h 35184372089832 XX FIELDS 1 f; HPERSIST h FIELDS 2 f g; ",
         NULL},
        {{"HSETEX h PXAT 9000000000000 FIELDS 1 f v", "HSETEX h FNX PXAT 1000 FIELDS 1 f v",
          "HSETEX h KEEPTTL FIELDS 2 f v g w", "HSETEX h FXX FIELDS 1 f v"},
         "HSETEX h PXAT 9000000000000 FIELDS 1 f v; "
         "HSETEX h PXAT 35184372089832 FIELDS 1 f v; "
         "HSETEX h KEEPTTL FIELDS 2 f v g w; HSET h f v; ",
         NULL},
        {{"HPEXPIREAT h x FIELDS 1 f"}, NULL, "HPEXPIREAT"},
        {{"HPEXPIREAT h 1000 FIELDS 2 f"}, NULL, "HPEXPIREAT"},
        {{"HPEXPIREAT h 1000"}, NULL, "HPEXPIREAT"},
        {{"HPEXPIREAT h 35184372088832 FIELDS 1 f"}, NULL, "year 3084"},
        {{"HSETEX h PXAT FIELDS 1 f v"}, NULL, "HSETEX"},
        {{"HSETEX h PXAT 1000"}, NULL, "HSETEX"},
    };
    rows_check(w, forms, COUNT_OF(forms));
}

static void messages_alone_move_the_checkpoint_once_in_a_while(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    buf bytes = buf_of(4 * MIB);
    buf told = buf_of(MIB);
    err e = {0};
    wire(&bytes, "PUBLISH ch hello");
    received(w, buf_span(&bytes), 1);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    assert_int_equal(told.size, 0);
    assert_true(w->shared.progress.applied_offset == START + bytes.size);
    uint64_t already = bytes.size;
    bytes.size = 0;
    for (int i = 0; i < 40000; i++)
        wire(&bytes, "PUBLISH ch hello");
    assert_true(bytes.size > MIB);
    received(w, buf_span(&bytes), 1);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    assert_true(span_starts(buf_span(&told), "@"));
    assert_true(w->shared.progress.checkpoint_offset > START);
    assert_true(w->shared.progress.applied_offset == START + already + bytes.size);
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

static void nothing_that_ends_behind_the_limit_is_applied(void **state)
{
    world *w = *state;
    buf bytes = buf_of(KIB);
    wire(&bytes, "SET a 1");
    size_t one = bytes.size;
    wire(&bytes, "SET b 2");
    for (uint64_t limit = START + one - 1; limit <= START + 2 * one; limit++) {
        stream *s = stream_new(w);
        buf told = buf_of(MIB);
        err e = {0};
        w->shared.stop_behind = limit;
        received(w, buf_span(&bytes), 1);
        if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
        const char *text = told_text(&told);
        assert_int_equal(strstr(text, "SET a 1") != NULL, limit >= START + one);
        assert_int_equal(strstr(text, "SET b 2") != NULL, limit >= START + 2 * one);
        buf_clear(&told);
        stream_free(s);
    }
    buf_clear(&bytes);
}

static void a_paused_stream_sends_nothing_and_says_so(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    buf bytes = buf_of(KIB);
    buf told = buf_of(MIB);
    err e = {0};
    bool idle = false;
    wire(&bytes, "SET a 1");
    received(w, buf_span(&bytes), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stream_step(s, true, &idle, &e), STEP_MORE);
        assert_true(idle);
    }
    assert_true(w->shared.pause_seen);
    assert_false(target_answer(w, &told));
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    assert_non_null(strstr(told_text(&told), "SET a 1"));
    assert_false(w->shared.pause_seen);
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

/* A relative time counts from when the receiver read the end of its command. */
static void a_relative_expiry_counts_from_its_own_record(void **state)
{
    world *w = *state;
    int64_t now = clock_wall_ms();
    stream *s = stream_new(w);
    buf bytes = buf_of(KIB);
    buf told = buf_of(MIB);
    err e = {0};
    wire(&bytes, "PEXPIRE a 1000");
    received(w, span_of(bytes.at, bytes.size - 1), now - 500000);
    buf rest = buf_of(KIB);
    assert_true(buf_append(&rest, span_tail(buf_span(&bytes), bytes.size - 1)));
    wire(&rest, "PEXPIRE b 1000");
    received(w, buf_span(&rest), now - 400000);
    bytes.size = 0;
    wire(&bytes, "PEXPIRE c 1000");
    received(w, buf_span(&bytes), now - 300000);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    char want[200];
    (void)snprintf(want, sizeof want,
                   "PEXPIREAT a %" PRId64 "; PEXPIREAT b %" PRId64 "; PEXPIREAT c %" PRId64 "; ",
                   now - 399000 + HOLD_SHIFT_MS, now - 399000 + HOLD_SHIFT_MS,
                   now - 299000 + HOLD_SHIFT_MS);
    if (!strstr(told_text(&told), want)) fail_msg("wanted %s got %s", want, (char *)told.at);
    buf_clear(&rest);
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

static bool near_has(const world *w, unsigned db, const char *key)
{
    for (size_t i = 0; i < w->shared.near_count; i++) {
        const near_key *n = &w->shared.near[i];
        if (n->db == db && span_is(span_of(n->key, n->key_size), key)) return true;
    }
    return false;
}

/* Shortly before a cutover only what could expire in it is held, and listed under every name. */
static void near_expiries_are_listed_under_the_names_they_travel_to(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    w->shared.hold_wanted = HOLD_NEAR;
    w->shared.hold_guard_ms = 10000;
    buf bytes = buf_of(KIB);
    buf told = buf_of(MIB);
    err e = {0};
    char text[80];
    int64_t now = clock_wall_ms();
    (void)snprintf(text, sizeof text, "PEXPIREAT near %" PRId64, now + 5000);
    wire(&bytes, text);
    (void)snprintf(text, sizeof text, "PEXPIREAT far %" PRId64, now + 50000);
    wire(&bytes, text);
    wire(&bytes, "SELECT 2");
    wire(&bytes, "RENAME near moved");
    wire(&bytes, "COPY x y");
    wire(&bytes, "COPY x z DB 4");
    wire(&bytes, "COPY x r DB 5 REPLACE");
    wire(&bytes, "MOVE m 6");
    received(w, buf_span(&bytes), now);
    if (!stream_settle(w, s, &told, &e)) fail_msg("%s", e.text);
    assert_int_equal(w->shared.hold_seen, HOLD_NEAR);
    (void)snprintf(text, sizeof text, "PEXPIREAT near %" PRId64 "; PEXPIREAT far %" PRId64 "; ",
                   now + 5000 + HOLD_SHIFT_MS, now + 50000);
    assert_non_null(strstr(told_text(&told), text));
    assert_true(near_has(w, 0, "near"));
    assert_false(near_has(w, 0, "far"));
    assert_true(near_has(w, 2, "moved"));
    assert_true(near_has(w, 2, "y"));
    assert_true(near_has(w, 4, "z"));
    assert_true(near_has(w, 5, "r"));
    assert_true(near_has(w, 6, "m"));
    buf_clear(&bytes);
    buf_clear(&told);
    stream_free(s);
}

static void a_damaged_stream_stops_with_its_offset(void **state)
{
    world *w = *state;
    stream *s = stream_new(w);
    buf told = buf_of(MIB);
    err e = {0};
    received(w, span_text("*1\r\n$4\r\nPING\r\nGET / HTTP\r\n"), 1);
    assert_false(stream_settle(w, s, &told, &e));
    assert_true(w->x.fatal);
    assert_non_null(strstr(e.text, "offset 1014"));
    buf_clear(&told);
    stream_free(s);
}

static void a_stream_whose_position_is_gone_is_not_opened(void **state)
{
    world *w = *state;
    spool_new(w);
    checkpoint c = {.generation = 3, .offset = START - 1};
    stream *s = NULL;
    err e = {0};
    assert_false(stream_open(&w->x, &c, &s, &e));
    assert_int_equal(e.kind, ERR_STATE);
}

#define with_world(test) cmocka_unit_test_setup_teardown(test, world_make, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_world(a_group_is_sent_as_one_transaction_with_its_checkpoint),
        with_world(answers_cut_at_any_byte_are_read_whole_also_nested_ones),
        with_world(an_unfinished_answer_is_waited_for),
        with_world(a_refused_group_is_tried_again_only_when_the_refusal_passes),
        with_world(an_error_inside_exec_names_the_key_and_stops_for_good),
        with_world(an_error_of_the_checkpoint_inside_exec_blames_no_key),
        with_world(a_group_that_is_only_a_checkpoint_may_be_refused_or_fail),
        with_world(a_change_that_changed_nothing_is_an_incident_and_no_stop),
        with_world(an_answer_in_another_form_is_refused),
        with_world(a_unit_taken_back_leaves_the_group_as_it_was),
        with_world(a_stream_received_in_two_parts_is_applied_once_and_by_whole_units),
        with_world(the_next_group_waits_for_the_answer_of_the_one_before),
        with_world(a_long_stream_goes_in_groups_of_limited_size),
        with_world(each_kind_of_command_is_passed_dropped_followed_or_stops),
        with_world(a_command_for_which_there_is_no_other_sets_its_key_aside),
        with_world(expiries_of_fields_are_written_and_held),
        with_world(the_checkpoint_carries_the_selected_database),
        with_world(flushes_are_passed_on_when_the_operator_said_so),
        with_world(messages_alone_move_the_checkpoint_once_in_a_while),
        with_world(nothing_that_ends_behind_the_limit_is_applied),
        with_world(a_paused_stream_sends_nothing_and_says_so),
        with_world(a_relative_expiry_counts_from_its_own_record),
        with_world(near_expiries_are_listed_under_the_names_they_travel_to),
        with_world(a_damaged_stream_stops_with_its_offset),
        with_world(a_stream_whose_position_is_gone_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
