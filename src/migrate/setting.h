/* migrate/setting.h: settings of a server that are changed for the time of a move, with consent.
 * What was set is taken back only while it still stands: a value that somebody else set meanwhile
 * is theirs. */
#pragma once
#include "engine/engine.h"

#define SETTING_SIZE 96

typedef struct {
    const char *name; /* of CONFIG */
    err_side side;
    char old[SETTING_SIZE];
    char wanted[SETTING_SIZE]; /* empty: stays */
} setting_change;

/* What the journal keeps of a change, for setting_undo. */
typedef struct {
    char text[2 * SETTING_SIZE];
} setting_argument;

/* The value; of client-output-buffer-limit the class of replicas alone, as CONFIG SET takes it:
 * "replica HARD SOFT SECONDS" (bytes, seconds). False also when it cannot be read or is longer. */
bool setting_read(engine *s, const char *name, char ret[SETTING_SIZE], err *e) MUST_CHECK;
setting_argument setting_remember(const setting_change *c);
/* Right whether or not the change was made; `ret_left`: another value stood there and stays. */
bool setting_undo(engine *s, const char *name, const char *argument, bool *ret_left, err *e)
    MUST_CHECK;
