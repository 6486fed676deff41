/* URLs of servers, the text that INFO answers, and what a client says of its server. */
#include "test.h"

#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/info.h"
#include "engine/reach.h"
#include "engine/sentinel.h"
#include "engine/url.h"
#include "peer.h"

typedef struct {
    const char *text;
    const char *shown;    /* what people see */
    const char *user;     /* NULL: none */
    const char *password; /* NULL: none */
    const char *host;
    unsigned port;
    int db;
    bool tls;
} url_row;

static const url_row urls[] = {
    {"redis://h", "redis://h:6379", NULL, NULL, "h", 6379, 0, false},
    {"valkey://h:1", "redis://h:1", NULL, NULL, "h", 1, 0, false},
    {"rediss://h:65535/", "rediss://h:65535", NULL, NULL, "h", 65535, 0, true},
    {"valkeys://h/15", "rediss://h:6379/15", NULL, NULL, "h", 6379, 15, true},
    {"redis://h/100000", "redis://h:6379/100000", NULL, NULL, "h", 6379, 100000, false},
    {"redis://10.0.0.7:7000/2", "redis://10.0.0.7:7000/2", NULL, NULL, "10.0.0.7", 7000, 2, false},
    {"redis://[::1]", "redis://[::1]:6379", NULL, NULL, "::1", 6379, 0, false},
    {"redis://[fe80::1%25]:7/3", "redis://[fe80::1%25]:7/3", NULL, NULL, "fe80::1%25", 7, 3, false},
    {"redis://app@h", "redis://app@h:6379", "app", NULL, "h", 6379, 0, false},
    {"redis://@h", "redis://h:6379", NULL, NULL, "h", 6379, 0, false},
    {"redis://:pw@h", "redis://h:6379", NULL, "pw", "h", 6379, 0, false},
    {"redis://app:pw@[::1]:2/1", "redis://app@[::1]:2/1", "app", "pw", "::1", 2, 1, false},
    {"redis://app:@h", "redis://app@h:6379", "app", "", "h", 6379, 0, false},
    {"redis://a%40b:p%3a%2F%25@h", "redis://a%40b@h:6379", "a@b", "p:/%", "h", 6379, 0, false},
    {"redis://a%3Ab%2f%25:pw@h", "redis://a%3Ab%2F%25@h:6379", "a:b/%", "pw", "h", 6379, 0, false},
    {"redis://app:p:w@h", "redis://app@h:6379", "app", "p:w", "h", 6379, 0, false},
    {"redis://app:p@w/x@h:9/1", "redis://app@h:9/1", "app", "p@w/x", "h", 9, 1, false},
    {"file:dump.rdb", "file:dump.rdb", NULL, NULL, "dump.rdb", 0, 0, false},
    {"file:///a:b@c/%41?x", "file:/a:b@c/%41?x", NULL, NULL, "/a:b@c/%41?x", 0, 0, false},
    {"unix:///run/v.sock", "unix:///run/v.sock", NULL, NULL, "/run/v.sock", 0, 0, false},
    {"unix:///run/v.sock?db=3", "unix:///run/v.sock?db=3", NULL, NULL, "/run/v.sock", 0, 3, false},
    {"unix:///r/a:b@c?", "unix:///r/a:b%40c", NULL, NULL, "/r/a:b@c", 0, 0, false},
    {"unix:///r/a%3Fb%25%20c", "unix:///r/a%3Fb%25 c", NULL, NULL, "/r/a?b% c", 0, 0, false},
    {"unix://app@/s", "unix://app@/s", "app", NULL, "/s", 0, 0, false},
    {"unix://:pw@/s?db=0", "unix:///s", NULL, "pw", "/s", 0, 0, false},
    {"unix://a%2Fb:p@/w@/s", "unix://a%2Fb@/s", "a/b", "p@/w", "/s", 0, 0, false},
};

static void one_url_reads(const url_row *row, const engine_url *u)
{
    char *shown_text = engine_url_show(u);
    assert_string_equal(shown_text, row->shown);
    free(shown_text);
    assert_string_equal(u->host, row->host);
    assert_int_equal(u->port, row->port);
    assert_int_equal(u->db, row->db);
    assert_int_equal(u->tls, row->tls);
    assert_int_equal(u->user != NULL, row->user != NULL);
    if (row->user) assert_string_equal(u->user, row->user);
    assert_int_equal(u->password.at != NULL, row->password != NULL);
    if (row->password) assert_span_text(secret_span(&u->password), row->password);
}

