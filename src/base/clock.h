/* base/clock.h: two clocks. Inside, time is monotonic nanoseconds; the wall clock (milliseconds
 * since 1970) is for expiry times, for records that other machines read, and for people. */
#pragma once
#include "base/base.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_ns(void);      /* monotonic */
int64_t clock_wall_ms(void); /* wall */

/* "2026-11-22T14:03:07Z" */
typedef struct {
    char text[32];
} clock_text;
clock_text clock_show(int64_t wall_ms);
/* "2026-11-22T14:03:07.123Z" */
clock_text clock_show_ms(int64_t wall_ms);

/* A deadline: a monotonic time that has not passed yet, or has. */
static inline int64_t deadline_in_ms(int64_t ms)
{
    return clock_ns() + ms * NS_PER_MS;
}

/* Milliseconds left, rounded up, 0 when it has passed. */
int deadline_left_ms(int64_t deadline_ns);
