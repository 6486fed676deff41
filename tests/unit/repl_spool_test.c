/* The spool on disk: every cut, every damage, every kill. */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/mem.h"
#include "repl/spool_file.h"

#define ID "0123456789abcdef0123456789abcdef01234567"
#define ID2 "76543210fedcba9876543210fedcba9876543210"
#define START UINT64_C(1000) /* offset of the stream */
#define PLENTY (64 * MIB)

/* Byte i of everything that is spooled here. */
static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

typedef struct {
    char base[64];
    char dir[80];
    spool *s;
} place;

static int place_make(void **state)
{
    place *p = mem_alloc(sizeof *p);
    (void)snprintf(p->base, sizeof p->base, "/tmp/handover-test-XXXXXX");
    if (!mkdtemp(p->base)) return 1;
    (void)snprintf(p->dir, sizeof p->dir, "%s/spool", p->base);
    *state = p;
    return 0;
}

/* Calls back for every file; answers how many there were. */
static size_t files_walk(const place *p, void (*each)(const char *path))
{
    size_t count = 0;
    DIR *d = opendir(p->dir);
    if (!d) return 0;
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        if (f->d_name[0] == '.') continue;
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", p->dir, f->d_name);
        if (each) each(path);
        count++;
    }
    (void)closedir(d);
    return count;
}

static void file_unlink(const char *path)
{
    (void)unlink(path);
}

static int place_remove(void **state)
{
    place *p = *state;
    spool_free(p->s);
    (void)files_walk(p, file_unlink);
    (void)rmdir(p->dir);
    (void)rmdir(p->base);
    free(p);
    return 0;
}

static void place_open(place *p, uint64_t bytes_max, uint64_t segment_bytes)
{
    spool_free(p->s);
    p->s = NULL;
    spool_options o = {.dir = p->dir, .bytes_max = bytes_max, .segment_bytes = segment_bytes};
    err e = {0};
    if (!spool_open(&o, &p->s, &e)) fail_msg("%s", e.text);
}

static void generation_begin(place *p, uint64_t generation)
{
    spool_origin o = {.generation = generation, .replid = ID, .offset = START};
    err e = {0};
    if (!spool_begin(p->s, &o, &e)) fail_msg("%s", e.text);
}

/* Appends the pattern's next `size` bytes as one record. */
static bool pattern_append(spool *s, spool_lane lane, size_t size, int64_t wall_ms, err *e)
{
    uint8_t *bytes = mem_alloc(size);
    uint64_t end = spool_extent_get(s, lane).end;
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(end + i);
    bool done = spool_append(s, lane, span_of(bytes, size), wall_ms, e);
    free(bytes);
    return done;
}

static void record_add(place *p, spool_lane lane, size_t size)
{
    err e = {0};
    uint64_t end = spool_extent_get(p->s, lane).end;
    if (!pattern_append(p->s, lane, size, (int64_t)end * 1000, &e)) fail_msg("%s", e.text);
}

/* Reads from a position to the lane's end; the bytes are checked. Answers what ended it. */
static step lane_read(place *p, spool_lane lane, uint64_t from, uint64_t *ret_at, err *e)
{
    spool_reader *r = spool_reader_new(p->s);
    buf got = buf_of(PLENTY);
    step s = STEP_BAD;
    if (spool_reader_seek(r, lane, from, e)) {
        int64_t wall_ms = 0;
        do {
            uint64_t before = from + got.size;
            assert_int_equal(spool_reader_position(r), before);
            s = spool_reader_read(r, &got, &wall_ms, e);
            if (s != STEP_DONE) continue;
            assert_true(from + got.size > before);
            /* The time of the record that holds it: that of the record's first byte here. */
            assert_true(wall_ms <= (int64_t)before * 1000);
        } while (s == STEP_DONE);
    }
    for (size_t i = 0; i < got.size; i++)
        if (got.at[i] != pattern(from + i)) fail_msg("byte %" PRIu64 " is another", from + i);
    *ret_at = from + got.size;
    buf_clear(&got);
    spool_reader_free(r);
    return s;
}

