#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/json_text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_level level_most = LOG_INFO;
static log_format format_now = LOG_TEXT;
static char status[512];

/* One row: a level in a line of text, and as JSON. */
static const struct {
    const char *prefix;
    const char *name;
} levels[] = {
    [LOG_ERROR] = {"error: ", "error"},
    [LOG_WARN] = {"warning: ", "warning"},
    [LOG_INFO] = {"", "info"},
    [LOG_DEBUG] = {"debug: ", "debug"},
};

void log_set_level(log_level most)
{
    pthread_mutex_lock(&lock);
    level_most = most;
    pthread_mutex_unlock(&lock);
}

void log_set_format(log_format format)
{
    pthread_mutex_lock(&lock);
    format_now = format;
    pthread_mutex_unlock(&lock);
}

static void field(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, ",\"%s\":", name);
    json_text_write(out, span_text(text));
}

static void object_begin(FILE *out, log_level level, const char *text)
{
    clock_text now = clock_show_ms(clock_wall_ms());
    (void)fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\"", now.text, levels[level].name);
    field(out, "message", text);
}

static void line_write(log_level level, const char *text)
{
    if (format_now == LOG_JSON) {
        object_begin(stderr, level, text);
        (void)fputs("}\n", stderr);
    } else {
        const char *clear = status[0] ? "\r\033[K" : "";
        (void)fprintf(stderr, "%s%s%s\n%s", clear, levels[level].prefix, text, status);
    }
    (void)fflush(stderr);
}

void log_line(log_level level, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0) text[0] = '\0';
    va_end(args);
    pthread_mutex_lock(&lock);
    if (level <= level_most) line_write(level, text);
    pthread_mutex_unlock(&lock);
}

void log_end(FILE *out, const char *text, const char *where, const char *advice)
{
    pthread_mutex_lock(&lock);
    if (format_now == LOG_JSON) {
        object_begin(out, LOG_ERROR, text);
        field(out, "where", where);
        field(out, "do", advice);
        (void)fputs("}\n", out);
    } else {
        (void)fprintf(out, "error: %s\n  where: %s\n  do:    %s\n", text, where, advice);
    }
    pthread_mutex_unlock(&lock);
}

void log_status(const char *text)
{
    pthread_mutex_lock(&lock);
    bool had = status[0] != '\0';
    (void)snprintf(status, sizeof status, "%s", text && format_now == LOG_TEXT ? text : "");
    if (had || status[0]) (void)fprintf(stderr, "\r\033[K%s", status);
    (void)fflush(stderr);
    pthread_mutex_unlock(&lock);
}
