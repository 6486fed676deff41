/* rdb/payload.h: the payload of DUMP and RESTORE: a type byte, the serialized value, a footer of
 * the RDB version (little endian) and the checksum of everything before the checksum.
 *
 * An engine refuses a payload whose version is newer than its own; a value that it can read may be
 * given the engine's own version: the bytes of the value do not depend on it.
 * Format: valkey src/cluster.c, createDumpPayload and verifyDumpPayload. */
#pragma once
#include "base/span.h"
#include "rdb/types.h"

#define RDB_FOOTER_SIZE 10
#define RDB_PAYLOAD_MIN (1 + 1 + RDB_FOOTER_SIZE)

typedef struct {
    uint8_t at[RDB_FOOTER_SIZE];
} rdb_footer;

/* `crc`: crc64_update() over the type byte and the value. */
rdb_footer rdb_footer_make(uint64_t crc, uint16_t version);

typedef struct {
    const rdb_type *type;
    span value; /* behind the type byte, before the footer; borrowed */
    uint16_t version;
} rdb_payload;

/* Checks footer and type; not what is inside. */
bool rdb_payload_open(span payload, rdb_payload *ret, err *e) MUST_CHECK;
