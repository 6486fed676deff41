/* tests/unit/test.h: what every unit test includes, in the order cmocka wants. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "base/span.h"

/* Fails with both texts shown. */
#define assert_span_text(got, want)                                                                \
    do {                                                                                           \
        span got_ = (got);                                                                         \
        if (!span_is(got_, want)) fail_msg("wanted '%s', got '%s'", want, span_show(got_).text);   \
    } while (0)
