/* resp/command.h: commands as arrays of bulk strings, written and read.
 *
 * The reader is resumable: fed bytes that end anywhere it answers STEP_MORE, keeps how far it got,
 * and never looks at a byte twice, so a command of many megabytes costs no more than many small
 * ones. Inline commands (a bare line) occur in replication streams only as "\n" keep-alives, which
 * the reader skips. Format: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#pragma once
#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"

/* Limits of the engines themselves (networking.c: 1024*1024 arguments by default multibulk limit
 * INT_MAX on replication links; proto-max-bulk-len 512 MB by default, up to what fits). */
#define RESP_ARGS_MAX ((size_t)1024 * 1024)
#define RESP_BULK_MAX ((size_t)1024 * 1024 * 1024)

/* Writing. Every function answers false when the buffer's limit is reached; what was written of
 * the command before is then cut off by the caller (remember buf.size first). */
bool resp_begin(buf *out, size_t arg_count) MUST_CHECK;
bool resp_arg(buf *out, span arg) MUST_CHECK;
bool resp_arg_text(buf *out, const char *arg) MUST_CHECK;
bool resp_arg_i64(buf *out, int64_t arg) MUST_CHECK;
/* The head of an argument whose bytes follow by other means; close it with resp_arg_end. */
bool resp_arg_head(buf *out, size_t size) MUST_CHECK;
bool resp_arg_end(buf *out) MUST_CHECK;
/* A whole command from texts or spans. */
bool resp_texts(buf *out, size_t count, const char *const *args) MUST_CHECK;
bool resp_spans(buf *out, size_t count, const span *args) MUST_CHECK;

/* Reading. The arguments stand at positions relative to the command's first byte, because the
 * caller may move its buffer between two calls. */
typedef struct {
    size_t at;
    size_t size;
} resp_place;

typedef struct {
    resp_place *args; /* ours; arg_count of them are valid after STEP_DONE */
    size_t arg_count;
    size_t args_room;
    size_t args_left; /* while reading */
    size_t read;      /* bytes of this command understood so far */
    bool begun;
} resp_command;

void resp_command_clear(resp_command *c);
/* `in` starts at the command's first byte on every call. STEP_DONE: `ret_size` bytes make up the
 * command (it may be one with no argument: a skipped newline, arg_count 0). */
step resp_command_read(resp_command *c, span in, uint64_t offset, size_t *ret_size, err *e)
    MUST_CHECK;
/* Argument i of the command that starts at `start`. */
static inline span resp_command_arg(const resp_command *c, const uint8_t *start, size_t i)
{
    assert(i < c->arg_count);
    return span_of(start + c->args[i].at, c->args[i].size);
}