static void every_form_of_a_url_reads_and_so_does_its_copy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        engine_url u = {0};
        err e = {0};
        if (!engine_url_parse(urls[i].text, &u, &e)) fail_msg("'%s': %s", urls[i].text, e.text);
        engine_url copy = engine_url_copy(&u);
        one_url_reads(&urls[i], &u);
        engine_url_clear(&u);
        one_url_reads(&urls[i], &copy);
        engine_url_clear(&copy);
        assert_null(copy.host);
    }
}

static void a_url_as_it_is_shown_parses_to_the_same_without_its_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        engine_url u = {0};
        err e = {0};
        url_row row = urls[i];
        if (!engine_url_parse(row.shown, &u, &e)) fail_msg("'%s': %s", row.shown, e.text);
        row.password = NULL;
        one_url_reads(&row, &u);
        engine_url_clear(&u);
    }
}

static void a_password_may_hold_any_byte(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[64];
        (void)snprintf(text, sizeof text, "redis://u:a%%%02x%%%02Xz@h", byte, byte);
        engine_url u = {0};
        err e = {0};
        assert_true(engine_url_parse(text, &u, &e));
        const uint8_t want[] = {'a', (uint8_t)byte, (uint8_t)byte, 'z'};
        assert_true(span_equal(secret_span(&u.password), span_of(want, sizeof want)));
        engine_url_clear(&u);
    }
}

/* What is wrong, and a word of the message that says so. */
static const struct {
    const char *text, *says;
} refused_urls[] = {
    {"", "redis://"},
    {"h:6379", "redis://"},
    {"http://h", "redis://"},
    {"REDIS://h", "redis://"},
    {"redis:/h", "redis://"},
    {"redis://", "no host"},
    {"redis:///0", "no host"},
    {"redis://:6379", "no host"},
    {"redis://u:secret@", "no host"},
    {"redis://u:secret@:1", "no host"},
    {"redis://[]", "no host"},
    {"redis://[[]/", "no IPv6 address"},
    {"redis://[cache]:6379", "no IPv6 address"},
    {"redis://[1::2::3]", "no IPv6 address"},
    {"redis://[::1", "']'"},
    {"redis://u:secret@[::1]secret", "']'"},
    {"redis://h:", "port"},
    {"redis://h:0", "port"},
    {"redis://h:65536", "port"},
    {"redis://h:-1", "port"},
    {"redis://h:99999999999999999999999", "port"},
    {"redis://::1", "no host"},
    {"redis://fe80::1", "port"},
    {"redis://u:secret@h:secret", "port"},
    {"redis://h/x", "database"},
    {"redis://h/100001", "database"},
    {"redis://h/-1", "database"},
    {"redis://h/1/2", "database"},
    {"redis://u%:secret@h", "user"},
    {"redis://u%4:secret@h", "user"},
    {"redis://u:secret%@h", "password"},
    {"redis://u:secret%4@h", "password"},
    {"redis://u:secret%zz@h", "password"},
    {"unix://", "'/'"},
    {"file:", "no path"},
    {"file://host/x", "no path"},
    {"unix://run/v.sock", "'/'"},
    {"unix://u:secret@run/v.sock", "'/'"},
    {"unix:///s?password=secret", "db="},
    {"unix:///s?db=1&password=secret", "database"},
    {"unix:///s?db=100001", "database"},
    {"unix:///s%zz", "path"},
    {"unix:///s%00t", "zero"},
    {"unix:///"
     "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
     "890123456789012345678",
     "107"},
    /* The '@' or the host was forgotten: the password stands where a port or database would. */
    {"redis://u:secret", "port"},
    {"redis://u:secret/0", "port"},
    {"redis://u:12/secret", "database"},
};

static void a_wrong_url_is_named_by_its_part_and_never_shows_a_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused_urls); i++) {
        engine_url u = {0};
        err e = {0};
        if (engine_url_parse(refused_urls[i].text, &u, &e))
            fail_msg("'%s' was taken", refused_urls[i].text);
        assert_int_equal(e.kind, ERR_USAGE);
        if (!strstr(e.text, refused_urls[i].says) || strstr(e.text, "secret") ||
            strstr(e.hint, "secret"))
            fail_msg("'%s': %s", refused_urls[i].text, e.text);
        assert_null(u.host); /* untouched */
    }
}

