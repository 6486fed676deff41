/* Files of interrupted verifications of any bytes, with the right checksum behind them. Checked:
 * nothing is read out of bounds, a refusal says why, and what was read, written again, reads as the
 * same. */
#include "base/crc64.h"
#include "verify/saved.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    verify_result result;
    saved_state state;
    bool good;
} one;

static one one_read(span text)
{
    one o = {0};
    err e = {0};
    o.state = (saved_state){.open = suspects_new(NULL), .tally = tally_new()};
    o.state.result = &o.result;
    FILE *from = fmemopen((void *)(uintptr_t)text.at, text.size, "rb");
    assert(from);
    o.good = saved_read(from, &o.state, &e);
    assert(o.good || e.text[0]);
    (void)fclose(from);
    return o;
}

static void one_free(one *o)
{
    suspects_free(o->state.open);
    tally_free(o->state.tally);
    verify_result_clear(&o->result);
}

static buf one_write(one *o)
{
    char *text = NULL;
    size_t size = 0;
    err e;
    buf out = buf_of(4 * MIB);
    FILE *to = open_memstream(&text, &size);
    o->state.result = &o->result; /* it was moved */
    bool done = to && saved_write(to, &o->state, &e);
    assert(done);
    (void)fclose(to);
    bool fits = buf_append(&out, span_of(text, size));
    assert(fits);
    free(text);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX) return 0;
    buf text = buf_of(2 * INPUT_MAX);
    bool fits = buf_text(&text, "handover-verify 1\nsource a\ntarget b\n") &&
                buf_append(&text, span_of(data, size)) && buf_u8(&text, '\n');
    uint64_t crc = crc64_update(0, buf_span(&text));
    fits = fits && buf_printf(&text, "end %" PRIu64 "\n", crc);
    assert(fits);
    one first = one_read(buf_span(&text));
    if (first.good) {
        buf again = one_write(&first);
        one second = one_read(buf_span(&again));
        assert(second.good);
        buf third = one_write(&second);
        assert(span_equal(buf_span(&again), buf_span(&third)));
        buf_clear(&again);
        buf_clear(&third);
        one_free(&second);
    }
    one_free(&first);
    buf_clear(&text);
    return 0;
}
