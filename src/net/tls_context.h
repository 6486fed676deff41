/* net/tls_context.h: what a TLS connection knows before it begins: whom it trusts, who it is. */
#pragma once

#include "net/net.h"
#include "net/openssl.h"

/* ERR_USAGE names the file that cannot be used and why. Free it with SSL_CTX_free. */
bool tls_context_new(const net_tls *options, SSL_CTX **ret, err *e) MUST_CHECK;
