/* An aws-chunked body of any bytes, cut anywhere. Checked: nothing is read out of bounds, the
 * events come in order, and what they say does not depend on where the input was cut. */
#include "store/chunked.h"

#include "base/buf.h"
#include "base/mem.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that is said, as bytes; data runs together, however it was cut. */
static step run(chunked *c, span piece, buf *out, err *e)
{
    cursor in = cursor_of(piece);
    for (;;) {
        chunked_event v = {0};
        step got = chunked_next(c, &in, &v, e);
        if (got == STEP_MORE) assert(cursor_left(&in) == 0);
        if (got != STEP_DONE) return got;
        bool fits = v.kind == CHUNKED_DATA || buf_u8(out, (uint8_t)v.kind);
        fits = fits && buf_append(out, v.data) && buf_append(out, v.signature) &&
               buf_append(out, v.name) && buf_append(out, v.value);
        assert(fits);
        assert(v.kind != CHUNKED_DATA || v.data.size > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX) return 0;
    span body = span_of(data + 2, size - 2);
    size_t cut = (size_t)(data[0] << 8 | data[1]) % (body.size + 1);
    chunked *c = mem_alloc(2 * sizeof *c);
    buf whole = buf_of(4 * INPUT_MAX);
    buf cuts = buf_of(4 * INPUT_MAX);
    err e = {0};
    step one = run(&c[0], body, &whole, &e);
    step two = run(&c[1], span_of(body.at, cut), &cuts, &e);
    if (two == STEP_MORE) two = run(&c[1], span_tail(body, cut), &cuts, &e);
    assert(one == two);
    assert(one == STEP_BAD || span_equal(buf_span(&whole), buf_span(&cuts)));
    buf_clear(&whole);
    buf_clear(&cuts);
    free(c);
    return 0;
}
