/* rdb/listpack.h: reads a listpack: 4 bytes of size, 2 of count, values, 0xff. Behind each value
 * stands its own length, for walking back; it is checked here.
 * Format: valkey src/listpack.c. */
#pragma once
#include "rdb/packed.h"

bool listpack_open(rdb_pack *p, span blob, err *e) MUST_CHECK;
packed_step listpack_next(rdb_pack *p, span blob, rdb_packed *ret, err *e) MUST_CHECK;
