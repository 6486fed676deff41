/* apply/hold.h: expiries that the target may not act upon yet (protocol.md R16-R18). Pure.
 *
 * While the link is behind, an expiry near enough to pass before it is renewed by the stream is
 * written as t + 2^45 ms. That value explains itself: everything at or above 2^45 is held, and the
 * real time is the rest. It travels with RENAME, COPY, KEEPTTL, INCR and APPEND on every engine. */
#pragma once
#include "base/base.h"

#define HOLD_SHIFT_MS (INT64_C(1) << 45)

static inline bool hold_is_held(int64_t expires_at_ms)
{
    return expires_at_ms >= HOLD_SHIFT_MS;
}

/* The expiry to write for a real one: held when it is not later than `until_ms`. */
static inline int64_t hold_expiry(int64_t expires_at_ms, int64_t until_ms)
{
    return expires_at_ms <= until_ms ? expires_at_ms + HOLD_SHIFT_MS : expires_at_ms;
}
