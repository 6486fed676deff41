#include "rdb/lzf.h"

#define TOKEN_OUT_MAX 264 /* bytes the densest token makes */

/* Where bytes go: `base` is the oldest byte that may be looked back at. */
typedef struct {
    const uint8_t *base;
    uint8_t *at;
    uint8_t *end;
} lzf_out;

typedef enum { LZF_DONE, LZF_CUT, LZF_DAMAGED } lzf_result;

static void copy_back(lzf_out *out, size_t distance, size_t size)
{
    const uint8_t *from = out->at - distance;
    if (distance >= size) {
        memcpy(out->at, from, size);
    } else if (distance == 1) {
        memset(out->at, *from, size);
    } else { /* the copy reads what it writes: byte by byte is the meaning */
        for (size_t i = 0; i < size; i++)
            out->at[i] = from[i];
    }
    out->at += size;
}

/* One token; LZF_CUT: the input ends inside it, nothing has moved. */
static lzf_result token_read(const uint8_t **in, const uint8_t *in_end, lzf_out *out)
{
    const uint8_t *at = *in;
    size_t left = (size_t)(in_end - at);
    size_t room = (size_t)(out->end - out->at);
    if (left == 0) return LZF_CUT;
    size_t mark = *at++;
    left--;
    if (mark < 32) {
        size_t size = mark + 1;
        if (size > left) return LZF_CUT;
        if (size > room) return LZF_DAMAGED;
        memcpy(out->at, at, size);
        out->at += size;
        *in = at + size;
        return LZF_DONE;
    }
    size_t size = mark >> 5;
    size_t extra = size == 7 ? 2 : 1;
    if (extra > left) return LZF_CUT;
    if (extra == 2) size += *at++;
    size += 2;
    size_t distance = ((mark & 0x1f) << 8 | *at++) + 1;
    if (size > room || distance > (size_t)(out->at - out->base)) return LZF_DAMAGED;
    copy_back(out, distance, size);
    *in = at;
    return LZF_DONE;
}

bool lzf_decompress(span in, uint8_t *out, size_t size)
{
    if (size == 0) return in.size == 0; /* there need not be a buffer */
    lzf_out o = {.base = out, .at = out, .end = out + size};
    const uint8_t *at = in.at;
    const uint8_t *end = in.at + in.size;
    while (at != end)
        if (token_read(&at, end, &o) != LZF_DONE) return false;
    return o.at == o.end;
}

void lzf_stream_begin(lzf_stream *z, uint64_t in_size, uint64_t out_size)
{
    z->in_left = in_size;
    z->out_left = out_size;
    z->used = 0;
}

/* Keeps what may still be looked back at. */
static void window_slide(lzf_stream *z)
{
    if (z->used <= LZF_WINDOW_SIZE) return;
    memmove(z->bytes, z->bytes + z->used - LZF_WINDOW_SIZE, LZF_WINDOW_SIZE);
    z->used = LZF_WINDOW_SIZE;
}

step lzf_stream_next(lzf_stream *z, cursor *in, span *ret, err *e)
{
    window_slide(z);
    size_t begin = z->used;
    size_t room = sizeof z->bytes - begin;
    lzf_out out = {.base = z->bytes, .at = z->bytes + begin};
    out.end = out.at + (z->out_left < room ? (size_t)z->out_left : room);
    const uint8_t *soft_end = z->bytes + sizeof z->bytes - TOKEN_OUT_MAX;
    const uint8_t *at = in->at;
    size_t have = cursor_left(in);
    const uint8_t *end = at + (z->in_left < have ? (size_t)z->in_left : have);
    lzf_result result = LZF_DONE;
    while (at != end && out.at <= soft_end && result == LZF_DONE)
        result = token_read(&at, end, &out);
    size_t eaten = (size_t)(at - in->at);
    size_t made = (size_t)(out.at - z->bytes) - begin;
    bool input_over = z->in_left <= have; /* no byte behind `end` belongs to the string */
    if (result == LZF_DAMAGED || (result == LZF_CUT && input_over))
        return err_at(e, ERR_FORMAT, in->offset + eaten, "damaged LZF string");
    bool moved = cursor_skip(in, eaten);
    assert(moved);
    z->in_left -= eaten;
    z->out_left -= made;
    z->used += made;
    if (z->in_left == 0 && z->out_left > 0) {
        return err_at(e, ERR_FORMAT, in->offset, "an LZF string ends %" PRIu64 " bytes early",
                      z->out_left);
    }
    if (made == 0 && z->in_left > 0) return STEP_MORE;
    *ret = span_of(z->bytes + begin, made);
    return STEP_DONE;
}
