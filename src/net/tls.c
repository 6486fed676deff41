#include "net/tls.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "net/tls_context.h"
#include "net/tls_reason.h"

struct tls {
    SSL_CTX *context;
    BIO_METHOD *method;
    SSL *ssl;
    int fd;
    io_result below; /* how the last use of the socket ended */
    err below_error;
    bool first_seen; /* something came from the other side */
    bool may_hold;
    char *name;
    char *ca;
    tls_scene scene;
    net_tls_facts facts;
    err trouble; /* of the certificate; kind ERR_NONE: none */
};

/* --- the socket below ------------------------------------------------------------------------ */

static int below_end(BIO *bio, tls *t, size_t moved)
{
    BIO_clear_retry_flags(bio);
    if (t->below == IO_MOVED) return (int)moved;
    if (t->below == IO_WANTS_READ) BIO_set_retry_read(bio);
    if (t->below == IO_WANTS_WRITE) BIO_set_retry_write(bio);
    return t->below == IO_CLOSED ? 0 : -1;
}

/* RFC 8446 5.1: the types of records are 20 to 24. */
static bool record_begins_with(uint8_t byte)
{
    return byte >= 20 && byte <= 24;
}

static int below_read(BIO *bio, char *at, int size)
{
    tls *t = BIO_get_data(bio);
    size_t moved = 0;
    assert(size > 0);
    t->below = socket_read(t->fd, at, (size_t)size, &moved, &t->below_error);
    if (t->below == IO_MOVED && !t->first_seen) {
        t->first_seen = true;
        t->scene.not_tls = !record_begins_with((uint8_t)at[0]);
    }
    return below_end(bio, t, moved);
}

static int below_write(BIO *bio, const char *at, int size)
{
    tls *t = BIO_get_data(bio);
    size_t moved = 0;
    assert(size > 0);
    t->below = socket_write(t->fd, at, (size_t)size, &moved, &t->below_error);
    return below_end(bio, t, moved);
}

static long below_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    const tls *t = BIO_get_data(bio);
    if (command == BIO_CTRL_EOF) return t->below == IO_CLOSED;
    return command == BIO_CTRL_FLUSH;
}

static void below_make(tls *t)
{
    t->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection");
    assert(t->method);
    int set = BIO_meth_set_read(t->method, below_read) &&
              BIO_meth_set_write(t->method, below_write) &&
              BIO_meth_set_ctrl(t->method, below_control);
    assert(set);
    BIO *bio = BIO_new(t->method);
    assert(bio);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio); /* owns it */
}

/* --- making ---------------------------------------------------------------------------------- */

/* The first failed check is the one that is told. */
static int certificate_check(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    tls *t = SSL_get_app_data(ssl);
    if (good) return 1;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (leaf) tls_reason_certificate(leaf, &t->facts);
    (void)tls_reason_verify(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store),
                            &t->scene, &t->facts, &t->trouble);
    return 0;
}

/* Called when the server asks and we have none: without one the handshake goes on. */
static int certificate_asked(SSL *ssl, X509 **ret, EVP_PKEY **ret_key)
{
    (void)ret;
    (void)ret_key;
    tls *t = SSL_get_app_data(ssl);
    t->scene.certificate_asked = true;
    return 0;
}

/* Certificates name "a.example", also when it was looked up as "a.example.". */
static char *name_meant(const char *name)
{
    span s = span_text(name);
    if (s.size > 1 && s.at[s.size - 1] == '.') s.size--;
    return mem_text(s);
}

static bool name_demand(tls *t, err *e)
{
    X509_VERIFY_PARAM *checks = SSL_get0_param(t->ssl);
    unsigned char bytes[sizeof(struct in6_addr)];
    bool address =
        inet_pton(AF_INET, t->name, bytes) == 1 || inet_pton(AF_INET6, t->name, bytes) == 1;
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int set = address ? X509_VERIFY_PARAM_set1_ip_asc(checks, t->name)
                      : X509_VERIFY_PARAM_set1_host(checks, t->name, 0) &&
                            SSL_set_tlsext_host_name(t->ssl, t->name) == 1;
    return set || err_set(e, ERR_USAGE, "'%s' is no name that a certificate can be for",
                          span_show(span_text(t->name)).text);
}

