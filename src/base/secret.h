/* base/secret.h: a password: it can be set, used and wiped, never printed.
 *
 * There is on purpose no function that turns a secret into text for people. */
#pragma once
#include "base/err.h"
#include "base/span.h"

#define SECRET_SIZE_MAX ((size_t)4096) /* from outside; an IAM token has about 1,500 bytes */

typedef struct {
    uint8_t *at;
    size_t size;
} secret;

void secret_set(secret *s, span value); /* copies; wipes what was there */
span secret_span(const secret *s);      /* for the wire only */
void secret_clear(secret *s);           /* wipes the memory and frees it */

/* "redis://user:word@host": is there a password between the user and the '@'? Looks at the text
 * only, so that a URL that no parser takes is still known to hold one. */
bool secret_in_url(const char *url);

/* Takes the password out of a URL: `url` is shortened in place to the part for people, the password
 * (percent signs decoded) goes into `ret`, what is left behind the shorter text is wiped. Without a
 * password in it nothing changes. ERR_LIMIT when it is too long; then it is wiped all the same. */
bool secret_cut_url(char *url, secret *ret, err *e) MUST_CHECK;

/* A password alone in a file, without one line end behind it. ERR_USAGE: it is not there, empty, or
 * others may read it. */
bool secret_read_file(const char *path, secret *ret, err *e) MUST_CHECK;
