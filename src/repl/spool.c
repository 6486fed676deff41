#include "repl/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "repl/spool_file.h"

/* A segment is freed as a whole, and the one being written never: a spool of fewer than these could
 * be full without anything to free. */
#define SEGMENTS_MIN 8
/* What the spool leaves free on its disk, and after how many bytes it looks. */
#define DISK_RESERVE_BYTES (8 * MIB)
#define DISK_CHECK_BYTES MIB

typedef struct {
    uint64_t start;
    uint64_t end;        /* position behind its last record */
    uint64_t file_bytes; /* heads and payload */
} segment;

typedef struct {
    segment *segments; /* in order, without gaps; the last one is being written */
    size_t count;
    size_t room;
    int fd;         /* of the last segment; -1: none is open */
    uint64_t begin; /* of the next segment when there is none */
    uint64_t bytes; /* of its files */
    bool complete;
} lane_state;

struct spool {
    pthread_mutex_t lock; /* over everything below */
    int dir_fd;
    char *dir;
    uint64_t bytes_max;
    uint64_t segment_bytes;
    uint64_t bytes;
    uint64_t unchecked; /* bytes written since the disk was last asked for its room */
    bool is_disk_short;
    bool shared; /* between the lanes, by shares */
    spool_origin origin;
    lane_state lanes[LANE_COUNT];
    net_wake *reader_wake;
    net_wake *writer_wake;
};

static uint64_t lane_end(const lane_state *l)
{
    return l->count ? l->segments[l->count - 1].end : l->begin;
}

static uint64_t lane_begin(const lane_state *l)
{
    return l->count ? l->segments[0].start : l->begin;
}

static void bytes_count(spool *s, spool_lane lane, int64_t more)
{
    s->bytes += (uint64_t)more; /* wraps to less */
    s->lanes[lane].bytes += (uint64_t)more;
}

static segment *segment_push(lane_state *l)
{
    if (l->count == l->room) {
        l->room = size_max(16, l->room * 2);
        l->segments = mem_realloc(l->segments, l->room * sizeof *l->segments);
    }
    return &l->segments[l->count++];
}

static void writer_close(lane_state *l)
{
    if (l->fd >= 0) (void)close(l->fd); /* the bytes are in the page cache already */
    l->fd = -1;
}

static void segment_delete(spool *s, spool_lane lane, const segment *g)
{
    segment_name name = segment_name_of(lane, g->start);
    (void)unlinkat(s->dir_fd, name.text, 0); /* gone already is as good */
    bytes_count(s, lane, -(int64_t)g->file_bytes);
}

static void lane_empty(spool *s, spool_lane lane, uint64_t begin)
{
    lane_state *l = &s->lanes[lane];
    for (size_t i = 0; i < l->count; i++)
        segment_delete(s, lane, &l->segments[i]);
    writer_close(l);
    l->count = 0;
    l->begin = begin;
    l->complete = false;
}

static bool write_whole(int fd, const struct iovec *parts, int count, size_t size, err *e)
{
    ssize_t wrote = writev(fd, parts, count);
    if (wrote < 0) return err_sys(e, errno, "write");
    if ((size_t)wrote != size) return err_sys(e, ENOSPC, "write");
    return true;
}

/* A folder that was deleted by hand is made anew. */
static void folder_restore(spool *s)
{
    struct stat st = {0};
    if (fstat(s->dir_fd, &st) < 0 || st.st_nlink > 0 || mkdir(s->dir, 0700) < 0) return;
    int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)close(s->dir_fd);
    s->dir_fd = fd;
}

static bool origin_store(spool *s, const spool_origin *origin, err *e)
{
    CLEANUP(buf_clear) buf text = buf_of(256);
    bool fits = origin_write(origin, &text);
    assert(fits);
    int fd = openat(s->dir_fd, "origin.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, errno, "open '%s/origin.new'", s->dir);
    struct iovec part = {.iov_base = text.at, .iov_len = text.size};
    bool done = write_whole(fd, &part, 1, text.size, e);
    if (done && fsync(fd) < 0) done = err_sys(e, errno, "fsync");
    if (close(fd) < 0 && done) done = err_sys(e, errno, "close");
    if (done && renameat(s->dir_fd, "origin.new", s->dir_fd, "origin") < 0)
        done = err_sys(e, errno, "rename");
    if (!done) return err_wrap(e, "the spool's origin in '%s'", s->dir);
    s->origin = *origin;
    return true;
}

/* Reads up to size bytes; fewer only at the end of the file. */
static bool read_at(int fd, uint64_t at, uint8_t *out, size_t size, size_t *ret, err *e)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = pread(fd, out + got, size - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_sys(e, errno, "read");
        if (n == 0) break;
        got += (size_t)n;
    }
    *ret = got;
    return true;
}

