#include "cli/stop.h"

#include <stddef.h>

static volatile sig_atomic_t stop_asked;

static void stop_ask(int number)
{
    (void)number;
    stop_asked = 1;
}

const volatile sig_atomic_t *stop_flag(void)
{
    return &stop_asked;
}

void stop_signals_take(void)
{
    struct sigaction action = {.sa_handler = stop_ask, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL); /* fails for no signal of these */
    (void)sigaction(SIGTERM, &action, NULL);
}
