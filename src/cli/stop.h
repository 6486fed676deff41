/* cli/stop.h: how a command that lasts is asked to stop. The first SIGINT or SIGTERM sets the flag,
 * the second one ends the program. */
#pragma once
#include <signal.h>

const volatile sig_atomic_t *stop_flag(void);
void stop_signals_take(void); /* from now on; before it a signal ends the program at once */