/* Walks the records of the last segment; everything behind the last good one is cut off. */
static bool tail_recover(int fd, segment *g, bool *ret_complete, err *e)
{
    CLEANUP(mem_free_at) uint8_t *payload = mem_alloc(SPOOL_RECORD_MAX);
    uint64_t at = SEGMENT_HEAD_SIZE;
    uint64_t position = g->start;
    bool complete = false;
    for (;;) {
        uint8_t bytes[RECORD_HEAD_SIZE];
        size_t got = 0;
        record_head h;
        err ignored;
        if (!read_at(fd, at, bytes, sizeof bytes, &got, e)) return false;
        if (!record_head_read(span_of(bytes, got), &h, &ignored)) break;
        if (!read_at(fd, at + RECORD_HEAD_SIZE, payload, h.size, &got, e)) return false;
        if (got < h.size ||
            record_checksum(span_of(payload, got), position, h.wall_ms) != h.checksum)
            break;
        at += RECORD_HEAD_SIZE + h.size;
        position += h.size;
        complete = h.flags == RECORD_COMPLETE;
    }
    if (ftruncate(fd, (off_t)at) < 0) return err_sys(e, errno, "truncate");
    g->end = position;
    g->file_bytes = at;
    *ret_complete = complete;
    return true;
}

/* One file of the directory: false only for real trouble; what is not believed is deleted. */
static bool segment_adopt(spool *s, const char *name, spool_lane lane, uint64_t start, err *e)
{
    int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, errno, "open '%s/%s'", s->dir, name);
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    size_t got = 0;
    segment_head h = {0};
    err ignored;
    struct stat st = {0};
    bool done = read_at(fd, 0, bytes, sizeof bytes, &got, e);
    if (done && fstat(fd, &st) < 0) done = err_sys(e, errno, "stat");
    (void)close(fd); /* only read */
    if (!done) return err_wrap(e, "'%s/%s'", s->dir, name);
    bool believed = segment_head_read(span_of(bytes, got), &h, &ignored) && h.lane == lane &&
                    h.start == start && h.generation == s->origin.generation;
    if (!believed) {
        (void)unlinkat(s->dir_fd, name, 0);
        return true;
    }
    *segment_push(&s->lanes[lane]) =
        (segment){.start = start, .end = start, .file_bytes = (uint64_t)st.st_size};
    return true;
}

