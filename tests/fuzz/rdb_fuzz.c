/* The file reader, the walker and the decoder on any bytes. The first byte chooses the size of the
 * window's steps. Checked: nothing is read out of bounds, walker and decoder agree on where a value
 * ends, and a file in small pieces has the same items as the file in one. */
#include "rdb/decode.h"
#include "rdb/file.h"

#define BLOB_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    cursor in;
    const uint8_t *end;
    size_t piece;
} feed;

static bool feed_more(feed *f)
{
    if (f->in.end == f->end) return false;
    assert(cursor_left(&f->in) < RDB_WINDOW_MIN); /* a reader that eats nothing would hang */
    f->in.end += size_min(f->piece, (size_t)(f->end - f->in.end));
    return true;
}

static step walk(feed *f, uint8_t type)
{
    err e = {0};
    rdb_walk w;
    bool known = rdb_walk_begin(&w, type, &e);
    assert(known); /* the reader has checked it */
    for (;;) {
        step s = rdb_walk_step(&w, &f->in, &e);
        assert(s != STEP_BAD || e.kind != ERR_NONE);
        if (s != STEP_MORE || !feed_more(f)) return s;
    }
}

static step decode(struct rdb_decoder *d, feed *f, const rdb_type *type)
{
    err e = {0};
    rdb_element element = {0};
    rdb_decoder_begin(d, type);
    for (;;) {
        step s = rdb_decode_next(d, &f->in, &element, &e);
        assert(s != STEP_BAD || e.kind != ERR_NONE);
        if (s == STEP_BAD) return s;
        if (s == STEP_MORE && !feed_more(f)) return s;
        if (s == STEP_DONE && element.kind == RDB_ELEMENT_END) return s;
    }
}

/* Answers a hash over the items that were complete. */
static uint64_t file_read(struct rdb_decoder *d, span file, size_t piece)
{
    feed f = {.in = {.at = file.at, .end = file.at}, .end = file.at + file.size, .piece = piece};
    rdb_reader r;
    rdb_reader_init(&r);
    rdb_item item = {0};
    uint64_t hash = 0;
    while (item.kind != RDB_ITEM_END) {
        err e = {0};
        step s = rdb_next(&r, &f.in, &item, &e);
        assert(s != STEP_BAD || e.kind != ERR_NONE);
        if (s == STEP_BAD) break;
        if (s == STEP_MORE) {
            if (!feed_more(&f)) break;
            continue;
        }
        hash = hash * 31 + item.kind + item.key.size + item.db + (uint64_t)item.expires_at_ms;
        for (size_t i = 0; i < item.key.size; i++)
            hash = hash * 31 + item.key.at[i];
        if (item.kind != RDB_ITEM_KEY) continue;
        feed value = f;
        step decoded = decode(d, &value, item.type);
        if (walk(&f, item.type->number) != STEP_DONE) {
            assert(decoded != STEP_DONE);
            break;
        }
        assert(decoded != STEP_DONE || value.in.at == f.in.at);
        hash = hash * 31 + f.in.offset;
    }
    rdb_reader_clear(&r);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    rdb_decode_limits limits = {.blob_max = BLOB_MAX, .pending_max = 8 * KIB};
    struct rdb_decoder *d = rdb_decoder_new(&limits);
    span file = span_of(data + 1, size - 1);
    uint64_t whole = file_read(d, file, file.size + 1);
    uint64_t pieces = file_read(d, file, 1 + (size_t)data[0]);
    assert(whole == pieces);
    rdb_decoder_free(d);
    return 0;
}
