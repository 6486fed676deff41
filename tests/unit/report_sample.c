/* report_sample text|json|md|html: prints the sample report, for tests that need a real reader of
 * that form: a browser, a schema. */
#include "report_sample.h"

int main(int argc, char **argv)
{
    static const char *const names[] = {[REPORT_TEXT] = "text",
                                        [REPORT_JSON] = "json",
                                        [REPORT_MARKDOWN] = "md",
                                        [REPORT_HTML] = "html"};
    for (size_t i = 0; argc == 2 && i < COUNT_OF(names); i++) {
        if (strcmp(argv[1], names[i]) != 0) continue;
        report *r = sample_report();
        char *text = report_render(r, &(report_view){.form = (report_form)i});
        int failed = fputs(text, stdout) < 0;
        free(text);
        report_free(r);
        return failed;
    }
    return 2;
}
