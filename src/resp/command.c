#include "resp/command.h"

#include "base/mem.h"

/* "*" or "$", up to 20 digits, CR LF. */
#define HEAD_MAX 24

/* By hand and not by printf: numbers stand in front of every argument of the data path. */
static size_t digits_write(uint8_t *text, size_t at, uint64_t number)
{
    do {
        text[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

static bool head_write(buf *out, char mark, size_t number)
{
    uint8_t text[HEAD_MAX];
    size_t at = sizeof text;
    text[--at] = '\n';
    text[--at] = '\r';
    at = digits_write(text, at, number);
    text[--at] = (uint8_t)mark;
    return buf_append(out, span_of(text + at, sizeof text - at));
}

bool resp_begin(buf *out, size_t arg_count)
{
    return head_write(out, '*', arg_count);
}

bool resp_arg_head(buf *out, size_t size)
{
    return head_write(out, '$', size);
}

bool resp_arg_end(buf *out)
{
    return buf_append(out, span_text("\r\n"));
}

bool resp_arg(buf *out, span arg)
{
    return resp_arg_head(out, arg.size) && buf_append(out, arg) && resp_arg_end(out);
}

bool resp_arg_text(buf *out, const char *arg)
{
    return resp_arg(out, span_text(arg));
}

bool resp_arg_i64(buf *out, int64_t arg)
{
    uint8_t text[HEAD_MAX];
    size_t at = digits_write(text, sizeof text, arg < 0 ? 0 - (uint64_t)arg : (uint64_t)arg);
    if (arg < 0) text[--at] = '-';
    return resp_arg(out, span_of(text + at, sizeof text - at));
}

bool resp_texts(buf *out, size_t count, const char *const *args)
{
    if (!resp_begin(out, count)) return false;
    for (size_t i = 0; i < count; i++)
        if (!resp_arg_text(out, args[i])) return false;
    return true;
}

bool resp_spans(buf *out, size_t count, const span *args)
{
    if (!resp_begin(out, count)) return false;
    for (size_t i = 0; i < count; i++)
        if (!resp_arg(out, args[i])) return false;
    return true;
}

void resp_command_clear(resp_command *c)
{
    free(c->args);
    *c = (resp_command){0};
}

/* Reads "<mark><digits>\r\n". STEP_MORE when the line's end has not come yet. */
static step head_read(cursor *in, char mark, size_t max, uint64_t offset, size_t *ret, err *e)
{
    span left = span_of(in->at, cursor_left(in));
    if (left.size == 0) return STEP_MORE;
    if (left.at[0] != (uint8_t)mark) {
        return err_at(e, ERR_FORMAT, offset + in->offset, "expected '%c' but found byte 0x%02x",
                      mark, left.at[0]);
    }
    const uint8_t *end = memchr(left.at, '\n', size_min(left.size, HEAD_MAX));
    if (!end) {
        if (left.size < HEAD_MAX) return STEP_MORE;
        return err_at(e, ERR_FORMAT, offset + in->offset, "no end of line after '%c'", mark);
    }
    size_t line = (size_t)(end - left.at);
    uint64_t number = 0;
    if (line < 3 || left.at[line - 1] != '\r' ||
        !span_to_u64(span_of(left.at + 1, line - 2), &number))
        return err_at(e, ERR_FORMAT, offset + in->offset, "no number after '%c'", mark);
    if (number > max) {
        return err_at(e, ERR_LIMIT, offset + in->offset, "'%c%" PRIu64 "', limit %zu", mark, number,
                      max);
    }
    bool moved = cursor_skip(in, line + 1);
    assert(moved);
    *ret = (size_t)number;
    return STEP_DONE;
}

static void args_make_room(resp_command *c)
{
    if (c->arg_count < c->args_room) return;
    c->args_room = size_max(16, c->args_room * 2);
    c->args = mem_realloc(c->args, c->args_room * sizeof *c->args);
}

static step arg_read(resp_command *c, cursor *in, uint64_t offset, err *e)
{
    cursor tried = *in;
    size_t size = 0;
    step s = head_read(&tried, '$', RESP_BULK_MAX, offset, &size, e);
    if (s != STEP_DONE) return s;
    size_t at = (size_t)tried.offset;
    span end;
    if (!cursor_skip(&tried, size) || !cursor_take(&tried, 2, &end)) return STEP_MORE;
    if (!span_is(end, "\r\n"))
        return err_at(e, ERR_FORMAT, offset + tried.offset - 2, "no CR LF behind an argument");
    args_make_room(c);
    c->args[c->arg_count++] = (resp_place){.at = at, .size = size};
    c->args_left--;
    c->read = (size_t)tried.offset;
    *in = tried;
    return STEP_DONE;
}

step resp_command_read(resp_command *c, span in, uint64_t offset, size_t *ret_size, err *e)
{
    if (!c->begun) {
        c->arg_count = c->args_left = c->read = 0;
        if (in.size == 0) return STEP_MORE;
        if (in.at[0] == '\n') {
            *ret_size = 1;
            return STEP_DONE;
        }
        cursor head = cursor_of(in);
        step s = head_read(&head, '*', RESP_ARGS_MAX, offset, &c->args_left, e);
        if (s != STEP_DONE) return s;
        c->read = (size_t)head.offset;
        c->begun = true;
    }
    assert(c->read <= in.size);
    cursor at = {.at = in.at + c->read, .end = in.at + in.size, .offset = c->read};
    while (c->args_left > 0) {
        step s = arg_read(c, &at, offset, e);
        if (s != STEP_DONE) return s;
    }
    c->begun = false;
    *ret_size = c->read;
    return STEP_DONE;
}