static int segment_order(const void *a, const void *b)
{
    const segment *x = a;
    const segment *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Every segment but the last ends where the next begins; the last is read through. */
static bool lane_recover(spool *s, spool_lane lane, err *e)
{
    lane_state *l = &s->lanes[lane];
    l->begin = lane == LANE_STREAM ? s->origin.offset : 0;
    if (l->count == 0) return true;
    qsort(l->segments, l->count, sizeof *l->segments, segment_order);
    for (size_t i = 0; i + 1 < l->count; i++)
        l->segments[i].end = l->segments[i + 1].start;
    for (size_t i = 0; i < l->count; i++)
        bytes_count(s, lane, (int64_t)l->segments[i].file_bytes);
    segment *last = &l->segments[l->count - 1];
    segment_name name = segment_name_of(lane, last->start);
    l->fd = openat(s->dir_fd, name.text, O_RDWR | O_APPEND | O_CLOEXEC);
    if (l->fd < 0) return err_sys(e, errno, "open '%s/%s'", s->dir, name.text);
    uint64_t before = last->file_bytes;
    if (!tail_recover(l->fd, last, &l->complete, e))
        return err_wrap(e, "'%s/%s'", s->dir, name.text);
    bytes_count(s, lane, -(int64_t)(before - last->file_bytes));
    return true;
}

static bool origin_load(spool *s, err *e)
{
    int fd = openat(s->dir_fd, "origin", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return true; /* nothing was ever received */
    if (fd < 0) return err_sys(e, errno, "open '%s/origin'", s->dir);
    uint8_t bytes[256];
    size_t got = 0;
    bool done = read_at(fd, 0, bytes, sizeof bytes, &got, e) &&
                origin_read(span_of(bytes, got), &s->origin, e);
    (void)close(fd); /* only read */
    if (!done) {
        err_hint(e, "delete '%s': the next run begins with a full sync", s->dir);
        return err_wrap(e, "'%s'", s->dir);
    }
    return true;
}

static bool segments_load(spool *s, err *e)
{
    int fd = dup(s->dir_fd);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) return err_sys(e, errno, "read '%s'", s->dir);
    rewinddir(d);
    bool done = true;
    /* readdir is safe here: this stream is ours alone. */
    for (struct dirent *f = readdir(d); f && done; f = readdir(d)) { /* NOLINT(concurrency*) */
        spool_lane lane;
        uint64_t start = 0;
        if (segment_name_read(f->d_name, &lane, &start))
            done = segment_adopt(s, f->d_name, lane, start, e);
    }
    (void)closedir(d); /* only read */
    for (int lane = 0; lane < LANE_COUNT && done; lane++)
        done = lane_recover(s, (spool_lane)lane, e);
    return done;
}

bool spool_open(const spool_options *o, spool **ret, err *e)
{
    spool *s = mem_alloc(sizeof *s);
    (void)pthread_mutex_init(&s->lock, NULL); /* never fails with default attributes on Linux */
    s->dir = mem_text(span_text(o->dir));
    s->bytes_max = o->bytes_max;
    s->segment_bytes = o->segment_bytes < o->bytes_max / SEGMENTS_MIN ? o->segment_bytes
                                                                      : o->bytes_max / SEGMENTS_MIN;
    s->dir_fd = -1;
    for (int lane = 0; lane < LANE_COUNT; lane++)
        s->lanes[lane].fd = -1;
    bool done = mkdir(o->dir, 0700) == 0 || errno == EEXIST;
    if (!done) done = err_sys(e, errno, "make the directory '%s'", o->dir);
    if (done) s->dir_fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (done && s->dir_fd < 0) done = err_sys(e, errno, "open '%s'", o->dir);
    if (!done || !origin_load(s, e) || !segments_load(s, e)) {
        spool_free(s);
        return err_wrap(e, "spool");
    }
    *ret = s;
    return true;
}

void spool_free(spool *s)
{
    if (!s) return;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        writer_close(&s->lanes[lane]);
        free(s->lanes[lane].segments);
    }
    if (s->dir_fd >= 0) (void)close(s->dir_fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->dir);
    free(s);
}

spool_origin spool_origin_get(spool *s)
{
    pthread_mutex_lock(&s->lock);
    spool_origin o = s->origin;
    pthread_mutex_unlock(&s->lock);
    return o;
}

spool_extent spool_extent_get(spool *s, spool_lane lane)
{
    pthread_mutex_lock(&s->lock);
    const lane_state *l = &s->lanes[lane];
    spool_extent x = {.begin = lane_begin(l), .end = lane_end(l), .complete = l->complete};
    pthread_mutex_unlock(&s->lock);
    return x;
}

uint64_t spool_bytes(spool *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t bytes = s->bytes;
    pthread_mutex_unlock(&s->lock);
    return bytes;
}

void spool_wake_reader(spool *s, net_wake *w)
{
    pthread_mutex_lock(&s->lock);
    s->reader_wake = w;
    pthread_mutex_unlock(&s->lock);
}

void spool_wake_writer(spool *s, net_wake *w)
{
    pthread_mutex_lock(&s->lock);
    s->writer_wake = w;
    pthread_mutex_unlock(&s->lock);
}

static void reader_wake(spool *s)
{
    if (s->reader_wake) net_wake_send(s->reader_wake);
}

bool spool_begin(spool *s, const spool_origin *origin, err *e)
{
    pthread_mutex_lock(&s->lock);
    /* The bytes go first: a crash in between leaves an origin without bytes, which is believed
     * no further than it reaches. */
    lane_empty(s, LANE_SNAPSHOT, 0);
    lane_empty(s, LANE_STREAM, origin->offset);
    folder_restore(s);
    bool done = origin_store(s, origin, e);
    reader_wake(s);
    pthread_mutex_unlock(&s->lock);
    return done;
}

