/* Values that are never asked for whole. Strings and lists go window by window: the same window of
 * both sides must be the same bytes. A window that differs is asked again, source, target, source,
 * with growing pauses, before it counts. */
#include "base/clock.h"
#include "verify/verify_internal.h"

#define LIST_ITEMS_FIRST 1
#define ITEMS_MAX 2000

int64_t window_pause_ms(unsigned attempt)
{
    static const int64_t pauses[] = {0, 1, 5, 20, 50, 100, 200};
    return attempt < COUNT_OF(pauses) ? pauses[attempt] : -1;
}

bool window_ask(lane *l, const window *w, err *e)
{
    buf *out = lane_out(l);
    span words = span_text(w->command);
    span word;
    size_t word_count = 0;
    while (span_cut(&words, ' ', &word))
        word_count++;
    words = span_text(w->command);
    bool good = resp_begin(out, word_count + 1 + w->extra_args + w->arg_count);
    for (size_t i = 0; i < word_count && good; i++)
        good = span_cut(&words, ' ', &word) && resp_arg(out, word);
    good = good && buf_append(out, w->key);
    for (size_t i = 0; i < w->arg_count && good; i++)
        good = resp_arg_text(out, w->args[i]);
    return lane_send(l, good, e) && lane_flush(l, e);
}

static bool window_read(lane *l, const window *w, fingerprint *ret, err *e)
{
    if (w->read) return w->read(l, w->context, ret, e);
    return lane_fingerprint(l, w->command, NULL, ret, e);
}

bool window_compare(verify *v, const window *w, large_verdict *ret, err *e)
{
    fingerprint before = {0};
    fingerprint target = {0};
    fingerprint after = {0};
    bool source_moved = false;
    bool target_moved = false;
    for (unsigned attempt = 0; window_pause_ms(attempt) >= 0; attempt++) {
        fingerprint target_was = target;
        fingerprint source_was = after;
        if (!verify_pause(v, window_pause_ms(attempt), e)) return false;
        if (!window_ask(&v->source, w, e) || !window_ask(&v->target, w, e)) return false;
        /* The target first: what is kept in the context is the source's. */
        if (!window_read(&v->target, w, &target, e) || !window_read(&v->source, w, &before, e))
            return false;
        *ret = LARGE_EQUAL;
        if (fingerprint_equal(before, target)) return true;
        if (!window_ask(&v->source, w, e) || !window_read(&v->source, w, &after, e)) return false;
        if (fingerprint_equal(after, target)) return true;
        if (!fingerprint_equal(before, after)) source_moved = true;
        if (attempt > 0 && !fingerprint_equal(source_was, before)) source_moved = true;
        if (attempt > 0 && !fingerprint_equal(target_was, target)) target_moved = true;
    }
    *ret = source_moved && target_moved ? LARGE_MOVING : LARGE_DIFFERENT;
    return true;
}

static bool source_length(verify *v, const window *w, int64_t *ret, err *e)
{
    return window_ask(&v->source, w, e) && lane_read_integer(&v->source, w->command, ret, e);
}

static bool large_string(verify *v, span key, large_result *ret, err *e)
{
    int64_t size = 0;
    window length = {.command = "STRLEN", .key = key};
    if (!window_compare(v, &length, &ret->verdict, e)) return false;
    if (ret->verdict != LARGE_EQUAL) {
        (void)snprintf(ret->note, sizeof ret->note, "lengths differ");
        return true;
    }
    if (!source_length(v, &length, &size, e)) return false;
    for (int64_t at = 0; at < size; at += (int64_t)WINDOW_ITEM_BYTES) {
        char from[24];
        char to[24];
        (void)snprintf(from, sizeof from, "%" PRId64, at);
        (void)snprintf(to, sizeof to, "%" PRId64, at + (int64_t)WINDOW_ITEM_BYTES - 1);
        const char *const args[] = {from, to};
        window w = {.command = "GETRANGE", .key = key, .args = args, .arg_count = 2};
        if (!window_compare(v, &w, &ret->verdict, e)) return false;
        if (ret->verdict == LARGE_EQUAL) continue;
        (void)snprintf(ret->note, sizeof ret->note, "bytes %s to %s differ", from, to);
        return true;
    }
    return true;
}

int64_t window_items_next(int64_t items, uint64_t bytes)
{
    int64_t each = (int64_t)bytes / (items > 0 ? items : 1) + 1;
    int64_t next = (int64_t)WINDOW_ITEM_BYTES / each;
    if (next > ITEMS_MAX) next = ITEMS_MAX;
    return next > 0 ? next : 1;
}

static bool large_list(verify *v, span key, large_result *ret, err *e)
{
    int64_t count = 0;
    window length = {.command = "LLEN", .key = key};
    if (!window_compare(v, &length, &ret->verdict, e)) return false;
    if (ret->verdict != LARGE_EQUAL) {
        (void)snprintf(ret->note, sizeof ret->note, "lengths differ");
        return true;
    }
    if (!source_length(v, &length, &count, e)) return false;
    int64_t items = LIST_ITEMS_FIRST;
    for (int64_t at = 0; at < count;) {
        char from[24];
        char to[24];
        uint64_t received = v->source.received;
        (void)snprintf(from, sizeof from, "%" PRId64, at);
        (void)snprintf(to, sizeof to, "%" PRId64, at + items - 1);
        const char *const args[] = {from, to};
        window w = {.command = "LRANGE", .key = key, .args = args, .arg_count = 2};
        if (!window_compare(v, &w, &ret->verdict, e)) return false;
        if (ret->verdict != LARGE_EQUAL) {
            (void)snprintf(ret->note, sizeof ret->note, "items %s to %s differ", from, to);
            return true;
        }
        at += items;
        items = window_items_next(items, v->source.received - received);
    }
    return true;
}

static bool dump_read(lane *l, void *context, fingerprint *ret, err *e)
{
    (void)context;
    return lane_fingerprint_bulk(l, "DUMP", RDB_FOOTER_SIZE, ret, e);
}

/* Module values have no windows: their dumps are hashed as they come, and never kept. */
static bool large_dump(verify *v, span key, large_result *ret, err *e)
{
    window w = {.command = "DUMP", .key = key, .read = dump_read};
    if (!window_compare(v, &w, &ret->verdict, e)) return false;
    if (ret->verdict != LARGE_EQUAL)
        (void)snprintf(ret->note, sizeof ret->note, "the dumps differ");
    return true;
}

bool large_compare(verify *v, rdb_kind kind, span key_argument, large_result *ret, err *e)
{
    *ret = (large_result){.verdict = LARGE_EQUAL};
    switch (kind) {
    case RDB_KIND_STRING:
        return large_string(v, key_argument, ret, e);
    case RDB_KIND_LIST:
        return large_list(v, key_argument, ret, e);
    case RDB_KIND_SET:
    case RDB_KIND_ZSET:
    case RDB_KIND_HASH:
        return large_elements(v, kind, key_argument, ret, e);
    case RDB_KIND_STREAM:
        return large_stream(v, key_argument, ret, e);
    case RDB_KIND_MODULE:
        return large_dump(v, key_argument, ret, e);
    }
    return err_set(e, ERR_FORMAT, "a kind of value without a way to compare it");
}
