/* A report to standard output in the form that the options ask for, and beside it as a page. */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli_internal.h"
#include "report/report.h"

#define PAGE_LOST "the report stands on standard output; give --html a path that can be written"

static unsigned terminal_width(void)
{
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool page_write(const report *r, const char *path, err *e)
{
    CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = REPORT_HTML});
    FILE *out = fopen(path, "we");
    if (!out) {
        (void)err_sys(e, errno, "open '%s'", path);
        return err_hint(e, PAGE_LOST);
    }
    bool wrote = fputs(text, out) >= 0;
    int problem = errno;
    if (fclose(out) != 0) {
        problem = errno;
        wrote = false;
    }
    if (wrote) return true;
    (void)err_sys(e, problem, "write '%s'", path);
    return err_hint(e, PAGE_LOST);
}

bool report_show(const struct cli_options *o, const report *r, err *e)
{
    report_view view = {.form = cli_flag(o, "json") ? REPORT_JSON
                                : cli_flag(o, "md") ? REPORT_MARKDOWN
                                                    : REPORT_TEXT};
    bool is_terminal = view.form == REPORT_TEXT && isatty(STDOUT_FILENO);
    /* https://no-color.org: set and not empty. */
    const char *no_color = getenv("NO_COLOR"); /* NOLINT(concurrency*) */
    view.color = is_terminal && !(no_color && *no_color);
    view.width = is_terminal ? terminal_width() : 0;
    view.full = cli_flag(o, "full");
    const char *page = cli_text(o, "html");
    CLEANUP(mem_free_at) char *text = report_render(r, &view);
    bool wrote = fputs(text, stdout) >= 0 && fflush(stdout) == 0;
    if (!wrote) {
        (void)err_sys(e, errno, "write the report");
        (void)err_hint(e, "nothing was changed: give standard output a place with room, and run it "
                          "again");
        return false;
    }
    return !page || page_write(r, page, e);
}
