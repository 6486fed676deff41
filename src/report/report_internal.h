/* report/report_internal.h: what the four views share. A view writes to a stream that cannot fail
 * (memory), and reads the report only. */
#pragma once
#include <stdio.h>

#include "report/report.h"

void text_write(FILE *out, const report *r, const report_view *v);
void json_write(FILE *out, const report *r);
void markdown_write(FILE *out, const report *r);
void html_write(FILE *out, const report *r);

void put(FILE *out, const char *text);
void put_many(FILE *out, size_t count, const char *text);
void put_f(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);

/* The findings of one severity, in the order they are shown. */
struct severity_row {
    severity severity;
    const char *heading; /* "Blockers" */
    const char *one;     /* "blocker" */
    const char *many;
};
extern const struct severity_row severity_rows[SEVERITY_COUNT];
size_t severity_total(const report *r, severity s); /* accepted ones too */

/* What a finding says below its title, line by line; empty lines are left out. */
#define FINDING_LINES_MAX 8
typedef struct {
    const char *label; /* "Read" */
    const char *text;
    const char *note; /* said behind it in brackets; NULL: nothing */
} finding_line;
size_t finding_lines(const finding *f, finding_line ret[FINDING_LINES_MAX]);

/* "2 blockers, 1 warning, 9 notes, 3 accepted" */
void put_counts(FILE *out, const report *r);

/* Is it a link that may be followed: https, and no blank in it? */
bool is_link(const char *at, size_t size);
/* Cuts "URL; URL" or "URL ; URL" into its pieces. False: no more. */
bool source_cut(const char **rest, const char **ret, size_t *ret_size);
