/* rdb/zipmap.h: reads a zipmap, the small hash of engines before 2.6: a byte of count, then for
 * each field its length and text, and for its value length, one byte of slack, text, slack; 0xff.
 * Format: valkey src/zipmap.c. */
#pragma once
#include "rdb/packed.h"

bool zipmap_open(rdb_pack *p, span blob, err *e) MUST_CHECK;
packed_step zipmap_next(rdb_pack *p, span blob, rdb_packed *ret, err *e) MUST_CHECK;
