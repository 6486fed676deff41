#include "engine/secured.h"

#include "base/clock.h"

#define CLEAR_TIMEOUT_MS 1000

/* The option named is that of the side. */
static const struct {
    const char *what;
    const char *option; /* "--source-" and this; NULL: none */
    const char *more;
} advice[] = {
    [NET_TLS_UNKNOWN_CA] = {.what = "give the CA that signed it: ",
                            .option = "ca",
                            .more = " FILE"},
    [NET_TLS_EXPIRED] = {.what =
                             "renew the server's certificate, or set this machine's clock right"},
    [NET_TLS_NOT_YET] = {.what = "set the clocks right, here or where the certificate was made"},
    [NET_TLS_NAME] =
        {.what = "name the server in the URL as its certificate does, or the name to check: ",
         .option = "tls-name",
         .more = " NAME"},
    [NET_TLS_CERTIFICATE] = {.what = "give the server a certificate that fits"},
    [NET_TLS_OLD] =
        {.what = "let the server offer TLS 1.2 or 1.3 ('tls-protocols' in its configuration)"},
    [NET_TLS_NO_CIPHER] = {.what = "look at 'tls-ciphers' and 'tls-ciphersuites' of the server"},
    [NET_TLS_PLAIN] = {.what = "name the server's TLS port, or write redis:// if no TLS is meant"},
    [NET_TLS_OURS_WANTED] = {.what = "give one, and its key: ",
                             .option = "cert",
                             .more = " FILE and the same with -key"},
    [NET_TLS_OURS_REFUSED] = {.what = "give one whose CA the server trusts: ",
                              .option = "cert",
                              .more = " FILE"},
    [NET_TLS_BROKEN] = {.what =
                            "is this the server's TLS port, and nothing between that ends TLS?"},
    [NET_TLS_SILENT] = {.what = "is this the server's TLS port? write redis:// if no TLS is meant"},
    [NET_TLS_OTHER] = {.what = "look into the server's log"},
};

void secured_hint(net_tls_problem problem, err_side side, err *e)
{
    if (problem == NET_TLS_FINE) return;
    assert(problem < COUNT_OF(advice));
    const char *option = advice[problem].option;
    const char *side_name = side == SIDE_TARGET ? "--target-" : "--source-";
    err_hint(e, "%s%s%s%s", advice[problem].what, option ? side_name : "", option ? option : "",
             option ? advice[problem].more : "");
}

bool secured_answers_in_clear(net_loop *l, const net_target *secured)
{
    net_target target = *secured;
    target.tls = NULL;
    target.trace = NULL;
    net_conn *c = NULL;
    err ignored;
    int64_t deadline = deadline_in_ms(CLEAR_TIMEOUT_MS);
    bool open =
        net_conn_open(l, &target, deadline, &c, &ignored) && buf_text(net_conn_out(c), "PING\r\n");
    while (open && net_conn_in(c).size == 0 && deadline_left_ms(deadline) > 0)
        open = net_conn_turn(c, deadline_left_ms(deadline), &ignored);
    span in = c ? net_conn_in(c) : (span){0};
    bool answered = span_starts(in, "+") || span_starts(in, "-");
    net_conn_free(c);
    return answered;
}

void secured_explain(net_loop *l, const net_target *target, err_side side, err *e)
{
    net_tls_problem *problem = &target->trace->tls.problem;
    if (*problem == NET_TLS_SILENT && secured_answers_in_clear(l, target)) {
        *problem = NET_TLS_PLAIN;
        err_set(e, ERR_TLS, "'%s:%u': the server does not speak TLS on this port", target->host,
                target->port);
    }
    secured_hint(*problem, side, e);
}
