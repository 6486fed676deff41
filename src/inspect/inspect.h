/* inspect/inspect.h: looks into an RDB file: what is in it, and its keys.
 *
 * A file is read once, from begin to end, in bounded memory; "-" is standard input. Errors blame
 * the source side (exit code 3) and name file, offset and key. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "rdb/types.h"

typedef struct {
    uint64_t keys;
    uint64_t bytes; /* in the file: key, value and what stands in front of them */
} inspect_count;

#define INSPECT_DATABASES_MAX 4096
typedef struct {
    uint32_t db;
    uint64_t expiring; /* keys with an expiry */
    inspect_count kinds[RDB_KIND_MODULE + 1];
} inspect_database;

typedef struct {
    const char *key; /* escaped, cut */
    const char *kind;
    const char *encoding;
    uint32_t db;
    uint64_t bytes;
} inspect_large;

typedef struct {
    const char *name;
    const char *value;
} inspect_aux;

/* Keys by the time they had left when the file was saved. */
typedef enum {
    EXPIRY_NEVER,
    EXPIRY_PASSED,
    EXPIRY_MINUTE,
    EXPIRY_HOUR,
    EXPIRY_DAY,
    EXPIRY_WEEK,
    EXPIRY_MONTH,
    EXPIRY_BEYOND,
    EXPIRY_CLASS_COUNT
} inspect_expiry;

/* One engine of the tables; `why_not` NULL: it loads the file, as far as the version decides. */
typedef struct {
    const char *engine; /* "valkey 8.1" */
    const char *why_not;
} inspect_engine;

typedef struct {
    arena memory;
    uint16_t version;
    bool is_valkey;
    uint64_t file_bytes;
    uint64_t rest_bytes; /* behind the end of the RDB */
    bool has_checksum;   /* and it was right */
    int64_t saved_at_ms; /* from the file ("ctime"), else when it was read */
    bool has_saved_at;
    size_t aux_count;
    inspect_aux *aux;
    size_t database_count;
    inspect_database *databases;
    inspect_count encodings[64]; /* by rdb_type_row() */
    inspect_count all;
    uint64_t expiries[EXPIRY_CLASS_COUNT];
    uint64_t with_idle; /* keys that carry LRU, or LFU */
    uint64_t with_frequency;
    size_t function_count;
    const char **functions; /* names of the libraries */
    size_t module_count;
    const char **modules; /* by value or by auxiliary data */
    size_t largest_count; /* descending */
    inspect_large *largest;
    size_t engine_count;
    inspect_engine *engines;
} inspect_summary;

#define INSPECT_LARGEST_MAX 1000
/* Cleared with inspect_summary_clear, also after a failure. */
bool inspect_run(const char *path, size_t largest_max, inspect_summary *ret, err *e) MUST_CHECK;
void inspect_summary_clear(inspect_summary *s);
void inspect_print_text(const inspect_summary *s, const char *path, FILE *out);
bool inspect_print_json(const inspect_summary *s, const char *path, FILE *out) MUST_CHECK;

/* One line per key: text for people, or JSON with the value (docs/rdb.md has the form). */
bool inspect_keys(const char *path, bool as_json, FILE *out, err *e) MUST_CHECK;

/* "expired when it was saved", "under 1 minute" … */
const char *inspect_expiry_name(inspect_expiry class);
