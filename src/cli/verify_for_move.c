/* A move asks for a verification without knowing the feature that makes it: they meet here. */
#include "base/mem.h"
#include "cli/cli_internal.h"
#include "verify/verify.h"

bool cmd_verify_for_move(const engine_url *source,
                         const engine_url *target,
                         const volatile sig_atomic_t *stop,
                         migrate_verification *ret,
                         err *e)
{
    verify_options o = {.source = source,
                        .target = target,
                        .ttl_tolerance_ms = VERIFY_TTL_TOLERANCE_MS_DEFAULT,
                        .stop = stop};
    verify_result r = {0};
    bool done = verify_run(&o, &r, e);
    if (done) {
        *ret = (migrate_verification){.equal = verify_differences(&r) == 0,
                                      .keys = r.compared,
                                      .differences = verify_differences(&r),
                                      .seconds = r.seconds};
    }
    verify_result_clear(&r);
    return done;
}
