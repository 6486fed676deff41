#include "apply/value.h"

#include <stdarg.h>

#include "apply/hold.h"
#include "apply/recast.h"
#include "base/mem.h"
#include "rdb/decode.h"
#include "resp/command.h"

/* A command is closed when it has so many elements or bytes. */
#define CHUNK_ELEMENTS_MAX ((size_t)512)
#define CHUNK_BYTES_MAX ((size_t)256 * 1024)
/* What one element may write: a chunk, and a few commands of its own. */
#define ELEMENT_COMMANDS_MAX ((size_t)5)
_Static_assert(2 * ELEMENT_COMMANDS_MAX < VALUE_COMMANDS_MAX, "a step writes something");
#define BLOB_MAX (16 * MIB)
#define PENDING_MAX (24 * MIB) /* some three million ids of one group */

struct value_writer {
    struct rdb_decoder *decoder;
    const rdb_type *type;
    buf key;
    int64_t expires_at_ms;
    value_target target;
    enum { WRITER_BEGIN, WRITER_ELEMENTS, WRITER_EXPIRY, WRITER_END } at;
    /* The command being collected: its arguments behind name and key. */
    const char *verb;
    buf args;
    size_t arg_count;
    size_t elements;
    buf piece;       /* of a string, for the next APPEND */
    buf entry_group; /* the group that CONSUMER and PENDING belong to */
    uint64_t entries;
};

value_writer *
value_writer_new(const rdb_type *type, span key, int64_t expires_at_ms, const value_target *target)
{
    value_writer *w = mem_alloc(sizeof *w);
    rdb_decode_limits limits = {.blob_max = BLOB_MAX, .pending_max = PENDING_MAX};
    w->decoder = rdb_decoder_new(&limits);
    w->type = type;
    w->expires_at_ms = expires_at_ms;
    w->target = *target;
    w->key = buf_of(RESP_BULK_MAX);
    w->args = buf_of(2 * RESP_BULK_MAX);
    w->piece = buf_of(RESP_BULK_MAX);
    w->entry_group = buf_of(RESP_BULK_MAX);
    bool fits = buf_append(&w->key, key);
    assert(fits);
    rdb_decoder_begin(w->decoder, type);
    return w;
}

void value_writer_free(value_writer *w)
{
    if (!w) return;
    rdb_decoder_free(w->decoder);
    buf_clear(&w->key);
    buf_clear(&w->args);
    buf_clear(&w->piece);
    buf_clear(&w->entry_group);
    free(w);
}

static bool is_before_7(const value_writer *w)
{
    return rdb_is_before_7(w->target.rdb_version);
}

static bool full(const value_writer *w, err *e)
{
    return err_set(e, ERR_LIMIT, "no room to send key '%s'", span_show(buf_span(&w->key)).text);
}

/* Writes the command collected so far, if any. */
static bool chunk_close(value_writer *w, buf *out, size_t *commands, err *e)
{
    if (w->arg_count == 0) return true;
    bool fits = resp_begin(out, w->arg_count + 2) && resp_arg_text(out, w->verb) &&
                resp_arg(out, buf_span(&w->key)) && buf_append(out, buf_span(&w->args));
    ++*commands;
    w->args.size = w->arg_count = w->elements = 0;
    return fits || full(w, e);
}

static bool chunk_arg(value_writer *w, span arg)
{
    w->arg_count++;
    return resp_arg(&w->args, arg);
}

static bool chunk_text(value_writer *w, const char *format, ...) PRINTF_LIKE(2, 3);
static bool chunk_text(value_writer *w, const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(size > 0);
    assert((size_t)size < sizeof text);
    return chunk_arg(w, span_of(text, (size_t)size));
}

static bool chunk_is_full(const value_writer *w)
{
    return w->elements >= CHUNK_ELEMENTS_MAX || w->args.size >= CHUNK_BYTES_MAX;
}

/* One command of its own: what was collected goes first. */
static bool alone_begin(value_writer *w, const char *verb, buf *out, size_t *commands, err *e)
{
    if (!chunk_close(w, out, commands, e)) return false;
    w->verb = verb;
    return true;
}

