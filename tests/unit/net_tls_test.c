/* Connections through the TLS filter, over a server that the test plays with the same library. */
#include "tls_peer.h"

#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/net.h"

#define DEADLINE_MS 20000
#define BULK_SIZE (3 * MIB)

static struct {
    char dir[64];
    tls_identity ca, other_ca, server, expired, early, client, stranger, nameless;
} all;

static int certificates_make(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* for the server's side: its library writes plainly */
    (void)snprintf(all.dir, sizeof all.dir, "/tmp/handover-tls-XXXXXX");
    assert_non_null(mkdtemp(all.dir));
    const char *names = "DNS:" TLS_PEER_NAME ",DNS:*.nodes.example,IP:10.9.8.7";
    all.ca = tls_identity_make(all.dir, &(tls_wish){"our CA", NULL, -9, 9}, NULL);
    all.other_ca = tls_identity_make(all.dir, &(tls_wish){"their CA", NULL, -9, 9}, NULL);
    all.server = tls_identity_make(all.dir, &(tls_wish){"server", names, -9, 9}, &all.ca);
    all.expired = tls_identity_make(all.dir, &(tls_wish){"expired", names, -9, -1}, &all.ca);
    all.early = tls_identity_make(all.dir, &(tls_wish){"early", names, 1, 9}, &all.ca);
    all.client = tls_identity_make(all.dir, &(tls_wish){"client", NULL, -9, 9}, &all.ca);
    all.stranger = tls_identity_make(all.dir, &(tls_wish){"stranger", NULL, -9, 9}, &all.other_ca);
    all.nameless = tls_identity_make(all.dir, &(tls_wish){TLS_PEER_NAME, NULL, -9, 9}, &all.ca);
    return 0;
}

static int certificates_drop(void **state)
{
    (void)state;
    tls_identity *every[] = {&all.ca,    &all.other_ca, &all.server,   &all.expired,
                             &all.early, &all.client,   &all.stranger, &all.nameless};
    for (size_t i = 0; i < COUNT_OF(every); i++)
        tls_identity_clear(every[i]);
    return rmdir(all.dir);
}

/* A byte stream that is not the same at two places nearby. */
static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

typedef struct {
    net_loop *loop;
    net_conn *conn;
    net_trace trace;
    err e;
    bool open;
} wire;

static net_tls trusting(void)
{
    return (net_tls){.ca = all.ca.certificate_path, .name = TLS_PEER_NAME};
}

static void wire_open(wire *w, const char *path, const net_tls *tls, size_t in_max, int timeout_ms)
{
    *w = (wire){.loop = net_loop_new()};
    net_target target = {
        .host = path, .in_max = in_max, .out_max = BULK_SIZE, .tls = tls, .trace = &w->trace};
    w->open = net_conn_open(w->loop, &target, deadline_in_ms(timeout_ms), &w->conn, &w->e);
}

static void wire_close(wire *w)
{
    net_conn_free(w->conn);
    net_loop_free(w->loop);
}

static void wire_must_be_open(const wire *w)
{
    if (!w->open) fail_msg("%s", w->e.text);
}

/* --- what the server does --------------------------------------------------------------------- */

static void play_echo(tls_peer *p)
{
    uint8_t bytes[4096];
    int n = SSL_accept(p->ssl);
    while (n > 0) {
        n = SSL_read(p->ssl, bytes, sizeof bytes);
        if (n > 0) n = SSL_write(p->ssl, bytes, n);
    }
}

/* One record of 5000 bytes, then it waits for the other side to leave. */
static void play_record(tls_peer *p)
{
    uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern(i);
    if (SSL_accept(p->ssl) != 1) return;
    (void)SSL_write(p->ssl, bytes, sizeof bytes);
    (void)SSL_read(p->ssl, bytes, sizeof bytes);
}

/* Everything in, everything out, new keys on both sides in between. */
static void play_bulk(tls_peer *p)
{
    uint8_t bytes[16 * KIB];
    size_t had = 0;
    bool good = SSL_accept(p->ssl) == 1;
    while (good && had < BULK_SIZE) {
        size_t n = 0;
        good = SSL_read_ex(p->ssl, bytes, sizeof bytes, &n) == 1;
        for (size_t i = 0; good && i < n; i++)
            good = bytes[i] == pattern(had + i);
        had += n;
    }
    for (size_t sent = 0; good && sent < BULK_SIZE; sent += sizeof bytes) {
        if (sent % (256 * KIB) == 0) (void)SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = pattern(sent + i);
        good = SSL_write(p->ssl, bytes, sizeof bytes) > 0;
    }
    if (good) (void)SSL_shutdown(p->ssl);
}

