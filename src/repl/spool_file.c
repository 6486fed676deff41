#include "repl/spool_file.h"

#include <xxhash.h>

#include "base/cursor.h"

static const char magic[] = "HOSPOOL1";
static const char *const lane_names[LANE_COUNT] = {"snapshot", "stream"};

static void le_put(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* The caller checked that the bytes are there. */
static uint64_t le_get(cursor *c, size_t size)
{
    uint64_t value = 0;
    bool there = cursor_le(c, size, &value);
    assert(there);
    return value;
}

void segment_head_write(const segment_head *h, uint8_t out[SEGMENT_HEAD_SIZE])
{
    memset(out, 0, SEGMENT_HEAD_SIZE);
    memcpy(out, magic, 8); /* NOLINT(bugprone-not-null*): bytes, no text */
    le_put(out + 8, 4, (uint64_t)h->lane);
    le_put(out + 16, 8, h->generation);
    le_put(out + 24, 8, h->start);
    le_put(out + 56, 8, XXH3_64bits(out, 56));
}

bool segment_head_read(span in, segment_head *ret, err *e)
{
    if (in.size < SEGMENT_HEAD_SIZE) return err_set(e, ERR_FORMAT, "a segment without its head");
    if (!span_starts(in, magic)) return err_set(e, ERR_FORMAT, "not a spool segment");
    cursor c = cursor_of(span_of(in.at + 8, SEGMENT_HEAD_SIZE - 8));
    uint64_t lane = le_get(&c, 4);
    (void)le_get(&c, 4); /* reserved */
    uint64_t generation = le_get(&c, 8);
    uint64_t start = le_get(&c, 8);
    bool skipped = cursor_skip(&c, 24);
    assert(skipped);
    if (le_get(&c, 8) != XXH3_64bits(in.at, 56) || lane >= LANE_COUNT)
        return err_set(e, ERR_FORMAT, "the head of a spool segment is damaged");
    *ret = (segment_head){.lane = (spool_lane)lane, .generation = generation, .start = start};
    return true;
}

void record_head_write(const record_head *h, uint8_t out[RECORD_HEAD_SIZE])
{
    le_put(out, 4, h->size);
    le_put(out + 4, 4, h->flags);
    le_put(out + 8, 8, (uint64_t)h->wall_ms);
    le_put(out + 16, 8, h->checksum);
}

bool record_head_read(span in, record_head *ret, err *e)
{
    if (in.size < RECORD_HEAD_SIZE) return err_set(e, ERR_FORMAT, "a record is cut off");
    cursor c = cursor_of(in);
    record_head h = {.size = (uint32_t)le_get(&c, 4), .flags = (uint32_t)le_get(&c, 4)};
    h.wall_ms = (int64_t)le_get(&c, 8);
    h.checksum = le_get(&c, 8);
    bool end = h.flags == RECORD_COMPLETE && h.size == 0;
    bool data = h.flags == 0 && h.size > 0 && h.size <= SPOOL_RECORD_MAX;
    if (!end && !data) return err_set(e, ERR_FORMAT, "the head of a record is damaged");
    *ret = h;
    return true;
}

uint64_t record_checksum(span payload, uint64_t position, int64_t wall_ms)
{
    /* Rotated and not shifted: every bit of the time is covered. */
    uint64_t seed = position ^ ((uint64_t)wall_ms << 20 | (uint64_t)wall_ms >> 44);
    return XXH3_64bits_withSeed(payload.at, payload.size, seed);
}

bool origin_write(const spool_origin *o, buf *out)
{
    return buf_printf(out, "generation=%" PRIu64 " replid=%s offset=%" PRIu64 "\n", o->generation,
                      o->replid, o->offset);
}

static bool origin_part(span *rest, const char *name, span *ret)
{
    span part;
    if (!span_cut(rest, ' ', &part) || !span_starts(part, name)) return false;
    *ret = span_tail(part, strlen(name));
    return true;
}

bool origin_read(span in, spool_origin *ret, err *e)
{
    spool_origin o = {0};
    span line;
    span part;
    bool good = in.size > 0 && in.at[in.size - 1] == '\n' && span_cut(&in, '\n', &line) &&
                origin_part(&line, "generation=", &part) && span_to_u64(part, &o.generation) &&
                origin_part(&line, "replid=", &part) && part.size == REPLID_SIZE;
    if (good) {
        memcpy(o.replid, part.at, REPLID_SIZE);
        good = origin_part(&line, "offset=", &part) && span_to_u64(part, &o.offset) &&
               line.size == 0 && in.size == 0;
    }
    if (!good) return err_set(e, ERR_FORMAT, "the spool's origin file is damaged");
    *ret = o;
    return true;
}

segment_name segment_name_of(spool_lane lane, uint64_t start)
{
    segment_name name;
    (void)snprintf(name.text, sizeof name.text, "%s-%020" PRIu64 ".seg", lane_names[lane], start);
    return name;
}

bool segment_name_read(const char *name, spool_lane *ret_lane, uint64_t *ret_start)
{
    span s = span_text(name);
    if (s.size < 4 || !span_is(span_tail(s, s.size - 4), ".seg")) return false;
    s.size -= 4;
    span lane;
    uint64_t start = 0;
    if (!span_cut(&s, '-', &lane) || !span_to_u64(s, &start)) return false;
    for (int i = 0; i < LANE_COUNT; i++) {
        if (!span_is(lane, lane_names[i])) continue;
        *ret_lane = (spool_lane)i;
        *ret_start = start;
        return true;
    }
    return false;
}
