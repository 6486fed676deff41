/* rdb/decode_internal.h: the decoder's parts: decode.c walks the grammar, decode_blob.c reads the
 * blobs, decode_stream.c the nodes and the pending ids of streams. */
#pragma once
#include "rdb/decode.h"
#include "rdb/gather.h"
#include "rdb/lzf.h"
#include "rdb/packed.h"
#include "rdb/walk.h"

#define NUMBERS_MAX 8

/* Where the reading of a stream node stands. Its listpack is: entries, deleted, field count, the
 * fields of the first entry, 0; then entries (see entry_open). */
typedef struct {
    rdb_stream_id base;
    uint64_t live, deleted; /* entries still to come */
    uint64_t names;         /* fields of the first entry */
    rdb_pack first_name;    /* stands on the first of them */
    rdb_pack name;          /* the next of them, when the entry has the same fields */
    uint64_t fields;        /* of the entry being answered */
    uint64_t fields_left;
    bool same_fields, in_entry;
} node_state;

typedef enum { DECODE_FIELDS, DECODE_PIECES, DECODE_BLOB, DECODE_MODULE } decode_mode;

struct rdb_decoder {
    rdb_decode_limits limits;
    const rdb_type *type;
    rdb_walk walk; /* its place in the grammar */
    decode_mode mode;
    rdb_gather string;
    /* The record being read: its strings, copied as long as more of it is to come, its numbers. */
    span text, value;
    buf text_kept, value_kept;
    uint64_t numbers[NUMBERS_MAX];
    size_t number_count;
    uint64_t shortest_expiry; /* `B` */
    rdb_element record;       /* what is known of the next element */
    /* DECODE_BLOB */
    span blob;
    buf blob_kept;
    uint64_t blob_offset;
    bool blob_is_plain; /* a quicklist node that is one element */
    rdb_pack pack;
    rdb_decimal text_number, value_number;
    node_state node;
    /* DECODE_PIECES */
    uint64_t piece_left;
    lzf_stream lzf;
    /* The open group of a stream. */
    rdb_pending pending;
    uint64_t entries_seen;
};

/* The bytes of a packed value; a number's text is written to `number`. */
span packed_text(const rdb_packed *value, rdb_decimal *number);

/* Blobs. ret_done: the blob is over, nothing was answered. */
bool blob_open(struct rdb_decoder *d, err *e) MUST_CHECK;
bool blob_next(struct rdb_decoder *d, rdb_element *ret, bool *ret_done, err *e) MUST_CHECK;

bool node_open(struct rdb_decoder *d, err *e) MUST_CHECK;
bool node_next(struct rdb_decoder *d, rdb_element *ret, bool *ret_done, err *e) MUST_CHECK;
rdb_stream_id stream_id_read(const uint8_t *at); /* 16 bytes, big endian */

/* `id` is the pending id as it stands in the file. */
step pending_add(struct rdb_decoder *d, const rdb_pending_row *row, uint64_t offset, err *e)
    MUST_CHECK;
step pending_own(struct rdb_decoder *d, rdb_stream_id id, uint64_t offset, rdb_element *ret, err *e)
    MUST_CHECK;
step pending_close(struct rdb_decoder *d, uint64_t offset, err *e) MUST_CHECK;
