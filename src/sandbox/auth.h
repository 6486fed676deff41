/* sandbox/auth.h: whose call it is: checks the signature of a request (AWS Signature Version 4). */
#pragma once
#include "base/mem.h"
#include "sandbox/api.h"

#define AUTH_HEADERS_MAX 100

typedef struct {
    const char *method;
    const char *path;  /* as it came, percent signs and all */
    const char *query; /* behind the '?', "" when there is none */
    const char *names[AUTH_HEADERS_MAX];
    const char *values[AUTH_HEADERS_MAX];
    size_t header_count;
    span body;
} auth_request;

/* The service the signature is for, in `memory`. Otherwise the error that the service gives. */
bool auth_check(sandbox *s,
                const auth_request *r,
                arena *memory,
                const char **ret_service,
                api_error *e) MUST_CHECK;
