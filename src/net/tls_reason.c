#include "net/tls_reason.h"

#include <arpa/inet.h>
#include <time.h>

/* --- certificates ---------------------------------------------------------------------------- */

static void name_show(const X509_NAME *name, char *ret, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    assert(memory);
    char *text = NULL;
    if (X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE) < 0)
        (void)BIO_puts(memory, "(a name that cannot be read)"); /* to memory: never fails */
    long length = BIO_get_mem_data(memory, &text);
    (void)snprintf(ret, size, "%.*s", (int)length, text ? text : "");
    BIO_free(memory);
}

static void time_show(const ASN1_TIME *at, char *ret, size_t size)
{
    struct tm parts = {0};
    if (ASN1_TIME_to_tm(at, &parts) != 1 || !strftime(ret, size, "%Y-%m-%d %H:%M UTC", &parts))
        (void)snprintf(ret, size, "(no date)");
}

static void address_show(const ASN1_OCTET_STRING *bytes, char *ret, size_t size)
{
    int length = ASN1_STRING_length(bytes);
    int family = length == 4 ? AF_INET : AF_INET6;
    if ((length != 4 && length != 16) ||
        !inet_ntop(family, ASN1_STRING_get0_data(bytes), ret, (socklen_t)size))
        (void)snprintf(ret, size, "(no address)");
}

/* Names that do not fit are left out whole, and "..." says so. */
static void names_show(X509 *certificate, char *ret, size_t size)
{
    size_t used = 0;
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    ret[0] = '\0';
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
        char address[INET6_ADDRSTRLEN];
        char entry[sizeof(shown)];
        if (one->type == GEN_DNS) {
            span name = span_of(ASN1_STRING_get0_data(one->d.dNSName),
                                (size_t)ASN1_STRING_length(one->d.dNSName));
            (void)snprintf(entry, sizeof entry, "%s", span_show(name).text);
        } else if (one->type == GEN_IPADD) {
            address_show(one->d.iPAddress, address, sizeof address);
            (void)snprintf(entry, sizeof entry, "%s", address);
        } else {
            continue;
        }
        bool last = used + strlen(entry) + sizeof ", ..." + 1 > size;
        int n = snprintf(ret + used, size - used, "%s%s", used ? ", " : "", last ? "..." : entry);
        used += (size_t)n;
        if (last) break;
    }
    GENERAL_NAMES_free(all);
}

void tls_reason_certificate(X509 *certificate, net_tls_facts *ret)
{
    name_show(X509_get_subject_name(certificate), ret->subject, sizeof ret->subject);
    name_show(X509_get_issuer_name(certificate), ret->issuer, sizeof ret->issuer);
    names_show(certificate, ret->names, sizeof ret->names);
    if (!ret->names[0]) (void)snprintf(ret->names, sizeof ret->names, "%s", ret->subject);
    time_show(X509_get0_notAfter(certificate), ret->expires, sizeof ret->expires);
}

/* --- a certificate that is not believed ------------------------------------------------------ */

static const struct {
    int code;
    net_tls_problem problem;
} verify_rows[] = {
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, NET_TLS_UNKNOWN_CA},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, NET_TLS_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, NET_TLS_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NET_TLS_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, NET_TLS_UNKNOWN_CA},
    {X509_V_ERR_CERT_UNTRUSTED, NET_TLS_UNKNOWN_CA},
    /* Another CA of the same name: its key does not fit. */
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, NET_TLS_UNKNOWN_CA},
    {X509_V_ERR_CERT_HAS_EXPIRED, NET_TLS_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, NET_TLS_NOT_YET},
    {X509_V_ERR_HOSTNAME_MISMATCH, NET_TLS_NAME},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, NET_TLS_NAME},
};