bool spool_replid_set(spool *s, const char *replid, err *e)
{
    pthread_mutex_lock(&s->lock);
    spool_origin o = s->origin;
    assert(strlen(replid) == REPLID_SIZE);
    memcpy(o.replid, replid, REPLID_SIZE + 1);
    bool done = origin_store(s, &o, e);
    pthread_mutex_unlock(&s->lock);
    return done;
}

bool spool_stream_restart(spool *s, uint64_t position, err *e)
{
    (void)e; /* deleting cannot fail in a way that matters; kept for the day it can */
    pthread_mutex_lock(&s->lock);
    lane_empty(s, LANE_STREAM, position);
    pthread_mutex_unlock(&s->lock);
    return true;
}

bool spool_is_full(spool *s)
{
    pthread_mutex_lock(&s->lock);
    bool full = s->bytes >= s->bytes_max;
    pthread_mutex_unlock(&s->lock);
    return full;
}

static bool segment_open(spool *s, spool_lane lane, err *e)
{
    lane_state *l = &s->lanes[lane];
    segment_head h = {.lane = lane, .generation = s->origin.generation, .start = lane_end(l)};
    segment_name name = segment_name_of(lane, h.start);
    int fd = openat(s->dir_fd, name.text, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, errno, "open '%s/%s'", s->dir, name.text);
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    segment_head_write(&h, bytes);
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    if (!write_whole(fd, &part, 1, sizeof bytes, e)) {
        (void)close(fd);
        (void)unlinkat(s->dir_fd, name.text, 0);
        return err_wrap(e, "'%s/%s'", s->dir, name.text);
    }
    writer_close(l);
    l->fd = fd;
    *segment_push(l) = (segment){.start = h.start, .end = h.start, .file_bytes = sizeof bytes};
    bytes_count(s, lane, sizeof bytes);
    return true;
}

static bool record_append(spool *s, spool_lane lane, const record_head *h, span payload, err *e)
{
    lane_state *l = &s->lanes[lane];
    bool fresh =
        l->count == 0 || l->fd < 0 || l->segments[l->count - 1].file_bytes >= s->segment_bytes;
    if (fresh && !segment_open(s, lane, e)) return false;
    segment *g = &l->segments[l->count - 1];
    uint8_t bytes[RECORD_HEAD_SIZE];
    record_head_write(h, bytes);
    struct iovec parts[] = {{.iov_base = bytes, .iov_len = sizeof bytes},
                            {.iov_base = (void *)(uintptr_t)payload.at, .iov_len = payload.size}};
    size_t size = sizeof bytes + payload.size;
    if (!write_whole(l->fd, parts, payload.size ? 2 : 1, size, e)) {
        /* When even that fails, the torn record is cut off at the next start. */
        if (ftruncate(l->fd, (off_t)g->file_bytes) < 0) writer_close(l);
        return err_wrap(e, "spool in '%s'", s->dir);
    }
    g->file_bytes += size;
    g->end += payload.size;
    bytes_count(s, lane, (int64_t)size);
    reader_wake(s);
    return true;
}

uint64_t spool_stream_share(uint64_t bytes_max)
{
    return bytes_max / 4 * 3;
}

static uint64_t lane_share(const spool *s, spool_lane lane)
{
    uint64_t stream = spool_stream_share(s->bytes_max);
    if (!s->shared) return s->bytes_max;
    return lane == LANE_STREAM ? stream : s->bytes_max - stream;
}

/* What the other lane may still take. */
static uint64_t kept_for_other(const spool *s, spool_lane lane)
{
    spool_lane other = lane == LANE_STREAM ? LANE_SNAPSHOT : LANE_STREAM;
    uint64_t share = lane_share(s, other);
    bool keep = s->shared && lane == LANE_STREAM && share > s->lanes[other].bytes;
    return keep ? share - s->lanes[other].bytes : 0;
}

void spool_share(spool *s, bool shared)
{
    pthread_mutex_lock(&s->lock);
    s->shared = shared;
    pthread_mutex_unlock(&s->lock);
}

bool spool_share_is_full(spool *s, spool_lane lane)
{
    pthread_mutex_lock(&s->lock);
    bool full = s->shared && s->lanes[lane].bytes >= lane_share(s, lane);
    pthread_mutex_unlock(&s->lock);
    return full;
}

/* The last bytes of a disk are not the spool's: the journal beside it must be able to write, or the
 * move ends where it could wait. */
