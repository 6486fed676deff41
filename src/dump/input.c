#include "dump/input.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/crc64.h"

#define WINDOW_BYTES (256 * KIB)

bool dump_input_open(dump_input *r, const char *path, err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *r = (dump_input){.name = is_stdin ? "standard input" : path,
                      .fd = STDIN_FILENO,
                      .window = buf_of(WINDOW_BYTES),
                      .key = buf_of(RDB_KEY_MAX)};
    if (!is_stdin) r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) {
        (void)err_sys(e, errno, "open '%s'", path);
        return err_blame(e, SIDE_SOURCE);
    }
    bool reserved = buf_reserve(&r->window, WINDOW_BYTES);
    assert(reserved);
    r->in = cursor_of(buf_span(&r->window));
    r->in.at = r->in.end = r->crc_at = r->window.at;
    rdb_reader_init(&r->reader);
    return true;
}

void dump_input_close(dump_input *r)
{
    if (r->fd > STDIN_FILENO) (void)close(r->fd); /* it was only read */
    rdb_reader_clear(&r->reader);
    buf_clear(&r->window);
    buf_clear(&r->key);
    r->fd = -1;
}

/* The checksum over what was eaten since the last time; `but`: bytes at the end left out. */
static void crc_catch_up(dump_input *r, size_t but)
{
    r->crc = crc64_update(r->crc, span_of(r->crc_at, (size_t)(r->in.at - r->crc_at) - but));
    r->crc_at = r->in.at;
}

static bool fail(const dump_input *r, err *e)
{
    if (r->item.kind == RDB_ITEM_KEY) {
        (void)err_wrap(e, "key '%s' (db %" PRIu32 ")", span_show(buf_span(&r->key)).text,
                       r->item.db);
    }
    (void)err_wrap(e, "'%s'", r->name);
    return err_blame(e, SIDE_SOURCE);
}

/* More bytes behind those that are left in the window. False: an error, or there are none. */
static bool window_fill(dump_input *r, err *e)
{
    crc_catch_up(r, 0);
    size_t left = cursor_left(&r->in);
    assert(left < WINDOW_BYTES); /* a reader that eats nothing of so much would hang */
    buf_drop(&r->window, r->window.size - left);
    ssize_t n = -1;
    int problem = EINTR;
    while (n < 0 && problem == EINTR) {
        n = read(r->fd, r->window.at + left, WINDOW_BYTES - left);
        problem = n < 0 ? errno : 0;
    }
    if (n < 0) return err_sys(e, problem, "read");
    r->is_ended = n == 0;
    r->window.size += (size_t)n;
    r->in.at = r->crc_at = r->window.at;
    r->in.end = r->window.at + r->window.size;
    return true;
}

/* What a reader asks for with STEP_MORE. */
static bool input_more(dump_input *r, err *e)
{
    if (!window_fill(r, e)) return false;
    if (!r->is_ended) return true;
    (void)err_set(e, ERR_FORMAT, "the file ends at offset %" PRIu64 ", in the middle",
                  r->in.offset + cursor_left(&r->in));
    return err_hint(e, "it was cut off while it was written or copied: compare its size, copy it "
                       "again");
}

static void key_keep(dump_input *r)
{
    r->key.size = 0;
    buf_shrink(&r->key, MIB);
    bool fits = buf_append(&r->key, r->item.key);
    assert(fits); /* both have the same limit */
    r->item.key = buf_span(&r->key);
}

bool dump_input_next(dump_input *r, const rdb_item **ret, err *e)
{
    r->item.kind = RDB_ITEM_HEADER; /* no key, should something be wrong in front of the next */
    for (;;) {
        const uint8_t *before = r->in.at;
        step s = rdb_next(&r->reader, &r->in, &r->item, e);
        if (s == STEP_MORE && input_more(r, e)) continue;
        if (s != STEP_DONE) {
            r->item.kind = RDB_ITEM_HEADER;
            return fail(r, e);
        }
        size_t eaten = (size_t)(r->in.at - before);
        if (r->item.kind == RDB_ITEM_KEY) key_keep(r);
        if (r->item.kind == RDB_ITEM_END) {
            crc_catch_up(r, eaten - rdb_item_crc_size(&r->item, eaten));
            if (!rdb_checksum_check(&r->item, r->crc, e)) return fail(r, e);
        }
        *ret = &r->item;
        return true;
    }
}

bool dump_input_skip(dump_input *r, uint64_t *ret_bytes, err *e)
{
    rdb_walk w;
    rdb_walk_begin_grammar(&w, r->item.type->grammar);
    for (;;) {
        step s = rdb_walk_step(&w, &r->in, e);
        if (s == STEP_MORE && input_more(r, e)) continue;
        if (s != STEP_DONE) return fail(r, e);
        *ret_bytes = w.consumed;
        return true;
    }
}

bool dump_input_element(dump_input *r, struct rdb_decoder *d, rdb_element *ret, err *e)
{
    for (;;) {
        step s = rdb_decode_next(d, &r->in, ret, e);
        if (s == STEP_MORE && input_more(r, e)) continue;
        return s == STEP_DONE ? true : fail(r, e);
    }
}

bool dump_input_number(dump_input *r, uint64_t *ret, err *e)
{
    for (;;) {
        cursor c = r->in;
        step s = rdb_number_read(&c, UINT64_MAX, ret, e);
        if (s == STEP_MORE && input_more(r, e)) continue;
        return s == STEP_DONE ? true : fail(r, e);
    }
}

bool dump_input_rest(dump_input *r, uint64_t *ret_bytes, err *e)
{
    uint64_t rest = 0;
    r->item.kind = RDB_ITEM_HEADER;
    while (!r->is_ended) {
        rest += cursor_left(&r->in);
        bool skipped = cursor_skip(&r->in, cursor_left(&r->in));
        assert(skipped);
        if (!window_fill(r, e)) return fail(r, e);
    }
    *ret_bytes = rest;
    return true;
}
