/* sandbox/sandbox.h: a local stand-in of ElastiCache on real engines.
 *
 * `sandbox_up` runs in the foreground: an HTTP server on loopback takes signed calls of the
 * ElastiCache API (and STS GetCallerIdentity), the thread that called it starts, changes and ends
 * real engines on addresses of their own (127.x.y.z). Everything lives in one work directory and
 * is there again after the next `up`. The engines are children that the kernel ends with this
 * thread, so none survives it, however it ends.
 *
 * What is exact and what is approximate stands in docs/sandbox.md. */
#pragma once
#include <stdio.h>

#include "base/err.h"

typedef enum { FAILOVER_RESET, FAILOVER_SILENT, FAILOVER_READONLY, FAILOVER_DNS } failover_style;

typedef struct {
    const char *workdir;
    const char *engines; /* a folder of engines, NAME/bin/...; NULL: the usual places */
    uint16_t port;       /* of the API; 0: the one it had before, else a free one */
    uint16_t dns_port;   /* the same for names */
    unsigned compress;   /* the service's minutes are divided by this */
    failover_style style;
    bool plain_endpoints; /* the API tells addresses that follow the roles, no names */
} sandbox_options;

bool sandbox_up(const sandbox_options *o, FILE *out, err *e) MUST_CHECK;
/* How the status is printed: for people, for machines, for a shell (of a sandbox that runs). */
typedef enum { SANDBOX_AS_TEXT, SANDBOX_AS_JSON, SANDBOX_AS_ENV } sandbox_print;
/* Prints what is there; ret_running: a sandbox runs in this work directory. */
bool sandbox_status(const char *workdir, sandbox_print as, FILE *out, bool *ret_running, err *e)
    MUST_CHECK;
/* Asks it to end and waits for that; it is fine when none runs. */
bool sandbox_down(const char *workdir, int64_t timeout_ms, err *e) MUST_CHECK;
/* Prints which engines were found, and the versions of the service that they stand for. */
bool sandbox_engines(const char *folder, bool as_json, FILE *out, err *e) MUST_CHECK;
