/* base/log.h: lines for the person who runs the tool, on standard error.
 *
 * Levels: error stops a step, warn ends with what was done instead, info is one line per phase,
 * debug is for us. Never called per command or per key. Thread safe; a line is written whole. */
#pragma once
#include "base/base.h"

typedef enum { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

void log_set_level(log_level most);
void log_line(log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* The one line that is drawn over itself (a terminal's progress line). log_line clears it before
 * it writes and draws it again behind. NULL removes it. */
void log_status(const char *text);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