static bool id_arg(value_writer *w, rdb_stream_id id)
{
    return chunk_text(w, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

/* XGROUP has its verb before the key: written whole here. */
static bool group_create(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    if (!chunk_close(w, out, commands, e)) return false;
    char id[48];
    char read[24];
    (void)snprintf(id, sizeof id, "%" PRIu64 "-%" PRIu64, v->id.ms, v->id.seq);
    (void)snprintf(read, sizeof read, "%" PRId64, v->entries_read);
    bool counted = v->entries_read >= 0 && !is_before_7(w);
    const span args[] = {
        span_text("XGROUP"), span_text("CREATE"),   buf_span(&w->key),        v->text,
        span_text(id),       span_text("MKSTREAM"), span_text("ENTRIESREAD"), span_text(read)};
    w->entry_group.size = 0;
    bool fits = buf_append(&w->entry_group, v->text) && resp_spans(out, counted ? 8 : 6, args);
    (*commands)++;
    return fits || full(w, e);
}

static bool
consumer_create(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    if (!chunk_close(w, out, commands, e)) return false;
    span key = buf_span(&w->key);
    span group = buf_span(&w->entry_group);
    const span args[] = {span_text("XGROUP"), span_text("CREATECONSUMER"), key, group, v->text};
    bool fits = is_before_7(w) ? recast_consumer_write(out, key, group, v->text)
                               : resp_spans(out, COUNT_OF(args), args);
    (*commands)++;
    return fits || full(w, e);
}

/* XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n FORCE JUSTID: also for a deleted entry the
 * engine keeps nothing, as after its own XCLAIM. */
static bool
pending_create(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    bool fits =
        alone_begin(w, "XCLAIM", out, commands, e) && chunk_arg(w, buf_span(&w->entry_group)) &&
        chunk_arg(w, v->text) && chunk_text(w, "0") && id_arg(w, v->id) && chunk_text(w, "TIME") &&
        chunk_text(w, "%" PRId64, v->delivered_ms) && chunk_text(w, "RETRYCOUNT") &&
        chunk_text(w, "%" PRIu64, v->count) && chunk_text(w, "FORCE") && chunk_text(w, "JUSTID");
    return (fits || full(w, e)) && chunk_close(w, out, commands, e);
}

/* XSETID key last ENTRIESADDED n MAXDELETEDID id. A stream without entries is made first: XSETID
 * needs the key, and XADD + XDEL leaves an empty one. */
static bool stream_close(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    if (!chunk_close(w, out, commands, e)) return false;
    if (w->entries == 0) {
        const span add[] = {span_text("XADD"), buf_span(&w->key), span_text("0-1"), span_text("f"),
                            span_text("v")};
        const span del[] = {span_text("XDEL"), buf_span(&w->key), span_text("0-1")};
        if (!resp_spans(out, COUNT_OF(add), add) || !resp_spans(out, COUNT_OF(del), del))
            return full(w, e);
        *commands += 2;
    }
    w->verb = "XSETID";
    bool fits = id_arg(w, v->stream.last);
    if (v->stream.has_history && !is_before_7(w)) {
        fits = fits && chunk_text(w, "ENTRIESADDED") &&
               chunk_text(w, "%" PRIu64, v->stream.entries_added) &&
               chunk_text(w, "MAXDELETEDID") && id_arg(w, v->stream.max_deleted);
    }
    return (fits || full(w, e)) && chunk_close(w, out, commands, e);
}

static bool element_append(value_writer *w,
                           const char *verb,
                           size_t count,
                           const span *args,
                           buf *out,
                           size_t *commands,
                           err *e)
{
    w->verb = verb;
    for (size_t i = 0; i < count; i++)
        if (!chunk_arg(w, args[i])) return full(w, e);
    w->elements++;
    return !chunk_is_full(w) || chunk_close(w, out, commands, e);
}

static bool scored_append(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    char score[40];
    int size = snprintf(score, sizeof score, "%.17g", v->score);
    assert(size > 0);
    const span args[] = {span_of(score, (size_t)size), v->text};
    return element_append(w, "ZADD", 2, args, out, commands, e);
}

/* HSETEX key PXAT ms FIELDS 1 field value */
static bool
expiring_field(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    if (!w->target.fields_expire)
        return err_set(e, ERR_STATE, "the target does not know expiries of hash fields");
    if (hold_is_held(v->expires_at_ms)) {
        return err_set(e, ERR_LIMIT, "a field expires after the year 3084, which cannot be held");
    }
    int64_t at_ms = hold_expiry(v->expires_at_ms, w->target.hold_until_ms);
    bool fits = alone_begin(w, "HSETEX", out, commands, e) && chunk_text(w, "PXAT") &&
                chunk_text(w, "%" PRId64, at_ms) && chunk_text(w, "FIELDS") && chunk_text(w, "1") &&
                chunk_arg(w, v->text) && chunk_arg(w, v->value);
    return (fits || full(w, e)) && chunk_close(w, out, commands, e);
}

static bool field_append(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    const span pair[] = {v->text, v->value};
    if (v->expires_at_ms >= 0) return expiring_field(w, v, out, commands, e);
    return element_append(w, "HSET", 2, pair, out, commands, e);
}

static bool entry_begin(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    if (!alone_begin(w, "XADD", out, commands, e)) return false;
    w->entries++;
    return id_arg(w, v->id) || full(w, e);
}

static bool piece_close(value_writer *w, buf *out, size_t *commands, err *e)
{
    if (w->piece.size == 0) return true;
    const span args[] = {span_text("APPEND"), buf_span(&w->key), buf_span(&w->piece)};
    bool fits = resp_spans(out, COUNT_OF(args), args);
    w->piece.size = 0;
    (*commands)++;
    return fits || full(w, e);
}

/* The decoder's pieces are small; the target grows the string at each APPEND. */
static bool piece_append(value_writer *w, span text, buf *out, size_t *commands, err *e)
{
    if (!buf_append(&w->piece, text)) return full(w, e);
    return w->piece.size < CHUNK_BYTES_MAX || piece_close(w, out, commands, e);
}

static bool element_write(value_writer *w, const rdb_element *v, buf *out, size_t *commands, err *e)
{
    switch (v->kind) {
    case RDB_ELEMENT_PIECE:
        return piece_append(w, v->text, out, commands, e);
    case RDB_ELEMENT_ITEM:
        return element_append(w, "RPUSH", 1, &v->text, out, commands, e);
    case RDB_ELEMENT_MEMBER:
        return element_append(w, "SADD", 1, &v->text, out, commands, e);
    case RDB_ELEMENT_FIELD:
        return field_append(w, v, out, commands, e);
    case RDB_ELEMENT_SCORED:
        return scored_append(w, v, out, commands, e);
    case RDB_ELEMENT_ENTRY:
        return entry_begin(w, v, out, commands, e);
    case RDB_ELEMENT_ENTRY_FIELD:
        return (chunk_arg(w, v->text) && chunk_arg(w, v->value)) || full(w, e);
    case RDB_ELEMENT_STREAM:
        return stream_close(w, v, out, commands, e);
    case RDB_ELEMENT_GROUP:
        return group_create(w, v, out, commands, e);
    case RDB_ELEMENT_CONSUMER:
        return consumer_create(w, v, out, commands, e);
    case RDB_ELEMENT_PENDING:
        return pending_create(w, v, out, commands, e);
    case RDB_ELEMENT_MODULE:
        return err_set(e, ERR_STATE, "only the module can read it, and it is larger than %zu MiB",
                       VALUE_BYTES_MAX / MIB);
    case RDB_ELEMENT_END:
        break;
    }
    return true;
}

bool value_writer_delete(value_writer *w, buf *out, size_t *ret_commands, err *e)
{
    const span args[] = {span_text("DEL"), buf_span(&w->key)};
    (*ret_commands)++;
    return resp_spans(out, COUNT_OF(args), args) || full(w, e);
}

static step expiry_write(value_writer *w, buf *out, size_t *commands, err *e)
{
    w->at = WRITER_END;
    if (!chunk_close(w, out, commands, e) || !piece_close(w, out, commands, e)) return STEP_BAD;
    if (w->expires_at_ms < 0) return STEP_DONE;
    w->verb = "PEXPIREAT";
    bool fits = chunk_text(w, "%" PRId64, w->expires_at_ms);
    return (fits || full(w, e)) && chunk_close(w, out, commands, e) ? STEP_DONE : STEP_BAD;
}

step value_writer_step(value_writer *w, cursor *in, buf *out, size_t *ret_commands, err *e)
{
    *ret_commands = 0;
    if (w->at == WRITER_BEGIN) {
        if (!value_writer_delete(w, out, ret_commands, e)) return STEP_BAD;
        w->at = WRITER_ELEMENTS;
    }
    while (w->at == WRITER_ELEMENTS && *ret_commands + ELEMENT_COMMANDS_MAX <= VALUE_COMMANDS_MAX) {
        rdb_element v;
        step got = rdb_decode_next(w->decoder, in, &v, e);
        if (got != STEP_DONE) return got;
        if (v.kind == RDB_ELEMENT_END) w->at = WRITER_EXPIRY;
        if (!element_write(w, &v, out, ret_commands, e)) return STEP_BAD;
    }
    if (w->at == WRITER_EXPIRY) return expiry_write(w, out, ret_commands, e);
    return STEP_MORE;
}
