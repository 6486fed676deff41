#include "verify/classify.h"

/* So many tries in a row, all equal, settle a key; one alone may be a coincidence: a counter that
 * is ahead by one looks equal for as long as the target lags by one. */
#define EQUAL_ENOUGH 3

const char *verify_class_name(verify_class c)
{
    static const char *const names[] = {
        [VERIFY_EQUAL] = "equal",
        [VERIFY_MISSING] = "missing",
        [VERIFY_EXTRA] = "extra",
        [VERIFY_TYPE] = "type",
        [VERIFY_VALUE] = "value",
        [VERIFY_EXPIRY] = "expiry",
        [VERIFY_EXPIRED_NOT_REAPED] = "expired-not-reaped",
        [VERIFY_UNSETTLED] = "unsettled",
    };
    _Static_assert(COUNT_OF(names) == VERIFY_CLASSES, "one name per class");
    return names[c];
}

int64_t expiry_release(int64_t target_ms, bool *ret_held)
{
    *ret_held = target_ms >= EXPIRY_HOLD_MS;
    return *ret_held ? target_ms - EXPIRY_HOLD_MS : target_ms;
}

bool expiry_equal(int64_t source_ms, int64_t target_ms, int64_t tolerance_ms)
{
    if (source_ms < 0 || target_ms < 0) return source_ms == target_ms;
    int64_t apart = source_ms > target_ms ? source_ms - target_ms : target_ms - source_ms;
    return apart <= tolerance_ms;
}

static bool has_passed(const sample *s)
{
    return s->expiry >= 0 && s->expiry <= s->now_ms;
}

verify_class sample_compare(const sample *source, const sample *target, int64_t tolerance_ms)
{
    if (!source->there && !target->there) return VERIFY_EQUAL;
    if (!target->there) return has_passed(source) ? VERIFY_EXPIRED_NOT_REAPED : VERIFY_MISSING;
    if (!source->there) return has_passed(target) ? VERIFY_EXPIRED_NOT_REAPED : VERIFY_EXTRA;
    if (source->kind != target->kind) return VERIFY_TYPE;
    if (!fingerprint_equal(source->body, target->body)) return VERIFY_VALUE;
    if (!expiry_equal(source->expiry, target->expiry, tolerance_ms)) return VERIFY_EXPIRY;
    return VERIFY_EQUAL;
}

bool sample_same(const sample *a, const sample *b)
{
    if (a->there != b->there) return false;
    if (!a->there) return true;
    return a->kind == b->kind && a->expiry == b->expiry && fingerprint_equal(a->body, b->body);
}

static void seen_add(vote *v, const sample *s)
{
    assert(v->seen_room > 0);
    if (v->seen_count > 0 && sample_same(&v->seen[(v->seen_count - 1) % v->seen_room], s)) return;
    v->seen[v->seen_count++ % v->seen_room] = *s;
}

/* The target had a state that the source was seen in: it follows, some steps behind. */
static bool was_seen(const vote *v, const sample *target, int64_t tolerance_ms)
{
    unsigned count = v->seen_count < v->seen_room ? v->seen_count : v->seen_room;
    for (unsigned i = 0; i < count; i++)
        if (sample_compare(&v->seen[i], target, tolerance_ms) == VERIFY_EQUAL) return true;
    return false;
}

void vote_add(
    vote *v, const sample *before, const sample *target, const sample *after, int64_t tolerance_ms)
{
    bool still = sample_same(before, after);
    v->class = sample_compare(after, target, tolerance_ms);
    if (v->tries > 0 && !sample_same(&v->source, before)) v->source_moved = true;
    if (v->tries > 0 && !sample_same(&v->target, target)) v->target_moved = true;
    if (!still) v->source_moved = true;
    seen_add(v, before);
    seen_add(v, after);
    v->tries++;
    v->still += still;
    if (still && v->class == VERIFY_EQUAL) {
        v->equal++;
    } else if (v->source_moved && was_seen(v, target, tolerance_ms)) {
        v->passed++;
    } else if (still) {
        v->missed++;
    }
    v->source = *after;
    v->target = *target;
}

verdict vote_decide(const vote *v, bool patient)
{
    assert(v->tries > 0);
    if (v->missed == 0 && v->equal >= EQUAL_ENOUGH) return VOTE_EQUAL;
    bool hopeless = v->equal == 0 && v->passed == 0 && v->missed > 0 && !v->source_moved;
    if (hopeless && !patient) return VOTE_OPEN;
    if (v->tries < VOTE_TRIES_MAX) return VOTE_AGAIN;
    return v->equal >= EQUAL_ENOUGH && v->equal >= 2 * v->missed ? VOTE_EQUAL : VOTE_OPEN;
}

verify_class vote_close(const vote *v)
{
    if (v->tries == 0) return VERIFY_UNSETTLED;
    /* Wherever the source stood still long enough, the target was there: it only lags. */
    if (v->equal >= EQUAL_ENOUGH && v->equal >= 2 * v->missed) return VERIFY_EQUAL;
    /* The source never stands still; what the target shows are states the source had. */
    if (v->still <= v->tries / 4 && v->passed + v->equal >= EQUAL_ENOUGH &&
        v->passed + v->equal >= v->tries / 4)
        return VERIFY_EQUAL;
    bool different = v->class != VERIFY_EQUAL;
    if (different && !v->target_moved) return v->class;
    if (different && v->missed >= EQUAL_ENOUGH && (v->equal + v->passed) * 5 <= v->missed)
        return v->class;
    return VERIFY_UNSETTLED;
}
