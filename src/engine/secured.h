/* engine/secured.h: what to do when TLS did not come about, in the words of the command line. */
#pragma once
#include "net/net.h"

void secured_hint(net_tls_problem problem, err_side side, err *e);
/* After an opening that failed: says more where that can be found out. A server without TLS takes
 * the beginning of a handshake for the beginning of a line and waits for its end; a PING in clear
 * (without a password) tells. The target has a trace. */
void secured_explain(net_loop *l, const net_target *target, err_side side, err *e);
/* Whether a server at that address answers a plain PING, if only with an error. */
bool secured_answers_in_clear(net_loop *l, const net_target *target);
