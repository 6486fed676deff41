#include "base/clock.h"

#include <limits.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t = {0};
    int failed = clock_gettime(id, &t);
    assert(!failed);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME) / NS_PER_MS;
}

clock_text clock_show(int64_t wall_ms)
{
    clock_text out = {0};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts = {0};
    if (!gmtime_r(&seconds, &parts)) return out;
    if (strftime(out.text, sizeof out.text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) out.text[0] = '\0';
    return out;
}

clock_text clock_show_ms(int64_t wall_ms)
{
    clock_text out = clock_show(wall_ms);
    size_t size = strlen(out.text);
    if (size == 0) return out;
    (void)snprintf(out.text + size - 1, sizeof out.text - size + 1, ".%03dZ",
                   (int)(wall_ms % 1000));
    return out;
}

int deadline_left_ms(int64_t deadline_ns)
{
    int64_t left = deadline_ns - clock_ns();
    if (left <= 0) return 0;
    int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
