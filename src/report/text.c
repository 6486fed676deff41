/* The report for a terminal: wrapped to its width, colours only when asked for. */
#include "report/report_internal.h"
#include "report/utf8.h"

#define WIDTH_DEFAULT 100
#define WIDTH_MIN 60
#define COLUMN_WIDTH_MIN 6
#define WORD_WHOLE_MAX 24 /* a longer word of a cell may be broken */
#define ROW_LINES_MAX 4   /* on average: rows higher than that are no table to read */
#define COLUMN_GAP 2

enum style { STYLE_PLAIN, STYLE_HEAD, STYLE_DIM, STYLE_BAD, STYLE_WARN, STYLE_GOOD, STYLE_COUNT };

struct terminal {
    FILE *out;
    size_t width;
    bool color;
    bool full;
};

static void style(const struct terminal *t, enum style s)
{
    static const char *const codes[STYLE_COUNT] = {"0", "1", "2", "1;31", "33", "32"};
    if (t->color) put_f(t->out, "\033[%sm", codes[s]);
}

static void styled(const struct terminal *t, enum style s, const char *text)
{
    style(t, s);
    put(t->out, text);
    style(t, STYLE_PLAIN);
}

static size_t columns_of(const char *text, size_t size)
{
    size_t columns = 0;
    for (span rest = span_of(text, size); rest.size;) {
        uint32_t character = 0;
        size_t bytes = utf8_first(rest, &character);
        columns += bytes ? utf8_width(character) : 1;
        rest = span_tail(rest, size_max(bytes, 1));
    }
    return columns;
}

/* The next line of the text: as many words as fit into `width` columns. A word that alone is wider
 * stands whole, so that it can be copied, or is cut there when `cut` says so. False: no more. */
static bool line_take(const char **rest, size_t width, bool cut, const char **ret, size_t *ret_size)
{
    const char *start = *rest;
    if (!*start) return false;
    size_t columns = 0;
    size_t fits = 0; /* bytes up to the last blank that fits */
    size_t at = 0;
    for (; start[at] && start[at] != '\n';) {
        if (start[at] == ' ' && at) fits = at;
        uint32_t character = 0;
        size_t size = utf8_first(span_of(start + at, strnlen(start + at, 4)), &character);
        if (!size) size = 1;
        columns += utf8_width(character);
        if (columns > width && (fits || (cut && at))) break;
        at += size;
    }
    bool is_whole = !start[at] || start[at] == '\n';
    size_t taken = is_whole || !fits ? at : fits;
    *ret = start;
    *ret_size = taken;
    while (*ret_size && start[*ret_size - 1] == ' ')
        --*ret_size;
    while (start[taken] == ' ')
        taken++;
    *rest = start + taken + (start[taken] == '\n');
    return true;
}

/* Wrapped; the first line continues where the cursor stands, at `indent`. */
static void wrap(const struct terminal *t, size_t indent, const char *text)
{
    const char *line = NULL;
    size_t size = 0;
    size_t room = t->width > indent + 20 ? t->width - indent : 20;
    for (bool first = true; line_take(&text, room, false, &line, &size); first = false) {
        if (!first && size) put_many(t->out, indent, " ");
        put_f(t->out, "%.*s\n", (int)size, line);
    }
}

static void heading(const struct terminal *t, const char *text)
{
    styled(t, STYLE_HEAD, text);
    put(t->out, "\n\n");
}

/* A name in a column of its own, then the wrapped text. */
static void
labelled(const struct terminal *t, size_t indent, size_t column, const char *name, const char *text)
{
    size_t size = columns_of(name, strlen(name));
    put_many(t->out, indent, " ");
    styled(t, STYLE_DIM, name);
    if (size > column) put(t->out, "\n");
    put_many(t->out, size > column ? indent + column + COLUMN_GAP : column - size + COLUMN_GAP,
             " ");
    wrap(t, indent + column + COLUMN_GAP, text);
}

static enum style severity_style(const finding *f)
{
    static const enum style styles[SEVERITY_COUNT] = {STYLE_PLAIN, STYLE_WARN, STYLE_BAD};
    return f->accepted_reason ? STYLE_DIM : styles[f->severity];
}

static void finding_write(const struct terminal *t, const finding *f)
{
    const char *mark = f->accepted_reason ? "taken" : severity_name(f->severity);
    finding_line lines[FINDING_LINES_MAX];
    size_t count = finding_lines(f, lines);
    style(t, severity_style(f));
    put_f(t->out, "%-5s", mark);
    style(t, STYLE_PLAIN);
    put(t->out, " ");
    wrap(t, 6, f->title);
    put(t->out, "      ");
    arena id = {0};
    style(t, STYLE_DIM);
    wrap(t, 6, arena_printf(&id, "%s, %s", f->id, f->area));
    style(t, STYLE_PLAIN);
    arena_clear(&id);
    bool is_brief = f->severity == SEVERITY_INFO && !f->accepted_reason && !t->full;
    for (size_t i = 0; i < count; i++) {
        if (is_brief && lines[i].text != f->action) continue;
        arena a = {0};
        const char *text = lines[i].text;
        if (lines[i].note) text = arena_printf(&a, "%s (%s)", text, lines[i].note);
        labelled(t, 6, 8, lines[i].label, text);
        arena_clear(&a);
    }
    put(t->out, "\n");
}

