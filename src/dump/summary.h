/* dump/summary.h: what is in an RDB file, counted while it is read once.
 *
 * Memory is bounded: names and counts only, the largest keys, and the window of dump/input.h. "-"
 * is standard input. Errors blame the source side and name file, offset and key; of a file that is
 * damaged nothing is answered, since nobody knows what else is. */
#pragma once
#include <signal.h>

#include "base/err.h"
#include "base/mem.h"
#include "rdb/file.h"

typedef struct {
    uint64_t keys;
    uint64_t bytes; /* in the file: key, value and what stands in front of them */
} dump_count;

#define DUMP_DATABASES_MAX 4096
typedef struct {
    uint32_t db;
    uint64_t expiring; /* keys with an expiry */
    dump_count kinds[RDB_KIND_MODULE + 1];
} dump_database;

typedef struct {
    void *name;      /* what `key` lies in */
    const char *key; /* escaped, cut */
    const char *kind;
    const char *encoding;
    uint32_t db;
    uint64_t bytes;
} dump_large;

typedef struct {
    const char *name;
    const char *value;
} dump_aux;

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
} dump_expiry;
/* "over when it was saved", "less than 1 minute left" … */
const char *dump_expiry_name(dump_expiry class);

typedef struct {
    arena memory;
    uint16_t version;
    bool is_valkey;
    bool is_stopped; /* before the end: the rest is not known */
    uint64_t file_bytes;
    uint64_t rest_bytes; /* behind the end of the RDB */
    bool has_checksum;   /* and it was right */
    uint64_t crc;        /* over all bytes, whether the file has a checksum or not */
    int64_t saved_at_ms; /* from the file ("ctime"), else when it was read */
    bool has_saved_at;
    size_t aux_count;
    dump_aux *aux;
    size_t database_count;
    dump_database *databases;
    dump_count encodings[64]; /* by rdb_type_row() */
    dump_count all;
    uint64_t hinted_keys; /* what the file says of itself, in front of the keys; 0: nothing */
    uint64_t expiries[EXPIRY_CLASS_COUNT];
    uint64_t with_idle; /* keys that carry LRU, or LFU */
    uint64_t with_frequency;
    size_t function_count;
    const char **functions; /* names of the libraries */
    size_t module_count;
    const char **modules; /* by value or by auxiliary data */
    size_t largest_count; /* descending */
    dump_large *largest;
} dump_summary;

/* One key, when its value has been read. The spans of the item are good for the call only. */
typedef struct {
    const rdb_item *item;
    uint64_t bytes;    /* in the file */
    uint64_t elements; /* 0: not counted (a string, a small packed value, or not asked for) */
    int64_t saved_at_ms;
} dump_key;
typedef void dump_visit(void *context, const dump_key *key);

#define DUMP_LARGEST_MAX 1000
typedef struct {
    size_t largest_max;
    bool count_elements; /* lists and streams are decoded for it */
    dump_visit *visit;   /* NULL: nobody */
    void *context;
    const volatile sig_atomic_t *stop; /* NULL: never */
} dump_options;

/* Cleared with dump_summary_clear, also after a failure. */
bool dump_read(const char *path, const dump_options *o, dump_summary *ret, err *e) MUST_CHECK;
void dump_summary_clear(dump_summary *s);
/* The text of an auxiliary field; NULL: not in the file. */
const char *dump_aux_find(const dump_summary *s, const char *name);
