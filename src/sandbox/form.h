/* sandbox/form.h: a form body (application/x-www-form-urlencoded) as names and values.
 *
 * This is how the AWS query protocol sends a call: Action=...&Version=...&Tags.Tag.1.Key=... Names
 * and values are percent-decoded into the arena, NUL-terminated; a decoded NUL, a broken percent
 * sign or too many pairs is refused. The first of two pairs with one name counts. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define FORM_PAIRS_MAX ((size_t)2000)

typedef struct {
    const char *name;
    const char *value;
} form_pair;

typedef struct {
    form_pair *pairs;
    size_t count;
} form;

bool form_parse(span body, arena *memory, form *ret, err *e) MUST_CHECK;
/* NULL when it is not there. */
const char *form_text(const form *q, const char *name);
/* "Tags.Tag.3.Key": the n-th (from 1) of a list; `field` may be NULL: the item itself. Also found
 * as "Tags.member.3.Key". NULL when it is not there. */
const char *
form_item(const form *q, const char *list, const char *item, size_t n, const char *field);