static const struct {
    const char *text, *shown, *service, *user, *password, *first, *last;
    unsigned last_port;
    size_t count;
    int db;
    bool tls;
} services[] = {
    {"redis+sentinel://h/m", "redis+sentinel://h:26379/m", "m", NULL, NULL, "h", "h", 26379, 1, 0,
     false},
    {"valkey+sentinel://a:1,b,10.0.0.7:65535/my.Master-1_x/",
     "redis+sentinel://a:1,b:26379,"
     "10.0.0.7:65535/my.Master-1_x",
     "my.Master-1_x", NULL, NULL, "a", "10.0.0.7", 65535, 3, 0, false},
    {"rediss+sentinel://app:pw@a,[::1]:2/m/15", "rediss+sentinel://app@a:26379,[::1]:2/m/15", "m",
     "app", "pw", "a", "::1", 2, 2, 15, true},
    {"valkeys+sentinel://:p@w/x,y@h/m", "rediss+sentinel://h:26379/m", "m", NULL, "p@w/x,y", "h",
     "h", 26379, 1, 0, true},
    {"redis+sentinel://a%40%2F%3Ab@h/m", "redis+sentinel://a%40%2F%3Ab@h:26379/m", "m", "a@/:b",
     NULL, "h", "h", 26379, 1, 0, false},
};

static void the_service_reads(size_t row, const char *text, const char *password)
{
    CLEANUP(sentinel_url_clear) sentinel_url u = {0};
    err e = {0};
    if (!sentinel_url_parse(text, &u, &e)) fail_msg("'%s': %s", text, e.text);
    assert_true(sentinel_is_named(text));
    assert_string_equal(u.service, services[row].service);
    assert_int_equal(u.count, services[row].count);
    assert_string_equal(u.nodes[0].host, services[row].first);
    assert_string_equal(u.nodes[u.count - 1].host, services[row].last);
    assert_int_equal(u.nodes[u.count - 1].port, services[row].last_port);
    assert_int_equal(u.server.db, services[row].db);
    assert_int_equal(u.server.tls, services[row].tls);
    assert_int_equal(u.server.user != NULL, services[row].user != NULL);
    if (u.server.user) assert_string_equal(u.server.user, services[row].user);
    assert_int_equal(u.server.password.at != NULL, password != NULL);
    if (password) assert_true(span_is(secret_span(&u.server.password), password));
    char *again = sentinel_url_show(&u);
    assert_string_equal(again, services[row].shown);
    free(again);
}

static void every_form_of_a_service_reads_and_as_shown_reads_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(services); i++) {
        the_service_reads(i, services[i].text, services[i].password);
        the_service_reads(i, services[i].shown, NULL);
    }
    assert_false(sentinel_is_named("redis://h/m"));
    assert_false(sentinel_is_named("redis+sentinel:/h/m"));
}

static const struct {
    const char *text, *says;
} refused_services[] = {
    {"redis://h/m", "redis+sentinel://"},
    {"redis+sentinel://", "no service"},
    {"redis+sentinel://h", "no service"},
    {"redis+sentinel://u:secret@h", "no service"},
    {"redis+sentinel:///m", "Sentinel 1: no host"},
    {"redis+sentinel://a,/m", "Sentinel 2: no host"},
    {"redis+sentinel://a,,b/m", "Sentinel 2: no host"},
    {"redis+sentinel://a:0/m", "Sentinel 1: the port"},
    {"redis+sentinel://a,b:secret/m", "Sentinel 2: the port"},
    {"redis+sentinel://[::1/m", "']'"},
    {"redis+sentinel://[b]/m", "no IPv6 address"},
    {"redis+sentinel://h/", "the service"},
    {"redis+sentinel://h//1", "the service"},
    {"redis+sentinel://h/my master", "the service"},
    {"redis+sentinel://h/m?secret", "the service"},
    {"redis+sentinel://h/m/x", "database"},
    {"redis+sentinel://h/m/1/2", "database"},
    {"redis+sentinel://h/m/100001", "database"},
    {"redis+sentinel://u%:secret@h/m", "user"},
    {"redis+sentinel://u:secret%zz@h/m", "password"},
    {"redis+sentinel://u:secret/m", "port"},
};

