/* drill/line.h: what a client of the user's own says, line by line (docs/drill.md). Pure.
 *
 *     ok N                 the write of PREFIX followed by N was acknowledged
 *     error TEXT           something failed; TEXT is the library's own
 *     library NAME VERSION who it is, as CLIENT SETINFO would tell
 *
 * Anything else is kept for people: the last such line is shown when the client ends. */
#pragma once
#include "base/span.h"

#define DRILL_LINE_MAX ((size_t)4096) /* of a longer one the rest is passed over */

typedef enum { LINE_OK, LINE_ERROR, LINE_LIBRARY, LINE_OTHER } drill_line_kind;

typedef struct {
    drill_line_kind kind;
    uint64_t n;   /* of LINE_OK */
    span text;    /* of LINE_ERROR and LINE_OTHER; the name of LINE_LIBRARY; borrowed */
    span version; /* of LINE_LIBRARY; may be empty */
} drill_line;

/* One line, without its end. */
drill_line drill_line_read(span line);

/* Cuts lines out of bytes that come in pieces. Start with {0}. */
typedef struct {
    uint8_t bytes[DRILL_LINE_MAX];
    size_t size;
} drill_lines;
/* The next whole line at the front of `in`, which loses it; false: the bytes ended, and what was
 * begun is held for the next call. `ret` is valid until then. */
bool drill_lines_next(drill_lines *l, span *in, drill_line *ret);
