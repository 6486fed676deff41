#include "watch/times.h"

/* Two or four digits at that place. */
static bool digits(span s, size_t at, size_t count, int64_t max, int64_t *ret)
{
    int64_t value = 0;
    if (s.size < at + count) return false;
    for (size_t i = at; i < at + count; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
        value = value * 10 + (s.at[i] - '0');
    }
    *ret = value;
    return value <= max;
}

static bool mark(span s, size_t at, const char *one_of)
{
    return at < s.size && s.at[at] && strchr(one_of, s.at[at]) != NULL;
}

/* Days since 1970-01-01 of the calendar of today. */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year - (month <= 2);
    int64_t m = (month + 9) % 12; /* March is 0: the leap day is the last */
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* ".123" and more digits. */
static size_t fraction(span s, size_t at, int64_t *ms)
{
    int64_t worth = 100;
    if (!mark(s, at, ".")) return at;
    for (at++; at < s.size && s.at[at] >= '0' && s.at[at] <= '9'; at++) {
        *ms += (s.at[at] - '0') * worth;
        worth /= 10;
    }
    return at;
}

/* "Z", "+02:00", "+0200", or nothing, to the end. */
static bool zone(span s, size_t at, int64_t *minutes)
{
    int64_t h = 0;
    int64_t m = 0;
    if (at == s.size) return true;
    if (mark(s, at, "Zz")) return at + 1 == s.size;
    if (!mark(s, at, "+-") || !digits(s, at + 1, 2, 14, &h)) return false;
    size_t rest = at + 3 + mark(s, at + 3, ":");
    if (!digits(s, rest, 2, 59, &m) || rest + 2 != s.size) return false;
    *minutes = s.at[at] == '-' ? -(h * 60 + m) : h * 60 + m;
    return true;
}

bool times_read(span s, int64_t *ret)
{
    int64_t part[6] = {0};
    int64_t ms = 0;
    int64_t minutes = 0;
    size_t at = 10;
    if (!digits(s, 0, 4, 9999, &part[0]) || !mark(s, 4, "-") || !digits(s, 5, 2, 12, &part[1]) ||
        !mark(s, 7, "-") || !digits(s, 8, 2, 31, &part[2]) || part[1] < 1 || part[2] < 1)
        return false;
    if (s.size > 10) {
        if (!mark(s, 10, "Tt ") || !digits(s, 11, 2, 23, &part[3]) || !mark(s, 13, ":") ||
            !digits(s, 14, 2, 59, &part[4]))
            return false;
        at = 16;
        if (mark(s, 16, ":")) {
            if (!digits(s, 17, 2, 60, &part[5])) return false;
            at = fraction(s, 19, &ms);
        }
    }
    if (!zone(s, at, &minutes)) return false;
    int64_t seconds = days(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 +
                      part[5] - minutes * 60;
    *ret = seconds * 1000 + ms;
    return true;
}
