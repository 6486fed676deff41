/* audit/conf.h: reads redis.conf, valkey.conf and sentinel.conf. Pure.
 *
 * Words are cut as the engines cut them: blanks between, "double quotes" with \n \r \t \b \a \\ \"
 * and \xHH inside, 'single quotes' with \' inside. A line the engines would refuse is answered
 * with its problem, and the reading goes on: an audit is not a start.
 * Format: valkey src/config.c (loadServerConfigFromString), src/sds.c (sdssplitargs). */
#pragma once
#include "base/mem.h"

typedef struct {
    const char *name;         /* the first word, lower case */
    size_t word_count;        /* behind the name */
    const char *const *words; /* NUL-terminated; a NUL byte inside ends a word early */
    const char *problem;      /* NULL: none */
    unsigned line;
    const char *path; /* of an included file, set by who reads it; NULL: the first file */
} conf_line;

#define CONF_BYTES_MAX (4 * MIB)
#define CONF_LINES_MAX ((size_t)65536) /* of a file and all that it includes */
/* Comments and empty lines are left out. All memory is the arena's. */
void conf_read(span text, arena *memory, size_t *ret_count, conf_line **ret);
