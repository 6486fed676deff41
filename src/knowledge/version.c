#include <ctype.h>

#include "knowledge/knowledge_internal.h"

/* The next number of a dotted version, 0 when there is none. */
static uint64_t number_cut(span *rest)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < rest->size && rest->at[at] >= '0' && rest->at[at] <= '9' && at < 9; at++)
        number = number * 10 + (uint64_t)(rest->at[at] - '0');
    if (at < rest->size && rest->at[at] == '.') {
        *rest = span_tail(*rest, at + 1);
    } else {
        *rest = (span){0};
    }
    return number;
}

int version_compare(span a, span b)
{
    while (a.size > 0 || b.size > 0) {
        uint64_t left = number_cut(&a);
        uint64_t right = number_cut(&b);
        if (left != right) return left < right ? -1 : 1;
    }
    return 0;
}

bool knowledge_version_at_least(const char *version, const char *least)
{
    return version_compare(span_text(version), span_text(least)) >= 0;
}

static bool range_holds(span version, span range)
{
    span low = {0};
    bool is_closed = range.at[range.size - 1] == ']';
    span inside = span_of(range.at + 1, range.size - 2);
    if (!span_cut(&inside, ',', &low)) return true;
    if (version_compare(version, low) < 0) return false;
    if (inside.size == 0) return true;
    int high = version_compare(version, inside);
    return is_closed ? high <= 0 : high < 0;
}

bool version_in_range(span version, span text)
{
    size_t at = 0;
    if (span_find(text, span_text("<"), &at))
        return version_compare(version, span_tail(text, at + 1)) < 0;
    if (!span_find(text, span_text("["), &at)) return true;
    for (size_t end = at + 1; end < text.size; end++) {
        if (text.at[end] == ')' || text.at[end] == ']')
            return range_holds(version, span_of(text.at + at, end + 1 - at));
    }
    return true;
}

bool text_same(const char *a, const char *b)
{
    return span_is_nocase(span_text(a), b);
}

/* A clause that begins with a number or a range of them, and neither refuses nor doubts. */
static bool clause_holds(span clause, unsigned version)
{
    size_t at = 0;
    uint64_t from = 0;
    while (span_starts(clause, " "))
        clause = span_tail(clause, 1);
    size_t digits = 0;
    while (digits < clause.size && isdigit(clause.at[digits]))
        digits++;
    if (!span_to_u64(span_of(clause.at, digits), &from)) return false;
    uint64_t to = from;
    span rest = span_tail(clause, digits);
    if (span_starts(rest, "-")) {
        rest = span_tail(rest, 1);
        digits = 0;
        while (digits < rest.size && isdigit(rest.at[digits]))
            digits++;
        if (!span_to_u64(span_of(rest.at, digits), &to)) return false;
    }
    if (span_find(clause, span_text("refused"), &at) ||
        span_find(clause, span_text("unknown"), &at))
        return false;
    return version >= from && version <= to;
}

bool knowledge_rdb_is_loaded(const char *loaded, unsigned rdb_version)
{
    while (*loaded) {
        size_t size = strcspn(loaded, ",;");
        if (clause_holds(span_of(loaded, size), rdb_version)) return true;
        loaded += size + (loaded[size] != '\0');
    }
    return false;
}