/* --- tables ---------------------------------------------------------------------------------- */

static const char *cell(const report_part *part, size_t row, size_t column)
{
    const char *text = part->cells[row * part->column_count + column];
    return text ? text : "";
}

static size_t longest_word(const char *text)
{
    size_t longest = 0;
    for (span rest = span_text(text), word; span_cut(&rest, ' ', &word);)
        longest = size_max(longest, columns_of((const char *)word.at, word.size));
    return longest;
}

/* Lines that the rows take on average, the highest cell of each counting. */
static size_t row_lines(const report_part *part, const size_t widths[])
{
    size_t lines = 0;
    for (size_t r = 0; r < part->row_count; r++) {
        size_t highest = 1;
        for (size_t c = 0; c < part->column_count; c++) {
            const char *text = cell(part, r, c);
            if (!widths[c]) continue;
            highest = size_max(highest, columns_of(text, strlen(text)) / widths[c] + 1);
        }
        lines += highest;
    }
    return part->row_count ? lines / part->row_count : 0;
}

/* As wide as their widest cell, 0 where all are empty; then the widest give way until the table
 * fits, but no word is broken. False: it does not fit, or not so that it can be read.
 */
static bool
widths_find(const struct terminal *t, size_t indent, const report_part *part, size_t ret[])
{
    size_t least[REPORT_COLUMNS_MAX] = {0};
    size_t total = indent;
    for (size_t c = 0; c < part->column_count; c++) {
        size_t widest = 0;
        size_t word = COLUMN_WIDTH_MIN;
        for (size_t r = 0; r < part->row_count; r++) {
            const char *text = cell(part, r, c);
            widest = size_max(widest, columns_of(text, strlen(text)));
            word = size_max(word, longest_word(text));
        }
        if (widest == 0) continue;
        ret[c] = size_max(widest, columns_of(part->columns[c], strlen(part->columns[c])));
        least[c] = size_max(longest_word(part->columns[c]), size_min(word, WORD_WHOLE_MAX));
        total += ret[c] + COLUMN_GAP;
    }
    while (total > t->width + COLUMN_GAP) {
        size_t gives = REPORT_COLUMNS_MAX;
        for (size_t c = 0; c < part->column_count; c++) {
            bool can = ret[c] > least[c];
            if (can && (gives == REPORT_COLUMNS_MAX || ret[c] > ret[gives])) gives = c;
        }
        if (gives == REPORT_COLUMNS_MAX) return false;
        ret[gives]--;
        total--;
    }
    return row_lines(part, ret) <= ROW_LINES_MAX;
}

/* A table too wide for the screen: each row as a list, its first cell above the others. */
static void records_write(const struct terminal *t, size_t indent, const report_part *part)
{
    size_t column = 0;
    for (size_t c = 1; c < part->column_count; c++)
        column = size_max(column, columns_of(part->columns[c], strlen(part->columns[c])));
    for (size_t r = 0; r < part->row_count; r++) {
        put_many(t->out, indent, " ");
        style(t, STYLE_HEAD);
        wrap(t, indent, cell(part, r, 0));
        style(t, STYLE_PLAIN);
        for (size_t c = 1; c < part->column_count; c++) {
            if (*cell(part, r, c))
                labelled(t, indent + 2, column, part->columns[c], cell(part, r, c));
        }
    }
}

static void row_write(const struct terminal *t,
                      size_t indent,
                      const size_t widths[],
                      size_t count,
                      const char *const texts[])
{
    const char *rest[REPORT_COLUMNS_MAX] = {0};
    for (size_t c = 0; c < count; c++)
        rest[c] = texts[c];
    for (bool more = true, first = true; more; first = false) {
        size_t owed = indent; /* blanks are written only when text follows */
        more = false;
        for (size_t c = 0; c < count; c++) {
            const char *line = "";
            size_t size = 0;
            if (widths[c] == 0) { /* nothing in it but its head */
                rest[c] = "";
                continue;
            }
            if (line_take(&rest[c], widths[c], true, &line, &size) && size) {
                put_many(t->out, owed, " ");
                put_f(t->out, "%.*s", (int)size, line);
                owed = 0;
            }
            if (*rest[c]) more = true;
            owed += widths[c] - size_min(widths[c], columns_of(line, size)) + COLUMN_GAP;
        }
        if (first || owed) put(t->out, "\n");
    }
}

