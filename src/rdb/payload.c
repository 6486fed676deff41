#include "rdb/payload.h"

#include "base/crc64.h"
#include "base/cursor.h"

#define VERSION_SIZE 2

rdb_footer rdb_footer_make(uint64_t crc, uint16_t version)
{
    rdb_footer footer;
    footer.at[0] = (uint8_t)version;
    footer.at[1] = (uint8_t)(version >> 8);
    crc = crc64_update(crc, span_of(footer.at, VERSION_SIZE));
    for (size_t i = 0; i < RDB_FOOTER_SIZE - VERSION_SIZE; i++)
        footer.at[VERSION_SIZE + i] = (uint8_t)(crc >> (8 * i));
    return footer;
}

bool rdb_payload_open(span payload, rdb_payload *ret, err *e)
{
    if (payload.size < RDB_PAYLOAD_MIN)
        return err_set(e, ERR_FORMAT, "a payload of %zu bytes", payload.size);
    size_t value_size = payload.size - 1 - RDB_FOOTER_SIZE;
    cursor c = cursor_of(span_tail(payload, 1 + value_size));
    uint64_t version = 0;
    uint64_t stored = 0;
    bool here = cursor_le(&c, VERSION_SIZE, &version) && cursor_le(&c, 8, &stored);
    assert(here);
    uint64_t crc = crc64_update(0, span_of(payload.at, payload.size - 8));
    if (crc != stored) {
        return err_set(e, ERR_FORMAT,
                       "checksum of the payload: %016" PRIx64 ", its bytes make %016" PRIx64,
                       stored, crc);
    }
    const rdb_type *type = rdb_type_readable(payload.at[0], (uint16_t)version, 0, e);
    if (!type) return false;
    *ret = (rdb_payload){
        .type = type, .value = span_of(payload.at + 1, value_size), .version = (uint16_t)version};
    return true;
}
