#include "audit/findings_page.h"

#include "audit/audit_internal.h"

/* docs/findings.md: every rule of every area with what it means. */
void audit_findings_page(FILE *out)
{
    (void)fputs(
        "# The findings of handover audit\n\nMade by `make docs` from the tables of the "
        "rules.\n\nThe id of a finding is its rule, or the rule, a colon and what it is "
        "about (`monitoring-blind:RedisDown`).\nIds are stable: a file of accepted findings "
        "names them. The dimension is the one of the six grades that\nthe rule counts for "
        "(see [audit.md](audit.md)).\n",
        out);
    const audit_rule_set *set = NULL;
    for (size_t s = 0; (set = audit_rule_set_at(s)); s++) {
        (void)fprintf(out, "\n## %s\n\n| rule | dimension | meaning |\n| --- | --- | --- |\n",
                      set->area);
        for (size_t i = 0; i < set->row_count; i++) {
            (void)fprintf(out, "| `%s` | %s | %s |\n", set->rows[i].rule,
                          audit_dimension_name(set->rows[i].dimension), set->rows[i].meaning);
        }
    }
}