static void play_silence(tls_peer *p)
{
    uint8_t bytes[4096];
    while (recv(p->wire.fd, bytes, sizeof bytes, 0) > 0)
        continue;
}

static void play_plain(tls_peer *p)
{
    static const char words[] = "-ERR max number of clients reached\r\n";
    (void)send(p->wire.fd, words, sizeof words - 1, MSG_NOSIGNAL);
    play_silence(p);
}

static void play_hang_up(tls_peer *p)
{
    uint8_t byte = 0;
    (void)recv(p->wire.fd, &byte, 1, 0); /* the rest stays unread */
}

/* A record that no TLS has, where the stream should go on. */
static void play_garbage(tls_peer *p)
{
    static const uint8_t bytes[] = {23, 3, 3, 0xff, 0xff, 1, 2, 3};
    if (SSL_accept(p->ssl) != 1) return;
    (void)send(p->wire.fd, bytes, sizeof bytes, MSG_NOSIGNAL);
    play_silence(p);
}

/* Byte by byte to the client: the next one goes when it has taken the last. */
static void drip(int from, int to)
{
    struct pollfd ready[] = {{.fd = from, .events = POLLIN}, {.fd = to, .events = POLLIN}};
    uint8_t bytes[4096];
    while (poll(ready, 2, DEADLINE_MS) > 0) {
        ssize_t n = 0;
        if (ready[1].revents) {
            n = recv(to, bytes, sizeof bytes, 0);
            if (n <= 0 || send(from, bytes, (size_t)n, MSG_NOSIGNAL) != n) return;
        }
        if (!ready[0].revents) continue;
        n = recv(from, bytes, sizeof bytes, 0);
        if (n <= 0) return;
        for (ssize_t i = 0; i < n; i++) {
            int left = 1;
            if (send(to, bytes + i, 1, MSG_NOSIGNAL) != 1) return;
            while (left > 0 && ioctl(to, SIOCOUTQ, &left) == 0)
                (void)sched_yield();
        }
    }
}

static void *echo_behind_drip(void *arg)
{
    tls_peer *p = arg;
    play_echo(p);
    (void)shutdown(SSL_get_fd(p->ssl), SHUT_RDWR);
    return NULL;
}

static void play_dripping(tls_peer *p)
{
    int ends[2];
    pthread_t server;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return;
    (void)SSL_set_fd(p->ssl, ends[0]);
    if (pthread_create(&server, NULL, echo_behind_drip, p) == 0) {
        drip(ends[1], p->wire.fd);
        (void)close(ends[1]);
        (void)pthread_join(server, NULL);
    }
    (void)close(ends[0]);
}

/* --- what works ------------------------------------------------------------------------------ */

static void echo_check(wire *w, const char *text)
{
    err e = {0};
    assert_true(buf_text(net_conn_out(w->conn), text));
    int64_t deadline = deadline_in_ms(DEADLINE_MS);
    while (net_conn_in(w->conn).size < strlen(text) && deadline_left_ms(deadline) > 0)
        if (!net_conn_turn(w->conn, 100, &e)) fail_msg("%s", e.text);
    assert_span_text(net_conn_in(w->conn), text);
    net_conn_eat(w->conn, strlen(text));
}

static void bytes_pass_and_the_handshake_tells_who_answered(void **state)
{
    (void)state;
    tls_peer p;
    wire w;
    net_tls tls = trusting();
    tls_peer_prepare(&p, &all.server);
    tls_peer_start(&p, play_echo);
    wire_open(&w, p.wire.path, &tls, KIB, DEADLINE_MS);
    wire_must_be_open(&w);
    echo_check(&w, "hello");
    const net_tls_facts *facts = net_conn_tls(w.conn);
    assert_int_equal(facts->problem, NET_TLS_FINE);
    assert_string_equal(facts->version, "TLSv1.3");
    assert_string_equal(facts->subject, "CN = server");
    assert_string_equal(facts->issuer, "CN = our CA");
    assert_string_equal(facts->names, "cache.example, *.nodes.example, 10.9.8.7");
    assert_int_equal(facts->chain_count, 2);
    assert_int_equal(w.trace.stage, NET_STAGE_OPEN);
    wire_close(&w);
    tls_peer_end(&p);
}

