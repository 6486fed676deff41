/* Streams too large for one answer: the entries in windows by id, the last id, the groups, and of
 * each group the pending entries in windows by id, with their owners and delivery counts. Delivery
 * times are not compared here: XPENDING answers them as idle times. */
#include "base/clock.h"
#include "verify/verify_internal.h"

#define ENTRIES_FIRST 16
#define PENDING_ROWS "1000"
#define GROUPS_NAMES_MAX (2 * MIB)

/* The id behind "ms-seq", written over it. */
static bool id_after(char *id, size_t size, err *e)
{
    span rest = span_text(id);
    span part;
    uint64_t ms = 0;
    uint64_t seq = 0;
    bool good = span_cut(&rest, '-', &part) && span_to_u64(part, &ms) && span_to_u64(rest, &seq);
    if (!good) return err_set(e, ERR_FORMAT, "'%s' is not the id of a stream entry", id);
    if (seq == UINT64_MAX) ms++;
    seq++;
    (void)snprintf(id, size, "%" PRIu64 "-%" PRIu64, ms, seq);
    return true;
}

/* The source is read last, so the rows are the source's. */
static bool rows_read(lane *l, void *context, fingerprint *ret, err *e)
{
    return lane_fingerprint(l, "XRANGE or XPENDING", context, ret, e);
}

static bool entries_compare(verify *v, span key, large_result *ret, err *e)
{
    char from[64] = "-";
    char count[24];
    int64_t items = ENTRIES_FIRST;
    for (lane_rows rows = {.count = 1}; rows.count > 0;) {
        uint64_t received = v->source.received;
        (void)snprintf(count, sizeof count, "%" PRId64, items);
        const char *const args[] = {from, "+", "COUNT", count};
        window w = {.command = "XRANGE",
                    .key = key,
                    .args = args,
                    .arg_count = 4,
                    .read = rows_read,
                    .context = &rows};
        if (verify_stopped(v, e) || !window_compare(v, &w, &ret->verdict, e)) return false;
        if (ret->verdict != LARGE_EQUAL) {
            (void)snprintf(ret->note, sizeof ret->note, "entries from %s on differ", from);
            return true;
        }
        items = window_items_next((int64_t)rows.count, v->source.received - received);
        if (rows.count == 0) break;
        memcpy(from, rows.first, sizeof from);
        if (!id_after(from, sizeof from, e)) return false;
    }
    return true;
}

/* ---- last id and groups ---- */

static void mix(fingerprint *f, span s)
{
    for (size_t i = 0; i < s.size; i++) { /* FNV-1a, twice: few short texts */
        f->half[0] = (f->half[0] ^ s.at[i]) * UINT64_C(0x100000001b3);
        f->half[1] = (f->half[1] ^ (uint8_t)(s.at[i] + 0x55)) * UINT64_C(0x100000001b3);
    }
    f->half[0] = (f->half[0] ^ 0x1ff) * UINT64_C(0x100000001b3);
    f->half[1] = (f->half[1] ^ 0x2ff) * UINT64_C(0x100000001b3);
}

/* One value of a map; others than wanted are dropped. */
static bool map_value(lane *l, bool wanted, lane_answer *ret, err *e)
{
    if (!lane_read(l, ret, e)) return false;
    if (wanted && ret->token.kind != REPLY_ARRAY && !ret->big) return true;
    return lane_drop_rest(l, ret, e);
}

static bool last_id_read(lane *l, void *context, fingerprint *ret, err *e)
{
    (void)context;
    lane_answer a;
    *ret = (fingerprint){0};
    if (!lane_read(l, &a, e)) return false;
    if (a.token.kind == REPLY_ERROR && span_starts(a.token.text, "ERR no such key")) return true;
    if (!lane_expect(l, &a, REPLY_ARRAY, "XINFO STREAM", e)) return false;
    for (size_t left = a.token.count; left >= 2; left -= 2) {
        if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_BULK, "XINFO STREAM", e))
            return false;
        bool wanted = span_is(a.token.text, "last-generated-id");
        if (!map_value(l, wanted, &a, e)) return false;
        if (wanted) mix(ret, a.token.text);
    }
    return true;
}

/* Names of the source's groups, as arguments; the target is read first. */
typedef struct {
    buf names;
    bool too_many;
} group_names;