static void lane_reads_whole(place *p, spool_lane lane, uint64_t from)
{
    err e = {0};
    uint64_t at = 0;
    step s = lane_read(p, lane, from, &at, &e);
    if (s != STEP_MORE) fail_msg("%s", e.text);
    assert_true(at == spool_extent_get(p->s, lane).end);
}

/* ---- the bytes of the files ---- */

static void a_segment_head_damaged_at_any_bit_is_refused(void **state)
{
    (void)state;
    segment_head h = {.lane = LANE_STREAM, .generation = 3, .start = UINT64_C(0x123456789a)};
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    segment_head got = {0};
    err e = {0};
    segment_head_write(&h, bytes);
    assert_true(segment_head_read(span_of(bytes, sizeof bytes), &got, &e));
    assert_true(got.lane == h.lane && got.generation == h.generation && got.start == h.start);
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_false(segment_head_read(span_of(bytes, size), &got, &e));
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (segment_head_read(span_of(bytes, sizeof bytes), &got, &e))
            fail_msg("byte %zu may be damaged", bit / 8);
        assert_int_equal(e.kind, ERR_FORMAT);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_segment_of_an_unknown_lane_is_refused(void **state)
{
    (void)state;
    segment_head h = {.lane = LANE_COUNT, .generation = 1};
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    err e = {0};
    segment_head_write(&h, bytes);
    assert_false(segment_head_read(span_of(bytes, sizeof bytes), &h, &e));
}

/* A record as the spool reads one: head, then the payload of the size it names. */
static bool record_is_good(span record, uint64_t position)
{
    record_head h;
    err e = {0};
    if (!record_head_read(record, &h, &e)) return false;
    span payload = span_tail(record, RECORD_HEAD_SIZE);
    if (payload.size < h.size) return false;
    payload.size = h.size;
    return record_checksum(payload, position, h.wall_ms) == h.checksum;
}

static void a_record_damaged_at_any_bit_is_refused(void **state)
{
    (void)state;
    static const span payloads[] = {{(const uint8_t *)"the payload", 11}, {NULL, 0}};
    for (size_t p = 0; p < COUNT_OF(payloads); p++) {
        uint8_t bytes[RECORD_HEAD_SIZE + 11];
        size_t size = RECORD_HEAD_SIZE + payloads[p].size;
        record_head h = {.size = (uint32_t)payloads[p].size,
                         .flags = payloads[p].size ? 0 : RECORD_COMPLETE,
                         .wall_ms = INT64_C(1763800000000)};
        h.checksum = record_checksum(payloads[p], 5000, h.wall_ms);
        record_head_write(&h, bytes);
        if (payloads[p].size) memcpy(bytes + RECORD_HEAD_SIZE, payloads[p].at, payloads[p].size);
        assert_true(record_is_good(span_of(bytes, size), 5000));
        assert_false(record_is_good(span_of(bytes, size), 5001));
        for (size_t cut = 0; cut < size; cut++)
            assert_false(record_is_good(span_of(bytes, cut), 5000));
        for (size_t bit = 0; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (record_is_good(span_of(bytes, size), 5000))
                fail_msg("byte %zu may be damaged", bit / 8);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void a_record_larger_than_its_limit_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_HEAD_SIZE];
    record_head h = {.size = SPOOL_RECORD_MAX};
    err e = {0};
    record_head_write(&h, bytes);
    assert_true(record_head_read(span_of(bytes, sizeof bytes), &h, &e));
    h.size++;
    record_head_write(&h, bytes);
    assert_false(record_head_read(span_of(bytes, sizeof bytes), &h, &e));
}

static void an_origin_cut_anywhere_is_refused(void **state)
{
    (void)state;
    spool_origin o = {.generation = UINT64_MAX, .replid = ID, .offset = UINT64_MAX};
    spool_origin got = {0};
    buf text = buf_of(256);
    err e = {0};
    assert_true(origin_write(&o, &text));
    for (size_t size = 0; size < text.size; size++)
        assert_false(origin_read(span_of(text.at, size), &got, &e));
    assert_int_equal(got.generation, 0); /* untouched */
    assert_true(origin_read(buf_span(&text), &got, &e));
    assert_true(got.generation == o.generation && got.offset == o.offset);
    assert_string_equal(got.replid, ID);
    buf_clear(&text);
}

static void a_damaged_origin_is_refused(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "generation=x replid=" ID " offset=1\n",     "generation=1 replid=0123 offset=1\n",
        "generation=1 replid=" ID " offset=\n",      "generation=1 offset=1 replid=" ID "\n",
        "generation=1 replid=" ID "0 offset=1\n",    "generation=1 replid=" ID " offset=-1\n",
        "Generation=1 replid=" ID " offset=1\n",     "\n",
        "generation=1 replid=" ID " offset=1 x=2\n", "generation=1 replid=" ID " offset=1\nmore\n",
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        spool_origin got = {0};
        err e = {0};
        if (origin_read(span_text(damaged[i]), &got, &e)) fail_msg("'%s'", damaged[i]);
        assert_int_equal(e.kind, ERR_FORMAT);
    }
}

static void only_names_of_segments_are_read_as_such(void **state)
{
    (void)state;
    spool_lane lane = LANE_COUNT;
    uint64_t start = 0;
    segment_name name = segment_name_of(LANE_STREAM, UINT64_MAX);
    assert_true(segment_name_read(name.text, &lane, &start));
    assert_true(lane == LANE_STREAM && start == UINT64_MAX);
    name = segment_name_of(LANE_SNAPSHOT, 0);
    assert_true(segment_name_read(name.text, &lane, &start));
    assert_true(lane == LANE_SNAPSHOT && start == 0);
    static const char *const others[] = {"",
                                         ".",
                                         "..",
                                         ".seg",
                                         "origin",
                                         "origin.new",
                                         "stream.seg",
                                         "stream-.seg",
                                         "stream-1.se",
                                         "x-1.seg",
                                         "stream-x.seg",
                                         "stream-1-2.seg",
                                         "stream-18446744073709551616.seg"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (segment_name_read(others[i], &lane, &start)) fail_msg("'%s'", others[i]);
}

/* ---- append and read ---- */

static void a_new_spool_is_empty_and_has_no_generation(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    assert_int_equal(spool_origin_get(p->s).generation, 0);
    assert_true(spool_extent_get(p->s, LANE_STREAM).end == 0);
    assert_int_equal(spool_bytes(p->s), 0);
    assert_false(spool_is_full(p->s));
}

static void what_was_appended_reads_from_every_position_also_after_a_restart(void **state)
{
    place *p = *state;
    static const uint64_t segment_sizes[] = {1, 200, MIB};
    uint64_t generation = 1;
    for (size_t i = 0; i < COUNT_OF(segment_sizes); i++) {
        place_open(p, PLENTY, segment_sizes[i]);
        generation_begin(p, generation++);
        for (size_t size = 1; size <= 20; size++)
            record_add(p, LANE_STREAM, size);
        for (int again = 0; again < 2; again++) {
            spool_extent x = spool_extent_get(p->s, LANE_STREAM);
            assert_true(x.begin == START && x.end == START + 210 && !x.complete);
            for (uint64_t from = x.begin; from <= x.end; from++)
                lane_reads_whole(p, LANE_STREAM, from);
            uint64_t bytes = spool_bytes(p->s);
            place_open(p, PLENTY, segment_sizes[i]);
            assert_true(spool_bytes(p->s) == bytes);
        }
    }
}

static void the_largest_record_goes_in_and_out(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 1);
    for (int i = 0; i < 9; i++)
        record_add(p, LANE_SNAPSHOT, SPOOL_RECORD_MAX);
    lane_reads_whole(p, LANE_SNAPSHOT, 0);
    lane_reads_whole(p, LANE_SNAPSHOT, 5 * SPOOL_RECORD_MAX - 1);
    assert_int_equal(files_walk(p, NULL),
                     1 + 3); /* the origin and, full at 4 records, 3 segments */
}

static void a_reader_that_waits_goes_on_with_what_comes(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, 100);
    generation_begin(p, 1);
    spool_reader *r = spool_reader_new(p->s);
    buf got = buf_of(PLENTY);
    err e = {0};
    int64_t wall_ms = 0;
    assert_true(spool_reader_seek(r, LANE_STREAM, START, &e));
    for (size_t i = 1; i < 30; i++) {
        assert_int_equal(spool_reader_read(r, &got, &wall_ms, &e), STEP_MORE);
        uint64_t at = spool_extent_get(p->s, LANE_STREAM).end;
        record_add(p, LANE_STREAM, i);
        assert_int_equal(spool_reader_read(r, &got, &wall_ms, &e), STEP_DONE);
        assert_true(wall_ms == (int64_t)at * 1000);
        assert_true(spool_reader_position(r) == at + i);
    }
    for (size_t i = 0; i < got.size; i++)
        assert_int_equal(got.at[i], pattern(START + i));
    buf_clear(&got);
    spool_reader_free(r);
}