static void every_form_of_a_name_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const tls_identity *server;
        bool good;
    } rows[] = {
        {"cache.example.", &all.server, true},   {"CACHE.example", &all.server, true},
        {"a.nodes.example", &all.server, true},  {"a.b.nodes.example", &all.server, false},
        {"10.9.8.7", &all.server, true},         {"10.9.8.8", &all.server, false},
        {"evil.example", &all.server, false},    {"::1", &all.server, false},
        {"server", &all.server, false},          {TLS_PEER_NAME, &all.nameless, true},
        {"other.example", &all.nameless, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tls_peer p;
        wire w;
        net_tls tls = {.ca = all.ca.certificate_path, .name = rows[i].name};
        tls_peer_prepare(&p, rows[i].server);
        tls_peer_start(&p, play_echo);
        wire_open(&w, p.wire.path, &tls, KIB, DEADLINE_MS);
        if (w.open != rows[i].good) fail_msg("'%s': %s", rows[i].name, w.e.text);
        if (!w.open) assert_int_equal(w.trace.tls.problem, NET_TLS_NAME);
        if (!w.open) assert_non_null(strstr(w.e.text, rows[i].name));
        wire_close(&w);
        tls_peer_end(&p);
    }
}

static void a_handshake_that_comes_byte_by_byte_is_finished(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        tls_peer p;
        wire w;
        net_tls tls = trusting();
        tls_peer_prepare(&p, &all.server);
        assert_true(SSL_CTX_set_max_proto_version(p.context, version));
        tls_peer_start(&p, play_dripping);
        wire_open(&w, p.wire.path, &tls, KIB, DEADLINE_MS);
        wire_must_be_open(&w);
        echo_check(&w, "one at a time");
        wire_close(&w);
        tls_peer_end(&p);
    }
}

static void what_the_filter_holds_is_handed_over_without_a_further_byte(void **state)
{
    (void)state;
    tls_peer p;
    wire w;
    net_tls tls = trusting();
    err e = {0};
    size_t eaten = 0;
    tls_peer_prepare(&p, &all.server);
    tls_peer_start(&p, play_record);
    wire_open(&w, p.wire.path, &tls, 1000, DEADLINE_MS);
    wire_must_be_open(&w);
    int64_t began = clock_ns();
    while (eaten < 5000) {
        net_loop_turn(w.loop, DEADLINE_MS);
        assert_true(net_conn_pump(w.conn, &e));
        span in = net_conn_in(w.conn);
        assert_true(in.size <= 1000);
        for (size_t i = 0; i < in.size; i++)
            assert_int_equal(in.at[i], pattern(eaten + i));
        eaten += in.size;
        net_conn_eat(w.conn, in.size);
    }
    assert_int_equal(eaten, 5000);
    assert_true(clock_ns() - began < (int64_t)DEADLINE_MS / 2 * NS_PER_MS);
    wire_close(&w);
    tls_peer_end(&p);
}

