/* base/json_text.h: any bytes as one JSON string, piece by piece, whatever their number.
 *
 * UTF-8 goes through. A byte that is not part of valid UTF-8 becomes \udcXX, XX being the byte: a
 * code point that no valid UTF-8 has, so that the bytes can be had back exactly (in Python:
 * s.encode("utf-8", "surrogateescape")). A sequence may be cut between two pieces. */
#pragma once
#include "base/span.h"

typedef struct {
    FILE *out;
    uint8_t held[4]; /* a sequence that is not complete */
    size_t held_size;
    size_t held_needs; /* bytes of the whole sequence */
} json_text;

void json_text_begin(json_text *t, FILE *out); /* writes the quote */
void json_text_add(json_text *t, span piece);
void json_text_end(json_text *t);
void json_text_write(FILE *out, span whole);
