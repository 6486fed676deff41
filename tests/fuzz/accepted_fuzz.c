/* Files of accepted findings of any bytes. Checked: nothing is read out of bounds, a refusal names
 * its line and changes nothing, and what is accepted has its reason and its day. */
#include "report/report.h"

#define INPUT_MAX (16 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ids[] = {"setting-fixed:appendonly", "client-old", "module:search"};
    if (size > INPUT_MAX) return 0;
    report *r = report_new("audit", "fuzz");
    err e = {0};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        report_add_finding(r, &(finding){.id = ids[i], .area = "Settings", .title = "t"});
    bool done = report_accept(r, "accepted.yml", span_of(data, size), "2026-11-26", &e);
    if (!done) assert(strstr(e.text, "line ") && r->finding_count == COUNT_OF(ids));
    for (size_t i = 0; i < r->finding_count; i++)
        if (r->findings[i].accepted_reason) assert(done && r->findings[i].accepted_until);
    report_free(r);
    return 0;
}
