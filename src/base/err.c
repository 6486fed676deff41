#include "base/err.h"

#include <stdarg.h>

PRINTF_LIKE(3, 0)
static void text_set(char *text, size_t size, const char *format, va_list args)
{
    if (vsnprintf(text, size, format, args) < 0) text[0] = '\0';
}

bool err_set(err *e, err_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *e = (err){.kind = kind};
    text_set(e->text, sizeof e->text, format, args);
    va_end(args);
    return false;
}

bool err_sys(err *e, int error_number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *e = (err){.kind = ERR_IO};
    text_set(e->text, sizeof e->text, format, args);
    va_end(args);
    char reason[128];
    size_t used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof e->text - used, ": %s",
                   strerror_r(error_number, reason, sizeof reason)); /* cut when too long */
    return false;
}

bool err_wrap(err *e, const char *format, ...)
{
    char outer[sizeof e->text];
    va_list args;
    va_start(args, format);
    text_set(outer, sizeof outer, format, args);
    va_end(args);
    size_t outer_size = strlen(outer);
    size_t inner_size = strlen(e->text);
    if (outer_size + 2 + inner_size >= sizeof e->text) return false; /* the cause matters more */
    memmove(e->text + outer_size + 2, e->text, inner_size);
    memcpy(e->text, outer, outer_size);
    memcpy(e->text + outer_size, ": ", 2);
    e->text[outer_size + 2 + inner_size] = '\0';
    return false;
}

bool err_hint(err *e, const char *format, ...)
{
    if (e->hint[0] != '\0') return false;
    va_list args;
    va_start(args, format);
    text_set(e->hint, sizeof e->hint, format, args);
    va_end(args);
    return false;
}

bool err_blame(err *e, err_side side)
{
    if (e->side == SIDE_NONE) e->side = side;
    return false;
}

step err_at(err *e, err_kind kind, uint64_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *e = (err){.kind = kind};
    text_set(e->text, sizeof e->text, format, args);
    va_end(args);
    size_t used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof e->text - used, ", at offset %" PRIu64, offset);
    return STEP_BAD;
}
