/* sandbox/programs.h: the engines on this machine, and which of them stands for which version of
 * the service.
 *
 * Looked for in the folder given (or $HANDOVER_ENGINES, ./.cache/engines, .cache/engines beside the
 * program's folder), as NAME/bin/valkey-server, and on PATH. Older engines than 7.0 cannot move a
 * listening address while they run and are passed over. */
#pragma once
#include "sandbox/state.h"

void programs_find(const char *folder, engine_programs *ret);
void programs_clear(engine_programs *p);
/* The engine that stands for "8.1" of the service: the same minor version, else the nearest older,
 * else the nearest newer one of the same major version. NULL: there is none. */
const engine_program *
programs_choose(const engine_programs *p, const char *engine, const char *version);
