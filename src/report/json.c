/* The report for machines; docs/schema/report.schema.json describes it. Every field is always
 * there: what is not known is null. */
#include <jansson.h>

#include "report/report_internal.h"

#define SCHEMA_NAME "handover-report-1"

static void add(json_t *object, const char *name, json_t *value)
{
    int failed = json_object_set_new(object, name, value);
    assert(!failed); /* text of a report is UTF-8: its own functions saw to that */
}

static void add_text(json_t *object, const char *name, const char *text)
{
    add(object, name, text ? json_string(text) : json_null());
}

static void append(json_t *array, json_t *value)
{
    int failed = json_array_append_new(array, value);
    assert(!failed); /* as in add() */
}

static json_t *counts_json(const report *r)
{
    json_t *counts = json_object();
    for (size_t i = 0; i < SEVERITY_COUNT; i++) {
        severity s = severity_rows[i].severity;
        add(counts, severity_name(s), json_integer((json_int_t)report_count(r, s)));
    }
    add(counts, "accepted", json_integer((json_int_t)report_count_accepted(r)));
    return counts;
}

static json_t *facts_json(const report *r)
{
    json_t *facts = json_array();
    for (size_t i = 0; i < r->fact_count; i++) {
        json_t *one = json_object();
        add_text(one, "name", r->facts[i].name);
        add_text(one, "value", r->facts[i].value);
        append(facts, one);
    }
    return facts;
}

static json_t *grades_json(const report *r)
{
    json_t *grades = json_array();
    for (size_t i = 0; i < r->grade_count; i++) {
        json_t *one = json_object();
        add_text(one, "dimension", r->grades[i].dimension);
        add_text(one, "level", grade_level_name(r->grades[i].level));
        add_text(one, "reason", r->grades[i].reason);
        append(grades, one);
    }
    return grades;
}

static json_t *finding_json(const finding *f)
{
    json_t *one = json_object();
    add_text(one, "id", f->id);
    add(one, "rule", json_stringn(f->id, finding_rule_size(f->id)));
    add_text(one, "area", f->area);
    add_text(one, "severity", severity_name(f->severity));
    add_text(one, "title", f->title);
    add_text(one, "evidence", f->evidence);
    add_text(one, "where", f->where);
    add_text(one, "consequence", f->consequence);
    add_text(one, "action", f->action);
    add_text(one, "owner", f->owner);
    add_text(one, "source", f->source);
    add_text(one, "date", f->date);
    json_t *accepted = f->accepted_reason ? json_object() : json_null();
    if (f->accepted_reason) {
        add_text(accepted, "reason", f->accepted_reason);
        add_text(accepted, "until", f->accepted_until);
    }
    add(one, "accepted", accepted);
    return one;
}

static json_t *texts_json(size_t count, const char *const *texts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        append(array, texts[i] ? json_string(texts[i]) : json_null());
    return array;
}

static json_t *part_json(const report_part *part)
{
    static const char *const kinds[] = {"paragraph", "table", "code"};
    json_t *one = json_object();
    add_text(one, "kind", kinds[part->kind]);
    add_text(one, "title", part->title);
    if (part->kind == PART_TABLE) {
        json_t *rows = json_array();
        for (size_t i = 0; i < part->row_count; i++) {
            const char *const *cells = (const char *const *)&part->cells[i * part->column_count];
            append(rows, texts_json(part->column_count, cells));
        }
        add(one, "columns", texts_json(part->column_count, part->columns));
        add(one, "rows", rows);
        return one;
    }
    if (part->kind == PART_CODE) add_text(one, "language", part->language);
    add_text(one, "text", part->text);
    return one;
}

static json_t *sections_json(const report *r)
{
    json_t *sections = json_array();
    for (size_t i = 0; i < r->section_count; i++) {
        json_t *parts = json_array();
        for (size_t p = 0; p < r->sections[i].part_count; p++)
            append(parts, part_json(&r->sections[i].parts[p]));
        json_t *one = json_object();
        add_text(one, "id", r->sections[i].id);
        add_text(one, "title", r->sections[i].title);
        add(one, "parts", parts);
        append(sections, one);
    }
    return sections;
}

void json_write(FILE *out, const report *r)
{
    json_t *root = json_object();
    add_text(root, "schema", SCHEMA_NAME);
    add_text(root, "command", r->command);
    add_text(root, "title", r->title);
    add_text(root, "made_at", r->made_at);
    add_text(root, "verdict", r->verdict);
    add_text(root, "kind", r->kind);
    add(root, "counts", counts_json(r));
    add(root, "facts", facts_json(r));
    add(root, "grades", grades_json(r));
    json_t *findings = json_array();
    for (size_t i = 0; i < r->finding_count; i++)
        append(findings, finding_json(&r->findings[i]));
    add(root, "findings", findings);
    add(root, "sections", sections_json(r));
    int failed = json_dumpf(root, out, JSON_INDENT(2));
    assert(!failed); /* into memory: see report_render */
    put(out, "\n");
    json_decref(root);
}
