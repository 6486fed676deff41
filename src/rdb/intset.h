/* rdb/intset.h: reads an intset: 4 bytes of number size (2, 4 or 8), 4 of count, the numbers.
 * Format: valkey src/intset.c. */
#pragma once
#include "rdb/packed.h"

bool intset_open(rdb_pack *p, span blob, err *e) MUST_CHECK;
packed_step intset_next(rdb_pack *p, span blob, rdb_packed *ret, err *e) MUST_CHECK;