bool tls_reason_verify(int code, X509 *at, const tls_scene *scene, net_tls_facts *facts, err *e)
{
    char subject[sizeof facts->subject] = "its certificate";
    char date[sizeof facts->expires] = "";
    facts->problem = NET_TLS_CERTIFICATE;
    for (size_t i = 0; i < COUNT_OF(verify_rows); i++)
        if (verify_rows[i].code == code) facts->problem = verify_rows[i].problem;
    if (at) name_show(X509_get_subject_name(at), subject, sizeof subject);
    switch ((int)facts->problem) {
    case NET_TLS_UNKNOWN_CA:
        return err_set(
            e, ERR_TLS, "the certificate of '%s' is signed by '%s', which is not in %s%s%s",
            facts->subject, facts->issuer, scene->ca ? "'" : "",
            scene->ca ? scene->ca : "the system's list of trusted CAs", scene->ca ? "'" : "");
    case NET_TLS_EXPIRED:
        if (at) time_show(X509_get0_notAfter(at), date, sizeof date);
        return err_set(e, ERR_TLS, "the certificate of '%s' expired on %s", subject, date);
    case NET_TLS_NOT_YET:
        if (at) time_show(X509_get0_notBefore(at), date, sizeof date);
        return err_set(e, ERR_TLS, "the certificate of '%s' is valid only from %s on", subject,
                       date);
    case NET_TLS_NAME:
        return err_set(e, ERR_TLS, "the certificate is not for '%s' but for %s", scene->name,
                       facts->names);
    default:
        return err_set(e, ERR_TLS, "the certificate of '%s' is not accepted: %s", subject,
                       X509_verify_cert_error_string(code));
    }
}

/* --- everything else ------------------------------------------------------------------------- */

static const struct {
    int reason;
    net_tls_problem problem;
} library_rows[] = {
    {SSL_R_WRONG_VERSION_NUMBER, NET_TLS_PLAIN},
    {SSL_R_HTTP_REQUEST, NET_TLS_PLAIN},
    {SSL_R_UNSUPPORTED_PROTOCOL, NET_TLS_OLD},
    {SSL_R_WRONG_SSL_VERSION, NET_TLS_OLD},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, NET_TLS_OLD},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, NET_TLS_NO_CIPHER},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, NET_TLS_NO_CIPHER},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, NET_TLS_OURS_WANTED},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, NET_TLS_OURS_REFUSED},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, NET_TLS_OURS_REFUSED},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, NET_TLS_OURS_REFUSED},
    {SSL_R_SSLV3_ALERT_NO_CERTIFICATE, NET_TLS_OURS_WANTED},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, NET_TLS_OURS_REFUSED},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, NET_TLS_OURS_REFUSED},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, NET_TLS_OURS_REFUSED},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, NET_TLS_OURS_REFUSED},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, NET_TLS_OURS_REFUSED},
};

static net_tls_problem library_problem(int reason, const tls_scene *scene)
{
    net_tls_problem found = NET_TLS_OTHER;
    if (scene->not_tls) return NET_TLS_PLAIN;
    for (size_t i = 0; i < COUNT_OF(library_rows); i++)
        if (library_rows[i].reason == reason) found = library_rows[i].problem;
    /* TLS 1.2 has one alert for "no cipher in common" and "no certificate given". */
    bool wanted = scene->certificate_asked && !scene->certificate_given;
    if (wanted && (found == NET_TLS_NO_CIPHER || found == NET_TLS_OURS_REFUSED))
        found = NET_TLS_OURS_WANTED;
    return found;
}

bool tls_reason_library(unsigned long code, const tls_scene *scene, net_tls_facts *facts, err *e)
{
    const char *reason = ERR_reason_error_string(code);
    if (!reason) reason = "no reason given";
    facts->problem = library_problem(ERR_GET_REASON(code), scene);
    switch ((int)facts->problem) {
    case NET_TLS_PLAIN:
        return err_set(e, ERR_TLS, "the server does not speak TLS on this port");
    case NET_TLS_OLD:
        return err_set(e, ERR_TLS, "the server speaks no TLS of version 1.2 or newer (%s)", reason);
    case NET_TLS_NO_CIPHER:
        return err_set(e, ERR_TLS, "the server and we have no cipher in common (%s)", reason);
    case NET_TLS_OURS_WANTED:
        return err_set(e, ERR_TLS, "the server wants a client certificate (%s)", reason);
    case NET_TLS_OURS_REFUSED:
        return err_set(e, ERR_TLS, "the server refuses our client certificate (%s)", reason);
    default:
        return err_set(e, ERR_TLS, "TLS failed: %s", reason);
    }
}