static void service_is_refused(const char *text, const char *says)
{
    sentinel_url u = {0};
    err e = {0};
    if (sentinel_url_parse(text, &u, &e)) fail_msg("'%s' was taken", text);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.hint, "redis+sentinel://"));
    if (!strstr(e.text, says) || strstr(e.text, "secret") || strstr(e.hint, "secret"))
        fail_msg("'%s': %s", text, e.text);
    assert_null(u.service); /* untouched */
}

static void a_wrong_service_is_named_by_its_part_and_never_shows_a_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused_services); i++)
        service_is_refused(refused_services[i].text, refused_services[i].says);
}

static void as_many_sentinels_and_letters_as_the_limits_say_and_no_more(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_clear) buf many = buf_of(4 * KIB);
        CLEANUP(buf_clear) buf name = buf_of(4 * KIB);
        CLEANUP(sentinel_url_clear) sentinel_url u = {0};
        err e = {0};
        bool fits = buf_text(&many, "redis+sentinel://h") && buf_text(&name, "redis+sentinel://h/");
        for (size_t i = 1; i < SENTINEL_COUNT_MAX + more; i++)
            fits = fits && buf_text(&many, ",h");
        for (size_t i = 0; i < SENTINEL_SERVICE_MAX + more; i++)
            fits = fits && buf_text(&name, "n");
        assert_true(fits && buf_text(&many, "/m") && buf_u8(&many, 0) && buf_u8(&name, 0));
        const char *texts[] = {(const char *)buf_span(&many).at, (const char *)buf_span(&name).at};
        if (more) {
            service_is_refused(texts[0], "more than 32 Sentinels");
            service_is_refused(texts[1], "1 to 128 letters");
            continue;
        }
        assert_true(sentinel_url_parse(texts[0], &u, &e));
        sentinel_url_clear(&u);
        assert_true(sentinel_url_parse(texts[1], &u, &e));
    }
}

static void a_user_with_a_nul_is_refused(void **state)
{
    (void)state;
    engine_url u = {0};
    err e = {0};
    assert_false(engine_url_parse("redis://app%00x:pw@h", &u, &e)); /* would log in as 'app' */
    assert_int_equal(e.kind, ERR_USAGE);
}

static const char info[] = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nempty:\r\n"
                           "master_repl_offset:18446744073709551615\r\nlag:x\r\n"
                           "slave0:ip=127.0.0.1,port=7001,state=online,offset=42,lag=0\r\n"
                           "role_more:no\r\n\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=5\n"
                           "last:no line end";

static void a_value_of_info_is_found_by_its_whole_name(void **state)
{
    (void)state;
    span in = span_text(info);
    span got = {0};
    assert_true(info_text(in, "role", &got));
    assert_span_text(got, "master");
    assert_true(info_text(in, "role_more", &got));
    assert_span_text(got, "no");
    assert_true(info_text(in, "empty", &got));
    assert_int_equal(got.size, 0);
    assert_true(info_text(in, "db0", &got));
    assert_span_text(got, "keys=3,expires=1,avg_ttl=5");
    assert_true(info_text(in, "last", &got));
    assert_span_text(got, "no line end");
    static const char *const absent[] = {"rol", "role_", "ole", "Server", "# Server", "master"};
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        assert_false(info_text(in, absent[i], &got));
    assert_false(info_text((span){0}, "role", &got));
}

static void a_number_of_info_must_be_one(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_true(info_u64(span_text(info), "master_repl_offset", &n));
    assert_true(n == UINT64_MAX);
    n = 7;
    assert_false(info_u64(span_text(info), "lag", &n));
    assert_false(info_u64(span_text(info), "empty", &n));
    assert_false(info_u64(span_text(info), "absent", &n));
    assert_int_equal(n, 7);
}

static void a_part_of_a_line_is_found_by_its_whole_name(void **state)
{
    (void)state;
    span line = span_text("ip=10.0.0.1,port=7001,my_offset=1,offset=42,note=a=b,empty=,lag=0");
    span got = {0};
    assert_true(info_part(line, "offset", &got));
    assert_span_text(got, "42");
    assert_true(info_part(line, "lag", &got));
    assert_span_text(got, "0");
    assert_true(info_part(line, "note", &got));
    assert_span_text(got, "a=b");
    assert_true(info_part(line, "empty", &got));
    assert_int_equal(got.size, 0);
    assert_false(info_part(line, "off", &got));
    assert_false(info_part(line, "offset=42", &got));
}