static void a_position_that_is_not_there_is_a_state_with_a_name(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 1);
    record_add(p, LANE_STREAM, 10);
    spool_reader *r = spool_reader_new(p->s);
    static const uint64_t absent[] = {0, START - 1, START + 11, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(absent); i++) {
        err e = {0};
        assert_false(spool_reader_seek(r, LANE_STREAM, absent[i], &e));
        assert_int_equal(e.kind, ERR_STATE);
    }
    spool_reader_free(r);
}

static void a_reader_without_room_says_so_and_loses_nothing(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 1);
    record_add(p, LANE_STREAM, 100);
    spool_reader *r = spool_reader_new(p->s);
    buf small = buf_of(99);
    err e = {0};
    int64_t wall_ms = 0;
    assert_true(spool_reader_seek(r, LANE_STREAM, START, &e));
    assert_int_equal(spool_reader_read(r, &small, &wall_ms, &e), STEP_BAD);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(small.size, 0);
    small.max = 100;
    assert_int_equal(spool_reader_read(r, &small, &wall_ms, &e), STEP_DONE);
    assert_int_equal(small.size, 100);
    buf_clear(&small);
    spool_reader_free(r);
}

static void a_complete_lane_is_complete_also_after_a_restart(void **state)
{
    place *p = *state;
    static const uint64_t segment_sizes[] = {1, MIB};
    for (size_t i = 0; i < COUNT_OF(segment_sizes); i++) {
        place_open(p, PLENTY, segment_sizes[i]);
        generation_begin(p, 1 + i);
        for (int k = 0; k < 3; k++)
            record_add(p, LANE_SNAPSHOT, 50);
        err e = {0};
        assert_false(spool_extent_get(p->s, LANE_SNAPSHOT).complete);
        assert_true(spool_complete(p->s, LANE_SNAPSHOT, &e));
        place_open(p, PLENTY, segment_sizes[i]);
        spool_extent x = spool_extent_get(p->s, LANE_SNAPSHOT);
        assert_true(x.complete && x.begin == 0 && x.end == 150);
        lane_reads_whole(p, LANE_SNAPSHOT, 0);
        record_add(p, LANE_STREAM, 10); /* the other lane goes on */
    }
}

