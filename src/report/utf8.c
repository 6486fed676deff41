#include "report/utf8.h"

size_t utf8_first(span s, uint32_t *ret)
{
    assert(s.size > 0);
    uint8_t lead = s.at[0];
    size_t size = lead < 0x80             ? 1
                  : (lead & 0xe0) == 0xc0 ? 2
                  : (lead & 0xf0) == 0xe0 ? 3
                  : (lead & 0xf8) == 0xf0 ? 4
                                          : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (size == 0 || size > s.size) return 0;
    uint32_t character = size == 1 ? lead : (uint32_t)lead & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((s.at[i] & 0xc0) != 0x80) return 0;
        character = character << 6 | (s.at[i] & 0x3f);
    }
    bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < least[size] || character > 0x10ffff || is_surrogate) return 0;
    *ret = character;
    return size;
}

struct range {
    uint32_t from, to;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++)
        if (character >= ranges[i].from && character <= ranges[i].to) return true;
    return false;
}

unsigned utf8_width(uint32_t character)
{
    static const struct range none[] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
        {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    };
    static const struct range wide[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
    };
    if (character < 0x300) return 1;
    if (is_in(none, COUNT_OF(none), character)) return 0;
    return is_in(wide, COUNT_OF(wide), character) ? 2 : 1;
}

bool utf8_is_plain(uint32_t character)
{
    static const struct range not_plain[] = {
        {0, 0x1f},        {0x7f, 0x9f},   /* control characters, C0 and C1 */
        {0xad, 0xad},     {0x61c, 0x61c}, /* soft hyphen, Arabic letter mark */
        {0x200b, 0x200f},                 /* zero width, direction marks */
        {0x2028, 0x202e},                 /* line separators, direction overrides */
        {0x2060, 0x206f},                 /* invisible operators, direction isolates */
        {0xfeff, 0xfeff}, {0xfff0, 0xffff}, {0xe0000, 0xe0fff}, /* marks, specials, tags */
    };
    return !is_in(not_plain, COUNT_OF(not_plain), character);
}