static const struct {
    const char *info;
    engine_product product;
    const char *shown;
    unsigned rdb_version;
} versions[] = {
    {"redis_version:2.6.17\r\n", ENGINE_REDIS, "redis 2.6.17", 6},
    {"redis_version:2.4.1\r\n", ENGINE_REDIS, "redis 2.4.1", 0},
    {"redis_version:3.0.7\r\n", ENGINE_REDIS, "redis 3.0.7", 6},
    {"redis_version:3.2.0\r\n", ENGINE_REDIS, "redis 3.2.0", 7},
    {"redis_version:4.0.14\r\n", ENGINE_REDIS, "redis 4.0.14", 8},
    {"redis_version:5.0.3\r\n", ENGINE_REDIS, "redis 5.0.3", 9},
    {"redis_version:6.0.16\r\n", ENGINE_REDIS, "redis 6.0.16", 9},
    {"redis_version:6.2.7\r\n", ENGINE_REDIS, "redis 6.2.7", 9},
    {"redis_version:7.0.15\r\n", ENGINE_REDIS, "redis 7.0.15", 10},
    {"redis_version:7.2.0\r\n", ENGINE_REDIS, "redis 7.2.0", 11},
    {"redis_version:7.4.9\r\n", ENGINE_REDIS, "redis 7.4.9", 12},
    {"redis_version:8.0.2\r\n", ENGINE_REDIS, "redis 8.0.2", 12},
    {"redis_version:8.4.0\r\n", ENGINE_REDIS, "redis 8.4.0", 12},
    {"redis_version:8.6.3\r\n", ENGINE_REDIS, "redis 8.6.3", 13},
    {"redis_version:8.8.0\r\n", ENGINE_REDIS, "redis 8.8.0", 14},
    {"redis_version:99.0.0\r\n", ENGINE_REDIS, "redis 99.0.0", 14},
    {"redis_version:7.2.4\r\nvalkey_version:7.2.5\r\n", ENGINE_VALKEY, "valkey 7.2.5", 11},
    {"redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n", ENGINE_VALKEY, "valkey 8.0.1", 11},
    {"redis_version:7.2.4\r\nvalkey_version:8.1.1\r\n", ENGINE_VALKEY, "valkey 8.1.1", 11},
    {"redis_version:7.2.4\r\nvalkey_version:9.1.2\r\n", ENGINE_VALKEY, "valkey 9.1.2", 80},
    {"redis_version:7.0.15-7.0.1\n", ENGINE_REDIS, NULL, 0}, /* a patch that is no number */
    {"redis_version:7.0\r\n", ENGINE_REDIS, NULL, 0},
    {"redis_version:10001.0.0\r\n", ENGINE_REDIS, NULL, 0},
    {"redis_version:\r\n", ENGINE_REDIS, NULL, 0},
    {"role:master\r\n", ENGINE_REDIS, NULL, 0},
};

static void every_version_is_known_with_the_rdb_version_it_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        engine_version v = {0};
        err e = {0};
        bool known = engine_version_read(span_text(versions[i].info), &v, &e);
        if (known != (versions[i].shown != NULL)) fail_msg("'%s'", versions[i].info);
        if (!known) {
            assert_int_equal(e.kind, ERR_FORMAT);
            continue;
        }
        assert_int_equal(v.product, versions[i].product);
        assert_string_equal(engine_version_show(&v).text, versions[i].shown);
        if (v.rdb_version != versions[i].rdb_version)
            fail_msg("%s: rdb %u", versions[i].shown, v.rdb_version);
    }
}

static void versions_compare_by_major_then_minor(void **state)
{
    (void)state;
    engine_version v = {.major = 7, .minor = 2};
    assert_true(engine_version_at_least(&v, 7, 2));
    assert_true(engine_version_at_least(&v, 6, 9));
    assert_false(engine_version_at_least(&v, 7, 3));
    assert_false(engine_version_at_least(&v, 8, 0));
}

/* A server in a process of its own: one connection, one answer to whatever comes, then it leaves.
 */
