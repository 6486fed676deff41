/* repl/spool.h: what was received from the source and is not yet safe on the target, on disk.
 *
 * Two lanes of bytes, each in segment files: the snapshot (positions count from 0) and the stream
 * (positions are replication offsets: position p is behind byte p of the source's stream). Every
 * record carries its receive time and a checksum, so a torn or damaged one is recognised. Bytes
 * are bounded by `bytes_max`: a full spool is back-pressure with a name, never a crash.
 *
 * One generation at a time: it begins with every full sync, and its origin (source's replication
 * id and offset of the snapshot) stands in a small file of its own. Segments of another generation
 * are never believed.
 *
 * Threads: one writer, one reader; the rest may be called from anywhere. The files survive a
 * SIGKILL of the tool (page cache); after a crash of the machine the torn tail is cut off and the
 * source is asked again from there. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "net/net.h"

#define SPOOL_RECORD_MAX (256 * KIB)
#define REPLID_SIZE 40

typedef enum { LANE_SNAPSHOT, LANE_STREAM, LANE_COUNT } spool_lane;

typedef struct spool spool;
typedef struct spool_reader spool_reader;

typedef struct {
    const char *dir; /* made when missing */
    uint64_t bytes_max;
    uint64_t segment_bytes;
} spool_options;

typedef struct {
    uint64_t generation; /* 0: nothing was ever received */
    char replid[REPLID_SIZE + 1];
    uint64_t offset; /* the stream goes on from here when the snapshot is applied */
} spool_origin;

typedef struct {
    uint64_t begin;
    uint64_t end;
    bool complete; /* nothing will be added (the snapshot was received whole) */
} spool_extent;

/* Opens what is there and cuts off a torn tail. */
bool spool_open(const spool_options *o, spool **ret, err *e) MUST_CHECK;
void spool_free(spool *s);

spool_origin spool_origin_get(spool *s);
spool_extent spool_extent_get(spool *s, spool_lane lane);
uint64_t spool_bytes(spool *s);
/* Who is woken when bytes came or room was made; NULL: nobody. A wake must be unset before it is
 * freed. */
void spool_wake_reader(spool *s, net_wake *w);
void spool_wake_writer(spool *s, net_wake *w);

/* Writer. A new generation: everything before goes. */
bool spool_begin(spool *s, const spool_origin *origin, err *e) MUST_CHECK;
/* The source goes on under another id (a failover there); same generation. */
bool spool_replid_set(spool *s, const char *replid, err *e) MUST_CHECK;
/* ERR_LIMIT: full (nothing was written). ERR_IO: the disk (nothing was kept). */
bool spool_append(spool *s, spool_lane lane, span bytes, int64_t wall_ms, err *e) MUST_CHECK;
bool spool_is_full(spool *s);
/* Writer. While snapshot and stream come at the same time neither may take the other's room: a
 * snapshot without any could not be applied, and the stream behind it not be freed. */
void spool_share(spool *s, bool shared);
/* The lane has used up its share, and goes on when the reader has freed some of it. */
bool spool_share_is_full(spool *s, spool_lane lane);
/* What the stream may take of a shared spool. */
uint64_t spool_stream_share(uint64_t bytes_max);
bool spool_complete(spool *s, spool_lane lane, err *e) MUST_CHECK;
/* The stream lane is emptied and goes on at `position` (the target is already further). */
bool spool_stream_restart(spool *s, uint64_t position, err *e) MUST_CHECK;

/* Everything of the lane below `position` is safe: whole segments below it are deleted. */
void spool_release(spool *s, spool_lane lane, uint64_t position);

/* Reader. */
spool_reader *spool_reader_new(spool *s);
void spool_reader_free(spool_reader *r);
/* The next read begins at `position`. ERR_STATE: it is not there (any more). */
bool spool_reader_seek(spool_reader *r, spool_lane lane, uint64_t position, err *e) MUST_CHECK;
/* Appends the rest of one record, at most SPOOL_RECORD_MAX bytes (the caller has room for them).
 * STEP_MORE: nothing there now. STEP_BAD: damaged, or the generation is over (ERR_STATE). */
step spool_reader_read(spool_reader *r, buf *into, int64_t *ret_wall_ms, err *e) MUST_CHECK;
uint64_t spool_reader_position(const spool_reader *r);
uint64_t spool_reader_generation(const spool_reader *r);