static bool disk_has_room(spool *s, spool_lane lane, size_t size, err *e)
{
    s->unchecked += size;
    if (!s->is_disk_short && s->unchecked < DISK_CHECK_BYTES) return true;
    struct statvfs disk;
    if (statvfs(s->dir, &disk) < 0) return true; /* the write itself will tell */
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    s->unchecked = 0;
    s->is_disk_short = left < DISK_RESERVE_BYTES + kept_for_other(s, lane);
    if (!s->is_disk_short) return true;
    return err_set(e, ERR_LIMIT, "the disk of the spool has %" PRIu64 " bytes left, kept for %s",
                   left, left < DISK_RESERVE_BYTES ? "the journal" : "the snapshot");
}

bool spool_append(spool *s, spool_lane lane, span bytes, int64_t wall_ms, err *e)
{
    assert(bytes.size > 0);
    assert(bytes.size <= SPOOL_RECORD_MAX);
    pthread_mutex_lock(&s->lock);
    lane_state *l = &s->lanes[lane];
    assert(!l->complete);
    bool done = s->bytes < s->bytes_max ||
                err_set(e, ERR_LIMIT, "the spool holds %" PRIu64 " bytes, its limit", s->bytes);
    if (done && l->bytes >= lane_share(s, lane)) {
        done = err_set(e, ERR_LIMIT, "the spool holds %" PRIu64 " bytes of the %s, its share",
                       l->bytes, lane == LANE_STREAM ? "stream" : "snapshot");
    }
    done = done && disk_has_room(s, lane, bytes.size, e);
    if (done) {
        record_head h = {.size = (uint32_t)bytes.size, .wall_ms = wall_ms};
        h.checksum = record_checksum(bytes, lane_end(l), wall_ms);
        done = record_append(s, lane, &h, bytes, e);
    }
    pthread_mutex_unlock(&s->lock);
    return done;
}

bool spool_complete(spool *s, spool_lane lane, err *e)
{
    pthread_mutex_lock(&s->lock);
    lane_state *l = &s->lanes[lane];
    int64_t now = clock_wall_ms();
    record_head h = {.flags = RECORD_COMPLETE, .wall_ms = now};
    h.checksum = record_checksum((span){0}, lane_end(l), now);
    bool done = record_append(s, lane, &h, (span){0}, e);
    if (done) l->complete = true;
    pthread_mutex_unlock(&s->lock);
    return done;
}

void spool_release(spool *s, spool_lane lane, uint64_t position)
{
    pthread_mutex_lock(&s->lock);
    lane_state *l = &s->lanes[lane];
    size_t gone = 0;
    while (gone < l->count && l->segments[gone].end <= position) {
        bool last = gone + 1 == l->count;
        if (last && !l->complete) break; /* it is being written */
        segment_delete(s, lane, &l->segments[gone]);
        gone++;
    }
    if (gone > 0) {
        if (gone == l->count) {
            l->begin = lane_end(l);
            writer_close(l);
        }
        memmove(l->segments, l->segments + gone, (l->count - gone) * sizeof *l->segments);
        l->count -= gone;
        if (s->writer_wake) net_wake_send(s->writer_wake);
    }
    pthread_mutex_unlock(&s->lock);
}

struct spool_reader {
    spool *s;
    spool_lane lane;
    uint64_t generation;
    uint64_t position;
    uint64_t file_at;   /* where the next record's head stands */
    uint64_t skip;      /* bytes of the next record that are not wanted (a seek into it) */
    uint64_t seg_start; /* of the open segment */
    int fd;
};

spool_reader *spool_reader_new(spool *s)
{
    spool_reader *r = mem_alloc(sizeof *r);
    r->s = s;
    r->fd = -1;
    return r;
}

void spool_reader_free(spool_reader *r)
{
    if (!r) return;
    if (r->fd >= 0) (void)close(r->fd);
    free(r);
}

static bool reader_open(spool_reader *r, uint64_t seg_start, err *e)
{
    if (r->fd >= 0) (void)close(r->fd);
    segment_name name = segment_name_of(r->lane, seg_start);
    r->fd = openat(r->s->dir_fd, name.text, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) {
        bool gone = errno == ENOENT; /* deleted by hand: only a full sync helps */
        (void)err_sys(e, errno, "open '%s/%s'", r->s->dir, name.text);
        if (gone) e->kind = ERR_STATE;
        return false;
    }
    r->seg_start = seg_start;
    r->file_at = SEGMENT_HEAD_SIZE;
    return true;
}