static pid_t server_answers(peer *p, const char *answer)
{
    peer_listen(p);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    char bytes[1000];
    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    bool good = recv(p->fd, bytes, sizeof bytes, 0) > 0 &&
                send(p->fd, answer, strlen(answer), MSG_NOSIGNAL) == (ssize_t)strlen(answer);
    _exit(good ? 0 : 1);
}

static bool open_to(peer *p, net_loop *loop, const char *password, engine **ret, err *e)
{
    engine_url u = {.host = p->path, .port = 1};
    if (password) secret_set(&u.password, span_text(password));
    engine_options o = {.url = &u, .side = SIDE_TARGET, .timeout_ms = 5000};
    bool good = engine_open(loop, &o, ret, e);
    secret_clear(&u.password);
    return good;
}

static void a_server_that_repeats_the_password_is_not_repeated(void **state)
{
    (void)state;
    peer p;
    net_loop *loop = net_loop_new();
    engine *s = NULL;
    err e = {0};
    pid_t child =
        server_answers(&p, "-ERR unknown command 'AUTH', with args beginning with: 'secret' \r\n");
    assert_false(open_to(&p, loop, "secret", &s, &e));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_non_null(strstr(e.text, "unknown command 'AUTH'"));
    assert_null(strstr(e.text, "secret"));
    assert_int_equal(e.side, SIDE_TARGET);
    peer_close(&p);
    net_loop_free(loop);
}

static void a_client_whose_server_left_is_not_usable(void **state)
{
    (void)state;
    peer p;
    net_loop *loop = net_loop_new();
    engine *s = NULL;
    err e = {0};
    pid_t child = server_answers(&p, "+PONG\r\n");
    if (!open_to(&p, loop, NULL, &s, &e)) fail_msg("%s", e.text);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(engine_is_usable(s));
    engine_free(s);
    peer_close(&p);
    net_loop_free(loop);
}

static void an_endpoints_name_says_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        endpoint_kind kind;
        bool tls;
    } rows[] = {
        {"cart.a1b2c3.ng.0001.use1.cache.amazonaws.com", ENDPOINT_PRIMARY, false},
        {"master.cart.a1b2c3.use1.cache.amazonaws.com", ENDPOINT_PRIMARY, true},
        {"primary.cart.a1b2c3.use1.cache.amazonaws.com.", ENDPOINT_PRIMARY, true},
        {"cart-ro.a1b2c3.ng.0001.use1.cache.amazonaws.com", ENDPOINT_READER, false},
        {"replica.cart.a1b2c3.use1.cache.amazonaws.com", ENDPOINT_READER, true},
        {"cart-001.a1b2c3.0001.use1.cache.amazonaws.com", ENDPOINT_NODE, false},
        {"cart-001.cart.a1b2c3.use1.cache.amazonaws.com", ENDPOINT_NODE, true},
        {"cart.a1b2c3.clustercfg.use1.cache.amazonaws.com", ENDPOINT_CONFIGURATION, false},
        {"clustercfg.cart.a1b2c3.use1.cache.amazonaws.com", ENDPOINT_CONFIGURATION, true},
        {"cart-a1b2c3.serverless.use1.cache.amazonaws.com", ENDPOINT_SERVERLESS, true},
        {"cart-a1b2c3.public.serverless.use1.cache.amazonaws.com", ENDPOINT_SERVERLESS, true},
        {"master.cart.a1b2c3.cnn1.cache.amazonaws.com.cn", ENDPOINT_PRIMARY, true},
        {"master.example", ENDPOINT_OTHER, false},
        {".cache.amazonaws.com", ENDPOINT_OTHER, false},
        {"10.0.0.7", ENDPOINT_OTHER, false},
        {"", ENDPOINT_OTHER, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        endpoint got = endpoint_read(rows[i].host);
        if (got.kind != rows[i].kind || got.tls != rows[i].tls)
            fail_msg("'%s': kind %u, TLS %d", rows[i].host, got.kind, got.tls);
        assert_int_equal(got.tls_known, rows[i].kind != ENDPOINT_OTHER);
        assert_non_null(got.shown);
    }
}

