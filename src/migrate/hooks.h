/* migrate/hooks.h: a directory of the operator's programs, run before and after the phases of a
 * move.
 *
 * before-X may veto X by a code other than 0; after-X is told of X, and its failure is a warning. A
 * name that is not there is no hook. After a kill a hook may run again for the same phase. */
#pragma once
#include "migrate/move.h"

typedef enum {
    HOOK_SNAPSHOT, /* before: anything is asked of the source; after: the whole snapshot is applied
                    */
    HOOK_IN_SYNC,  /* after only, as the next two */
    HOOK_VERIFY,
    HOOK_CUTOVER, /* before: writes are held; after: it is over, done or taken back */
    HOOK_FINISH,
    HOOK_ABORT,
    HOOK_PHASE_COUNT
} hook_phase;

#define HOOK_TIMEOUT_MS 60000 /* then it is killed, with what it started */

/* Is it a directory whose hooks can be run, and that nobody else may write to? ERR_USAGE names what
 * is wrong; also a name that begins as a hook's and is none. */
bool hooks_check(const char *directory, err *e) MUST_CHECK;
/* ERR_STATE, ERR_TIMEOUT: vetoed. */
bool hooks_before(const move *m, hook_phase phase, err *e) MUST_CHECK;
/* `done` false: the phase was begun and taken back. */
void hooks_after(const move *m, hook_phase phase, bool done);
