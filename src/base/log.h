/* base/log.h: lines for the person who runs the tool, on standard error; or, as JSON, for the
 * collector that reads them there.
 *
 * Levels: error stops a step, warn ends with what was done instead, info is one line per phase,
 * debug is for us. Never called per command or per key. Thread safe; a line is written whole. */
#pragma once
#include "base/base.h"

typedef enum { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;
typedef enum { LOG_TEXT, LOG_JSON } log_format;

void log_set_level(log_level most);
/* LOG_JSON: each line is one object {"time":"2026-11-22T14:03:07.123Z","level":"info",
 * "message":"..."} (docs/operations.md), and log_status draws nothing. */
void log_set_format(log_format format);
void log_line(log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* The error a command ends with: its text, where it happened and what to do about it, as three
 * lines or as one object with "where" and "do". Not held back by a level. */
void log_end(FILE *out, const char *text, const char *where, const char *advice);

/* The one line that is drawn over itself (a terminal's progress line). log_line clears it before
 * it writes and draws it again behind. NULL removes it. */
void log_status(const char *text);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
