/* base/banned.h: functions that may not be called: they lose lengths, errors or thread safety.
 * Use span, buf_printf, span_to_i64 and the clock functions instead. */
#pragma once
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With clang these are macros of the C library. */
#undef sprintf
#undef vsprintf
#undef alloca
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol scanf
#pragma GCC poison gmtime localtime ctime alloca
