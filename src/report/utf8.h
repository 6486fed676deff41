/* report/utf8.h: one character of UTF-8, and how wide a terminal shows it. Pure.
 * Format: RFC 3629; widths: Unicode UAX 11, the wide and fullwidth blocks. */
#pragma once
#include "base/span.h"

/* The first character and its size in bytes; size 0: the bytes are not UTF-8. `s` is not empty. */
size_t utf8_first(span s, uint32_t *ret);
/* Columns: 0 for combining marks, 2 for wide characters, else 1. */
unsigned utf8_width(uint32_t character);
/* May stand in text as it is: no control character, nothing that turns the direction of writing
 * or is not seen. */
bool utf8_is_plain(uint32_t character);
