#include "store/chunked.h"

enum { AT_HEAD, AT_DATA, AT_DATA_END, AT_TRAILER, AT_END };

/* A whole line, without its end ("\r\n", or "\n" as some clients end a trailer). */
static step line_take(chunked *c, cursor *in, span *ret, err *e)
{
    uint8_t byte = 0;
    while (cursor_u8(in, &byte)) {
        if (byte == '\n') {
            size_t size = c->line_size;
            if (size > 0 && c->line[size - 1] == '\r') size--;
            *ret = span_of(c->line, size);
            c->line_size = 0;
            return STEP_DONE;
        }
        if (c->line_size == CHUNKED_LINE_MAX) {
            return err_at(e, ERR_LIMIT, in->offset, "a line of more than %zu bytes between chunks",
                          CHUNKED_LINE_MAX);
        }
        c->line[c->line_size++] = byte;
    }
    return STEP_MORE;
}

/* "400;chunk-signature=..." */
static step head_read(chunked *c, span line, uint64_t offset, chunked_event *ret, err *e)
{
    span extension = line;
    span digits = {0};
    uint64_t size = 0;
    if (!span_cut(&extension, ';', &digits) || digits.size == 0 || digits.size > 16)
        return err_at(e, ERR_FORMAT, offset, "a chunk without a size");
    for (size_t i = 0; i < digits.size; i++) {
        int digit = hex_digit(digits.at[i]);
        if (digit < 0) return err_at(e, ERR_FORMAT, offset, "a size of a chunk that is no number");
        size = size << 4 | (uint64_t)digit;
    }
    if (size > CHUNKED_CHUNK_MAX)
        return err_at(e, ERR_LIMIT, offset, "a chunk of %" PRIu64 " bytes", size);
    *ret = (chunked_event){.kind = CHUNKED_BEGIN, .size = size};
    if (span_starts(extension, "chunk-signature="))
        ret->signature = span_tail(extension, strlen("chunk-signature="));
    c->left = size;
    c->is_last = size == 0;
    c->state = size > 0 ? AT_DATA : AT_DATA_END;
    return STEP_DONE;
}

static step trailer_read(chunked *c, span line, uint64_t offset, chunked_event *ret, err *e)
{
    span value = line;
    span name = {0};
    if (line.size == 0) {
        c->state = AT_END;
        *ret = (chunked_event){.kind = CHUNKED_END};
        return STEP_DONE;
    }
    if (++c->trailers > CHUNKED_TRAILERS_MAX)
        return err_at(e, ERR_LIMIT, offset, "more than %d trailers", CHUNKED_TRAILERS_MAX);
    if (!span_cut(&value, ':', &name) || name.size == 0 || name.size == line.size)
        return err_at(e, ERR_FORMAT, offset, "a trailer without a name");
    *ret = (chunked_event){.kind = CHUNKED_TRAILER, .name = name, .value = span_trim(value)};
    return STEP_DONE;
}

static step data_take(chunked *c, cursor *in, chunked_event *ret)
{
    size_t have = cursor_left(in);
    if (have == 0) return STEP_MORE;
    *ret = (chunked_event){.kind = CHUNKED_DATA};
    bool taken = cursor_take(in, c->left < have ? (size_t)c->left : have, &ret->data);
    assert(taken);
    c->left -= ret->data.size;
    if (c->left == 0) c->state = AT_DATA_END;
    return STEP_DONE;
}

/* The last chunk has no bytes, and no line end of its own behind them. */
static step data_end(chunked *c, cursor *in, chunked_event *ret, err *e)
{
    span line = {0};
    uint64_t offset = in->offset;
    step got = c->is_last ? STEP_DONE : line_take(c, in, &line, e);
    if (got != STEP_DONE) return got;
    if (line.size > 0) return err_at(e, ERR_FORMAT, offset, "a chunk longer than it says");
    c->state = c->is_last ? AT_TRAILER : AT_HEAD;
    *ret = (chunked_event){.kind = CHUNKED_TAIL};
    return STEP_DONE;
}

step chunked_next(chunked *c, cursor *in, chunked_event *ret, err *e)
{
    span line = {0};
    uint64_t offset = in->offset;
    step got = STEP_DONE;
    switch (c->state) {
    case AT_DATA:
        return data_take(c, in, ret);
    case AT_DATA_END:
        return data_end(c, in, ret, e);
    case AT_END:
        return cursor_left(in) ? err_at(e, ERR_FORMAT, offset, "bytes behind the last chunk")
                               : STEP_MORE;
    default:
        got = line_take(c, in, &line, e);
        if (got != STEP_DONE) return got;
        return c->state == AT_HEAD ? head_read(c, line, offset, ret, e)
                                   : trailer_read(c, line, offset, ret, e);
    }
}
