/* rdb/packed.h: the values inside a blob, whatever packed encoding the blob has.
 *
 * Each encoding is a file of its own (listpack.h, ziplist.h, intset.h, zipmap.h) and pure: it is
 * given the whole blob on every call and keeps nothing but a position, so the blob may move
 * between calls. Every read is checked against the blob's end. Errors say at which byte. */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "rdb/types.h"

typedef struct {
    span text; /* borrowed from the blob; empty for a number */
    int64_t number;
    bool is_number; /* the value is the number's decimal text */
} rdb_packed;

typedef enum { PACKED_VALUE, PACKED_END, PACKED_BAD } packed_step;

typedef struct {
    rdb_blob format;
    size_t at;      /* of the next value */
    size_t before;  /* bytes of the value before it (ziplist) */
    uint64_t seen;  /* values answered so far */
    uint64_t count; /* values the blob says it has; UINT64_MAX: it does not say */
} rdb_pack;

bool rdb_pack_open(rdb_pack *p, rdb_blob format, span blob, err *e) MUST_CHECK;
packed_step rdb_pack_next(rdb_pack *p, span blob, rdb_packed *ret, err *e) MUST_CHECK;

/* For the encodings: an error with its place; answers PACKED_BAD. */
packed_step packed_bad(err *e, const char *encoding, size_t at, const char *what);
/* Signed little endian numbers of 1 to 8 bytes. The caller has checked the bounds. */
int64_t packed_signed(const uint8_t *at, size_t size);
/* The blob is over: were there as many values as it said? */
packed_step packed_end(const rdb_pack *p, const char *encoding, err *e);