static void an_endpoints_name_with_tls_says_which_cache_it_is_of(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"master.cart.a1b2c3.use1.cache.amazonaws.com", "cart"},
        {"primary.my-cart.a1b2c3.use1.cache.amazonaws.com.", "my-cart"},
        {"replica.cart.a1b2c3.use1.cache.amazonaws.com", "cart"},
        {"clustercfg.cart.a1b2c3.use1.cache.amazonaws.com", "cart"},
        {"my-cart-001.my-cart.a1b2c3.use1.cache.amazonaws.com", "my-cart"},
        {"my-cart-a1b2c3.serverless.use1.cache.amazonaws.com", "my-cart"},
        {"cart-a1b2c3.public.serverless.use1.cache.amazonaws.com", "cart"},
        {"cart.a1b2c3.ng.0001.use1.cache.amazonaws.com", NULL},
        {"nohyphen.serverless.use1.cache.amazonaws.com", NULL},
        {"cart.example", NULL},
        {"/run/valkey.sock", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        span got = {0};
        bool known = endpoint_cache(rows[i][0], &got);
        if (known != (rows[i][1] != NULL) || (known && !span_is(got, rows[i][1])))
            fail_msg("'%s': '%.*s'", rows[i][0], (int)got.size, (const char *)got.at);
    }
}

/* --- logins ---------------------------------------------------------------------------------- */

typedef struct {
    engine_login face;
    unsigned made;
    bool fails;
    bool ended;
} test_login;

static bool
test_login_make(engine_login *l, const char *user, int64_t deadline_ns, secret *ret, err *e)
{
    test_login *t = (test_login *)l;
    char word[32];
    assert_string_equal(user, "app");
    assert_true(deadline_left_ms(deadline_ns) > 0);
    if (t->fails) return err_set(e, ERR_AWS, "no credentials");
    (void)snprintf(word, sizeof word, "word-%u", ++t->made);
    secret_set(ret, span_text(word));
    return true;
}

static void test_login_end(engine_login *l)
{
    ((test_login *)l)->ended = true;
}

/* Answers each command with +OK and hands all it got to a pipe. */
static pid_t server_records(peer *p, int *ret_read)
{
    int ends[2];
    char bytes[1000];
    peer_listen(p);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    *ret_read = ends[0];
    if (child > 0) {
        (void)close(ends[1]);
        return child;
    }
    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    for (ssize_t got; (got = recv(p->fd, bytes, sizeof bytes, 0)) > 0;) {
        if (write(ends[1], bytes, (size_t)got) != got ||
            send(p->fd, "+OK\r\n", 5, MSG_NOSIGNAL) != 5)
            _exit(1);
    }
    _exit(0);
}

static void a_password_is_made_for_each_login_and_the_login_is_held(void **state)
{
    (void)state;
    static const char wanted[] =
        "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nword-1\r\n*1\r\n$4\r\nPING\r\n"
        "*1\r\n$4\r\nTIME\r\n";
    char got[sizeof wanted + 100] = "";
    peer p;
    int in = -1;
    net_loop *loop = net_loop_new();
    engine *s = NULL;
    err e = {0};
    arena memory = {0};
    const reply *r = NULL;
    test_login login = {.face = {.make = test_login_make,
                                 .end = test_login_end,
                                 .renew_ms = 3600 * 1000,
                                 .kept = "test",
                                 .advice = "ask the test",
                                 .holders = 1}};
    pid_t child = server_records(&p, &in);
    engine_url u = {
        .host = mem_text(span_text(p.path)), .port = 1, .user = mem_text(span_text("app"))};
    u.login = &login.face;
    engine_options o = {.url = &u, .side = SIDE_TARGET, .timeout_ms = 5000};
    if (!engine_open(loop, &o, &s, &e)) fail_msg("%s", e.text);
    engine_url copy = engine_url_copy(&u);
    engine_url_clear(&u); /* the connection and the copy keep the login */
    assert_false(engine_is_stale(s));
    assert_true(engine_ask(s, &memory, &r, &e, "TIME"));
    engine_free(s);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(login.ended);
    engine_url_clear(&copy);
    assert_true(login.ended);
    size_t size = 0;
    for (ssize_t more; (more = read(in, got + size, sizeof got - 1 - size)) > 0;)
        size += (size_t)more;
    assert_string_equal(got, wanted);
    assert_true(size == strlen(wanted));
    (void)close(in);
    arena_clear(&memory);
    peer_close(&p);
    net_loop_free(loop);
}