/* The segment that holds the byte behind `position`; called with the lock held. False: not there
 * yet (position is the lane's end). */
static bool segment_find(const lane_state *l, uint64_t position, segment *ret)
{
    for (size_t i = l->count; i > 0; i--) {
        const segment *g = &l->segments[i - 1];
        if (g->start <= position && position < g->end) {
            *ret = *g;
            return true;
        }
    }
    return false;
}

bool spool_reader_seek(spool_reader *r, spool_lane lane, uint64_t position, err *e)
{
    pthread_mutex_lock(&r->s->lock);
    const lane_state *l = &r->s->lanes[lane];
    bool there = position >= lane_begin(l) && position <= lane_end(l);
    r->generation = r->s->origin.generation;
    pthread_mutex_unlock(&r->s->lock);
    if (r->fd >= 0) (void)close(r->fd);
    r->fd = -1;
    r->lane = lane;
    r->position = position;
    r->skip = 0;
    if (!there) return err_set(e, ERR_STATE, "the spool does not hold position %" PRIu64, position);
    return true;
}

/* Finds the record that holds r->position in a freshly opened segment. */
static step reader_advance(spool_reader *r, err *e)
{
    uint64_t at = r->seg_start;
    for (;;) {
        uint8_t bytes[RECORD_HEAD_SIZE];
        size_t got = 0;
        record_head h;
        if (!read_at(r->fd, r->file_at, bytes, sizeof bytes, &got, e)) return STEP_BAD;
        if (!record_head_read(span_of(bytes, got), &h, e)) return STEP_BAD;
        if (r->position < at + h.size) {
            r->skip = r->position - at;
            return STEP_DONE;
        }
        at += h.size;
        r->file_at += RECORD_HEAD_SIZE + h.size;
    }
}

/* Makes sure that the open file's next record is the one at r->position. */
static step reader_place(spool_reader *r, err *e)
{
    segment g = {0};
    pthread_mutex_lock(&r->s->lock);
    const lane_state *l = &r->s->lanes[r->lane];
    bool current = r->generation == r->s->origin.generation;
    bool gone = r->position < lane_begin(l);
    bool there = current && segment_find(l, r->position, &g);
    bool open = r->fd >= 0 && r->seg_start == g.start;
    bool opened = !there || open || reader_open(r, g.start, e);
    pthread_mutex_unlock(&r->s->lock);
    if (!current) {
        (void)err_set(e, ERR_STATE, "a new full sync has begun");
        return STEP_BAD;
    }
    if (gone) {
        (void)err_set(e, ERR_STATE, "the spool does not hold position %" PRIu64, r->position);
        return STEP_BAD;
    }
    if (!opened) return STEP_BAD;
    if (!there) return STEP_MORE;
    return open ? STEP_DONE : reader_advance(r, e);
}

step spool_reader_read(spool_reader *r, buf *into, int64_t *ret_wall_ms, err *e)
{
    step placed = reader_place(r, e);
    if (placed != STEP_DONE) return placed;
    uint8_t bytes[RECORD_HEAD_SIZE];
    size_t got = 0;
    record_head h;
    if (!read_at(r->fd, r->file_at, bytes, sizeof bytes, &got, e)) return STEP_BAD;
    if (!record_head_read(span_of(bytes, got), &h, e)) return STEP_BAD;
    if (!buf_reserve(into, h.size))
        return err_at(e, ERR_LIMIT, r->position, "no room for a record of %u bytes", h.size);
    uint8_t *payload = into->at + into->size;
    if (!read_at(r->fd, r->file_at + RECORD_HEAD_SIZE, payload, h.size, &got, e)) return STEP_BAD;
    uint64_t start = r->position - r->skip;
    if (got < h.size || record_checksum(span_of(payload, got), start, h.wall_ms) != h.checksum)
        return err_at(e, ERR_FORMAT, start, "a record of the spool is damaged");
    if (r->skip) memmove(payload, payload + r->skip, h.size - r->skip);
    into->size += h.size - r->skip;
    r->position = start + h.size;
    r->file_at += RECORD_HEAD_SIZE + h.size;
    r->skip = 0;
    *ret_wall_ms = h.wall_ms;
    return STEP_DONE;
}

uint64_t spool_reader_position(const spool_reader *r)
{
    return r->position;
}

uint64_t spool_reader_generation(const spool_reader *r)
{
    return r->generation;
}
