/* What the four views share, and the choice among them. */
#include <stdarg.h>

#include "report/report_internal.h"

void put(FILE *out, const char *text)
{
    (void)fputs(text, out); /* into memory: see report_render */
}

void put_many(FILE *out, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        put(out, text);
}

void put_f(FILE *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(out, format, args); /* into memory: see report_render */
    va_end(args);
}

size_t finding_lines(const finding *f, finding_line ret[FINDING_LINES_MAX])
{
    const finding_line lines[] = {
        {"Accepted", f->accepted_reason, NULL},
        {"Until", f->accepted_until, NULL},
        {"Read", f->evidence, f->where},
        {"Where", f->evidence ? NULL : f->where, NULL},
        {"Effect", f->consequence, NULL},
        {"Do", f->action, NULL},
        {"Owner", f->owner, NULL},
        {"Rule", f->source, f->date},
    };
    _Static_assert(COUNT_OF(lines) <= FINDING_LINES_MAX, "the caller has room");
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (lines[i].text && *lines[i].text) ret[count++] = lines[i];
    return count;
}

void put_counts(FILE *out, const report *r)
{
    for (size_t i = 0; i < SEVERITY_COUNT; i++) {
        const struct severity_row *row = &severity_rows[i];
        size_t count = report_count(r, row->severity);
        put_f(out, "%s%zu %s", i ? ", " : "", count, count == 1 ? row->one : row->many);
    }
    size_t accepted = report_count_accepted(r);
    if (accepted) put_f(out, ", %zu accepted", accepted);
}

bool is_link(const char *at, size_t size)
{
    static const char scheme[] = "https://";
    if (size < sizeof scheme || strncmp(at, scheme, sizeof scheme - 1) != 0) return false;
    return !memchr(at, ' ', size);
}

bool source_cut(const char **rest, const char **ret, size_t *ret_size)
{
    const char *at = *rest + strspn(*rest, " ;");
    if (!*at) return false;
    const char *end = strstr(at, "; ");
    size_t size = end ? (size_t)(end - at) : strlen(at);
    *rest = at + size;
    while (size && (at[size - 1] == ' ' || at[size - 1] == ';'))
        size--;
    *ret = at;
    *ret_size = size;
    return true;
}

char *report_render(const report *r, const report_view *v)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert(out);
    switch (v->form) {
    case REPORT_TEXT:
        text_write(out, r, v);
        break;
    case REPORT_JSON:
        json_write(out, r);
        break;
    case REPORT_MARKDOWN:
        markdown_write(out, r);
        break;
    case REPORT_HTML:
        html_write(out, r);
        break;
    }
    bool written = !ferror(out);
    written = fclose(out) == 0 && written;
    assert(written); /* memory only: as with mem_alloc, there is no going on without */
    return text;
}
