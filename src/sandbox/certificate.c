#include "sandbox/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "net/openssl.h"
#include <openssl/rand.h>

#define VALID_SECONDS (3650L * 24 * 3600)
#define CA_CRT "ca.crt"
#define CA_KEY "ca.key"

static bool failed(err *e, const char *what)
{
    return err_set(e, ERR_TLS, "%s", what);
}

static bool pem_write(const char *path, X509 *certificate, EVP_PKEY *key, err *e)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, key ? 0600 : 0644);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) return err_sys(e, errno, "write '%s'", path);
    int done = key ? PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL)
                   : PEM_write_X509(f, certificate);
    if (fclose(f) != 0 || done != 1) return err_set(e, ERR_IO, "'%s' could not be written", path);
    return true;
}

static bool extension_add(X509 *c, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, c, NULL, NULL, 0);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool done = x && X509_add_ext(c, x, -1) == 1;
    X509_EXTENSION_free(x);
    return done;
}

/* A certificate for that key, signed by `issuer` (itself when NULL); NULL when it failed. */
static X509 *certificate_new(EVP_PKEY *key, const char *name, X509 *issuer)
{
    X509 *c = X509_new();
    uint64_t serial = 0;
    bool done = c && RAND_bytes((unsigned char *)&serial, sizeof serial) == 1;
    done = done && X509_set_version(c, 2) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), serial >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(c), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(c), VALID_SECONDS) && X509_set_pubkey(c, key) == 1;
    X509_NAME *subject = done ? X509_get_subject_name(c) : NULL;
    done = done &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(c, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
           extension_add(c, issuer ? issuer : c, NID_basic_constraints,
                         issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (done) return c;
    X509_free(c);
    return NULL;
}

bool certificate_authority(sandbox *s, err *e)
{
    (void)s;
    if (access(CA_CRT, R_OK) == 0 && access(CA_KEY, R_OK) == 0) return true;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *c = key ? certificate_new(key, "handover sandbox", NULL) : NULL;
    bool done = c && extension_add(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                X509_sign(c, key, EVP_sha256()) > 0;
    if (!done) (void)failed(e, "the sandbox's certificate authority could not be made");
    done = done && pem_write(CA_KEY, NULL, key, e) && pem_write(CA_CRT, c, NULL, e);
    X509_free(c);
    EVP_PKEY_free(key);
    return done;
}

static bool authority_read(X509 **ret, EVP_PKEY **ret_key, err *e)
{
    FILE *f = fopen(CA_CRT, "re");
    *ret = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f) (void)fclose(f);
    f = fopen(CA_KEY, "re");
    *ret_key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f) (void)fclose(f);
    return (*ret && *ret_key) || failed(e, "the sandbox's certificate authority cannot be read");
}

static void names_list(
    sandbox *s, const char *group_id, const json_t *g, const json_t *node, char *ret, size_t size)
{
    const char *id = text_of(node, "id");
    (void)snprintf(ret, size, "DNS:%s,DNS:%s,DNS:%s,IP:%s,IP:%s,IP:%s",
                   group_name_of(s, group_id, g, NAME_PRIMARY, id).text,
                   group_name_of(s, group_id, g, NAME_READER, id).text,
                   group_name_of(s, group_id, g, NAME_NODE, id).text, text_of(node, "host"),
                   text_of(g, "primary_host"), text_of(g, "reader_host"));
}

bool certificate_for_node(
    sandbox *s, const char *group_id, const json_t *g, const json_t *node, err *e)
{
    char names[1024];
    char path[PATH_SIZE];
    X509 *issuer = NULL;
    EVP_PKEY *issuer_key = NULL;
    const char *id = text_of(node, "id");
    names_list(s, group_id, g, node, names, sizeof names);
    bool done = authority_read(&issuer, &issuer_key, e);
    EVP_PKEY *key = done ? EVP_EC_gen("P-256") : NULL;
    X509 *c = key ? certificate_new(key, id, issuer) : NULL;
    if (done && (!c || !extension_add(c, issuer, NID_subject_alt_name, names) ||
                 X509_sign(c, issuer_key, EVP_sha256()) <= 0))
        done = failed(e, "the certificate of a node could not be made");
    (void)snprintf(path, sizeof path, "nodes/%s/node.key", id);
    done = done && pem_write(path, NULL, key, e);
    (void)snprintf(path, sizeof path, "nodes/%s/node.crt", id);
    done = done && pem_write(path, c, NULL, e);
    X509_free(c);
    EVP_PKEY_free(key);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    return done;
}
