/* watch/times.h: times as the query protocol writes them. Pure. */
#pragma once
#include "base/span.h"

#define TIMES_SECONDS_MAX 1e11 /* of a time as a number: some year beyond 5000 */

/* "2026-11-28T21:15:19Z", with a fraction, with "+02:00", without either, or the day alone: as
 * milliseconds since 1970. */
bool times_read(span text, int64_t *ret) MUST_CHECK;
