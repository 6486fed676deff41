/* rdb/lzf.h: decompresses LZF, whole or as a stream.
 *
 * LZF looks back at most 8 KiB, so a compressed string of any size streams through a window of
 * that size plus the piece being made. Tokens: 000nnnnn and n+1 literal bytes; nnnooooo [n] o
 * copies n+2 bytes from o+1 bytes ago (n of 7 is extended by a byte in front of the offset).
 * Pure: every read and write is bounded by what the caller gave. */
#pragma once
#include "base/cursor.h"
#include "base/err.h"

/* Fills exactly `size` bytes of `out`; false: damaged. */
bool lzf_decompress(span in, uint8_t *out, size_t size) MUST_CHECK;

#define LZF_WINDOW_SIZE ((size_t)8 * 1024)
#define LZF_PIECE_MAX ((size_t)32 * 1024)
#define LZF_TOKEN_BYTES_MAX 33 /* of the input: the longest literal run with its mark */

typedef struct {
    uint64_t in_left;  /* compressed bytes still to come */
    uint64_t out_left; /* bytes still to be made */
    size_t used;       /* of bytes: window and piece */
    uint8_t bytes[LZF_WINDOW_SIZE + LZF_PIECE_MAX];
} lzf_stream;

void lzf_stream_begin(lzf_stream *z, uint64_t in_size, uint64_t out_size);
/* The next piece; good until the next call. STEP_DONE with an empty piece: all has been made.
 * STEP_MORE: at most LZF_TOKEN_BYTES_MAX - 1 bytes are left in the window. */
step lzf_stream_next(lzf_stream *z, cursor *in, span *ret, err *e) MUST_CHECK;
