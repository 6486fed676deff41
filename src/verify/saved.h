/* verify/saved.h: where a verification stands, in a file, so that another run goes on from there.
 *
 * Text, one item per line: "NAME FIELD...", keys in hexadecimal digits ("-": empty). The first line
 * names the format, the last is a checksum of all before it. A file is written beside the old one
 * and takes its place whole, so a kill at any moment leaves one of the two. */
#pragma once
#include "verify/verify_internal.h"

#define SAVED_LINE_MAX ((size_t)20 * MIB) /* a key of 8 MiB and the rest */

typedef struct {
    char source_id[48], target_id[48]; /* run_id: positions of SCAN mean nothing elsewhere */
    int64_t ttl_tolerance_ms;
    int64_t began_ms; /* wall clock, of the first run */
    int64_t spent_ms; /* of all runs */
    int64_t times;    /* it was interrupted */
    verify_place place;
    verify_result *result; /* not owned, and so are: */
    suspects *open;        /* without what earlier rounds saw of them */
    struct tally *tally;
} saved_state;

/* To an open file; ERR_IO. */
bool saved_write(FILE *to, const saved_state *s, err *e) MUST_CHECK;
/* Into empty result, suspects and tally, which the caller has set. ERR_FORMAT names the line. */
bool saved_read(FILE *from, saved_state *s, err *e) MUST_CHECK;

/* The file by its name. `ret_found` false: there is none. */
bool saved_store(const char *path, const saved_state *s, err *e) MUST_CHECK;
bool saved_load(const char *path, saved_state *s, bool *ret_found, err *e) MUST_CHECK;
