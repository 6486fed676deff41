/* Any bytes as a file of Prometheus rules, as an expression of PromQL and as a file of accepted
 * findings. Checked: nothing is read out of bounds, what is counted is there, a refusal says
 * something, and every form of a report stays text whatever was put into it. */
#include "audit/prom_judge.h"
#include "report/report.h"

#define INPUT_MAX (16 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names_check(const promql_names *names)
{
    assert(names->count <= PROMQL_NAMES_MAX);
    for (size_t i = 0; i < names->count; i++)
        assert(names->at[i]);
}

static void rules_check(span text)
{
    arena a = {0};
    prom_rules rules = {0};
    err e = {0};
    if (prom_rules_read(&a, text, &rules, &e)) {
        for (size_t i = 0; i < rules.count; i++) {
            promql p = promql_read(&a, rules.at[i].expression);
            names_check(&p.metrics);
            names_check(&p.functions);
            names_check(&p.labels);
            assert(rules.at[i].name && rules.at[i].line > 0);
        }
    } else {
        assert(e.kind != ERR_NONE && e.text[0]);
    }
    arena_clear(&a);
}

static void report_check(span text, const char *copy)
{
    report *r = report_new("fuzz", copy);
    err e = {0};
    report_add_finding(r, &(finding){.id = copy, .area = copy, .title = copy, .evidence = copy});
    size_t section = report_section_at(r, "s", copy);
    report_add_paragraph(r, section, "%s", copy);
    report_add_code(r, section, copy, "sh", report_shown(r, text.at, text.size, 100));
    if (!report_accept(r, "file", text, "2026-11-26", &e)) assert(e.kind == ERR_USAGE);
    for (unsigned form = REPORT_TEXT; form <= REPORT_HTML; form++) {
        char *made = report_render(r, &(report_view){.form = (report_form)form, .width = 60});
        for (const char *at = made; *at; at++)
            assert(*at == '\n' || (unsigned char)*at >= 0x20);
        assert(form != REPORT_HTML || !strstr(made, "<script"));
        free(made);
    }
    report_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX) return 0;
    char *copy = mem_text(span_of(data, size));
    arena a = {0};
    promql p = promql_read(&a, copy);
    names_check(&p.metrics);
    assert(p.shape);
    rules_check(span_of(data, size));
    report_check(span_of(data, size), copy);
    arena_clear(&a);
    free(copy);
    return 0;
}
