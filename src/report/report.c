#include "report/report.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/report_internal.h"
#include "report/utf8.h"

#define TEXT_SIZE_MAX ((size_t)16 * MIB) /* of one text of a report */

const struct severity_row severity_rows[SEVERITY_COUNT] = {
    {SEVERITY_BLOCK, "Blockers", "blocker", "blockers"},
    {SEVERITY_WARN, "Warnings", "warning", "warnings"},
    {SEVERITY_INFO, "Notes", "note", "notes"},
};

const char *severity_name(severity s)
{
    static const char *const names[SEVERITY_COUNT] = {"info", "warn", "block"};
    return names[s];
}

const char *grade_level_name(grade_level l)
{
    static const char *const names[] = {"Low", "Medium", "High", "unknown"};
    return names[l];
}

size_t finding_rule_size(const char *id)
{
    return strcspn(id, ":");
}

/* --- text that no form can be broken by ------------------------------------------------------ */

static void clean_append(buf *out, span in, bool one_line)
{
    bool fits = true;
    while (in.size && fits) {
        uint32_t character = 0;
        size_t size = utf8_first(in, &character);
        if (size == 0 || (size == 1 && character != '\n' && !utf8_is_plain(character)) ||
            (character == '\n' && one_line)) {
            fits = buf_printf(out, "\\x%02x", in.at[0]);
            size = 1;
        } else if (character != '\n' && !utf8_is_plain(character)) {
            fits = buf_printf(out, "\\u%04x", character);
        } else {
            fits = buf_append(out, span_of(in.at, size));
        }
        in = span_tail(in, size);
    }
    assert(fits); /* the collectors' own limits are far below TEXT_SIZE_MAX */
}

static const char *clean_as(report *r, const char *text, bool one_line)
{
    if (!text) return NULL;
    buf made = buf_of(TEXT_SIZE_MAX);
    clean_append(&made, span_text(text), one_line);
    const char *copy = arena_text(&r->memory, buf_span(&made));
    buf_clear(&made);
    return copy;
}

static const char *clean(report *r, const char *text)
{
    return clean_as(r, text, false);
}

static const char *clean_args(report *r, const char *format, va_list args) PRINTF_LIKE(2, 0);
static const char *clean_args(report *r, const char *format, va_list args)
{
    char *text = NULL;
    int size = vasprintf(&text, format, args);
    assert(size >= 0);
    const char *copy = clean(r, text);
    free(text);
    return copy;
}

#define CLEAN_FORMAT(into)                                                                         \
    do {                                                                                           \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        (into) = clean_args(r, format, args_);                                                     \
        va_end(args_);                                                                             \
    } while (0)

const char *report_printf(report *r, const char *format, ...)
{
    const char *text = NULL;
    CLEAN_FORMAT(text);
    return text;
}

const char *report_shown(report *r, const void *at, size_t size, size_t max)
{
    buf made = buf_of(TEXT_SIZE_MAX);
    clean_append(&made, span_of(at, size_min(size, max)), true);
    if (size > max && !buf_text(&made, "...")) assert(false);
    const char *copy = arena_text(&r->memory, buf_span(&made));
    buf_clear(&made);
    return copy;
}

/* --- the document grows ---------------------------------------------------------------------- */

/* An array of the arena with room for `more` items behind `count`: capacities are powers of two,
 * so that the count alone says when to move. */
static void *grown(report *r, void *items, size_t count, size_t more, size_t item_size)
{
    size_t capacity = 8;
    while (capacity < count)
        capacity *= 2;
    if (items && count + more <= capacity) return items;
    while (capacity < count + more)
        capacity *= 2;
    size_t size = 0;
    bool fits = size_mul(capacity, item_size, &size);
    assert(fits);
    void *made = arena_alloc(&r->memory, size);
    if (items) memcpy(made, items, count * item_size);
    return made;
}

report *report_new(const char *command, const char *title)
{
    report *r = mem_alloc(sizeof *r);
    r->command = clean(r, command);
    r->title = clean(r, title);
    r->made_at = clean(r, clock_show(clock_wall_ms()).text);
    return r;
}

void report_free(report *r)
{
    if (!r) return;
    arena_clear(&r->memory);
    free(r);
}

void report_set_verdict(report *r, const char *format, ...)
{
    CLEAN_FORMAT(r->verdict);
}

void report_set_kind(report *r, const char *format, ...)
{
    CLEAN_FORMAT(r->kind);
}

void report_add_fact(report *r, const char *name, const char *format, ...)
{
    const char *value = NULL;
    CLEAN_FORMAT(value);
    r->facts = grown(r, r->facts, r->fact_count, 1, sizeof *r->facts);
    r->facts[r->fact_count++] = (report_fact){clean(r, name), value};
}

