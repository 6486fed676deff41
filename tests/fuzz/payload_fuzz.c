/* The digest of a payload, as any server might send one. The input is a type byte and a value; the
 * footer is made here, since no fuzzer guesses a checksum. Checked: nothing is read out of bounds,
 * the same value always has the same digest, and the walker ends where the decoder did. */
#include "base/buf.h"
#include "base/crc64.h"
#include "rdb/digest.h"
#include "rdb/payload.h"
#include "rdb/walk.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > INPUT_MAX) return 0;
    uint16_t version = data[0] % 2 == 0 ? 12 : 80;
    rdb_digest_options options = {.limits = {.blob_max = INPUT_MAX, .pending_max = 8 * KIB}};
    struct rdb_digester *d = rdb_digester_new(&options);
    buf payload = buf_of(2 * INPUT_MAX);
    bool fits = buf_append(&payload, span_of(data + 1, size - 1));
    assert(fits);
    rdb_footer footer = rdb_footer_make(crc64_update(0, buf_span(&payload)), version);
    fits = buf_append(&payload, span_of(footer.at, sizeof footer.at));
    assert(fits);
    rdb_digest first;
    rdb_digest second;
    err e = {0};
    if (rdb_digest_payload(d, buf_span(&payload), &first, NULL, &e)) {
        bool again = rdb_digest_payload(d, buf_span(&payload), &second, NULL, &e);
        assert(again);
        assert(rdb_digest_equal(first, second));
        cursor in = cursor_of(span_of(data + 2, size - 2));
        rdb_walk w;
        bool known = rdb_walk_begin(&w, data[1], &e);
        assert(known);
        step s = rdb_walk_step(&w, &in, &e);
        assert(s == STEP_DONE);
        assert(cursor_left(&in) == 0);
    } else {
        assert(e.kind != ERR_NONE);
    }
    buf_clear(&payload);
    rdb_digester_free(d);
    return 0;
}
