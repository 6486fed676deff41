/* base/base.h: what every file may rely on: fixed types, attributes, checked sizes.
 *
 * handover runs on 64-bit little or big endian Linux; that is asserted here, once. */
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/banned.h"

_Static_assert(sizeof(void *) == 8, "handover is written for 64-bit machines");
_Static_assert(sizeof(size_t) == 8, "handover is written for 64-bit machines");

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* What a step of a parser answers. After STEP_MORE the caller appends bytes and calls again;
 * after STEP_BAD the err says what and where, and the parser must not be used again. */
typedef enum { STEP_DONE, STEP_MORE, STEP_BAD } step;

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* a + b and a * b; false when the result does not fit. */
static inline bool size_add(size_t a, size_t b, size_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}

static inline bool size_mul(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}
