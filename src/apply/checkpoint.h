/* apply/checkpoint.h: how far the target holds the source's data, kept in the target itself
 * (protocol.md R2, R5). Pure.
 *
 * The key "handover:checkpoint:<link id>" in database 0 holds one line of text:
 *   "v1 generation=3 stream offset=4711 db=0"            everything up to offset 4711 is applied
 *   "v1 generation=3 snapshot offset=80 db=0 crc=7 keys=1 rdb=10"  its bytes up to 80 are applied
 * `db` is the database the next bytes speak of. In the snapshot `crc` is the checksum of the bytes
 * so far, keys=1 says that keys not in the snapshot will be deleted at its end, and `rdb` is the
 * version in the file's header; "stream_db=3" before crc is the database the stream behind the
 * snapshot begins in, where that is not 0. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define LINK_ID_SIZE 16

typedef struct {
    uint64_t generation;
    bool in_snapshot;
    uint64_t offset;
    unsigned db;
    uint64_t crc;
    bool reconcile;
    unsigned rdb_version;
    unsigned stream_db; /* in the snapshot: what `db` becomes at its end */
} checkpoint;

bool checkpoint_write(const checkpoint *c, buf *out) MUST_CHECK;
bool checkpoint_read(span text, checkpoint *ret, err *e) MUST_CHECK;

typedef struct {
    char text[64];
} checkpoint_key;
checkpoint_key checkpoint_key_of(const char *link_id);