/* ---- limits and release ---- */

static void a_full_spool_is_a_named_limit_and_keeps_nothing_of_what_came(void **state)
{
    place *p = *state;
    place_open(p, 1000, 300);
    generation_begin(p, 1);
    err e = {0};
    while (pattern_append(p->s, LANE_STREAM, 100, 0, &e))
        assert_true(spool_bytes(p->s) < 2000);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_non_null(strstr(e.text, "limit"));
    assert_true(spool_is_full(p->s));
    spool_extent before = spool_extent_get(p->s, LANE_STREAM);
    uint64_t bytes = spool_bytes(p->s);
    assert_false(pattern_append(p->s, LANE_STREAM, 1, 0, &e));
    assert_false(pattern_append(p->s, LANE_SNAPSHOT, 1, 0, &e));
    assert_true(spool_bytes(p->s) == bytes);
    assert_true(spool_extent_get(p->s, LANE_STREAM).end == before.end);
    lane_reads_whole(p, LANE_STREAM, START);
    place_open(p, 1000, 300); /* the same after a restart */
    assert_true(spool_is_full(p->s) && spool_bytes(p->s) == bytes);
    spool_release(p->s, LANE_STREAM, before.end);
    assert_false(spool_is_full(p->s));
    assert_true(pattern_append(p->s, LANE_STREAM, 1, 0, &e));
}

