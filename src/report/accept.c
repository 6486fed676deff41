/* The file of accepted findings: a YAML list of {id, reason, until}. Read whole before anything is
 * changed. No recursion: what is nested deeper is refused where it begins. */
#include "base/yaml_events.h"
#include "report/report_internal.h"

#define ACCEPT_ENTRIES_MAX 10000

enum field { FIELD_ID, FIELD_REASON, FIELD_UNTIL, FIELD_COUNT };
static const char *const field_names[FIELD_COUNT] = {"id", "reason", "until"};

struct entry {
    const char *fields[FIELD_COUNT];
    size_t line;
};

enum place { BEFORE, IN_LIST, AT_KEY, AT_VALUE, AFTER };

struct reader {
    arena memory;
    const char *path;
    enum place place;
    enum field field; /* whose value comes next */
    size_t count;
    struct entry *entries; /* ACCEPT_ENTRIES_MAX of them */
};

static bool refuse(void *context, size_t line, const char *what, err *e)
{
    const struct reader *x = context;
    (void)err_set(e, ERR_USAGE, "'%s', line %zu: %s", x->path, line, what);
    return err_hint(e, "write a list of '- id: …', 'reason: …', 'until: YYYY-MM-DD'");
}

static bool is_date(const char *text)
{
    static const char form[] = "0000-00-00";
    if (strlen(text) != sizeof form - 1) return false;
    for (size_t i = 0; form[i]; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '-' ? text[i] != '-' : !digit) return false;
    }
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 0;
    for (size_t i = 0; i < 4; i++)
        year = year * 10 + (text[i] - '0');
    int month = (text[5] - '0') * 10 + text[6] - '0';
    int day = (text[8] - '0') * 10 + text[9] - '0';
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1]) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month != 2 || day < 29 || leap;
}

static bool entry_end(struct reader *x, err *e)
{
    struct entry *entry = &x->entries[x->count];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (entry->fields[i]) continue;
        const char *what = arena_printf(&x->memory, "the entry has no '%s'", field_names[i]);
        return refuse(x, entry->line, what, e);
    }
    for (size_t i = 0; i < x->count; i++) {
        const char *id = entry->fields[FIELD_ID];
        if (strcmp(x->entries[i].fields[FIELD_ID], id) != 0) continue;
        const char *what = arena_printf(&x->memory, "'%s' stands in line %zu already",
                                        span_show(span_text(id)).text, x->entries[i].line);
        return refuse(x, entry->line, what, e);
    }
    x->count++;
    x->place = IN_LIST;
    return true;
}

static bool key_read(struct reader *x, const char *name, size_t line, err *e)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(field_names[i], name) != 0) continue;
        if (x->entries[x->count].fields[i])
            return refuse(x, line, arena_printf(&x->memory, "'%s' is given twice", name), e);
        x->field = (enum field)i;
        x->place = AT_VALUE;
        return true;
    }
    const char *what =
        arena_printf(&x->memory, "there is no field '%s'", span_show(span_text(name)).text);
    return refuse(x, line, what, e);
}

static bool scalar_read(struct reader *x, const yaml_event_t *event, size_t line, err *e)
{
    span text = span_of(event->data.scalar.value, event->data.scalar.length);
    if (text.size && memchr(text.at, 0, text.size))
        return refuse(x, line, "it holds a NUL byte", e);
    if (x->place == AT_KEY) return key_read(x, arena_text(&x->memory, text), line, e);
    if (x->place == BEFORE && text.size == 0) {
        x->place = AFTER; /* the file says nothing, or only comments */
        return true;
    }
    if (x->place != AT_VALUE) return refuse(x, line, "this is not an entry", e);
    const char *name = field_names[x->field];
    const char *value = arena_text(&x->memory, text);
    if (!*value) return refuse(x, line, arena_printf(&x->memory, "'%s' is empty", name), e);
    if (x->field == FIELD_UNTIL && !is_date(value)) {
        const char *what = arena_printf(&x->memory, "'%s' is not YYYY-MM-DD", span_show(text).text);
        return refuse(x, line, what, e);
    }
    x->entries[x->count].fields[x->field] = value;
    x->place = AT_KEY;
    return true;
}

