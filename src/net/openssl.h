/* net/openssl.h: the library's headers, without its type ERR_STATE: base/err.h has a kind of that
 * name. */
#pragma once
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE
