/* migrate/cutover.h: the switch of writes from source to target in the order of protocol.md
 * section 7 A (standalone primary, 6.2 or newer), its undo, and what a crash in it leaves. */
#pragma once
#include "migrate/move.h"

/* Set while expiries on the target may be real although the link goes on: from step 2 until they
 * are held again, or the clients are on the target, or a new full copy has begun. A run that finds
 * it may not believe the target: keys may have expired there that the source renewed (R16). */
#define EXPIRIES_RELEASED "expiries_released"

/* Whether the operator's file "postpone" is in the work directory: no cutover begins. */
bool cutover_is_postponed(const char *workdir);

/* The whole cutover. On a miss before the switch hook began, everything is taken back and false is
 * answered (state as before); after it began, the state stays `fenced` and the operator decides. */
bool cutover_run(move *m, const cutover_order *order, err *e) MUST_CHECK;
/* The operator's decision about a cutover that stands still after its hook began. */
bool cutover_force(move *m, err *e) MUST_CHECK;
bool cutover_undo(move *m, err *e) MUST_CHECK;
/* Every step and command as they would be sent. The caller frees. */
char *cutover_describe(move *m, bool skip_network);

/* A move found in state fenced at a start: taken back when the hook had not begun, else refused
 * with the two choices. */
bool cutover_recover(move *m, err *e) MUST_CHECK;
