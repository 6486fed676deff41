/* inspect/inspect.h: looks into an RDB file: what is in it, and its keys.
 *
 * A file is read once, from begin to end, in bounded memory; "-" is standard input. Errors blame
 * the source side (exit code 3) and name file, offset and key. */
#pragma once
#include "dump/summary.h"

/* One engine of the tables; `why_not` NULL: it loads the file, as far as the version decides. */
typedef struct {
    const char *engine; /* "valkey 8.1" */
    const char *why_not;
} inspect_engine;

typedef struct {
    dump_summary file;
    size_t engine_count;
    inspect_engine *engines; /* in the file's memory */
} inspect_summary;

/* Cleared with inspect_summary_clear, also after a failure. */
bool inspect_run(const char *path, size_t largest_max, inspect_summary *ret, err *e) MUST_CHECK;
void inspect_summary_clear(inspect_summary *s);
void inspect_print_text(const inspect_summary *s, const char *path, FILE *out);
bool inspect_print_json(const inspect_summary *s, const char *path, FILE *out) MUST_CHECK;

/* One line per key: text for people, or JSON with the value (docs/rdb.md has the form). */
bool inspect_keys(const char *path, bool as_json, FILE *out, err *e) MUST_CHECK;
