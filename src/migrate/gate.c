#include "migrate/gate.h"

#include "base/log.h"
#include "engine/reach.h"

#define GATE_TIMEOUT_MS 3000 /* for connecting, and for each answer */

bool gate_network(move *m, err *e)
{
    reach_result r;
    if (!reach_run(m->loop, &m->target_url, SIDE_TARGET, GATE_TIMEOUT_MS, &r, e)) return false;
    if (!r.cause && engine_url_is_socket(&m->target_url)) {
        log_warn("network: the target is the Unix socket '%s' of this machine: whether an "
                 "application elsewhere reaches the target was not checked",
                 m->target_url.host);
    }
    if (!r.cause) return true;
    err_set(e, ERR_STATE, "network: %s (step %s): %.200s", r.cause->title,
            reach_step_name(r.cause->step), r.trouble.text);
    err_blame(e, SIDE_TARGET);
    return err_hint(e, "%.200s; 'handover audit network' shows all steps; '--skip-network' goes on",
                    r.cause->check);
}

bool gate_describe(move *m, bool skip, buf *out)
{
    err e = {0};
    if (skip) return buf_text(out, "network: not checked (--skip-network)\n");
    if (gate_network(m, &e)) {
        return buf_text(out, engine_url_is_socket(&m->target_url)
                                 ? "network: a new client reaches the target's Unix socket; other "
                                   "machines use another address, which is not checked\n"
                                 : "network: a new client reaches the target from here\n");
    }
    return buf_printf(out, "this would refuse the cutover now: %s\n", e.text);
}