bool tls_new(const net_tls *options, const char *host, int fd, tls **ret, err *e)
{
    SSL_CTX *context = NULL;
    if (!options->name && host[0] == '/')
        return err_set(e, ERR_USAGE, "TLS over the socket '%s' needs a name to check", host);
    if (!tls_context_new(options, &context, e)) return false;
    tls *t = mem_alloc(sizeof *t);
    t->context = context;
    t->fd = fd;
    t->ssl = SSL_new(context);
    assert(t->ssl);
    t->name = name_meant(options->name ? options->name : host);
    if (options->ca) t->ca = mem_text(span_text(options->ca));
    t->scene = (tls_scene){
        .name = t->name, .ca = t->ca, .certificate_given = options->certificate != NULL};
    (void)SSL_set_app_data(t->ssl, t); /* a slot that is always there */
    SSL_set_verify(t->ssl, SSL_VERIFY_PEER, certificate_check);
    SSL_CTX_set_client_cert_cb(context, certificate_asked);
    SSL_set_connect_state(t->ssl);
    below_make(t);
    if (name_demand(t, e)) {
        *ret = t;
        return true;
    }
    tls_free(t);
    return false;
}

void tls_free(tls *t)
{
    if (!t) return;
    /* A last word for the other side; whether it arrives does not matter any more. */
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl) && t->below != IO_FAILED) (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    BIO_meth_free(t->method);
    SSL_CTX_free(t->context);
    free(t->name);
    free(t->ca);
    free(t);
}

/* --- use ------------------------------------------------------------------------------------- */

/* Why the library did not do it. */
static io_result stop_explain(tls *t, int answer, err *e)
{
    int why = SSL_get_error(t->ssl, answer);
    unsigned long code = ERR_peek_error();
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ) return IO_WANTS_READ;
    if (why == SSL_ERROR_WANT_WRITE) return IO_WANTS_WRITE;
    if (why == SSL_ERROR_ZERO_RETURN) return IO_CLOSED;
    if (t->trouble.kind != ERR_NONE) {
        *e = t->trouble;
    } else if (why != SSL_ERROR_SYSCALL) {
        (void)tls_reason_library(code, &t->scene, &t->facts, e);
    } else if (t->below == IO_FAILED) {
        *e = t->below_error;
    } else {
        return IO_CLOSED;
    }
    return IO_FAILED;
}

static void facts_note(tls *t)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(t->ssl);
    (void)snprintf(t->facts.version, sizeof t->facts.version, "%s", SSL_get_version(t->ssl));
    (void)snprintf(t->facts.cipher, sizeof t->facts.cipher, "%s", SSL_get_cipher_name(t->ssl));
    t->facts.chain_count = chain ? (unsigned)sk_X509_num(chain) : 0;
    tls_reason_certificate(SSL_get0_peer_certificate(t->ssl), &t->facts);
}

io_result tls_handshake(tls *t, err *e)
{
    ERR_clear_error();
    int answer = SSL_do_handshake(t->ssl);
    if (answer == 1) {
        facts_note(t);
        return IO_MOVED;
    }
    io_result r = stop_explain(t, answer, e);
    if (r == IO_CLOSED) {
        (void)err_set(e, ERR_TLS, "the server closed the connection in the handshake");
        r = IO_FAILED;
    } else if (r == IO_FAILED && e->kind == ERR_IO) {
        (void)err_wrap(e, "in the handshake");
        e->kind = ERR_TLS;
    } else {
        return r;
    }
    t->facts.problem = NET_TLS_BROKEN;
    return r;
}

const net_tls_facts *tls_facts(const tls *t)
{
    return &t->facts;
}

io_result tls_read(tls *t, void *at, size_t size, size_t *ret, err *e)
{
    ERR_clear_error();
    int answer = SSL_read_ex(t->ssl, at, size, ret);
    t->may_hold = answer == 1;
    return answer == 1 ? IO_MOVED : stop_explain(t, answer, e);
}

io_result tls_write(tls *t, const void *at, size_t size, size_t *ret, err *e)
{
    ERR_clear_error();
    int answer = SSL_write_ex(t->ssl, at, size, ret);
    return answer == 1 ? IO_MOVED : stop_explain(t, answer, e);
}

bool tls_may_hold(const tls *t)
{
    return t->may_hold;
}
