/* What stands in the spool's files and in the checkpoint on the target, and what a source answers
 * to PSYNC, on any bytes. The first byte chooses which, the second where the input is cut. Checked:
 * nothing is read out of bounds, what was taken is written back the same, and a session in two
 * parts tells the same as in one. */
#include "apply/checkpoint.h"
#include "base/mem.h"
#include "repl/psync.h"
#include "repl/spool_file.h"

#define INPUT_MAX (16 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void segment_read(span in)
{
    segment_head h;
    err e = {0};
    if (!segment_head_read(in, &h, &e)) {
        assert(e.kind == ERR_FORMAT);
        return;
    }
    uint8_t again[SEGMENT_HEAD_SIZE];
    segment_head_write(&h, again);
    assert(memcmp(again, in.at, sizeof again) == 0);
}

/* No fuzzer guesses a checksum: the bytes as the fields of a head. */
static void segment_from_fields(span in)
{
    segment_head h = {.lane = LANE_STREAM};
    cursor c = cursor_of(in);
    if (!cursor_le(&c, 8, &h.generation) || !cursor_le(&c, 8, &h.start)) return;
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    segment_head got;
    err e = {0};
    segment_head_write(&h, bytes);
    bool good = segment_head_read(span_of(bytes, sizeof bytes), &got, &e);
    assert(good);
    assert(got.generation == h.generation && got.start == h.start);
    segment_name name = segment_name_of(LANE_STREAM, h.start);
    spool_lane lane = LANE_COUNT;
    uint64_t start = 0;
    good = segment_name_read(name.text, &lane, &start);
    assert(good);
    assert(lane == LANE_STREAM && start == h.start);
}

static void record_read(span in)
{
    record_head h;
    err e = {0};
    if (!record_head_read(in, &h, &e)) {
        assert(e.kind == ERR_FORMAT);
        return;
    }
    uint8_t again[RECORD_HEAD_SIZE];
    record_head_write(&h, again);
    assert(memcmp(again, in.at, sizeof again) == 0);
    assert(h.size <= SPOOL_RECORD_MAX);
    span payload = span_tail(in, RECORD_HEAD_SIZE);
    (void)record_checksum(payload, 0, h.wall_ms); /* only that it reads no further */
}

/* Numbers may have leading zeros: compared by what they mean. */
static void origin_text_read(span in)
{
    spool_origin o;
    spool_origin again;
    err e = {0};
    if (!origin_read(in, &o, &e)) return;
    if (strlen(o.replid) != REPLID_SIZE) return; /* a zero byte in it: no text to write */
    buf text = buf_of(KIB);
    bool good = origin_write(&o, &text) && origin_read(buf_span(&text), &again, &e);
    assert(good);
    assert(o.generation == again.generation && o.offset == again.offset);
    assert(strcmp(o.replid, again.replid) == 0);
    buf_clear(&text);
}

static void checkpoint_text_read(span in)
{
    checkpoint c;
    checkpoint again;
    err e = {0};
    if (!checkpoint_read(in, &c, &e)) {
        assert(e.kind == ERR_FORMAT);
        return;
    }
    buf text = buf_of(256); /* as the applier gives it */
    bool good = checkpoint_write(&c, &text) && checkpoint_read(buf_span(&text), &again, &e);
    assert(good);
    assert(c.generation == again.generation && c.offset == again.offset && c.db == again.db);
    assert(c.in_snapshot == again.in_snapshot && c.crc == again.crc);
    assert(c.reconcile == again.reconcile && c.rdb_version == again.rdb_version);
    buf_clear(&text);
}

static void name_read(span in)
{
    char *name = mem_text(in);
    spool_lane lane = LANE_COUNT;
    uint64_t start = 0;
    if (segment_name_read(name, &lane, &start)) assert(lane < LANE_COUNT);
    free(name);
}

typedef struct {
    uint64_t hash;
    uint64_t snapshot, stream; /* bytes */
    bool bad;
} told;

static told session_read(span all, size_t first, bool alone)
{
    told t = {0};
    psync_reader p = {.at = alone ? PSYNC_AT_PLACE : PSYNC_AT_ANSWER};
    size_t shown = first;
    size_t eaten = 0;
    for (;;) {
        uint8_t *memory = mem_alloc(shown - eaten);
        if (shown > eaten) memcpy(memory, all.at + eaten, shown - eaten);
        cursor in = cursor_of(span_of(memory, shown - eaten));
        psync_event v;
        err e = {0};
        step s = psync_read(&p, &in, &v, &e);
        eaten += (size_t)(in.at - memory);
        bool bytes = v.kind == PSYNC_SNAPSHOT_BYTES || v.kind == PSYNC_STREAM_BYTES;
        if (s == STEP_DONE && !bytes)
            t.hash = t.hash * 31 + v.kind + v.offset * 7 + v.size * 11 + v.client * 13 +
                     (uint8_t)v.replid[0];
        for (size_t i = 0; s == STEP_DONE && bytes && i < v.bytes.size; i++)
            t.hash = t.hash * 31 + v.bytes.at[i];
        if (s == STEP_DONE && v.kind == PSYNC_SNAPSHOT_BYTES) t.snapshot += v.bytes.size;
        if (s == STEP_DONE && v.kind == PSYNC_STREAM_BYTES) t.stream += v.bytes.size;
        free(memory);
        t.bad = s == STEP_BAD;
        assert(!t.bad || e.kind == ERR_FORMAT);
        bool over = s == STEP_DONE && v.kind == PSYNC_REFUSED; /* the connection ends there */
        if (t.bad || over || (s == STEP_MORE && shown == all.size)) return t;
        if (s == STEP_MORE) shown = all.size;
    }
}

static void session_in_two(span in, uint8_t where, bool alone)
{
    told whole = session_read(in, in.size, alone);
    told cut = session_read(in, in.size * where / 255, alone);
    assert(whole.hash == cut.hash && whole.bad == cut.bad);
    assert(whole.snapshot == cut.snapshot && whole.stream == cut.stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX) return 0;
    span in = span_of(data + 2, size - 2);
    switch (data[0] % 8) {
    case 0:
        segment_read(in);
        break;
    case 1:
        segment_from_fields(in);
        break;
    case 2:
        record_read(in);
        break;
    case 3:
        origin_text_read(in);
        break;
    case 4:
        checkpoint_text_read(in);
        break;
    case 5:
        name_read(in);
        break;
    case 6:
    case 7:
        session_in_two(in, data[1], data[0] % 8 == 7);
        break;
    }
    return 0;
}