static bool group_read(lane *l, group_names *g, size_t words, fingerprint *ret, err *e)
{
    lane_answer a;
    for (; words >= 2; words -= 2) {
        if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_BULK, "XINFO GROUPS", e))
            return false;
        bool name = span_is(a.token.text, "name");
        bool last = span_is(a.token.text, "last-delivered-id");
        bool pending = span_is(a.token.text, "pending");
        if (!map_value(l, name || last || pending, &a, e)) return false;
        if (name || last) mix(ret, a.token.text);
        if (pending) mix(ret, span_of(&a.token.integer, sizeof a.token.integer));
        if (name && !argument_append(&g->names, a.token.text)) g->too_many = true;
    }
    return true;
}

static bool groups_read(lane *l, void *context, fingerprint *ret, err *e)
{
    group_names *g = context;
    lane_answer a;
    *ret = (fingerprint){0};
    g->names.size = 0;
    g->too_many = false;
    if (!lane_read(l, &a, e)) return false;
    if (a.token.kind == REPLY_ERROR && span_starts(a.token.text, "ERR no such key")) return true;
    if (!lane_expect(l, &a, REPLY_ARRAY, "XINFO GROUPS", e)) return false;
    size_t count = a.token.count;
    for (size_t i = 0; i < count; i++) {
        if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_ARRAY, "XINFO GROUPS", e))
            return false;
        if (!group_read(l, g, a.token.count, ret, e)) return false;
    }
    return true;
}

static bool pending_compare(verify *v, span key, span group, large_result *ret, err *e)
{
    char from[64] = "-";
    /* The group is the first argument: it may hold any byte, so it travels with the key. */
    buf key_and_group = buf_of(key.size + group.size);
    bool fits = buf_append(&key_and_group, key) && buf_append(&key_and_group, group);
    assert(fits);
    bool done = true;
    for (lane_rows rows = {.count = 1, .third_out = true}; rows.count > 0 && done;) {
        const char *const args[] = {from, "+", PENDING_ROWS};
        window w = {.command = "XPENDING",
                    .key = buf_span(&key_and_group),
                    .extra_args = 1,
                    .args = args,
                    .arg_count = 3,
                    .read = rows_read,
                    .context = &rows};
        done = !verify_stopped(v, e) && window_compare(v, &w, &ret->verdict, e);
        if (!done) break;
        if (ret->verdict != LARGE_EQUAL) {
            (void)snprintf(ret->note, sizeof ret->note, "pending entries from %s on differ", from);
            break;
        }
        if (rows.count == 0) break;
        memcpy(from, rows.first, sizeof from);
        done = id_after(from, sizeof from, e);
    }
    buf_clear(&key_and_group);
    return done;
}

/* Cuts the next "$n\r\n...\r\n" off the front. */
static bool argument_cut(span *rest, span *ret)
{
    size_t end = 0;
    uint64_t size = 0;
    if (rest->size == 0 || !span_find(*rest, span_text("\r\n"), &end)) return false;
    if (!span_to_u64(span_of(rest->at + 1, end - 1), &size)) return false;
    *ret = span_of(rest->at, end + 2 + (size_t)size + 2);
    *rest = span_tail(*rest, ret->size);
    return true;
}

static bool groups_compare(verify *v, span key, group_names *g, large_result *ret, err *e)
{
    window w = {.command = "XINFO GROUPS", .key = key, .read = groups_read, .context = g};
    if (!window_compare(v, &w, &ret->verdict, e)) return false;
    if (ret->verdict != LARGE_EQUAL) {
        (void)snprintf(ret->note, sizeof ret->note, "groups differ");
        return true;
    }
    span rest = buf_span(&g->names);
    span group;
    while (ret->verdict == LARGE_EQUAL && argument_cut(&rest, &group))
        if (!pending_compare(v, key, group, ret, e)) return false;
    if (ret->verdict != LARGE_EQUAL || !g->too_many) return true;
    ret->verdict = LARGE_MOVING;
    (void)snprintf(ret->note, sizeof ret->note, "too many groups to look at their pending entries");
    return true;
}

bool large_stream(verify *v, span key_argument, large_result *ret, err *e)
{
    window last = {.command = "XINFO STREAM", .key = key_argument, .read = last_id_read};
    if (!entries_compare(v, key_argument, ret, e)) return false;
    if (ret->verdict != LARGE_EQUAL) return true;
    if (!window_compare(v, &last, &ret->verdict, e)) return false;
    if (ret->verdict != LARGE_EQUAL) {
        (void)snprintf(ret->note, sizeof ret->note, "last ids differ");
        return true;
    }
    group_names g = {.names = buf_of(GROUPS_NAMES_MAX)};
    bool done = groups_compare(v, key_argument, &g, ret, e);
    buf_clear(&g.names);
    return done;
}
