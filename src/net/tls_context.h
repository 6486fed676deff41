/* net/tls_context.h: what a TLS connection knows before it begins: whom it trusts, who it is. */
#pragma once

#include "net/net.h"
#include "net/openssl.h"

/* A file of the system's certificates that a library built for another family of systems does not
 * look for by itself; NULL: not needed, or not there. */
const char *tls_other_bundle(void);

/* ERR_USAGE names the file that cannot be used and why. Free it with SSL_CTX_free. */
bool tls_context_new(const net_tls *options, SSL_CTX **ret, err *e) MUST_CHECK;
