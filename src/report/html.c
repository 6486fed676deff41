/* The report as one page: no script, no outside resource (its own policy forbids both), the style
 * of style.css inside. Everything is escaped on its way out. */
#include "report/report_internal.h"

/* The style sheet as lines of C; made from style.css by the build. */
static const char style_sheet[] =
#include "report/style.inc"
    ;

static void put_text(FILE *out, const char *text)
{
    static const struct {
        char character;
        const char *escaped;
    } rows[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *text; text++) {
        size_t i = 0;
        while (i < COUNT_OF(rows) && rows[i].character != *text)
            i++;
        if (i < COUNT_OF(rows)) {
            put(out, rows[i].escaped);
        } else {
            (void)fputc(*text, out); /* into memory: see report_render */
        }
    }
}

/* `before` and `after` are markup, `text` is not. */
static void put_in(FILE *out, const char *before, const char *text, const char *after)
{
    put(out, before);
    put_text(out, text);
    put(out, after);
}

/* An id or the fragment of a link: what is not plain there becomes _XX. */
static void put_anchor(FILE *out, const char *prefix, const char *id)
{
    put(out, prefix);
    for (; *id; id++) {
        bool plain = (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z') ||
                     (*id >= '0' && *id <= '9') || strchr("-.:", *id);
        put_f(out, plain ? "%c" : "_%02X", (unsigned char)*id);
    }
}

static void put_source(FILE *out, const char *text)
{
    const char *piece = NULL;
    size_t size = 0;
    for (bool first = true; source_cut(&text, &piece, &size); first = false) {
        arena a = {0};
        const char *copy = arena_text(&a, span_of(piece, size));
        if (!first) put(out, "<br>");
        if (is_link(piece, size)) {
            put_in(out, "<a rel=\"noreferrer noopener\" href=\"", copy, "\">");
            put_in(out, "", copy, "</a>");
        } else {
            put_text(out, copy);
        }
        arena_clear(&a);
    }
}

static void head_write(FILE *out, const report *r)
{
    put(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
             "style-src 'unsafe-inline'\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n");
    put_in(out, "<title>handover ", r->command, ": ");
    put_in(out, "", r->title, "</title>\n");
    put_f(out, "<style>\n%s</style>\n</head>\n<body>\n", style_sheet);
    put(out, "<a class=\"skip\" href=\"#report\">Skip to the report</a>\n<header>\n");
    put_in(out, "<p class=\"command\">handover ", r->command, "</p>\n");
    put_in(out, "<h1>", r->title, "</h1>\n<dl class=\"facts\">\n");
    put_in(out, "<div><dt>Made at</dt><dd>", r->made_at, "</dd></div>\n");
    for (size_t i = 0; i < r->fact_count; i++) {
        put_in(out, "<div><dt>", r->facts[i].name, "</dt>");
        put_in(out, "<dd>", r->facts[i].value, "</dd></div>\n");
    }
    put(out, "</dl>\n</header>\n");
}

static void counts_write(FILE *out, const report *r)
{
    put(out, "<ul class=\"counts\">\n");
    for (size_t i = 0; i < SEVERITY_COUNT; i++) {
        const struct severity_row *row = &severity_rows[i];
        size_t count = report_count(r, row->severity);
        put_f(out, "<li class=\"%s\"><b>%zu</b> %s</li>\n",
              count ? severity_name(row->severity) : "none", count,
              count == 1 ? row->one : row->many);
    }
    size_t accepted = report_count_accepted(r);
    if (accepted) put_f(out, "<li class=\"accepted\"><b>%zu</b> accepted</li>\n", accepted);
    put(out, "</ul>\n");
}

static void verdict_write(FILE *out, const report *r)
{
    const char *tone = report_count(r, SEVERITY_BLOCK)  ? "block"
                       : report_count(r, SEVERITY_WARN) ? "warn"
                                                        : "good";
    put_f(out, "<section class=\"verdict %s\" aria-label=\"Verdict\">\n", tone);
    if (r->verdict) put_in(out, "<p class=\"line\">", r->verdict, "</p>\n");
    if (r->kind) put_in(out, "<p class=\"kind\">", r->kind, "</p>\n");
    counts_write(out, r);
    put(out, "</section>\n");
}

static void grades_write(FILE *out, const report *r)
{
    static const char *const classes[] = {"low", "medium", "high", "unknown"};
    if (!r->grade_count) return;
    put(out, "<section id=\"grades\">\n<h2>Grades</h2>\n<ul class=\"grades\">\n");
    for (size_t i = 0; i < r->grade_count; i++) {
        const grade *g = &r->grades[i];
        put_f(out, "<li class=\"%s\">", classes[g->level]);
        put_in(out, "<h3>", g->dimension, "</h3>");
        put_f(out,
              "<p class=\"level\"><span class=\"meter\" aria-hidden=\"true\"><i></i><i></i>"
              "<i></i></span>%s</p>",
              grade_level_name(g->level));
        if (g->reason) put_in(out, "<p class=\"reason\">", g->reason, "</p>");
        put(out, "</li>\n");
    }
    put(out, "</ul>\n</section>\n");
}

static void contents_write(FILE *out, const report *r)
{
    put(out, "<nav aria-label=\"Contents\">\n<ul>\n");
    if (r->grade_count) put(out, "<li><a href=\"#grades\">Grades</a></li>\n");
    for (size_t i = 0; i < SEVERITY_COUNT; i++) {
        const char *name = severity_name(severity_rows[i].severity);
        size_t count = report_count(r, severity_rows[i].severity);
        if (!severity_total(r, severity_rows[i].severity)) continue;
        put_f(out, "<li class=\"%s\"><a href=\"#%s\">%s <span>%zu</span></a></li>\n", name, name,
              severity_rows[i].heading, count);
    }
    for (size_t i = 0; i < r->section_count; i++) {
        put_anchor(out, "<li><a href=\"#s-", r->sections[i].id);
        put_in(out, "\">", r->sections[i].title, "</a></li>\n");
    }
    put(out, "</ul>\n</nav>\n");
}

static void finding_write(FILE *out, const finding *f)
{
    finding_line lines[FINDING_LINES_MAX];
    size_t count = finding_lines(f, lines);
    put_f(out, "<article class=\"finding %s%s\" ", severity_name(f->severity),
          f->accepted_reason ? " accepted" : "");
    put_anchor(out, "id=\"f-", f->id);
    put(out, "\">\n<h3>");
    put_f(out, "<span class=\"tag\">%s</span> ",
          f->accepted_reason ? "accepted" : severity_name(f->severity));
    put_in(out, "", f->title, "</h3>\n");
    put_anchor(out, "<p class=\"id\"><a href=\"#f-", f->id);
    put_in(out, "\"><code>", f->id, "</code></a> ");
    put_in(out, "<span>", f->area, "</span></p>\n<dl>\n");
    for (size_t i = 0; i < count; i++) {
        put_in(out, "<div><dt>", lines[i].label, "</dt><dd>");
        if (lines[i].text == f->source) {
            put_source(out, lines[i].text);
        } else {
            put_text(out, lines[i].text);
        }
        if (lines[i].note) put_in(out, " <span class=\"note\">(", lines[i].note, ")</span>");
        put(out, "</dd></div>\n");
    }
    put(out, "</dl>\n</article>\n");
}

static void findings_write(FILE *out, const report *r)
{
    for (size_t s = 0; s < SEVERITY_COUNT; s++) {
        const struct severity_row *row = &severity_rows[s];
        size_t open = report_count(r, row->severity);
        size_t accepted = severity_total(r, row->severity) - open;
        if (open + accepted == 0) continue;
        put_f(out, "<section id=\"%s\">\n<h2>%s <span class=\"count\">%zu",
              severity_name(row->severity), row->heading, open);
        if (accepted) put_f(out, ", %zu accepted", accepted);
        put(out, "</span></h2>\n");
        for (size_t i = 0; i < r->finding_count; i++)
            if (r->findings[i].severity == row->severity) finding_write(out, &r->findings[i]);
        put(out, "</section>\n");
    }
}

/* --- sections -------------------------------------------------------------------------------- */

static void table_write(FILE *out, const report_part *part, const char *name)
{
    put_in(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", name,
           "\">\n");
    put(out, "<table>\n<thead><tr>");
    for (size_t c = 0; c < part->column_count; c++)
        put_in(out, "<th scope=\"col\">", part->columns[c], "</th>");
    put(out, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < part->row_count; r++) {
        put(out, "<tr>");
        for (size_t c = 0; c < part->column_count; c++) {
            const char *text = part->cells[r * part->column_count + c];
            put_in(out, "<td>", text ? text : "", "</td>");
        }
        put(out, "</tr>\n");
    }
    put(out, "</tbody>\n</table>\n</div>\n");
}

static void part_write(FILE *out, const report_part *part, const char *section)
{
    if (part->title) put_in(out, "<h3>", part->title, "</h3>\n");
    switch (part->kind) {
    case PART_PARAGRAPH:
        put_in(out, "<p class=\"text\">", part->text, "</p>\n");
        break;
    case PART_TABLE:
        table_write(out, part, part->title ? part->title : section);
        break;
    case PART_CODE:
        put_in(out, "<pre tabindex=\"0\"><code>", part->text, "</code></pre>\n");
        break;
    }
}

void html_write(FILE *out, const report *r)
{
    head_write(out, r);
    put(out, "<div class=\"page\">\n");
    contents_write(out, r);
    put(out, "<main id=\"report\">\n");
    verdict_write(out, r);
    grades_write(out, r);
    findings_write(out, r);
    for (size_t i = 0; i < r->section_count; i++) {
        const report_section *section = &r->sections[i];
        put_anchor(out, "<section id=\"s-", section->id);
        put_in(out, "\">\n<h2>", section->title, "</h2>\n");
        for (size_t p = 0; p < section->part_count; p++)
            part_write(out, &section->parts[p], section->title);
        put(out, "</section>\n");
    }
    put(out, "</main>\n</div>\n");
    put_in(out, "<footer>Made by handover at ", r->made_at,
           ". Nothing on this page was loaded from elsewhere.</footer>\n</body>\n</html>\n");
}