static void much_goes_both_ways_while_keys_change(void **state)
{
    (void)state;
    tls_peer p;
    wire w;
    net_tls tls = trusting();
    err e = {0};
    size_t had = 0;
    bool alive = true;
    tls_peer_prepare(&p, &all.server);
    tls_peer_start(&p, play_bulk);
    wire_open(&w, p.wire.path, &tls, 100 * KIB, DEADLINE_MS);
    wire_must_be_open(&w);
    for (size_t i = 0; i < BULK_SIZE; i++)
        assert_true(buf_u8(net_conn_out(w.conn), pattern(i)));
    assert_false(buf_u8(net_conn_out(w.conn), 0)); /* its limit */
    int64_t deadline = deadline_in_ms(DEADLINE_MS);
    while (alive && deadline_left_ms(deadline) > 0) {
        alive = net_conn_turn(w.conn, 1000, &e);
        span in = net_conn_in(w.conn);
        for (size_t i = 0; i < in.size; i++)
            if (in.at[i] != pattern(had + i)) fail_msg("byte %zu is another one", had + i);
        had += in.size;
        net_conn_eat(w.conn, in.size);
    }
    assert_int_equal(had, BULK_SIZE);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "closed by the other side"));
    wire_close(&w);
    tls_peer_end(&p);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void a_certificate_that_is_not_believed_is_named_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const tls_identity *server;
        const tls_identity *ca;
        net_tls_problem problem;
        const char *words;
    } rows[] = {
        {&all.server, &all.other_ca, NET_TLS_UNKNOWN_CA, "signed by 'CN = our CA'"},
        {&all.server, NULL, NET_TLS_UNKNOWN_CA, "the system's list"},
        {&all.expired, &all.ca, NET_TLS_EXPIRED, "expired on 20"},
        {&all.early, &all.ca, NET_TLS_NOT_YET, "valid only from 20"},
        {&all.other_ca, &all.ca, NET_TLS_UNKNOWN_CA, "their CA"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tls_peer p;
        wire w;
        net_tls tls = trusting();
        tls.ca = rows[i].ca ? rows[i].ca->certificate_path : NULL;
        tls_peer_prepare(&p, rows[i].server);
        tls_peer_start(&p, play_echo);
        wire_open(&w, p.wire.path, &tls, KIB, DEADLINE_MS);
        assert_false(w.open);
        assert_int_equal(w.e.kind, ERR_TLS);
        assert_int_equal(w.trace.stage, NET_STAGE_TLS);
        if (w.trace.tls.problem != rows[i].problem || !strstr(w.e.text, rows[i].words))
            fail_msg("row %zu: problem %u, '%s'", i, w.trace.tls.problem, w.e.text);
        assert_non_null(strstr(w.e.text, p.wire.path));
        wire_close(&w);
        tls_peer_end(&p);
    }
}

static void a_peer_that_does_not_shake_hands_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        tls_peer_play *play;
        int version_max; /* 0: any */
        net_tls_problem problem;
        err_kind kind;
        const char *words;
    } rows[] = {
        {play_plain, 0, NET_TLS_PLAIN, ERR_TLS, "does not speak TLS"},
        {play_hang_up, 0, NET_TLS_BROKEN, ERR_TLS, "handshake"},
        {play_silence, 0, NET_TLS_SILENT, ERR_TIMEOUT, "no answer"},
        {play_echo, TLS1_1_VERSION, NET_TLS_OLD, ERR_TLS, "version 1.2 or newer"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tls_peer p;
        wire w;
        net_tls tls = trusting();
        tls_peer_prepare(&p, &all.server);
        if (rows[i].version_max) {
            SSL_CTX_set_security_level(p.context, 0);
            assert_true(SSL_CTX_set_min_proto_version(p.context, TLS1_VERSION));
            assert_true(SSL_CTX_set_max_proto_version(p.context, rows[i].version_max));
        }
        tls_peer_start(&p, rows[i].play);
        wire_open(&w, p.wire.path, &tls, KIB, rows[i].kind == ERR_TIMEOUT ? 200 : DEADLINE_MS);
        assert_false(w.open);
        if (w.trace.tls.problem != rows[i].problem || w.e.kind != rows[i].kind ||
            !strstr(w.e.text, rows[i].words))
            fail_msg("row %zu: problem %u, '%s'", i, w.trace.tls.problem, w.e.text);
        wire_close(&w);
        tls_peer_end(&p);
    }
}

