/* A whole audit of files of any bytes: a configuration file, what was saved of a server, alert
 * rules and accepted findings, one behind the other with a line "===" between. Checked: nothing is
 * read out of bounds, every refusal says why, and no form of the report has a byte that a terminal
 * would obey. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/audit_internal.h"

#define INPUT_MAX (16 * KIB)
enum { CONF, INFO, RULES, ACCEPTED, FILE_COUNT };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    int fd;
    char path[40];
} memory_file;

static memory_file file_of(span text)
{
    memory_file f = {.fd = memfd_create("input", MFD_CLOEXEC)};
    (void)snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    for (size_t at = 0; at < text.size;) {
        ssize_t wrote = write(f.fd, text.at + at, text.size - at);
        assert(wrote > 0);
        at += (size_t)wrote;
    }
    return f;
}

static void rendered(const report *r, unsigned choice)
{
    static const report_form forms[] = {REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML};
    char *text = report_render(r, &(report_view){.form = forms[choice % 4], .full = choice & 4});
    for (const char *c = text; *c; c++)
        assert((uint8_t)*c >= 0x20 || *c == '\n' || *c == '\t');
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {"valkey8.1", "serverless", "redis7.1", "valkey9.0"};
    if (size == 0 || size > INPUT_MAX) return 0;
    const char *target = targets[data[0] % COUNT_OF(targets)];
    span rest = span_of(data + 1, size - 1);
    memory_file files[FILE_COUNT];
    for (size_t i = 0; i < FILE_COUNT; i++) {
        size_t at = rest.size;
        bool more = span_find(rest, span_text("\n===\n"), &at);
        files[i] = file_of(span_of(rest.at, at + more));
        rest = span_tail(rest, more ? at + 5 : rest.size);
    }
    audit_options o = {.conf_path = files[CONF].path,
                       .rules_path = data[0] & 4 ? files[RULES].path : NULL,
                       .accepted_path = data[0] & 8 ? files[ACCEPTED].path : NULL,
                       .info_path = data[0] & 16 ? NULL : files[INFO].path,
                       .target = target,
                       .today = "2026-11-26"};
    report *r = NULL;
    err e = {0};
    if (audit_run(&o, &r, &e)) {
        rendered(r, data[0] >> 5);
        report_free(r);
    } else {
        assert(e.text[0] && e.kind != ERR_NONE);
    }
    for (size_t i = 0; i < FILE_COUNT; i++)
        (void)close(files[i].fd); /* memory only */
    return 0;
}
