/* repl/spool_file.h: the bytes of a segment file and of the origin file. Pure.
 *
 * Segment: a head of 64 bytes, then records. All numbers little endian.
 *   head:   "HOSPOOL1", lane u32, zero u32, generation u64, start u64, 24 bytes zero, xxh3 u64
 *   record: size u32, flags u32 (1: the lane is complete, size 0), receive time i64 (wall, ms),
 *           xxh3 u64 (of the payload, seeded with its position and the receive time), payload */
#pragma once
#include "repl/spool.h"

#define SEGMENT_HEAD_SIZE 64
#define RECORD_HEAD_SIZE 24
#define RECORD_COMPLETE 1u

typedef struct {
    spool_lane lane;
    uint64_t generation;
    uint64_t start;
} segment_head;

typedef struct {
    uint32_t size;
    uint32_t flags;
    int64_t wall_ms;
    uint64_t checksum;
} record_head;

void segment_head_write(const segment_head *h, uint8_t out[SEGMENT_HEAD_SIZE]);
bool segment_head_read(span in, segment_head *ret, err *e) MUST_CHECK;
void record_head_write(const record_head *h, uint8_t out[RECORD_HEAD_SIZE]);
bool record_head_read(span in, record_head *ret, err *e) MUST_CHECK;
uint64_t record_checksum(span payload, uint64_t position, int64_t wall_ms);

/* "generation=3 replid=… offset=…\n" */
bool origin_write(const spool_origin *o, buf *out) MUST_CHECK;
bool origin_read(span in, spool_origin *ret, err *e) MUST_CHECK;

/* "stream-00000000000000004711.seg" */
typedef struct {
    char text[48];
} segment_name;
segment_name segment_name_of(spool_lane lane, uint64_t start);
bool segment_name_read(const char *name, spool_lane *ret_lane, uint64_t *ret_start);
