/* The form of single values, as the service takes them. Sources: API reference of ElastiCache,
 * version 2015-02-02 (names, windows, CreateUser), and the guide's Clusters.RBAC.html. */
#include <ctype.h>

#include "provision/plan_internal.h"

#define ACCESS_MAX ((size_t)1000)

const char *form_id(const char *text)
{
    static const char rule[] =
        "a name there has 1 to 40 lower-case letters, digits and single hyphens, begins with a "
        "letter and does not end with a hyphen";
    size_t size = strlen(text);
    bool good = size > 0 && size <= PLAN_ID_MAX && text[0] >= 'a' && text[0] <= 'z' &&
                text[size - 1] != '-' && !strstr(text, "--");
    for (size_t i = 0; i < size && good; i++) {
        good = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') ||
               text[i] == '-';
    }
    return good ? NULL : rule;
}

/* By a pattern: '0' a digit, anything else itself. */
static bool has_form(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*pattern == '0' ? !digit : *text != *pattern) return false;
    }
    return *text == '\0';
}

/* Minutes since midnight of "05:00"; -1: no time of a day. */
static int minutes_of(const char *text)
{
    int hours = (text[0] - '0') * 10 + text[1] - '0';
    int minutes = (text[3] - '0') * 10 + text[4] - '0';
    return hours > 23 || minutes > 59 ? -1 : hours * 60 + minutes;
}

const char *form_window(const char *text)
{
    static const char rule[] = "write HH:MM-HH:MM in UTC, an hour or more, as 03:00-04:00";
    if (!has_form(text, "00:00-00:00")) return rule;
    int from = minutes_of(text);
    int to = minutes_of(text + strlen("00:00-"));
    if (from < 0 || to < 0) return rule;
    return (to - from + 24 * 60) % (24 * 60) < 60 ? rule : NULL;
}

static int day_of(const char *text)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    for (int i = 0; i < (int)COUNT_OF(days); i++)
        if (strncmp(text, days[i], 3) == 0) return i;
    return -1;
}

const char *form_week_window(const char *text)
{
    static const char rule[] =
        "write ddd:HH:MM-ddd:HH:MM in UTC, an hour or more, as sun:05:00-sun:06:00";
    if (strlen(text) != strlen("sun:05:00-sun:06:00") || day_of(text) < 0 ||
        day_of(text + strlen("sun:05:00-")) < 0)
        return rule;
    char from[6] = "";
    char to[6] = "";
    if (text[3] != ':' || text[9] != '-' || text[13] != ':') return rule;
    (void)snprintf(from, sizeof from, "%.5s", text + 4);
    (void)snprintf(to, sizeof to, "%.5s", text + 14);
    if (!has_form(from, "00:00") || !has_form(to, "00:00")) return rule;
    if (minutes_of(from) < 0 || minutes_of(to) < 0) return rule;
    const int week = 7 * 24 * 60;
    int begins = day_of(text) * 24 * 60 + minutes_of(from);
    int ends = day_of(text + strlen("sun:05:00-")) * 24 * 60 + minutes_of(to);
    return (ends - begins + week) % week < 60 ? rule : NULL;
}

const char *form_reference(const char *text)
{
    static const char rule[] =
        "a password never stands in a plan: write env:NAME (a variable) or file:PATH (mode 0600)";
    if (strncmp(text, "file:", 5) == 0 && text[5]) return NULL;
    if (strncmp(text, "env:", 4) != 0 || !text[4] || isdigit((unsigned char)text[4])) return rule;
    for (const char *c = text + 4; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_') return rule;
    return NULL;
}

const char *form_access(const char *text)
{
    static const char *const passwords[] = {"nopass", "resetpass", "reset"};
    span rest = span_text(text);
    span word = {0};
    if (strlen(text) > ACCESS_MAX || strpbrk(text, "\"'\\"))
        return "an access string has 1000 characters at most, and no quotes or backslashes";
    if (strncmp(text, "on", 2) != 0 && strncmp(text, "off", 3) != 0)
        return "an access string begins with 'on' or 'off', as 'on ~cart:* +@all -@dangerous'";
    while (span_cut(&rest, ' ', &word)) {
        bool is_password = word.size > 0 && strchr("<>#!", word.at[0]);
        for (size_t i = 0; i < COUNT_OF(passwords); i++)
            is_password |= span_is(word, passwords[i]);
        if (is_password) return "passwords do not belong into an access string: see 'passwords'";
    }
    return NULL;
}

static bool has_hex_form(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (strncmp(text, prefix, size) != 0 || !text[size]) return false;
    for (const char *c = text + size; *c; c++)
        if (!isalnum((unsigned char)*c)) return false;
    return true;
}

const char *form_subnet(const char *text)
{
    return has_hex_form(text, "subnet-") ? NULL : "an id of a subnet, as subnet-0123456789abcdef0";
}

const char *form_security_group(const char *text)
{
    return has_hex_form(text, "sg-") ? NULL : "an id of a security group, as sg-0123456789abcdef0";
}

const char *form_node_type(const char *text)
{
    static const char rule[] = "a node type, as cache.r7g.large";
    if (strncmp(text, "cache.", 6) != 0 || !strchr(text + 6, '.')) return rule;
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-') return rule;
    return strncmp(text + 6, "r6gd.", 5) == 0
               ? "data tiering (r6gd) has no place in a plan: create that cache by hand"
               : NULL;
}

const char *form_user_name(const char *text)
{
    static const char rule[] = "a user name has 1 to 120 visible characters without quotes";
    size_t size = strlen(text);
    if (size == 0 || size > 120) return rule;
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"'\\", *c)) return rule;
    return NULL;
}
