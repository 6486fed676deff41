/* aws/fault.h: what a service says when it refuses, and whether to ask again. Pure but for the
 * numbers of chance, which are given. */
#pragma once
#include "base/err.h"
#include "base/span.h"

typedef struct {
    int status;
    char code[96]; /* "ReplicationGroupNotFoundFault"; of an answer without one: "HTTP 503" */
    char message[320];
    char request_id[96];
} aws_fault;

/* From the XML of the query protocol (ErrorResponse/Error), of EC2 (Response/Errors/Error) or of S3
 * (Error). Any body will do. */
aws_fault aws_fault_read(int status, span body);
bool aws_fault_is(const aws_fault *f, const char *code);
/* ERR_AWS "service answered Code: message (request id)", with a hint where one is known; answers
 * false. */
bool aws_fault_err(const aws_fault *f, const char *service, err *e);

typedef enum {
    AWS_FINAL,     /* asking again gives the same */
    AWS_TRANSIENT, /* of the server or the network */
    AWS_THROTTLED,
} aws_retry;
/* `status` 0: no answer came. */
aws_retry aws_retry_judge(int status, const char *code);
/* How long to wait before attempt 2, 3, ...: `chance` (0 to 1) times 1 s, 2 s, 4 s, ... up to 20 s,
 * but not shorter than the Retry-After of the server (in seconds; empty: none), up to 60 s. */
int64_t aws_retry_delay_ms(unsigned attempt, double chance, span retry_after);
