/* apply/value.h: one key of a snapshot as commands for the target. Pure.
 *
 * A value that fits one command is passed on (value_write): strings as SET .. PXAT, which costs
 * the target least (less still in company: apply/batch.h), everything else as RESTORE with the
 * bytes of the file; redis before 7.0 gets a string that expires so as well, since a SET there
 * takes no absolute time, and a second command could be the one that never comes. A larger one is
 * decoded and written element by element (value_writer), a DEL first so that it can be started
 * over, and its expiry last; never more of it is held than one chunk and one node of its encoding.
 */
#pragma once
#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "rdb/payload.h"
#include "rdb/text.h"
#include "rdb/types.h"

/* The largest serialized value that is passed on whole: it must fit our memory bound, and a
 * RESTORE of this size blocks the target for some 10 ms at most. */
#define VALUE_BYTES_MAX ((size_t)16 * 1024 * 1024)
/* Commands one step of a value_writer may write. */
#define VALUE_COMMANDS_MAX ((size_t)64)

typedef struct {
    const rdb_type *type;
    span key;
    span value;            /* serialized, behind the type byte */
    int64_t expires_at_ms; /* as it is written (held or not); -1: never */
    int64_t idle_s;        /* -1: not known */
    int64_t frequency;     /* -1: not known */
    unsigned rdb_version;  /* of the target */
} value_item;

/* Whether it is a hash of a form that has room for expiries of fields. */
bool value_fields_may_expire(const rdb_type *type);
/* Whether a target of that RDB version takes a value of this type as the file has it. Not so: newer
 * types, and hashes that may have fields with an expiry (those must not be written by RESTORE). */
bool value_is_taken(const rdb_type *type, unsigned target_rdb_version);

/* Whether it is a string that stands plainly in the file, which `ret` is then (in `number`, if it
 * is one). The server's policy has no use for a usage that a SET would reset, unless the file
 * carries one: then RESTORE. */
bool value_is_plain(const value_item *v, rdb_decimal *number, span *ret) MUST_CHECK;
/* One command. ERR_LIMIT: the buffer is full. */
bool value_write(const value_item *v, buf *out, err *e) MUST_CHECK;

/* What the target is to a value that goes element by element. */
typedef struct {
    unsigned rdb_version;
    bool fields_expire;    /* it knows expiries of hash fields; else a value with one is refused */
    int64_t hold_until_ms; /* up to here they are held (apply/hold.h) */
} value_target;

typedef struct value_writer value_writer;
value_writer *
value_writer_new(const rdb_type *type, span key, int64_t expires_at_ms, const value_target *target);
void value_writer_free(value_writer *w);
/* Reads from the value's first byte on and writes at most VALUE_COMMANDS_MAX commands.
 * STEP_MORE: again, with more bytes if nothing was written. STEP_DONE: the value is complete.
 * STEP_BAD with ERR_STATE or ERR_LIMIT: the bytes are good, but cannot be carried this way (a
 * hash field with an expiry, to a target that does not know them). */
step value_writer_step(value_writer *w, cursor *in, buf *out, size_t *ret_commands, err *e)
    MUST_CHECK;
/* The value of a payload of DUMP, whole: as RESTORE with the target's own version if it takes the
 * type (unless `elements`), else as commands. Errors as of value_writer_step(), and ERR_FORMAT. */
bool value_payload_write(const rdb_payload *p,
                         span key,
                         int64_t expires_at_ms,
                         bool elements,
                         const value_target *target,
                         buf *out,
                         err *e) MUST_CHECK;
/* Takes back what was written of it. */
bool value_writer_delete(value_writer *w, buf *out, size_t *ret_commands, err *e) MUST_CHECK;