static uint64_t lane_fill(place *p, spool_lane lane, err *e)
{
    uint64_t before = spool_bytes(p->s);
    while (pattern_append(p->s, lane, 100, 0, e))
        assert_true(spool_bytes(p->s) < 9000);
    return spool_bytes(p->s) - before;
}

/* Small records: their heads count too, else the stream would take the snapshot's room. */
static void a_shared_spool_keeps_room_for_the_other_lane(void **state)
{
    place *p = *state;
    err e = {0};
    place_open(p, 8000, 1000);
    generation_begin(p, 1);
    spool_share(p->s, true);
    uint64_t stream = lane_fill(p, LANE_STREAM, &e);
    assert_non_null(strstr(e.text, "of the stream, its share"));
    assert_true(stream >= spool_stream_share(8000) && stream < spool_stream_share(8000) + 200);
    assert_false(spool_is_full(p->s));
    uint64_t snapshot = lane_fill(p, LANE_SNAPSHOT, &e);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_true(snapshot > 1500);
    spool_release(p->s, LANE_SNAPSHOT, spool_extent_get(p->s, LANE_SNAPSHOT).end);
    assert_true(lane_fill(p, LANE_SNAPSHOT, &e) > 0);
    assert_int_equal(lane_fill(p, LANE_STREAM, &e), 0);
    spool_share(p->s, false); /* the snapshot is whole: all is the stream's */
    spool_release(p->s, LANE_SNAPSHOT, spool_extent_get(p->s, LANE_SNAPSHOT).end);
    assert_true(lane_fill(p, LANE_STREAM, &e) > 0);
    assert_true(spool_is_full(p->s));
}

static void release_deletes_only_whole_segments_below_the_position(void **state)
{
    place *p = *state;
    for (uint64_t position = START; position <= START + 210; position++) {
        place_open(p, PLENTY, 150);
        generation_begin(p, position);
        for (int i = 0; i < 7; i++)
            record_add(p, LANE_STREAM, 30); /* two records a segment: 60 bytes of stream */
        spool_release(p->s, LANE_STREAM, position);
        spool_extent x = spool_extent_get(p->s, LANE_STREAM);
        uint64_t whole = (position - START) / 60 * 60;
        assert_true(x.end == START + 210);
        assert_true(x.begin == START + whole);
        assert_int_equal(files_walk(p, NULL), 1 + 4 - whole / 60);
        if (position < START + 210) lane_reads_whole(p, LANE_STREAM, position);
        uint64_t bytes = spool_bytes(p->s);
        place_open(p, PLENTY, 150);
        assert_true(spool_bytes(p->s) == bytes);
        assert_true(spool_extent_get(p->s, LANE_STREAM).begin == x.begin);
        record_add(p, LANE_STREAM, 5);
        lane_reads_whole(p, LANE_STREAM, x.begin);
    }
}

static void the_segment_being_written_stays_and_a_complete_lane_goes_whole(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 1);
    record_add(p, LANE_STREAM, 10);
    spool_release(p->s, LANE_STREAM, UINT64_MAX);
    assert_true(spool_extent_get(p->s, LANE_STREAM).begin == START);
    record_add(p, LANE_SNAPSHOT, 10);
    err e = {0};
    assert_true(spool_complete(p->s, LANE_SNAPSHOT, &e));
    spool_release(p->s, LANE_SNAPSHOT, UINT64_MAX);
    spool_extent x = spool_extent_get(p->s, LANE_SNAPSHOT);
    assert_true(x.begin == 10 && x.end == 10 && x.complete);
    lane_reads_whole(p, LANE_STREAM, START);
}

