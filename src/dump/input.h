/* dump/input.h: an RDB file from a descriptor, read once from begin to end through a window.
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
} dump_input;

/* `path` "-": standard input. */
bool dump_input_open(dump_input *r, const char *path, err *e) MUST_CHECK;
void dump_input_close(dump_input *r);

/* The next item; the value of the one before must have been skipped or decoded. The item's key
 * stays readable until the next call, its other spans only until the value is read. RDB_ITEM_END
 * is answered after the checksum was found right. */
bool dump_input_next(dump_input *r, const rdb_item **ret, err *e) MUST_CHECK;
/* Over the value of a key; answers its bytes. */
bool dump_input_skip(dump_input *r, uint64_t *ret_bytes, err *e) MUST_CHECK;
/* The value of a key, element by element; the decoder was begun for its type. */
bool dump_input_element(dump_input *r, struct rdb_decoder *d, rdb_element *ret, err *e) MUST_CHECK;
/* The number that a value begins with (a module's id, a count of elements); eats nothing. */
bool dump_input_number(dump_input *r, uint64_t *ret, err *e) MUST_CHECK;
/* Bytes behind the end of the RDB (an append-only file goes on there). Reads to the end. */
bool dump_input_rest(dump_input *r, uint64_t *ret_bytes, err *e) MUST_CHECK;
