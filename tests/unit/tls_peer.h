/* tests/unit/tls_peer.h: the other side of a TLS connection: certificates made by the test, and a
 * thread that plays the server with the same library over a Unix socket. */
#pragma once
#include "peer.h"

#include <pthread.h>

#include "net/openssl.h"

#define TLS_PEER_NAME "cache.example"

typedef struct {
    EVP_PKEY *key;
    X509 *certificate;
    char key_path[96];
    char certificate_path[96];
} tls_identity;

typedef struct {
    const char *common_name;
    const char *names; /* of subjectAltName; NULL: none */
    int begins_days;
    int ends_days;
} tls_wish;

/* Signed by `signer`, by itself when NULL; both files are written into `dir`. */
static inline tls_identity
tls_identity_make(const char *dir, const tls_wish *w, tls_identity *signer)
{
    static long serial = 1;
    tls_identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    X509 *c = made.certificate;
    X509_NAME *name = X509_get_subject_name(c);
    assert_true(X509_set_version(c, X509_VERSION_3));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(c), serial++));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c), 86400L * w->begins_days));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c), 86400L * w->ends_days));
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                           (const unsigned char *)w->common_name, -1, -1, 0));
    assert_true(
        X509_set_issuer_name(c, signer ? X509_get_subject_name(signer->certificate) : name));
    assert_true(X509_set_pubkey(c, made.key));
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer ? signer->certificate : c, c, NULL, NULL, 0);
    int kinds[] = {NID_basic_constraints, NID_subject_alt_name};
    const char *values[] = {signer ? NULL : "critical,CA:TRUE", w->names};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!values[i]) continue;
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kinds[i], values[i]);
        assert_non_null(extension);
        assert_true(X509_add_ext(c, extension, -1));
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(c, signer ? signer->key : made.key, EVP_sha256()));
    (void)snprintf(made.key_path, sizeof made.key_path, "%s/%ld.key", dir, serial);
    (void)snprintf(made.certificate_path, sizeof made.certificate_path, "%s/%ld.crt", dir, serial);
    FILE *f = fopen(made.key_path, "we");
    assert_non_null(f);
    assert_true(PEM_write_PrivateKey(f, made.key, NULL, NULL, 0, NULL, NULL));
    assert_int_equal(fclose(f), 0);
    f = fopen(made.certificate_path, "we");
    assert_non_null(f);
    assert_true(PEM_write_X509(f, c));
    assert_int_equal(fclose(f), 0);
    return made;
}

static inline void tls_identity_clear(tls_identity *i)
{
    (void)unlink(i->key_path);
    (void)unlink(i->certificate_path);
    EVP_PKEY_free(i->key);
    X509_free(i->certificate);
}

typedef struct tls_peer tls_peer;
/* What the server does; runs on its thread, with the handshake to do. */
typedef void tls_peer_play(tls_peer *p);

struct tls_peer {
    peer wire;
    pthread_t thread;
    SSL_CTX *context;
    SSL *ssl;
    tls_peer_play *play;
};

static inline void *tls_peer_thread(void *arg)
{
    tls_peer *p = arg;
    p->wire.fd = accept4(p->wire.listener, NULL, NULL, SOCK_CLOEXEC);
    if (p->wire.fd >= 0) {
        p->ssl = SSL_new(p->context);
        (void)SSL_set_fd(p->ssl, p->wire.fd);
        SSL_set_accept_state(p->ssl);
        p->play(p);
        SSL_free(p->ssl);
    }
    peer_hang_up(&p->wire);
    return NULL;
}

static inline void tls_peer_prepare(tls_peer *p, const tls_identity *who)
{
    *p = (tls_peer){.context = SSL_CTX_new(TLS_server_method())};
    peer_listen(&p->wire);
    assert_true(SSL_CTX_use_certificate(p->context, who->certificate));
    assert_true(SSL_CTX_use_PrivateKey(p->context, who->key));
}

static inline void tls_peer_start(tls_peer *p, tls_peer_play *play)
{
    p->play = play;
    assert_int_equal(pthread_create(&p->thread, NULL, tls_peer_thread, p), 0);
}

static inline void tls_peer_end(tls_peer *p)
{
    (void)shutdown(p->wire.listener, SHUT_RDWR); /* a thread that nobody came to */
    assert_int_equal(pthread_join(p->thread, NULL), 0);
    SSL_CTX_free(p->context);
    peer_close(&p->wire);
}
