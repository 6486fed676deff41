/* aws/credentials_internal.h: the sources of the chain that are asked over HTTP. */
#pragma once
#include "aws/credentials.h"

typedef enum {
    SOURCE_ABSENT, /* not set up here */
    SOURCE_FOUND,
    SOURCE_BAD, /* set up, and it failed */
} source_answer;
typedef source_answer source_ask(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e);

source_ask source_web_identity, source_container, source_instance;
/* A file with one token in it, as roles for service accounts and pods have them. */
bool token_file_read(const char *path, secret *ret, err *e) MUST_CHECK;
