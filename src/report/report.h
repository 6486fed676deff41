/* report/report.h: what a judging command has found, and how it is shown.
 *
 * A report is a document: a head (facts), grades, a verdict, findings, and sections of paragraphs,
 * tables and code. Whoever judges fills it; text, JSON, Markdown and HTML are four views of the
 * same thing, so that nothing is said in one and missing in another. It owns all its text in one
 * arena; everything handed in is copied. Text is UTF-8: what is not, control characters but the
 * line feed, and characters that turn the direction of writing become \xNN or \uNNNN at this
 * door, so that no form can be broken by them. Bytes from outside are cut by report_shown().
 * Secrets never go in. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

typedef enum { SEVERITY_INFO, SEVERITY_WARN, SEVERITY_BLOCK, SEVERITY_COUNT } severity;
typedef enum { GRADE_LOW, GRADE_MEDIUM, GRADE_HIGH, GRADE_UNKNOWN } grade_level;

/* One finding. `id` is stable over runs and releases: a rule, and what it is about behind a colon
 * ("setting-unsupported:rename-command"). Any text may be NULL: then that line is not shown. */
typedef struct {
    const char *id;
    const char *area; /* the heading it stands under: "Settings" */
    severity severity;
    const char *title;       /* one line */
    const char *evidence;    /* what was read */
    const char *where;       /* where it was read: "CONFIG GET, 10.0.0.1:6379", "redis.conf:12" */
    const char *consequence; /* on the target */
    const char *action;      /* what to do */
    const char *owner;       /* who owns it afterwards */
    const char *source;      /* of the rule: a URL or a document and its section */
    const char *date;        /* of the rule, YYYY-MM-DD */
    const char *accepted_reason; /* not NULL: silenced by the operator, visibly */
    const char *accepted_until;  /* YYYY-MM-DD */
} finding;

typedef struct {
    const char *dimension;
    grade_level level;
    const char *reason; /* the findings and facts that made it so */
} grade;

typedef enum { PART_PARAGRAPH, PART_TABLE, PART_CODE } part_kind;

typedef struct {
    part_kind kind;
    const char *title;    /* may be NULL */
    const char *text;     /* of a paragraph or of code */
    const char *language; /* of code: "sh", "yaml", "json", "java" … */
    size_t column_count;
    const char *const *columns;
    size_t row_count;
    const char **cells; /* row_count * column_count, row by row; NULL: empty */
} report_part;

typedef struct {
    const char *id; /* stable, for JSON and anchors: "clients" */
    const char *title;
    bool is_reference; /* to look things up in: text shows it only when all is asked for */
    size_t part_count;
    report_part *parts;
} report_section;

typedef struct {
    const char *name;
    const char *value;
} report_fact;

#define REPORT_COLUMNS_MAX 16 /* of a table */

/* The fields are read freely; they are changed by the functions below only. */
typedef struct {
    arena memory;
    const char *command; /* "audit" */
    const char *title;
    const char *made_at; /* ISO 8601, UTC */
    const char *verdict; /* one line */
    const char *kind;    /* what follows from the grades, one line; NULL: not graded */
    size_t fact_count;
    report_fact *facts;
    size_t grade_count;
    grade *grades;
    size_t finding_count;
    finding *findings;
    size_t section_count;
    report_section *sections;
} report;

report *report_new(const char *command, const char *title);
void report_free(report *r);

void report_set_verdict(report *r, const char *format, ...) PRINTF_LIKE(2, 3);
void report_set_kind(report *r, const char *format, ...) PRINTF_LIKE(2, 3);
void report_add_fact(report *r, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void report_add_grade(report *r, const grade *g);
/* Copies it. A second finding of the same id is dropped: the first, with its evidence, stands. */
void report_add_finding(report *r, const finding *f);
/* The section of that id, made when it is not there yet; `title` counts the first time. Returns
 * its index: pointers into the report move when it grows. */
size_t report_section_at(report *r, const char *id, const char *title);
void report_mark_reference(report *r, size_t section);
void report_add_paragraph(report *r, size_t section, const char *format, ...) PRINTF_LIKE(3, 4);
void report_add_code(
    report *r, size_t section, const char *title, const char *language, const char *text);
/* A table grows row by row: first its head, then cells, `column_count` a row. */
size_t report_add_table(
    report *r, size_t section, const char *title, size_t column_count, const char *const *columns);
void report_add_row(report *r, size_t section, size_t part, const char *const *cells);
/* Text in the report's own memory. */
const char *report_printf(report *r, const char *format, ...) PRINTF_LIKE(2, 3);
/* Bytes from outside as one line of text: at most `max` of them, then "...". */
const char *report_shown(report *r, const void *at, size_t size, size_t max);

/* Blockers first, then warnings, then the rest; accepted ones last in each. Stable. */
void report_sort(report *r);
/* Findings of that severity that nobody accepted; and those that somebody did. */
size_t report_count(const report *r, severity s);
size_t report_count_accepted(const report *r);
const char *severity_name(severity s);       /* "block" "warn" "info" */
const char *grade_level_name(grade_level l); /* "Low" "Medium" "High" "unknown" */

/* "setting-unsupported" of "setting-unsupported:save". */
size_t finding_rule_size(const char *id);

typedef enum { REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML } report_form;
typedef struct {
    report_form form;
    bool color;     /* of text: only for a terminal */
    unsigned width; /* of text, in columns; 0: 100 */
    bool full;      /* of text: reference sections and the whole of notes too */
} report_view;
/* The whole document. The caller frees it. */
char *report_render(const report *r, const report_view *v);

/* Silences findings by a file of accepted ids (YAML: a list of {id, reason, until}). What has run
 * out, or names nothing that was found, becomes a finding of its own ("accepted-expired:…",
 * "accepted-unused:…"), in REPORT_ACCEPT_AREA. `today` is YYYY-MM-DD; a day named by `until` still
 * counts. ERR_USAGE names the line that cannot be read, and then nothing is changed. */
#define REPORT_ACCEPT_AREA "Acceptance"
bool report_accept(report *r, const char *path, span yaml, const char *today, err *e) MUST_CHECK;
