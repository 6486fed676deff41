/* apply/release.h: the passes over held expiries; see link.h for what each is for. */
#pragma once
#include "apply/shared.h"

bool release_far_run(link_shared *s, engine *target, int64_t guard_ms, release_result *ret, err *e)
    MUST_CHECK;
/* fields_expire: the keys of the list may be hashes with held fields. */
bool release_near_run(link_shared *s,
                      engine *target,
                      int64_t guard_ms,
                      bool fields_expire,
                      release_result *ret,
                      err *e) MUST_CHECK;
bool release_hold_run(engine *target, int64_t horizon_ms, release_result *ret, err *e) MUST_CHECK;