void report_add_grade(report *r, const grade *g)
{
    r->grades = grown(r, r->grades, r->grade_count, 1, sizeof *r->grades);
    r->grades[r->grade_count++] = (grade){
        .dimension = clean(r, g->dimension), .level = g->level, .reason = clean(r, g->reason)};
}

void report_add_finding(report *r, const finding *f)
{
    assert(f->id && f->area && f->title);
    const char *id = clean_as(r, f->id, true);
    for (size_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].id, id) == 0) return;
    r->findings = grown(r, r->findings, r->finding_count, 1, sizeof *r->findings);
    r->findings[r->finding_count++] = (finding){
        .id = id,
        .area = clean(r, f->area),
        .severity = f->severity,
        .title = clean_as(r, f->title, true),
        .evidence = clean(r, f->evidence),
        .where = clean(r, f->where),
        .consequence = clean(r, f->consequence),
        .action = clean(r, f->action),
        .owner = clean(r, f->owner),
        .source = clean(r, f->source),
        .date = clean(r, f->date),
        .accepted_reason = clean(r, f->accepted_reason),
        .accepted_until = clean(r, f->accepted_until),
    };
}

size_t report_section_at(report *r, const char *id, const char *title)
{
    for (size_t i = 0; i < r->section_count; i++)
        if (strcmp(r->sections[i].id, id) == 0) return i;
    r->sections = grown(r, r->sections, r->section_count, 1, sizeof *r->sections);
    r->sections[r->section_count] = (report_section){.id = clean(r, id), .title = clean(r, title)};
    return r->section_count++;
}

static size_t part_add(report *r, size_t section, const report_part *part)
{
    assert(section < r->section_count);
    report_section *s = &r->sections[section];
    s->parts = grown(r, s->parts, s->part_count, 1, sizeof *s->parts);
    s->parts[s->part_count] = *part;
    return s->part_count++;
}

void report_mark_reference(report *r, size_t section)
{
    assert(section < r->section_count);
    r->sections[section].is_reference = true;
}

void report_add_paragraph(report *r, size_t section, const char *format, ...)
{
    report_part part = {.kind = PART_PARAGRAPH};
    CLEAN_FORMAT(part.text);
    (void)part_add(r, section, &part); /* nothing refers to a paragraph */
}

void report_add_code(
    report *r, size_t section, const char *title, const char *language, const char *text)
{
    report_part part = {.kind = PART_CODE,
                        .title = clean(r, title),
                        .language = clean(r, language),
                        .text = clean(r, text)};
    (void)part_add(r, section, &part); /* nothing refers to code */
}

size_t report_add_table(
    report *r, size_t section, const char *title, size_t column_count, const char *const *columns)
{
    assert(column_count > 0 && column_count <= REPORT_COLUMNS_MAX);
    const char **copies = arena_alloc(&r->memory, column_count * sizeof *copies);
    for (size_t i = 0; i < column_count; i++)
        copies[i] = clean(r, columns[i]);
    report_part part = {.kind = PART_TABLE,
                        .title = clean(r, title),
                        .column_count = column_count,
                        .columns = copies};
    return part_add(r, section, &part);
}

void report_add_row(report *r, size_t section, size_t part, const char *const *cells)
{
    assert(section < r->section_count && part < r->sections[section].part_count);
    report_part *table = &r->sections[section].parts[part];
    assert(table->kind == PART_TABLE);
    size_t width = table->column_count;
    size_t filled = table->row_count * width;
    table->cells = grown(r, table->cells, filled, width, sizeof *table->cells);
    for (size_t i = 0; i < width; i++)
        table->cells[filled + i] = clean(r, cells[i]);
    table->row_count++;
}

/* --- order and counts ------------------------------------------------------------------------ */

static bool stands_before(const finding *a, const finding *b)
{
    if (a->severity != b->severity) return a->severity > b->severity;
    return !a->accepted_reason && b->accepted_reason;
}

void report_sort(report *r)
{
    for (size_t i = 1; i < r->finding_count; i++) {
        finding moving = r->findings[i];
        size_t at = i;
        for (; at > 0 && stands_before(&moving, &r->findings[at - 1]); at--)
            r->findings[at] = r->findings[at - 1];
        r->findings[at] = moving;
    }
}

size_t report_count(const report *r, severity s)
{
    size_t count = 0;
    for (size_t i = 0; i < r->finding_count; i++)
        if (r->findings[i].severity == s && !r->findings[i].accepted_reason) count++;
    return count;
}

size_t report_count_accepted(const report *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->finding_count; i++)
        if (r->findings[i].accepted_reason) count++;
    return count;
}

size_t severity_total(const report *r, severity s)
{
    size_t count = 0;
    for (size_t i = 0; i < r->finding_count; i++)
        if (r->findings[i].severity == s) count++;
    return count;
}
