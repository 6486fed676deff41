/* rdb/ziplist.h: reads a ziplist, the listpack's predecessor (up to 6.2): 4 bytes of size, 4 of
 * the last value's place, 2 of count, values, 0xff. In front of each value stands the size of the
 * one before it; it is checked here.
 * Format: valkey src/ziplist.c. */
#pragma once
#include "rdb/packed.h"

bool ziplist_open(rdb_pack *p, span blob, err *e) MUST_CHECK;
packed_step ziplist_next(rdb_pack *p, span blob, rdb_packed *ret, err *e) MUST_CHECK;
