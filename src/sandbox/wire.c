#include "sandbox/wire.h"

#include "base/mem.h"
#include "resp/command.h"

void wire_init(wire *w)
{
    *w = (wire){.line = buf_of(WIRE_LINE_MAX), .held = buf_of(WIRE_LOGIN_MAX)};
}

void wire_clear(wire *w)
{
    buf_wipe(&w->line);
    buf_wipe(&w->held);
}

static bool word_is(span s, const char *word)
{
    return s.size == strlen(word) && strncasecmp((const char *)s.at, word, s.size) == 0;
}

/* What is held goes on as it is. */
static bool release(wire *w, buf *out)
{
    bool fits = buf_append(out, buf_span(&w->held));
    buf_wipe(&w->held);
    w->holding = false;
    return fits;
}

static bool put(wire *w, span bytes, buf *out)
{
    if (!w->holding) return buf_append(out, bytes);
    return buf_append(&w->held, bytes) || (release(w, out) && buf_append(out, bytes));
}

/* --- logins ---------------------------------------------------------------------------------- */

/* AUTH [user] password, HELLO n AUTH user password ...: where the password stands; 0: nowhere. */
static size_t password_at(const span *args, size_t count, span *ret_user)
{
    *ret_user = span_text("default");
    if (count < 2 || count > 3 || !word_is(args[0], "AUTH")) {
        for (size_t i = 2; word_is(args[0], "HELLO") && i + 2 < count; i++) {
            if (!word_is(args[i], "AUTH")) continue;
            *ret_user = args[i + 1];
            return i + 2;
        }
        return 0;
    }
    if (count == 3) *ret_user = args[1];
    return count - 1;
}

/* Written anew when its password is exchanged; ret_is: it was. */
static bool
login_write(span *args, size_t count, wire_login *login, void *context, buf *out, bool *ret_is)
{
    span user;
    size_t at = password_at(args, count, &user);
    span instead = at ? login(context, user, args[at]) : (span){0};
    *ret_is = at && instead.at != args[at].at;
    if (!*ret_is) return true;
    args[at] = instead;
    return resp_spans(out, count, args);
}

/* The held command is whole. */
static bool held_end(wire *w, wire_login *login, void *context, buf *out)
{
    bool is_login = false;
    span args[WIRE_LOGIN_ARGS_MAX];
    for (size_t i = 0; i < w->arg_count; i++)
        args[i] = span_of(w->held.at + w->args[i].at, w->args[i].size);
    if (!login_write(args, w->arg_count, login, context, out, &is_login)) return false;
    if (!is_login) return release(w, out);
    buf_wipe(&w->held);
    w->holding = false;
    return true;
}

/* A line that is a command of its own. Quotes are none of a token's. */
static bool inline_end(span line, wire_login *login, void *context, buf *out)
{
    bool is_login = false;
    span args[WIRE_LOGIN_ARGS_MAX];
    span rest = span_trim(line);
    span word;
    size_t count = 0;
    while (count < COUNT_OF(args) && span_cut(&rest, ' ', &word))
        if (word.size) args[count++] = word;
    if (count && rest.size == 0 && !login_write(args, count, login, context, out, &is_login))
        return false;
    return is_login || buf_append(out, line);
}

/* --- the stream ------------------------------------------------------------------------------ */

static bool number_of_line(span line, uint64_t *ret)
{
    return span_to_u64(span_trim(span_tail(line, 1)), ret);
}

static bool begin(wire *w, span line, wire_login *login, void *context, buf *out)
{
    uint64_t count = 0;
    if (line.at[0] != '*') return inline_end(line, login, context, out);
    if (!number_of_line(line, &count)) w->raw = line.size < 2 || line.at[1] != '-';
    w->args_left = count;
    w->arg_count = 0;
    w->holding = count > 1 && count <= WIRE_LOGIN_ARGS_MAX;
    return put(w, line, out);
}

static bool header(wire *w, span line, buf *out)
{
    uint64_t size = 0;
    if (line.at[0] != '$' || !number_of_line(line, &size) || size > UINT64_MAX - 2) {
        w->raw = true;
        return put(w, line, out) && (!w->holding || release(w, out));
    }
    w->bytes_left = size + 2;
    bool first = w->arg_count == 0;
    if (!put(w, line, out)) return false;
    if (!w->holding) return true;
    w->args[w->arg_count].at = w->held.size;
    w->args[w->arg_count++].size = (size_t)size;
    return !first || size == strlen("AUTH") || size == strlen("HELLO") || release(w, out);
}

/* The argument is whole. */
static bool argument_end(wire *w, wire_login *login, void *context, buf *out)
{
    w->args_left--;
    if (!w->holding) return true;
    span first = span_of(w->held.at + w->args[0].at, w->args[0].size);
    if (w->arg_count == 1 && !word_is(first, "AUTH") && !word_is(first, "HELLO"))
        return release(w, out);
    return w->args_left > 0 || held_end(w, login, context, out);
}

static bool line_end(wire *w, wire_login *login, void *context, buf *out)
{
    span line = buf_span(&w->line);
    bool good = w->args_left ? header(w, line, out) : begin(w, line, login, context, out);
    buf_wipe(&w->line);
    return good;
}

/* A part of a line; *ret_size: how much of `in` it was. */
static bool
line_feed(wire *w, span in, wire_login *login, void *context, buf *out, size_t *ret_size)
{
    const uint8_t *end = memchr(in.at, '\n', in.size);
    *ret_size = end ? (size_t)(end - in.at) + 1 : in.size;
    if (buf_append(&w->line, span_of(in.at, *ret_size)))
        return !end || line_end(w, login, context, out);
    w->raw = true; /* too long for a line */
    *ret_size = 0;
    bool fits = (!w->holding || release(w, out)) && buf_append(out, buf_span(&w->line));
    buf_wipe(&w->line);
    return fits;
}

bool wire_feed(wire *w, span in, wire_login *login, void *context, buf *out)
{
    while (in.size > 0) {
        size_t size = 0;
        if (w->raw) return buf_append(out, in);
        if (w->bytes_left) {
            size = size_min(in.size, w->bytes_left < SIZE_MAX ? (size_t)w->bytes_left : SIZE_MAX);
            if (!put(w, span_of(in.at, size), out)) return false;
            w->bytes_left -= size;
            if (!w->bytes_left && !argument_end(w, login, context, out)) return false;
        } else if (!line_feed(w, in, login, context, out, &size)) {
            return false;
        }
        in = span_tail(in, size);
    }
    return true;
}
