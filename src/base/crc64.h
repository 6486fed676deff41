/* base/crc64.h: the checksum of RDB files and DUMP payloads.
 *
 * It is the "Jones" CRC-64 (reflected, polynomial ad93d23594c935a9, start 0, no final inversion),
 * computed by ISA-L, whose function inverts both ends: so both are inverted back here. */
#pragma once
#include "base/span.h"

uint64_t crc64_update(uint64_t crc, span s); /* start with 0 */