static void table_write(const struct terminal *t, size_t indent, const report_part *part)
{
    size_t widths[REPORT_COLUMNS_MAX] = {0};
    if (!widths_find(t, indent, part, widths)) {
        records_write(t, indent, part);
        return;
    }
    style(t, STYLE_DIM);
    row_write(t, indent, widths, part->column_count, part->columns);
    style(t, STYLE_PLAIN);
    for (size_t r = 0; r < part->row_count; r++) {
        const char *texts[REPORT_COLUMNS_MAX] = {0};
        for (size_t c = 0; c < part->column_count; c++)
            texts[c] = cell(part, r, c);
        row_write(t, indent, widths, part->column_count, texts);
    }
}

static void code_write(const struct terminal *t, size_t indent, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (size) put_many(t->out, indent, " ");
        put_f(t->out, "%.*s\n", (int)size, text);
        text += size + (text[size] == '\n');
    }
}

static void part_write(const struct terminal *t, const report_part *part)
{
    if (part->title) {
        put(t->out, "  ");
        styled(t, STYLE_HEAD, part->title);
        put(t->out, "\n");
    }
    switch (part->kind) {
    case PART_PARAGRAPH:
        put(t->out, "  ");
        wrap(t, 2, part->text);
        break;
    case PART_TABLE:
        table_write(t, 2, part);
        break;
    case PART_CODE:
        code_write(t, 4, part->text);
        break;
    }
    put(t->out, "\n");
}

/* --- the document ---------------------------------------------------------------------------- */

static void head_write(const struct terminal *t, const report *r)
{
    arena a = {0};
    style(t, STYLE_HEAD);
    wrap(t, 0, arena_printf(&a, "handover %s: %s", r->command, r->title));
    style(t, STYLE_PLAIN);
    arena_clear(&a);
    if (r->verdict) {
        size_t blockers = report_count(r, SEVERITY_BLOCK);
        put(t->out, "\n");
        style(t, blockers ? STYLE_BAD : report_count(r, SEVERITY_WARN) ? STYLE_WARN : STYLE_GOOD);
        wrap(t, 0, r->verdict);
        style(t, STYLE_PLAIN);
    }
    if (r->kind) wrap(t, 0, r->kind);
    put_counts(t->out, r);
    put(t->out, "\n\n");
    size_t column = strlen("Made at");
    for (size_t i = 0; i < r->fact_count; i++)
        column = size_max(column, columns_of(r->facts[i].name, strlen(r->facts[i].name)));
    labelled(t, 2, size_min(column, 24), "Made at", r->made_at);
    for (size_t i = 0; i < r->fact_count; i++)
        labelled(t, 2, size_min(column, 24), r->facts[i].name, r->facts[i].value);
    put(t->out, "\n");
}

static void grades_write(const struct terminal *t, const report *r)
{
    static const enum style styles[] = {STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_DIM};
    if (r->grade_count) heading(t, "Grades");
    for (size_t i = 0; i < r->grade_count; i++) {
        const grade *g = &r->grades[i];
        put_f(t->out, "  %-24s ", g->dimension);
        style(t, styles[g->level]);
        put_f(t->out, "%-9s", grade_level_name(g->level));
        style(t, STYLE_PLAIN);
        wrap(t, 36, g->reason ? g->reason : "");
        if (!g->reason || !*g->reason) put(t->out, "\n");
    }
    if (r->grade_count) put(t->out, "\n");
}

static void section_write(const struct terminal *t, const report_section *s)
{
    heading(t, s->title);
    for (size_t p = 0; p < s->part_count; p++)
        part_write(t, &s->parts[p]);
}

/* What is there to look things up in, and how to see it. */
static void left_out_write(const struct terminal *t, const report *r)
{
    bool is_first = true;
    for (size_t i = 0; i < r->section_count; i++) {
        const report_section *s = &r->sections[i];
        size_t rows = 0;
        if (!s->is_reference) continue;
        if (is_first) heading(t, "To look up: --full shows it here, --html FILE as a page");
        is_first = false;
        for (size_t p = 0; p < s->part_count; p++)
            rows += s->parts[p].kind == PART_TABLE ? s->parts[p].row_count : 1;
        put_f(t->out, "  %4zu  %s\n", rows, s->title);
    }
    if (!is_first) put(t->out, "\n");
}

void text_write(FILE *out, const report *r, const report_view *v)
{
    struct terminal t = {.out = out,
                         .width = v->width ? v->width : WIDTH_DEFAULT,
                         .color = v->color,
                         .full = v->full};
    t.width = size_max(t.width, WIDTH_MIN);
    head_write(&t, r);
    grades_write(&t, r);
    for (size_t s = 0; s < SEVERITY_COUNT; s++) {
        const struct severity_row *row = &severity_rows[s];
        if (!severity_total(r, row->severity)) continue;
        heading(&t, row->heading);
        for (size_t i = 0; i < r->finding_count; i++)
            if (r->findings[i].severity == row->severity) finding_write(&t, &r->findings[i]);
    }
    for (size_t i = 0; i < r->section_count; i++)
        if (v->full || !r->sections[i].is_reference) section_write(&t, &r->sections[i]);
    if (!v->full) left_out_write(&t, r);
}
