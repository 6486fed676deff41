/* Names of commands in the table, and what an answer says of them. Pure. */
#include "selftest/selftest_internal.h"

static bool begins(span text, const char *with)
{
    return text.size >= strlen(with) && strncasecmp((const char *)text.at, with, strlen(with)) == 0;
}

/* The words of redis 6.0 to 8.6 and valkey 7.2 to 9.1. */
selftest_presence selftest_presence_of(const reply *answer)
{
    static const struct {
        const char *begins;
        selftest_presence means;
    } rows[] = {
        {"ERR unknown command", SELFTEST_ABSENT},
        {"ERR unknown subcommand '", SELFTEST_ABSENT},
        {"ERR unknown subcommand or wrong number of arguments", SELFTEST_UNCLEAR},
        {"ERR command is not allowed", SELFTEST_ABSENT},
        {"ERR command not allowed", SELFTEST_ABSENT},
        {"NOPERM", SELFTEST_REFUSED},
    };
    if (!reply_is_error(answer)) return SELFTEST_THERE;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (begins(answer->text, rows[i].begins)) return rows[i].means;
    return SELFTEST_THERE;
}

static bool is_word(span s)
{
    for (size_t i = 0; i < s.size; i++) {
        bool fine = (s.at[i] >= 'A' && s.at[i] <= 'Z') || (s.at[i] >= '0' && s.at[i] <= '9') ||
                    s.at[i] == '-' || s.at[i] == '.' || s.at[i] == '_';
        if (!fine) return false;
    }
    return s.size > 0;
}

size_t selftest_names(
    const char *command, const char *subcommand, arena *memory, selftest_name *ret, size_t max)
{
    span rest = span_text(command);
    span container = {0};
    size_t count = 0;
    if (*subcommand) {
        if (!is_word(rest) || !is_word(span_text(subcommand)) || max == 0) return 0;
        ret[0] = (selftest_name){command, subcommand};
        return 1;
    }
    for (size_t n = 0; rest.size > 0 && count < max; n++) {
        span piece = {0};
        span word = {0};
        if (!span_cut(&rest, '/', &piece)) break;
        piece = span_trim(piece);
        span second = piece;
        if (!span_cut(&second, ' ', &word)) continue;
        if (n == 0 && second.size) container = word;
        if (second.size && (n > 0 || !is_word(word) || !is_word(second))) continue;
        if (!is_word(second.size ? second : word)) continue;
        ret[count++] = container.size
                           ? (selftest_name){arena_text(memory, container),
                                             arena_text(memory, second.size ? second : word)}
                           : (selftest_name){arena_text(memory, word), ""};
    }
    return count;
}