static void a_reader_behind_what_was_released_is_told_and_does_not_wait(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, 50);
    generation_begin(p, 1);
    spool_reader *r = spool_reader_new(p->s);
    buf got = buf_of(PLENTY);
    err e = {0};
    int64_t wall_ms = 0;
    assert_true(spool_reader_seek(r, LANE_STREAM, START, &e));
    for (int i = 0; i < 3; i++)
        record_add(p, LANE_STREAM, 30);
    spool_release(p->s, LANE_STREAM, UINT64_MAX);
    assert_true(spool_extent_get(p->s, LANE_STREAM).begin > START);
    assert_int_equal(spool_reader_read(r, &got, &wall_ms, &e), STEP_BAD);
    assert_int_equal(e.kind, ERR_STATE);
    assert_int_equal(got.size, 0);
    buf_clear(&got);
    spool_reader_free(r);
}

/* ---- generations ---- */

static void a_new_generation_ends_the_old_one_for_its_reader(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 1);
    record_add(p, LANE_STREAM, 10);
    spool_reader *r = spool_reader_new(p->s);
    buf got = buf_of(PLENTY);
    err e = {0};
    int64_t wall_ms = 0;
    assert_true(spool_reader_seek(r, LANE_STREAM, START, &e));
    assert_int_equal(spool_reader_generation(r), 1);
    generation_begin(p, 2);
    record_add(p, LANE_STREAM, 10);
    assert_int_equal(spool_reader_read(r, &got, &wall_ms, &e), STEP_BAD);
    assert_int_equal(e.kind, ERR_STATE);
    assert_int_equal(got.size, 0);
    assert_true(spool_reader_seek(r, LANE_STREAM, START, &e));
    assert_int_equal(spool_reader_read(r, &got, &wall_ms, &e), STEP_DONE);
    buf_clear(&got);
    spool_reader_free(r);
}

/* As after a crash between the deletion of the old segments and the new origin. */
static void segments_of_another_generation_are_not_believed(void **state)
{
    place *p = *state;
    for (int newer = 0; newer < 2; newer++) {
        place_open(p, PLENTY, 50);
        generation_begin(p, 5);
        record_add(p, LANE_STREAM, 100);
        record_add(p, LANE_SNAPSHOT, 100);
        spool_free(p->s);
        p->s = NULL;
        spool_origin o = {.generation = newer ? 6 : 4, .replid = ID, .offset = START};
        buf text = buf_of(256);
        assert_true(origin_write(&o, &text));
        char path[120];
        (void)snprintf(path, sizeof path, "%s/origin", p->dir);
        int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_true(write(fd, text.at, text.size) == (ssize_t)text.size);
        (void)close(fd);
        buf_clear(&text);
        place_open(p, PLENTY, 50);
        assert_int_equal(spool_bytes(p->s), 0);
        assert_true(spool_extent_get(p->s, LANE_STREAM).end == START);
        assert_true(spool_extent_get(p->s, LANE_SNAPSHOT).end == 0);
        assert_int_equal(files_walk(p, NULL), 1);
    }
}

static void another_replication_id_keeps_generation_and_bytes(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 3);
    record_add(p, LANE_STREAM, 10);
    err e = {0};
    assert_true(spool_replid_set(p->s, ID2, &e));
    for (int again = 0; again < 2; again++) {
        spool_origin o = spool_origin_get(p->s);
        assert_string_equal(o.replid, ID2);
        assert_true(o.generation == 3 && o.offset == START);
        lane_reads_whole(p, LANE_STREAM, START);
        place_open(p, PLENTY, MIB);
    }
}

