/* watch/model.h: what a call may say: names, kinds and limits of its parameters, as tables.
 *
 * A call is a JSON object, whatever protocol it came by: of the query protocol every value is a
 * text. Checked, it has the types of the API; times are milliseconds since 1970. Pure.
 * Source: the service's model, monitoring 2010-08-01. */
#pragma once
#include <jansson.h>

#include "watch/watch.h"

typedef enum {
    SHAPE_TEXT,
    SHAPE_WHOLE, /* a number without a fraction */
    SHAPE_REAL,
    SHAPE_FLAG,
    SHAPE_TIME,
    SHAPE_LIST,
    SHAPE_OBJECT,
} shape_kind;

typedef struct shape shape;

typedef struct {
    const char *name;
    const shape *of;
    bool needed;
} member;

struct shape {
    shape_kind kind;
    int64_t min, max;  /* of the length, of the value, of the number of items; max 0: no limit */
    const char *words; /* " one two ": of a text, the only ones */
    const shape *item;
    const member *members; /* ended by one without a name */
};

#define MODEL_DEPTH_MAX 12

/* `ret`: a new object. The fault is the service's: ValidationError, MissingParameter. A member that
 * no table has is NotImplemented. */
bool model_check(const shape *s, const char *operation, json_t *call, json_t **ret, watch_fault *f)
    MUST_CHECK;
bool watch_fail(watch_fault *f, unsigned status, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* One operation: its name, its parameters, and what does it. */
typedef struct {
    const char *name;
    const shape *takes;
    bool (*run)(watch *w, json_t *call, json_t **ret, watch_fault *f);
} watch_operation;
const watch_operation *watch_operation_at(size_t n); /* NULL: no more */
