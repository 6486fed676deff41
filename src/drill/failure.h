/* drill/failure.h: what kind of failure a client met, by the text it was told. Pure.
 *
 * The texts are of the engines (valkey src/server.c, src/blocked.c, src/script.c), of the system's
 * errno and resolver, and of the client libraries that tests/interop runs. */
#pragma once
#include "base/span.h"

typedef enum {
    FAILURE_READONLY,
    FAILURE_READONLY_SCRIPT,
    FAILURE_UNBLOCKED,
    FAILURE_EXECABORT,
    FAILURE_MOVED,
    FAILURE_CLUSTERDOWN,
    FAILURE_LOADING,
    FAILURE_MASTERDOWN,
    FAILURE_NOREPLICAS,
    FAILURE_OOM,
    FAILURE_AUTH,
    FAILURE_REFUSED,
    FAILURE_TIMEOUT,
    FAILURE_RESET,
    FAILURE_NAME,
    FAILURE_TLS,
    FAILURE_GAVE_UP, /* the library, after attempts of its own */
    FAILURE_OTHER,
    FAILURE_COUNT
} drill_failure;

drill_failure drill_failure_of(span text);
const char *drill_failure_name(drill_failure f); /* "READONLY in a script" */