static void the_stream_restarts_at_a_position_also_for_the_next_start(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, 100);
    generation_begin(p, 1);
    for (int i = 0; i < 5; i++)
        record_add(p, LANE_STREAM, 60);
    err e = {0};
    assert_true(spool_stream_restart(p->s, 5000, &e));
    spool_extent x = spool_extent_get(p->s, LANE_STREAM);
    assert_true(x.begin == 5000 && x.end == 5000);
    assert_int_equal(spool_bytes(p->s), 0);
    record_add(p, LANE_STREAM, 60);
    lane_reads_whole(p, LANE_STREAM, 5000);
    place_open(p, PLENTY, 100);
    x = spool_extent_get(p->s, LANE_STREAM);
    assert_true(x.begin == 5000 && x.end == 5060);
    lane_reads_whole(p, LANE_STREAM, 5000);
}

static void a_damaged_origin_file_says_what_to_do(void **state)
{
    place *p = *state;
    place_open(p, PLENTY, MIB);
    generation_begin(p, 1);
    spool_free(p->s);
    p->s = NULL;
    char path[120];
    (void)snprintf(path, sizeof path, "%s/origin", p->dir);
    assert_int_equal(truncate(path, 20), 0);
    spool_options o = {.dir = p->dir, .bytes_max = PLENTY, .segment_bytes = MIB};
    err e = {0};
    assert_false(spool_open(&o, &p->s, &e));
    assert_non_null(strstr(e.text, p->dir));
    assert_non_null(strstr(e.hint, "delete"));
}

/* ---- damage and kills ---- */

static void segment_path(const place *p, uint64_t start, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/%s", p->dir, segment_name_of(LANE_STREAM, start).text);
}

static void a_tail_torn_at_any_byte_is_cut_off_and_goes_on(void **state)
{
    place *p = *state;
    static const size_t records[] = {10, 1, 30};
    size_t whole = SEGMENT_HEAD_SIZE + 3 * RECORD_HEAD_SIZE + 41;
    for (size_t size = 0; size <= whole; size++) {
        place_open(p, PLENTY, MIB);
        generation_begin(p, 1 + size);
        for (size_t i = 0; i < COUNT_OF(records); i++)
            record_add(p, LANE_STREAM, records[i]);
        char path[200];
        segment_path(p, START, path, sizeof path);
        assert_int_equal(truncate(path, (off_t)size), 0);
        place_open(p, PLENTY, MIB);
        uint64_t end = START;
        size_t used = SEGMENT_HEAD_SIZE;
        for (size_t i = 0; i < COUNT_OF(records); i++) {
            used += RECORD_HEAD_SIZE + records[i];
            if (used <= size) end += records[i];
        }
        assert_true(spool_extent_get(p->s, LANE_STREAM).end == end);
        lane_reads_whole(p, LANE_STREAM, START);
        record_add(p, LANE_STREAM, 7);
        lane_reads_whole(p, LANE_STREAM, START);
        place_open(p, PLENTY, MIB);
        assert_true(spool_extent_get(p->s, LANE_STREAM).end == end + 7);
    }
}

