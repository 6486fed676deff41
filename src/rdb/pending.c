#include "rdb/pending.h"

#include "base/cursor.h"
#include "base/mem.h"

#define BLOCK_ROWS ((size_t)64)
/* Four numbers of seven bits a byte. */
#define ROW_BYTES_MAX ((size_t)40)

void rdb_pending_init(rdb_pending *p, size_t bytes_max)
{
    *p = (rdb_pending){.rows = buf_of(bytes_max)};
}

void rdb_pending_clear(rdb_pending *p)
{
    buf_clear(&p->rows);
    free(p->blocks);
    free(p->owned);
    rdb_pending_init(p, p->rows.max);
}

void rdb_pending_empty(rdb_pending *p)
{
    p->rows.size = 0;
    p->block_count = p->count = p->owned_count = 0;
    p->last = (rdb_pending_row){0};
}

static int id_compare(rdb_stream_id a, rdb_stream_id b)
{
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    if (a.seq != b.seq) return a.seq < b.seq ? -1 : 1;
    return 0;
}

static size_t number_write(uint8_t *at, uint64_t number)
{
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        at[size++] = (uint8_t)(number | 0x80);
    at[size++] = (uint8_t)number;
    return size;
}

static uint64_t number_read(const uint8_t **at)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return number;
    }
}

/* Small numbers of either sign as small numbers. */
static uint64_t zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static int64_t zigzag_back(uint64_t number)
{
    return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
}

static size_t row_write(const rdb_pending_row *row, const rdb_pending_row *before, uint8_t *at)
{
    uint64_t ms = row->id.ms - before->id.ms;
    uint64_t waited = (uint64_t)row->delivered_ms - (uint64_t)before->delivered_ms;
    size_t size = number_write(at, ms);
    size += number_write(at + size, ms ? row->id.seq : row->id.seq - before->id.seq);
    size += number_write(at + size, zigzag((int64_t)waited));
    return size + number_write(at + size, row->deliveries);
}

static rdb_pending_row row_read(const uint8_t **at, const rdb_pending_row *before)
{
    rdb_pending_row row = {0};
    uint64_t ms = number_read(at);
    row.id.ms = before->id.ms + ms;
    row.id.seq = number_read(at) + (ms ? 0 : before->id.seq);
    row.delivered_ms =
        (int64_t)((uint64_t)before->delivered_ms + (uint64_t)zigzag_back(number_read(at)));
    row.deliveries = number_read(at);
    return row;
}

static void block_begin(rdb_pending *p, const rdb_pending_row *row)
{
    if (p->block_count == p->block_room) {
        p->block_room = size_max(16, 2 * p->block_room);
        p->blocks = mem_realloc(p->blocks, p->block_room * sizeof *p->blocks);
    }
    if (p->count / 8 + BLOCK_ROWS / 8 > p->owned_room) {
        p->owned_room = size_max(64, 2 * p->owned_room);
        p->owned = mem_realloc(p->owned, p->owned_room);
    }
    memset(p->owned + p->count / 8, 0, BLOCK_ROWS / 8);
    p->blocks[p->block_count++] =
        (rdb_pending_block){.before = p->last, .first = row->id, .at = p->rows.size};
}

bool rdb_pending_add(rdb_pending *p, const rdb_pending_row *row, err *e)
{
    if (p->count > 0 && id_compare(p->last.id, row->id) >= 0)
        return err_set(e, ERR_FORMAT, "pending entries out of order");
    uint8_t bytes[ROW_BYTES_MAX];
    if (p->count % BLOCK_ROWS == 0) block_begin(p, row);
    size_t size = row_write(row, &p->last, bytes);
    if (!buf_append(&p->rows, span_of(bytes, size))) {
        return err_set(e, ERR_LIMIT,
                       "more than %zu pending entries in one group, which take %zu bytes", p->count,
                       p->rows.max);
    }
    p->last = *row;
    p->count++;
    return true;
}

/* The block that the id must be in. */
static size_t block_of(const rdb_pending *p, rdb_stream_id id)
{
    size_t low = 0;
    size_t high = p->block_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (id_compare(p->blocks[middle].first, id) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

rdb_pending_found rdb_pending_take(rdb_pending *p, rdb_stream_id id, rdb_pending_row *ret)
{
    if (p->count == 0) return PENDING_UNKNOWN;
    size_t block = block_of(p, id);
    rdb_pending_row row = p->blocks[block].before;
    const uint8_t *at = p->rows.at + p->blocks[block].at;
    size_t end = size_min((block + 1) * BLOCK_ROWS, p->count);
    for (size_t i = block * BLOCK_ROWS; i < end; i++) {
        row = row_read(&at, &row);
        if (id_compare(row.id, id) != 0) continue;
        uint8_t bit = (uint8_t)(1U << i % 8);
        if (p->owned[i / 8] & bit) return PENDING_TAKEN;
        p->owned[i / 8] |= bit;
        p->owned_count++;
        *ret = row;
        return PENDING_FOUND;
    }
    return PENDING_UNKNOWN;
}
