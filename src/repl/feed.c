/* Feeds the spool from an RDB file that was checked before: the receiver's other thread. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "repl/receiver_internal.h"

#define ROOM_RETRY_MS 200 /* the applier makes room: that wakes us earlier */

bool receiver_file_look(int fd, receiver_file *ret, err *e)
{
    struct stat is;
    if (fstat(fd, &is) < 0) return err_sys(e, errno, "stat");
    if (!S_ISREG(is.st_mode)) {
        (void)err_set(e, ERR_USAGE, "it is no regular file");
        return err_hint(e, "a move reads it more than once: write it to a disk first");
    }
    ret->size = (uint64_t)is.st_size;
    ret->device = is.st_dev;
    ret->inode = is.st_ino;
    ret->changed_ns = is.st_mtim.tv_sec * NS_PER_S + is.st_mtim.tv_nsec;
    return true;
}

static bool is_same(const receiver_file *a, const receiver_file *b)
{
    return a->size == b->size && a->device == b->device && a->inode == b->inode &&
           a->changed_ns == b->changed_ns;
}

static bool look_again(const receiver *r, int fd, err *e)
{
    receiver_file now = {0};
    if (!receiver_file_look(fd, &now, e)) return false;
    if (is_same(&now, r->file)) return true;
    (void)err_set(e, ERR_STATE, "the file changed since it was checked");
    return err_hint(e,
                    "let nobody write to it; a new file is a new move with a new work directory");
}

static void status_set(receiver *r, receiver_state state, uint64_t generation, uint64_t at)
{
    pthread_mutex_lock(&r->lock);
    r->status.state = state;
    r->status.generation = generation;
    r->status.snapshot_bytes = at;
    r->status.snapshot_total = r->file->bytes;
    r->status.heard_ns = clock_ns();
    pthread_mutex_unlock(&r->lock);
}

/* No room in the spool is how the applier's pace is kept; no room on the disk is told. */
static void room_note(receiver *r, const err *why)
{
    pthread_mutex_lock(&r->lock);
    r->status.full = why && why->kind != ERR_LIMIT;
    r->status.trouble = r->status.full ? *why : (err){0};
    pthread_mutex_unlock(&r->lock);
}

static bool is_over(receiver *r)
{
    return atomic_load(&r->stop) || atomic_load(&r->full_sync_asked);
}

/* The bytes from `at` on. */
static bool bytes_feed(receiver *r, int fd, uint64_t at, uint64_t generation, err *e)
{
    CLEANUP(mem_free_at) uint8_t *bytes = mem_alloc(SPOOL_RECORD_MAX);
    while (at < r->file->bytes && !is_over(r)) {
        size_t want = (size_t)(r->file->bytes - at);
        ssize_t n = pread(fd, bytes, size_min(want, SPOOL_RECORD_MAX), (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_sys(e, errno, "read at offset %" PRIu64, at);
        if (n == 0) return err_set(e, ERR_STATE, "the file changed: it ends at %" PRIu64, at);
        err why = {0};
        span piece = span_of(bytes, (size_t)n);
        while (!is_over(r) &&
               !spool_append(r->spool, LANE_SNAPSHOT, piece, clock_wall_ms(), &why)) {
            room_note(r, &why);
            net_loop_turn(r->loop, ROOM_RETRY_MS);
        }
        if (is_over(r)) return true;
        room_note(r, NULL);
        at += (uint64_t)n;
        status_set(r, RECEIVER_SNAPSHOT, generation, at);
    }
    return true;
}

/* Where to go on: what the spool holds of this very file is kept. */
static bool place_find(receiver *r, uint64_t *ret_generation, uint64_t *ret_at, err *e)
{
    spool_origin origin = spool_origin_get(r->spool);
    spool_extent there = spool_extent_get(r->spool, LANE_SNAPSHOT);
    bool is_ours = origin.generation > 0 && strcmp(origin.replid, r->file->identity) == 0;
    bool fresh = !is_ours || r->snapshot_open || atomic_load(&r->full_sync_asked);
    if (fresh) {
        origin = (spool_origin){.generation = size_max(origin.generation, r->generation_used) + 1,
                                .offset = r->file->bytes};
        memcpy(origin.replid, r->file->identity, sizeof origin.replid);
        if (!spool_begin(r->spool, &origin, e)) return false;
        r->snapshot_open = false;
        atomic_store(&r->full_sync_asked, false);
    }
    *ret_generation = origin.generation;
    *ret_at = fresh ? 0 : there.complete ? r->file->bytes : there.end;
    status_set(r, RECEIVER_SNAPSHOT, *ret_generation, *ret_at);
    return true;
}

static bool feed_open(receiver *r, int fd, err *e)
{
    uint64_t generation = 0;
    uint64_t at = 0;
    if (!look_again(r, fd, e) || !place_find(r, &generation, &at, e) ||
        !bytes_feed(r, fd, at, generation, e) || !look_again(r, fd, e))
        return false;
    if (is_over(r)) return true;
    if (!spool_extent_get(r->spool, LANE_SNAPSHOT).complete &&
        !spool_complete(r->spool, LANE_SNAPSHOT, e))
        return false;
    status_set(r, RECEIVER_STREAM, generation, r->file->bytes);
    return true;
}

static bool feed(receiver *r, err *e)
{
    int fd = open(r->file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, errno, "open");
    bool done = feed_open(r, fd, e);
    (void)close(fd); /* it was only read */
    return done;
}

static void die(receiver *r, const err *why)
{
    err e = *why;
    (void)err_wrap(&e, "'%s'", r->file->path);
    (void)err_blame(&e, SIDE_SOURCE);
    pthread_mutex_lock(&r->lock);
    r->status.trouble = e;
    r->status.is_dead = true;
    pthread_mutex_unlock(&r->lock);
}

void *feed_main(void *arg)
{
    receiver *r = arg;
    while (!atomic_load(&r->stop)) {
        err e = {0};
        if (!feed(r, &e)) die(r, &e);
        while (!is_over(r))
            net_loop_turn(r->loop, ROOM_RETRY_MS);
    }
    return NULL;
}
