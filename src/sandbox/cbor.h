/* sandbox/cbor.h: CBOR (RFC 8949) as AWS's RPC v2 protocol sends it, from and to JSON values.
 *
 * Read: maps with text keys, lists (also of unknown length), text (also in pieces), numbers, flags,
 * null, and tag 1 (a time, which becomes its number of seconds). Anything else is refused. A body
 * is one value, of at most CBOR_DEPTH_MAX levels and CBOR_ITEMS_MAX values. Pure. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define CBOR_DEPTH_MAX 16
#define CBOR_ITEMS_MAX ((size_t)100000)

bool cbor_read(span body, json_t **ret, err *e) MUST_CHECK;
/* Members whose name holds "Timestamp" are times, and get tag 1. False: larger than the buffer may
 * be, or too deep. */
bool cbor_write(json_t *value, buf *out) MUST_CHECK;
