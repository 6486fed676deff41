/* sandbox/copying.h: files that are copied while the sandbox goes on, each by a thread of its own.
 *
 * Only the keeper's thread calls these. A copy has the name of what waits for it, which asks again
 * at each turn; it knows nothing of the state, so that no lock is held while bytes move. */
#pragma once
#include "base/err.h"

#define COPY_NAME_SIZE 160

struct store;
struct copying;

typedef enum {
    COPY_FILE,   /* from -> to */
    COPY_IMPORT, /* from -> the object */
    COPY_EXPORT  /* the object -> to */
} copy_kind;

typedef struct {
    copy_kind kind;
    const char *from;
    const char *to;
    const char *bucket;
    const char *key;
} copy_order;

struct copying *copying_new(struct store *store);
/* Waits for what is under way; NULL is fine. */
void copying_free(struct copying *c);
/* The first call of that name begins it. Once it is over, STEP_DONE or STEP_BAD, and forgotten. */
step copying_step(struct copying *c, const char *name, const copy_order *o, err *e) MUST_CHECK;