static bool event_read(void *context, const yaml_event_t *event, err *e)
{
    struct reader *x = context;
    size_t line = yaml_line(event);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar_read(x, event, line, e);
    case YAML_SEQUENCE_START_EVENT:
        if (x->place != BEFORE) return refuse(x, line, "a list inside an entry", e);
        x->place = IN_LIST;
        return true;
    case YAML_SEQUENCE_END_EVENT:
        x->place = AFTER;
        return true;
    case YAML_MAPPING_START_EVENT:
        if (x->place == BEFORE) return refuse(x, line, "the file is not a list", e);
        if (x->place != IN_LIST) return refuse(x, line, "a mapping inside an entry", e);
        if (x->count == ACCEPT_ENTRIES_MAX) return refuse(x, line, "more than 10000 entries", e);
        x->entries[x->count].line = line;
        x->place = AT_KEY;
        return true;
    case YAML_MAPPING_END_EVENT:
        return entry_end(x, e);
    case YAML_ALIAS_EVENT:
        return refuse(x, line, "aliases are not taken", e);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

/* --- what the entries do --------------------------------------------------------------------- */

static finding *finding_of(report *r, const char *id)
{
    for (size_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].id, id) == 0) return &r->findings[i];
    return NULL;
}

static void expired_add(report *r, const struct reader *x, const struct entry *entry)
{
    const char *const *f = entry->fields;
    report_add_finding(
        r,
        &(finding){
            .id = report_printf(r, "accepted-expired:%s", f[FIELD_ID]),
            .area = REPORT_ACCEPT_AREA,
            .severity = SEVERITY_WARN,
            .title = report_printf(r, "the acceptance of '%s' has run out", f[FIELD_ID]),
            .evidence = report_printf(r, "accepted until %s: %s", f[FIELD_UNTIL], f[FIELD_REASON]),
            .where = report_printf(r, "%s:%zu", x->path, entry->line),
            .consequence = "the finding counts again",
            .action = "decide again: remove what it names, or give it another date",
        });
}

static void unused_add(report *r, const struct reader *x, const struct entry *entry)
{
    const char *const *f = entry->fields;
    report_add_finding(
        r,
        &(finding){
            .id = report_printf(r, "accepted-unused:%s", f[FIELD_ID]),
            .area = REPORT_ACCEPT_AREA,
            .severity = SEVERITY_INFO,
            .title = report_printf(r, "nothing was found that '%s' would accept", f[FIELD_ID]),
            .evidence = report_printf(r, "accepted until %s: %s", f[FIELD_UNTIL], f[FIELD_REASON]),
            .where = report_printf(r, "%s:%zu", x->path, entry->line),
            .consequence = "none: it was mended, or the id is mistyped",
            .action = "take the entry out of the file, or correct its id",
        });
}

bool report_accept(report *r, const char *path, span yaml, const char *today, err *e)
{
    struct reader x = {.path = path};
    x.entries = arena_alloc(&x.memory, (ACCEPT_ENTRIES_MAX + 1) * sizeof *x.entries);
    bool good = yaml_events(yaml, event_read, refuse, &x, e);
    for (size_t i = 0; good && i < x.count; i++) {
        const char *const *fields = x.entries[i].fields;
        finding *f = finding_of(r, fields[FIELD_ID]);
        if (!f) {
            unused_add(r, &x, &x.entries[i]);
        } else if (strcmp(fields[FIELD_UNTIL], today) < 0) {
            expired_add(r, &x, &x.entries[i]);
        } else {
            f->accepted_reason = report_printf(r, "%s", fields[FIELD_REASON]);
            f->accepted_until = report_printf(r, "%s", fields[FIELD_UNTIL]);
        }
    }
    arena_clear(&x.memory);
    return good;
}
