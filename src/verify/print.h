/* verify/print.h: the result of a verification for people and for machines. */
#pragma once
#include "verify/verify.h"

/* A table, the first keys of each class, totals; the last line is "equal" or "N differences". */
void verify_print_text(const verify_result *r, FILE *to);
/* One JSON object and a newline; its fields stand in docs/verify.md. False: a write failed. */
bool verify_print_json(const verify_result *r, FILE *to) MUST_CHECK;

/* The same object as a text on one line; free() it. */
char *verify_json(const verify_result *r);

/* A key as JSON text: as it is when it is UTF-8; else with each byte that is not printable ASCII,
 * and each backslash, as \xNN. Exposed for the tests. The text is free()d by the caller. */
char *verify_key_text(span key, bool *ret_escaped);
