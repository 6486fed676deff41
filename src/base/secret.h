/* base/secret.h: a password: it can be set, used and wiped, never printed.
 *
 * There is on purpose no function that turns a secret into text for people. */
#pragma once
#include "base/span.h"

typedef struct {
    uint8_t *at;
    size_t size;
} secret;

void secret_set(secret *s, span value); /* copies; wipes what was there */
span secret_span(const secret *s);      /* for the wire only */
void secret_clear(secret *s);           /* wipes the memory and frees it */
