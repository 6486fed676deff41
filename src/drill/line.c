#include "drill/line.h"

drill_line drill_line_read(span line)
{
    span rest = span_trim(line);
    span word = {0};
    span whole = rest;
    drill_line l = {.kind = LINE_OTHER, .text = whole};
    if (!span_cut(&rest, ' ', &word)) return l;
    rest = span_trim(rest);
    if (span_is(word, "ok") && span_to_u64(rest, &l.n)) {
        l.kind = LINE_OK;
    } else if (span_is(word, "error")) {
        l = (drill_line){.kind = LINE_ERROR, .text = rest};
    } else if (span_is(word, "library") && rest.size) {
        l = (drill_line){.kind = LINE_LIBRARY};
        (void)span_cut(&rest, ' ', &l.text); /* it has at least one word */
        l.version = span_trim(rest);
    }
    return l;
}

bool drill_lines_next(drill_lines *l, span *in, drill_line *ret)
{
    if (l->size && l->bytes[l->size - 1] == '\n') l->size = 0; /* told by the call before */
    while (in->size) {
        const uint8_t *end = memchr(in->at, '\n', in->size);
        size_t piece = end ? (size_t)(end - in->at) + 1 : in->size;
        size_t room = DRILL_LINE_MAX - 1 - l->size; /* the line end always has a place */
        size_t taken = size_min(end ? piece - 1 : piece, room);
        memcpy(l->bytes + l->size, in->at, taken);
        l->size += taken;
        *in = span_tail(*in, piece);
        if (!end) continue;
        l->bytes[l->size++] = '\n';
        *ret = drill_line_read(span_of(l->bytes, l->size - 1));
        return true;
    }
    return false;
}
