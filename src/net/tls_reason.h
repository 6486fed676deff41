/* net/tls_reason.h: what went wrong in TLS, in words: from the library's codes and certificates. */
#pragma once

#include "net/net.h"
#include "net/openssl.h"

/* What is known when something fails. */
typedef struct {
    const char *name;       /* the certificate must be for it */
    const char *ca;         /* who is trusted; NULL: the system's */
    bool certificate_asked; /* by the server */
    bool certificate_given;
    bool not_tls; /* the first byte that came is none of TLS */
} tls_scene;

/* Subject, issuer, names and end of a certificate. */
void tls_reason_certificate(X509 *certificate, net_tls_facts *ret);
/* A failed check of a certificate: X509_V_ERR_* on the certificate `at` of a chain whose first one
 * is in the facts. Answers false. */
bool tls_reason_verify(int code, X509 *at, const tls_scene *scene, net_tls_facts *facts, err *e);
/* Any other failure: the code of the library's error queue. Answers false. */
bool tls_reason_library(unsigned long code, const tls_scene *scene, net_tls_facts *facts, err *e);
