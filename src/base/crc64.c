#include "base/crc64.h"

#include <isa-l/crc64.h>

uint64_t crc64_update(uint64_t crc, span s)
{
    if (s.size == 0) return crc;
    return ~crc64_jones_refl(~crc, s.at, s.size);
}
