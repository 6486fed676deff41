#include "repl/psync.h"

#define LINE_MAX_SIZE ((size_t)1024)

/* A line ending in LF, without its CR; empty lines (keep-alives) are skipped. */
static step line_read(cursor *in, span *ret, err *e)
{
    for (;;) {
        size_t left = cursor_left(in);
        const uint8_t *end = left ? memchr(in->at, '\n', size_min(left, LINE_MAX_SIZE)) : NULL;
        if (!end && left >= LINE_MAX_SIZE)
            return err_at(e, ERR_FORMAT, in->offset, "the source's answer has no end of line");
        if (!end) return STEP_MORE;
        size_t size = (size_t)(end - in->at);
        span line = span_of(in->at, size);
        bool moved = cursor_skip(in, size + 1);
        assert(moved);
        if (line.size && line.at[line.size - 1] == '\r') line.size--;
        if (line.size == 0) continue;
        *ret = line;
        return STEP_DONE;
    }
}

static bool replid_take(span word, psync_event *ret)
{
    if (word.size != REPLID_SIZE) return false;
    memcpy(ret->replid, word.at, REPLID_SIZE);
    return true;
}

static step refused(span line, psync_event *ret)
{
    ret->kind = PSYNC_REFUSED;
    ret->bytes = span_tail(line, 1);
    return STEP_DONE;
}

static step answer_read(psync_reader *p, cursor *in, psync_event *ret, err *e)
{
    span line = {0};
    step s = line_read(in, &line, e);
    if (s != STEP_DONE) return s;
    span rest = line;
    span word = {0};
    bool some = span_cut(&rest, ' ', &word);
    assert(some);
    if (span_is(word, "+FULLRESYNC")) {
        span offset;
        bool good = span_cut(&rest, ' ', &word) && replid_take(word, ret) &&
                    span_cut(&rest, ' ', &offset) && span_to_u64(offset, &ret->offset);
        if (!good) {
            return err_at(e, ERR_FORMAT, in->offset, "not a FULLRESYNC answer: '%s'",
                          span_show(line).text);
        }
        ret->kind = PSYNC_FULLRESYNC;
        p->at = PSYNC_AT_FRAME;
        return STEP_DONE;
    }
    if (span_is(word, "+CONTINUE")) {
        if (span_cut(&rest, ' ', &word) && !replid_take(word, ret)) {
            return err_at(e, ERR_FORMAT, in->offset, "not a CONTINUE answer: '%s'",
                          span_show(line).text);
        }
        ret->kind = PSYNC_CONTINUE;
        p->at = PSYNC_IN_STREAM;
        return STEP_DONE;
    }
    if (span_is(line, "+DUALCHANNELSYNC")) {
        ret->kind = PSYNC_DUAL_CHANNEL;
        return STEP_DONE;
    }
    if (!span_starts(line, "-")) {
        return err_at(e, ERR_FORMAT, in->offset, "not an answer to PSYNC: '%s'",
                      span_show(line).text);
    }
    return refused(line, ret);
}

/* "$ENDOFF:<offset> <replid> <db> <client id>". The database is told by the snapshot itself. */
static step place_read(psync_reader *p, cursor *in, psync_event *ret, err *e)
{
    span line = {0};
    step s = line_read(in, &line, e);
    if (s != STEP_DONE) return s;
    if (span_starts(line, "-")) return refused(line, ret);
    span rest = line;
    span word = {0};
    bool good = span_starts(line, "$ENDOFF:") && span_cut(&rest, ':', &word) &&
                span_cut(&rest, ' ', &word) && span_to_u64(word, &ret->offset) &&
                span_cut(&rest, ' ', &word) && replid_take(word, ret) &&
                span_cut(&rest, ' ', &word) && span_to_u64(rest, &ret->client);
    if (!good) {
        return err_at(e, ERR_FORMAT, in->offset, "not the place of a snapshot: '%s'",
                      span_show(line).text);
    }
    ret->kind = PSYNC_PLACE;
    p->at = PSYNC_AT_FRAME;
    return STEP_DONE;
}

static step frame_read(psync_reader *p, cursor *in, psync_event *ret, err *e)
{
    span line = {0};
    step s = line_read(in, &line, e);
    if (s != STEP_DONE) return s;
    ret->kind = PSYNC_SNAPSHOT_BEGIN;
    if (span_starts(line, "$EOF:") && line.size == 5 + PSYNC_MARK_SIZE) {
        memcpy(p->mark, line.at + 5, PSYNC_MARK_SIZE);
        p->at = PSYNC_IN_MARKED;
        ret->size = UINT64_MAX;
        return STEP_DONE;
    }
    if (span_starts(line, "$") && span_to_u64(span_tail(line, 1), &p->left)) {
        p->at = PSYNC_IN_SIZED;
        ret->size = p->left;
        return STEP_DONE;
    }
    if (span_starts(line, "-")) return refused(line, ret);
    return err_at(e, ERR_FORMAT, in->offset, "not the head of a snapshot: '%s'",
                  span_show(line).text);
}

static step snapshot_ended(psync_reader *p, psync_event *ret)
{
    p->at = PSYNC_IN_STREAM;
    ret->kind = PSYNC_SNAPSHOT_END;
    return STEP_DONE;
}

static step bytes_take(cursor *in, size_t size, psync_event_kind kind, psync_event *ret)
{
    if (size == 0) return STEP_MORE;
    ret->kind = kind;
    bool taken = cursor_take(in, size, &ret->bytes);
    assert(taken);
    return STEP_DONE;
}

static step sized_read(psync_reader *p, cursor *in, psync_event *ret)
{
    if (p->left == 0) return snapshot_ended(p, ret);
    uint64_t there = cursor_left(in);
    uint64_t size = there < p->left ? there : p->left;
    p->left -= size;
    return bytes_take(in, (size_t)size, PSYNC_SNAPSHOT_BYTES, ret);
}

static step marked_read(psync_reader *p, cursor *in, psync_event *ret)
{
    span there = span_of(in->at, cursor_left(in));
    size_t at = 0;
    if (!span_find(there, span_of(p->mark, PSYNC_MARK_SIZE), &at)) {
        /* The last bytes may be the begin of the mark: they stay in the input. */
        size_t sure = there.size >= PSYNC_MARK_SIZE ? there.size - (PSYNC_MARK_SIZE - 1) : 0;
        return bytes_take(in, sure, PSYNC_SNAPSHOT_BYTES, ret);
    }
    if (at > 0) return bytes_take(in, at, PSYNC_SNAPSHOT_BYTES, ret);
    bool moved = cursor_skip(in, PSYNC_MARK_SIZE);
    assert(moved);
    return snapshot_ended(p, ret);
}

step psync_read(psync_reader *p, cursor *in, psync_event *ret, err *e)
{
    *ret = (psync_event){0};
    switch (p->at) {
    case PSYNC_AT_ANSWER:
        return answer_read(p, in, ret, e);
    case PSYNC_AT_PLACE:
        return place_read(p, in, ret, e);
    case PSYNC_AT_FRAME:
        return frame_read(p, in, ret, e);
    case PSYNC_IN_SIZED:
        return sized_read(p, in, ret);
    case PSYNC_IN_MARKED:
        return marked_read(p, in, ret);
    case PSYNC_IN_STREAM:
        return bytes_take(in, cursor_left(in), PSYNC_STREAM_BYTES, ret);
    }
    return STEP_BAD; /* not reached: every state is above */
}
