/* audit/setting_value.h: the values of a directive, however they were written. Pure.
 *
 * A configuration file, CONFIG GET and a parameter group write one value in several ways: "1gb" and
 * 1073741824, YES and yes, "KEA" and "AKE". Every way has one canonical form: numbers in bytes
 * without a unit, words in lower case where case does not count, one blank between words. It is
 * also the form that ElastiCache takes. */
#pragma once
#include "base/mem.h"
#include "knowledge/knowledge.h"

const char *setting_canonical(const knowledge_directive *d, const char *value, arena *memory);

/* client-output-buffer-limit: hard and soft limit in bytes, seconds, of one class of clients. */
typedef struct {
    char text[3 * 21];
} buffer_limit;
typedef enum { CLASS_NORMAL, CLASS_REPLICA, CLASS_PUBSUB, CLASS_COUNT } buffer_class;
const char *buffer_class_name(buffer_class c);
/* Which of its words name which class; a value may hold some classes only. False: it has no limit
 * of that class. "0 0 0" */
bool buffer_limit_read(const char *value, buffer_class c, buffer_limit *ret);
