#include "net/tls_context.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody is asked for a passphrase in the middle of a move. */
static int passphrase_refuse(char *text, int size, int writing, void *context)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

/* The library's reason for the last failure; its queue is empty afterwards. */
static const char *reason_take(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "not in PEM form";
}

/* A file that is not there is told from one that holds something else. */
static bool file_refuse(const char *what, const char *path, const char *advice, err *e)
{
    const char *reason = reason_take();
    if (access(path, R_OK) < 0) {
        int problem = errno;
        (void)err_sys(e, problem, "read the %s '%s'", what, path);
        e->kind = ERR_USAGE;
    } else {
        (void)err_set(e, ERR_USAGE, "the %s '%s' cannot be used: %s", what, path, reason);
    }
    return err_hint(e, "%s", advice);
}

/* Red Hat's family, Amazon Linux too, keeps one file that a library built elsewhere does not look
 * for. It counts only where the library's own file is missing and nobody has named another. */
#define OTHER_BUNDLE "/etc/pki/tls/certs/ca-bundle.crt"

const char *tls_other_bundle(void)
{
    bool named = secure_getenv(X509_get_default_cert_file_env()) ||
                 secure_getenv(X509_get_default_cert_dir_env());
    if (named || access(X509_get_default_cert_file(), R_OK) == 0) return NULL;
    return access(OTHER_BUNDLE, R_OK) == 0 ? OTHER_BUNDLE : NULL;
}

static bool trust_system(SSL_CTX *c, err *e)
{
    if (!SSL_CTX_set_default_verify_paths(c))
        return err_set(e, ERR_TLS, "the system's certificates: %s", reason_take());
    const char *other = tls_other_bundle();
    if (other && SSL_CTX_load_verify_file(c, other) != 1) ERR_clear_error(); /* it holds none */
    return true;
}

static bool trust(SSL_CTX *c, const net_tls *o, err *e)
{
    struct stat info = {0};
    if (!o->ca) return trust_system(c, e);
    bool directory = stat(o->ca, &info) == 0 && S_ISDIR(info.st_mode);
    int done = directory ? SSL_CTX_load_verify_dir(c, o->ca) : SSL_CTX_load_verify_file(c, o->ca);
    if (done) return true;
    return file_refuse("CA", o->ca,
                       "give a PEM file with the certificates to trust, or a directory that "
                       "'openssl rehash' has been run on",
                       e);
}

static bool identify(SSL_CTX *c, const net_tls *o, err *e)
{
    if (!o->certificate && !o->key) return true;
    if (!o->certificate || !o->key) {
        (void)err_set(e, ERR_USAGE,
                      "a client certificate needs its key, and a key its certificate");
        return err_hint(e, "give both, or none");
    }
    if (SSL_CTX_use_certificate_chain_file(c, o->certificate) != 1) {
        return file_refuse("certificate", o->certificate,
                           "give a PEM file: the certificate first, then those that signed it", e);
    }
    if (SSL_CTX_use_PrivateKey_file(c, o->key, SSL_FILETYPE_PEM) != 1) {
        return file_refuse("key", o->key,
                           "give the certificate's key as PEM without a passphrase ('openssl pkey "
                           "-in FILE -out FILE' takes one away)",
                           e);
    }
    return true;
}

bool tls_context_new(const net_tls *options, SSL_CTX **ret, err *e)
{
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    assert(c); /* only out of memory */
    long set = SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    assert(set);
    SSL_CTX_set_default_passwd_cb(c, passphrase_refuse);
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF); /* engines end without a word */
    (void)SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_AUTO_RETRY);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); /* the mode before: not needed */
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_default_read_buffer_len(c, 64 * KIB);
    if (trust(c, options, e) && identify(c, options, e)) {
        *ret = c;
        return true;
    }
    SSL_CTX_free(c);
    return false;
}
