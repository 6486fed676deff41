/* The report in GitHub's Markdown. Text from outside is never markup: what could begin some is
 * escaped, code stands in fences longer than any run of backticks in it. */
#include "report/report_internal.h"

enum place { IN_TEXT, IN_CELL };

/* Could markup begin with this character at the start of a line? "1." and "1)" are lists. */
static bool begins_block(const char *at)
{
    size_t digits = strspn(at, "0123456789");
    return strchr("#+-=", *at) || (digits && (at[digits] == '.' || at[digits] == ')'));
}

/* "://" and "www." would become links without being asked. */
static bool begins_link(const char *at)
{
    return strncmp(at, "://", 3) == 0 || strncasecmp(at, "www.", 4) == 0;
}

static void put_text(FILE *out, const char *text, enum place place)
{
    bool at_start = true;
    for (; *text; text++) {
        bool starts = at_start;
        at_start = *text == '\n';
        if (*text == '\n') {
            put(out, place == IN_CELL ? "<br>" : "  \n");
        } else if (starts && begins_block(text)) {
            size_t digits = strspn(text, "0123456789");
            put_f(out, "%.*s\\%c", (int)digits, text, text[digits]);
            text += digits;
        } else if (strchr("<&@", *text) || begins_link(text)) {
            put_f(out, "&#%d;", *text);
        } else {
            put_f(out, strchr("\\`*_[]|~>!{}", *text) ? "\\%c" : "%c", *text);
        }
    }
}

static size_t longest_backticks(const char *text)
{
    size_t longest = 0;
    for (; *text; text++) {
        size_t run = strspn(text, "`");
        longest = size_max(longest, run);
        if (run) text += run - 1;
    }
    return longest;
}

static void put_code_span(FILE *out, const char *text)
{
    size_t fence = longest_backticks(text) + 1;
    const char *blank = *text == '`' || fence > 1 ? " " : "";
    put_many(out, fence, "`");
    put_f(out, "%s%s%s", blank, text, blank);
    put_many(out, fence, "`");
}

static void put_fence(FILE *out, const char *language, const char *text)
{
    size_t fence = size_max(3, longest_backticks(text) + 1);
    put_many(out, fence, "`");
    put_f(out, "%s\n%s", language ? language : "", text);
    size_t size = strlen(text);
    if (size == 0 || text[size - 1] != '\n') put(out, "\n");
    put_many(out, fence, "`");
    put(out, "\n\n");
}

/* The pieces of a rule's source: links as links, the rest as text. */
static void put_source(FILE *out, const char *text)
{
    const char *piece = NULL;
    size_t size = 0;
    for (bool first = true; source_cut(&text, &piece, &size); first = false) {
        arena a = {0};
        char *copy = arena_text(&a, span_of(piece, size));
        if (!first) put(out, ", ");
        if (is_link(piece, size) && !strpbrk(copy, "<>\\")) {
            put_f(out, "<%s>", copy);
        } else {
            put_text(out, copy, IN_TEXT);
        }
        arena_clear(&a);
    }
}

static void finding_write(FILE *out, const finding *f)
{
    finding_line lines[FINDING_LINES_MAX];
    size_t count = finding_lines(f, lines);
    put(out, "### ");
    put_text(out, f->title, IN_CELL);
    put(out, "\n\n");
    put_code_span(out, f->id);
    put(out, " (");
    put_text(out, f->area, IN_TEXT);
    put_f(out, ")%s\n\n", f->accepted_reason ? ", accepted" : "");
    for (size_t i = 0; i < count; i++) {
        put_f(out, "- **%s**: ", lines[i].label);
        if (lines[i].text == f->source) {
            put_source(out, lines[i].text);
        } else {
            put_text(out, lines[i].text, IN_CELL);
        }
        if (lines[i].note) {
            put(out, " (");
            put_text(out, lines[i].note, IN_CELL);
            put(out, ")");
        }
        put(out, "\n");
    }
    put(out, "\n");
}

static void row_write(FILE *out, size_t count, const char *const *cells)
{
    put(out, "|");
    for (size_t i = 0; i < count; i++) {
        put(out, " ");
        put_text(out, cells[i] ? cells[i] : "", IN_CELL);
        put(out, " |");
    }
    put(out, "\n");
}

static void table_write(FILE *out, const report_part *part)
{
    row_write(out, part->column_count, part->columns);
    put(out, "|");
    put_many(out, part->column_count, " --- |");
    put(out, "\n");
    for (size_t i = 0; i < part->row_count; i++) {
        const char *const *cells = (const char *const *)&part->cells[i * part->column_count];
        row_write(out, part->column_count, cells);
    }
    put(out, "\n");
}

static void part_write(FILE *out, const report_part *part)
{
    if (part->title) {
        put(out, "### ");
        put_text(out, part->title, IN_CELL);
        put(out, "\n\n");
    }
    switch (part->kind) {
    case PART_PARAGRAPH:
        put_text(out, part->text, IN_TEXT);
        put(out, "\n\n");
        break;
    case PART_TABLE:
        table_write(out, part);
        break;
    case PART_CODE:
        put_fence(out, part->language, part->text);
        break;
    }
}

static void head_write(FILE *out, const report *r)
{
    static const char *const columns[] = {"Dimension", "Grade", "Why"};
    put_f(out, "# handover %s: ", r->command);
    put_text(out, r->title, IN_CELL);
    put(out, "\n\n");
    if (r->verdict) {
        put(out, "**");
        put_text(out, r->verdict, IN_CELL);
        put(out, "**\n\n");
    }
    if (r->kind) {
        put_text(out, r->kind, IN_TEXT);
        put(out, "\n\n");
    }
    put_counts(out, r);
    put_f(out, ".\n\n- Made at: %s\n", r->made_at);
    for (size_t i = 0; i < r->fact_count; i++) {
        put(out, "- ");
        put_text(out, r->facts[i].name, IN_CELL);
        put(out, ": ");
        put_text(out, r->facts[i].value, IN_CELL);
        put(out, "\n");
    }
    put(out, "\n");
    if (!r->grade_count) return;
    put(out, "## Grades\n\n");
    row_write(out, COUNT_OF(columns), columns);
    put(out, "| --- | --- | --- |\n");
    for (size_t i = 0; i < r->grade_count; i++) {
        const grade *g = &r->grades[i];
        const char *const cells[] = {g->dimension, grade_level_name(g->level), g->reason};
        row_write(out, COUNT_OF(cells), cells);
    }
    put(out, "\n");
}

void markdown_write(FILE *out, const report *r)
{
    head_write(out, r);
    for (size_t s = 0; s < SEVERITY_COUNT; s++) {
        const struct severity_row *row = &severity_rows[s];
        if (!severity_total(r, row->severity)) continue;
        put_f(out, "## %s\n\n", row->heading);
        for (size_t i = 0; i < r->finding_count; i++)
            if (r->findings[i].severity == row->severity) finding_write(out, &r->findings[i]);
    }
    for (size_t i = 0; i < r->section_count; i++) {
        put(out, "## ");
        put_text(out, r->sections[i].title, IN_CELL);
        put(out, "\n\n");
        for (size_t p = 0; p < r->sections[i].part_count; p++)
            part_write(out, &r->sections[i].parts[p]);
    }
}