static void an_old_login_is_renewed_and_goes_on_when_that_cannot_be(void **state)
{
    (void)state;
    peer p;
    int in = -1;
    char got[600] = "";
    net_loop *loop = net_loop_new();
    engine *s = NULL;
    err e = {0};
    arena memory = {0};
    const reply *r = NULL;
    test_login login = {
        .face = {.make = test_login_make, .end = test_login_end, .renew_ms = 0, .holders = 1}};
    pid_t child = server_records(&p, &in);
    engine_url u = {
        .host = p.path, .port = 1, .user = (char *)(uintptr_t) "app", .login = &login.face};
    engine_options o = {.url = &u, .side = SIDE_TARGET, .timeout_ms = 5000};
    if (!engine_open(loop, &o, &s, &e)) fail_msg("%s", e.text);
    assert_true(login.made >= 2); /* its PING was a renewal's turn already */
    login.fails = true;
    assert_true(engine_ask(s, &memory, &r, &e, "TIME"));
    assert_int_equal(e.kind, ERR_NONE);
    assert_false(engine_is_stale(s)); /* for a while */
    engine_free(s);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(read(in, got, sizeof got - 1) > 0);
    assert_non_null(strstr(got, "word-2"));
    (void)close(in);
    arena_clear(&memory);
    peer_close(&p);
    net_loop_free(loop);
}

static void a_login_that_nobody_makes_blames_no_server(void **state)
{
    (void)state;
    peer p;
    int in = -1;
    net_loop *loop = net_loop_new();
    engine *s = NULL;
    err e = {0};
    test_login login = {.face = {.make = test_login_make, .holders = 1, .advice = ""},
                        .fails = true};
    pid_t child = server_records(&p, &in);
    engine_url u = {
        .host = p.path, .port = 1, .user = (char *)(uintptr_t) "app", .login = &login.face};
    engine_options o = {.url = &u, .side = SIDE_TARGET, .timeout_ms = 5000};
    assert_false(engine_open(loop, &o, &s, &e));
    assert_int_equal(e.kind, ERR_AWS);
    assert_int_equal(e.side, SIDE_NONE);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(in);
    peer_close(&p);
    net_loop_free(loop);
}

static void each_cause_says_what_it_is_and_what_to_do(void **state)
{
    (void)state;
    size_t n = 0;
    for (const reach_cause *c; (c = reach_cause_at(n)) != NULL; n++) {
        assert_true(c->step < REACH_STEP_COUNT);
        assert_non_null(reach_step_name(c->step));
        assert_true(c->id[0] && c->title[0] && c->likely[0] && c->check[0]);
        for (size_t other = 0; other < n; other++)
            assert_string_not_equal(reach_cause_at(other)->id, c->id);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_url_reads_and_so_does_its_copy),
        cmocka_unit_test(a_url_as_it_is_shown_parses_to_the_same_without_its_password),
        cmocka_unit_test(a_password_may_hold_any_byte),
        cmocka_unit_test(a_wrong_url_is_named_by_its_part_and_never_shows_a_password),
        cmocka_unit_test(every_form_of_a_service_reads_and_as_shown_reads_the_same),
        cmocka_unit_test(a_wrong_service_is_named_by_its_part_and_never_shows_a_password),
        cmocka_unit_test(as_many_sentinels_and_letters_as_the_limits_say_and_no_more),
        cmocka_unit_test(a_user_with_a_nul_is_refused),
        cmocka_unit_test(a_value_of_info_is_found_by_its_whole_name),
        cmocka_unit_test(a_number_of_info_must_be_one),
        cmocka_unit_test(a_part_of_a_line_is_found_by_its_whole_name),
        cmocka_unit_test(every_version_is_known_with_the_rdb_version_it_writes),
        cmocka_unit_test(versions_compare_by_major_then_minor),
        cmocka_unit_test(a_server_that_repeats_the_password_is_not_repeated),
        cmocka_unit_test(a_client_whose_server_left_is_not_usable),
        cmocka_unit_test(an_endpoints_name_says_what_it_is),
        cmocka_unit_test(an_endpoints_name_with_tls_says_which_cache_it_is_of),
        cmocka_unit_test(a_password_is_made_for_each_login_and_the_login_is_held),
        cmocka_unit_test(an_old_login_is_renewed_and_goes_on_when_that_cannot_be),
        cmocka_unit_test(a_login_that_nobody_makes_blames_no_server),
        cmocka_unit_test(each_cause_says_what_it_is_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
