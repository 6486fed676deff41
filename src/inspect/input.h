/* inspect/input.h: an RDB file from a descriptor, read once from begin to end through a window.
 *
 * The readers of rdb/ do no I/O; this feeds them. Works on pipes: nothing is read twice.
 * Errors name the file, the offset and the key that was being read, and blame the source side.
 * Memory: the window, and one key name. */
#pragma once
#include "rdb/decode.h"
#include "rdb/file.h"

typedef struct {
    const char *name; /* for messages; borrowed */
    int fd;
    bool is_ended; /* the descriptor has no more bytes */
    buf window;
    cursor in; /* what of the window has not been eaten */
    const uint8_t *crc_at;
    uint64_t crc;
    rdb_reader reader;
    rdb_item item;
    buf key; /* of the item, kept while its value is read */
} rdb_input;

/* `path` "-": standard input. */
bool rdb_input_open(rdb_input *r, const char *path, err *e) MUST_CHECK;
void rdb_input_close(rdb_input *r);

/* The next item; the value of the one before must have been skipped or decoded. The item's key
 * stays readable until the next call, its other spans only until the value is read. RDB_ITEM_END
 * is answered after the checksum was found right. */
bool rdb_input_next(rdb_input *r, const rdb_item **ret, err *e) MUST_CHECK;
/* Over the value of a key; answers its bytes. */
bool rdb_input_skip(rdb_input *r, uint64_t *ret_bytes, err *e) MUST_CHECK;
/* The value of a key, element by element; the decoder was begun for its type. */
bool rdb_input_element(rdb_input *r, struct rdb_decoder *d, rdb_element *ret, err *e) MUST_CHECK;
/* The id that a module's value begins with; eats nothing. */
bool rdb_input_module(rdb_input *r, uint64_t *ret_id, err *e) MUST_CHECK;
/* Bytes behind the end of the RDB (an append-only file goes on there). Reads to the end. */
bool rdb_input_rest(rdb_input *r, uint64_t *ret_bytes, err *e) MUST_CHECK;