static void byte_flip(const char *path, off_t at)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_true(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* In the last segment it is a torn tail; in one before it, an error that names the place. */
static void a_byte_damaged_anywhere_is_never_handed_out(void **state)
{
    place *p = *state;
    off_t file = (off_t)(SEGMENT_HEAD_SIZE + 2 * (RECORD_HEAD_SIZE + 30));
    for (off_t at = SEGMENT_HEAD_SIZE; at < file; at++) {
        place_open(p, PLENTY, 150);
        generation_begin(p, 1 + (uint64_t)at);
        for (int i = 0; i < 4; i++)
            record_add(p, LANE_STREAM, 30);
        char path[200];
        segment_path(p, START, path, sizeof path);
        byte_flip(path, at);
        bool first = at < SEGMENT_HEAD_SIZE + RECORD_HEAD_SIZE + 30;
        for (int again = 0; again < 2; again++) {
            err e = {0};
            uint64_t got = 0;
            step s = lane_read(p, LANE_STREAM, START, &got, &e);
            if (s != STEP_BAD) fail_msg("byte %ld may be damaged", (long)at);
            assert_int_equal(e.kind, ERR_FORMAT);
            assert_true(got == START + (first ? 0 : 30));
            if (strstr(e.text, "a record of the spool is damaged"))
                assert_non_null(strstr(e.text, first ? "1000" : "1030"));
            lane_reads_whole(p, LANE_STREAM, START + 60); /* the segment behind it is good */
            place_open(p, PLENTY, 150);
        }
    }
}

static void a_writer_killed_anywhere_leaves_a_spool_that_holds_all_it_said(void **state)
{
    place *p = *state;
    uint64_t *said =
        mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(said != MAP_FAILED);
    place_open(p, PLENTY, 2000);
    generation_begin(p, 1);
    *said = START;
    for (int round = 0; round < 10; round++) {
        uint64_t begun = *said;
        spool_free(p->s); /* the child opens it like a new process */
        p->s = NULL;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            spool_options o = {.dir = p->dir, .bytes_max = PLENTY, .segment_bytes = 2000};
            err e = {0};
            bool good = spool_open(&o, &p->s, &e);
            for (size_t i = 0; good; i++) {
                good = pattern_append(p->s, LANE_STREAM, 1 + i * 37 % 700, 0, &e);
                __atomic_store_n(said, spool_extent_get(p->s, LANE_STREAM).end, __ATOMIC_SEQ_CST);
            }
            _exit(1);
        }
        uint64_t enough = begun + 3000 * (uint64_t)(1 + round % 4);
        while (__atomic_load_n(said, __ATOMIC_SEQ_CST) < enough &&
               waitpid(child, NULL, WNOHANG) == 0)
            continue;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        place_open(p, PLENTY, 2000);
        assert_true(spool_extent_get(p->s, LANE_STREAM).end >= *said);
        lane_reads_whole(p, LANE_STREAM, START);
        *said = spool_extent_get(p->s, LANE_STREAM).end;
    }
    (void)munmap(said, sizeof *said);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    spool_options o = {.dir = "/nonexistent/spool", .bytes_max = 1, .segment_bytes = 1};
    spool *s = NULL;
    err e = {0};
    assert_false(spool_open(&o, &s, &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "/nonexistent/spool"));
}

#define with_place(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_head_damaged_at_any_bit_is_refused),
        cmocka_unit_test(a_segment_of_an_unknown_lane_is_refused),
        cmocka_unit_test(a_record_damaged_at_any_bit_is_refused),
        cmocka_unit_test(a_record_larger_than_its_limit_is_refused),
        cmocka_unit_test(an_origin_cut_anywhere_is_refused),
        cmocka_unit_test(a_damaged_origin_is_refused),
        cmocka_unit_test(only_names_of_segments_are_read_as_such),
        with_place(a_new_spool_is_empty_and_has_no_generation),
        with_place(what_was_appended_reads_from_every_position_also_after_a_restart),
        with_place(the_largest_record_goes_in_and_out),
        with_place(a_reader_that_waits_goes_on_with_what_comes),
        with_place(a_position_that_is_not_there_is_a_state_with_a_name),
        with_place(a_reader_without_room_says_so_and_loses_nothing),
        with_place(a_complete_lane_is_complete_also_after_a_restart),
        with_place(a_full_spool_is_a_named_limit_and_keeps_nothing_of_what_came),
        with_place(a_shared_spool_keeps_room_for_the_other_lane),
        with_place(release_deletes_only_whole_segments_below_the_position),
        with_place(the_segment_being_written_stays_and_a_complete_lane_goes_whole),
        with_place(a_reader_behind_what_was_released_is_told_and_does_not_wait),
        with_place(a_new_generation_ends_the_old_one_for_its_reader),
        with_place(segments_of_another_generation_are_not_believed),
        with_place(another_replication_id_keeps_generation_and_bytes),
        with_place(the_stream_restarts_at_a_position_also_for_the_next_start),
        with_place(a_damaged_origin_file_says_what_to_do),
        with_place(a_tail_torn_at_any_byte_is_cut_off_and_goes_on),
        with_place(a_byte_damaged_anywhere_is_never_handed_out),
        with_place(a_writer_killed_anywhere_leaves_a_spool_that_holds_all_it_said),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