static void a_server_that_asks_who_we_are_is_answered_or_named(void **state)
{
    (void)state;
    static const struct {
        const tls_identity *client;
        net_tls_problem problem;
    } rows[] = {{&all.client, NET_TLS_FINE},
                {NULL, NET_TLS_OURS_WANTED},
                {&all.stranger, NET_TLS_OURS_REFUSED}};
    for (size_t i = 0; i < COUNT_OF(rows) * 2; i++) {
        tls_peer p;
        wire w;
        net_tls tls = trusting();
        const tls_identity *client = rows[i / 2].client;
        net_tls_problem wanted = rows[i / 2].problem;
        tls.certificate = client ? client->certificate_path : NULL;
        tls.key = client ? client->key_path : NULL;
        tls_peer_prepare(&p, &all.server);
        SSL_CTX_set_verify(p.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        assert_true(SSL_CTX_load_verify_file(p.context, all.ca.certificate_path));
        if (i % 2) assert_true(SSL_CTX_set_max_proto_version(p.context, TLS1_2_VERSION));
        tls_peer_start(&p, play_echo);
        wire_open(&w, p.wire.path, &tls, KIB, DEADLINE_MS);
        /* TLS 1.3: the client is done before the server has looked at its certificate. */
        bool open = w.open;
        while (open && wanted != NET_TLS_FINE)
            open = net_conn_turn(w.conn, DEADLINE_MS, &w.e);
        if (open) echo_check(&w, "it is me");
        net_tls_problem problem = w.conn ? net_conn_tls(w.conn)->problem : w.trace.tls.problem;
        if (problem != wanted) fail_msg("row %zu: problem %u, '%s'", i, problem, w.e.text);
        if (wanted != NET_TLS_FINE) assert_int_equal(w.e.kind, ERR_TLS);
        wire_close(&w);
        tls_peer_end(&p);
    }
}

static void a_broken_record_ends_the_connection_with_an_error(void **state)
{
    (void)state;
    tls_peer p;
    wire w;
    net_tls tls = trusting();
    tls_peer_prepare(&p, &all.server);
    tls_peer_start(&p, play_garbage);
    wire_open(&w, p.wire.path, &tls, KIB, DEADLINE_MS);
    wire_must_be_open(&w);
    while (net_conn_turn(w.conn, DEADLINE_MS, &w.e))
        assert_int_equal(net_conn_in(w.conn).size, 0);
    assert_int_equal(w.e.kind, ERR_TLS);
    assert_false(net_conn_pump(w.conn, &w.e)); /* and stays so */
    wire_close(&w);
    tls_peer_end(&p);
}

static void a_file_that_cannot_be_used_is_named_before_anything_is_sent(void **state)
{
    (void)state;
    char locked[128];
    (void)snprintf(locked, sizeof locked, "%s/locked.key", all.dir);
    FILE *f = fopen(locked, "we");
    assert_non_null(f);
    unsigned char word[] = "word";
    assert_true(PEM_write_PrivateKey(f, all.client.key, EVP_aes_128_cbc(), word, 4, NULL, NULL));
    assert_int_equal(fclose(f), 0);
    const char *ca = all.ca.certificate_path;
    const char *ours = all.client.certificate_path;
    const struct {
        net_tls tls;
        const char *words;
    } rows[] = {
        {{.ca = "/nonexistent/ca.crt"}, "/nonexistent/ca.crt': No such file"},
        {{.ca = all.client.key_path}, all.client.key_path},
        {{.ca = ca, .certificate = ours}, "needs its key"},
        {{.ca = ca, .key = all.client.key_path}, "its certificate"},
        {{.ca = ca, .certificate = ours, .key = all.server.key_path}, "key values mismatch"},
        {{.ca = ca, .certificate = ours, .key = locked}, "locked.key"},
        {{.ca = ca, .certificate = all.client.key_path, .key = locked}, all.client.key_path},
        {{.ca = ca, .name = NULL}, "needs a name"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        peer p;
        wire w;
        net_tls tls = rows[i].tls;
        if (i + 1 < COUNT_OF(rows)) tls.name = TLS_PEER_NAME;
        peer_listen(&p);
        wire_open(&w, p.path, &tls, KIB, DEADLINE_MS);
        assert_false(w.open);
        if (w.e.kind != ERR_USAGE || !strstr(w.e.text, rows[i].words))
            fail_msg("row %zu: '%s'", i, w.e.text);
        wire_close(&w);
        peer_close(&p);
    }
    (void)unlink(locked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_and_the_handshake_tells_who_answered),
        cmocka_unit_test(every_form_of_a_name_is_checked),
        cmocka_unit_test(a_handshake_that_comes_byte_by_byte_is_finished),
        cmocka_unit_test(what_the_filter_holds_is_handed_over_without_a_further_byte),
        cmocka_unit_test(much_goes_both_ways_while_keys_change),
        cmocka_unit_test(a_certificate_that_is_not_believed_is_named_with_the_reason),
        cmocka_unit_test(a_peer_that_does_not_shake_hands_is_told_apart),
        cmocka_unit_test(a_server_that_asks_who_we_are_is_answered_or_named),
        cmocka_unit_test(a_broken_record_ends_the_connection_with_an_error),
        cmocka_unit_test(a_file_that_cannot_be_used_is_named_before_anything_is_sent),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_drop);
}
