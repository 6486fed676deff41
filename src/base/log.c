#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_level level_most = LOG_INFO;
static char status[512];

void log_set_level(log_level most)
{
    pthread_mutex_lock(&lock);
    level_most = most;
    pthread_mutex_unlock(&lock);
}

void log_line(log_level level, const char *format, ...)
{
    static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
    char text[2048];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0) text[0] = '\0';
    va_end(args);
    pthread_mutex_lock(&lock);
    if (level <= level_most) {
        const char *clear = status[0] ? "\r\033[K" : "";
        (void)fprintf(stderr, "%s%s%s\n%s", clear, names[level], text, status);
        (void)fflush(stderr);
    }
    pthread_mutex_unlock(&lock);
}

void log_status(const char *text)
{
    pthread_mutex_lock(&lock);
    bool had = status[0] != '\0';
    (void)snprintf(status, sizeof status, "%s", text ? text : "");
    if (had || status[0]) (void)fprintf(stderr, "\r\033[K%s", status);
    (void)fflush(stderr);
    pthread_mutex_unlock(&lock);
}
