/* store/chunked.h: the inside of a body in aws-chunked encoding, piece by piece. Pure.
 *
 *     5;chunk-signature=<64 hex>\r\n hello \r\n 0;chunk-signature=<64 hex>\r\n name:value\r\n \r\n
 *
 * Without signatures the part from ';' on is missing. It is fed bytes and answers events; the spans
 * of an event point into what was fed, or into the reader, and last until the next call. Source:
 * docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html */
#pragma once
#include "base/cursor.h"
#include "base/err.h"

#define CHUNKED_LINE_MAX ((size_t)4096)
#define CHUNKED_CHUNK_MAX ((uint64_t)16 * 1024 * 1024 * 1024)
#define CHUNKED_TRAILERS_MAX 16

typedef enum {
    CHUNKED_BEGIN,   /* a chunk of `size` bytes; the last one has 0 */
    CHUNKED_DATA,    /* some bytes of it */
    CHUNKED_TAIL,    /* all of its bytes are there */
    CHUNKED_TRAILER, /* name and value behind the last chunk */
    CHUNKED_END,     /* what follows does not belong to it */
} chunked_kind;

typedef struct {
    chunked_kind kind;
    uint64_t size;
    span signature; /* of CHUNKED_BEGIN; empty: none */
    span data;
    span name, value;
} chunked_event;

typedef struct {
    int state;
    uint64_t left; /* of the chunk */
    unsigned trailers;
    bool is_last;
    size_t line_size;
    uint8_t line[CHUNKED_LINE_MAX];
} chunked;

/* STEP_DONE: an event; STEP_MORE: all of the input was eaten. */
step chunked_next(chunked *c, cursor *in, chunked_event *ret, err *e) MUST_CHECK;
