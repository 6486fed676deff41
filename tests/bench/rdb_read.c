/* tests/bench/rdb_read.c: how fast an RDB file is read on one core.
 *
 *   rdb_read FILE           pass-on mode: items, walk over values, checksum of every byte
 *   rdb_read --decode FILE  every value decoded to its elements, and the digest of each
 *
 * The file goes through a window of 256 KiB with read(), as it does from a spool; the copying by
 * the kernel is a third of the time. Any dump.rdb of an engine will do. */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "rdb/decode.h"
#include "rdb/digest.h"
#include "rdb/file.h"

#define WINDOW_SIZE (256 * KIB)

typedef struct {
    int fd;
    uint8_t *window;
    cursor in;
    size_t summed; /* bytes of the window, up to in.at, that are in crc */
    uint64_t crc;
    uint64_t keys, elements;
} bench;

static void crc_take(bench *b, size_t checksum_size)
{
    size_t done = (size_t)(b->in.at - b->window) - checksum_size;
    b->crc = crc64_update(b->crc, span_of(b->window + b->summed, done - b->summed));
    b->summed = done;
}

/* Slides what is left to the front and reads behind it. */
static bool window_fill(bench *b)
{
    crc_take(b, 0);
    size_t left = cursor_left(&b->in);
    memmove(b->window, b->in.at, left);
    ssize_t got = read(b->fd, b->window + left, WINDOW_SIZE - left);
    b->in.at = b->window;
    b->in.end = b->window + left + (got > 0 ? (size_t)got : 0);
    b->summed = 0;
    return got > 0;
}

static step value_walk(bench *b, const rdb_item *item, err *e)
{
    rdb_walk w;
    if (!rdb_walk_begin(&w, item->type->number, e)) return STEP_BAD;
    for (;;) {
        step s = rdb_walk_step(&w, &b->in, e);
        if (s != STEP_MORE) return s;
        if (!window_fill(b)) return s;
    }
}

static step
value_decode(bench *b, const rdb_item *item, struct rdb_decoder *d, struct rdb_digester *g, err *e)
{
    rdb_element element = {0};
    rdb_decoder_begin(d, item->type);
    rdb_digest_begin(g, item->type->kind);
    for (;;) {
        step s = rdb_decode_next(d, &b->in, &element, e);
        if (s == STEP_BAD) return s;
        if (s == STEP_MORE) {
            if (!window_fill(b)) return s;
            continue;
        }
        b->elements++;
        rdb_digest_feed(g, &element);
        if (element.kind != RDB_ELEMENT_END) continue;
        (void)rdb_digest_end(g); /* only its cost is of interest */
        return STEP_DONE;
    }
}

static bool file_read(bench *b, bool decode, err *e)
{
    rdb_reader r;
    rdb_reader_init(&r);
    rdb_digest_options options = {.limits = RDB_DECODE_LIMITS_DEFAULT};
    struct rdb_decoder *d = rdb_decoder_new(&options.limits);
    struct rdb_digester *g = rdb_digester_new(&options);
    rdb_item item = {0};
    step s = STEP_DONE;
    while (s != STEP_BAD && item.kind != RDB_ITEM_END) {
        s = rdb_next(&r, &b->in, &item, e);
        if (s == STEP_MORE && !window_fill(b)) break;
        if (s != STEP_DONE || item.kind != RDB_ITEM_KEY) continue;
        b->keys++;
        s = decode ? value_decode(b, &item, d, g, e) : value_walk(b, &item, e);
        if (s == STEP_MORE) break;
    }
    if (s == STEP_MORE) (void)err_set(e, ERR_FORMAT, "the file is cut off");
    rdb_decoder_free(d);
    rdb_digester_free(g);
    rdb_reader_clear(&r);
    if (s != STEP_DONE) return false;
    crc_take(b, item.checksum_size);
    return rdb_checksum_check(&item, b->crc, e);
}

int main(int argc, char **argv)
{
    bool decode = argc == 3 && strcmp(argv[1], "--decode") == 0;
    if (argc != 2 && !decode) {
        (void)fprintf(stderr, "usage: rdb_read [--decode] FILE\n");
        return 2;
    }
    bench b = {.fd = open(argv[argc - 1], O_RDONLY | O_CLOEXEC)};
    if (b.fd < 0) {
        perror(argv[argc - 1]);
        return 3;
    }
    b.window = mem_alloc(WINDOW_SIZE);
    b.in = cursor_of(span_of(b.window, 0));
    err e = {0};
    int64_t begin = clock_ns();
    bool good = file_read(&b, decode, &e);
    double seconds = (double)(clock_ns() - begin) / (double)NS_PER_S;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 70;
    double own = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    if (!good) (void)fprintf(stderr, "error: %s\n", e.text);
    printf("%s: %" PRIu64 " bytes, %" PRIu64 " keys, %" PRIu64
           " elements in %.3f s: %.2f GB/s, %.2f M keys/s; without the kernel %.2f GB/s\n",
           decode ? "decode and digest" : "pass on", b.in.offset, b.keys, b.elements, seconds,
           (double)b.in.offset / seconds / 1e9, (double)b.keys / seconds / 1e6,
           (double)b.in.offset / own / 1e9);
    free(b.window);
    (void)close(b.fd); /* it was only read */
    return good ? 0 : 1;
}
