/* engine/info.h: reading the text that INFO answers, and what an engine is. Pure. */
#pragma once
#include "base/err.h"
#include "base/span.h"

/* The value of "name:value\r\n"; false when there is no such line. */
bool info_text(span info, const char *name, span *ret);
bool info_u64(span info, const char *name, uint64_t *ret);
/* The value of "name=" inside a line of the form a=1,b=2 (as db0, slave0 and cmdstat_* have). */
bool info_part(span line, const char *name, span *ret);
/* The value of "name=value" among words separated by blanks, as a line of CLIENT LIST has them;
 * empty when it is not there. */
span info_word(span line, const char *name);

typedef enum { ENGINE_REDIS, ENGINE_VALKEY } engine_product;

typedef struct {
    engine_product product;
    unsigned major, minor, patch;
    unsigned rdb_version; /* the highest it writes: 10 for redis 7.0 (valkey and redis src/rdb.h) */
} engine_version;

/* From INFO server. ERR_FORMAT when it names no version. */
bool engine_version_read(span info, engine_version *ret, err *e) MUST_CHECK;
/* From an RDB file's "valkey-ver" or "redis-ver" (NULL: not there); false: it names none. */
bool engine_version_of_file(const char *valkey, const char *redis, engine_version *ret);
bool engine_version_at_least(const engine_version *v, unsigned major, unsigned minor);
/* Fields of a hash may have expiries of their own, and HSETEX writes them: redis 8.0, valkey 9.0.
 */
bool engine_version_expires_fields(const engine_version *v);
/* A module that is part of an engine (redis 8.0 and newer): always there, used or not. */
bool engine_module_is_built_in(span name);
/* How many hashes have such fields, by a line of INFO keyspace; 0: none, or it does not say. */
uint64_t info_fields_expiring(span keyspace_line);
/* "redis 7.0.15", "valkey 8.0.1" */
typedef struct {
    char text[48];
} engine_version_text;
engine_version_text engine_version_show(const engine_version *v);
