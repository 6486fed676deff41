/* Connections, over listeners of the test itself. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/net.h"
#include "peer.h"

#define DEADLINE_MS 5000

typedef struct {
    net_loop *loop;
    peer peer;
    net_conn *conn;
} wire;

static void wire_open(wire *w, size_t in_max, size_t out_max)
{
    *w = (wire){.loop = net_loop_new()};
    peer_listen(&w->peer);
    net_target target = {.host = w->peer.path, .in_max = in_max, .out_max = out_max};
    err e = {0};
    if (!net_conn_open(w->loop, &target, deadline_in_ms(DEADLINE_MS), &w->conn, &e))
        fail_msg("%s", e.text);
    peer_accept(&w->peer);
}

static void wire_close(wire *w)
{
    net_conn_free(w->conn);
    peer_close(&w->peer);
    net_loop_free(w->loop);
}

/* Byte i of a pattern that is not the same at two places nearby. */
static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static void what_does_not_fit_the_socket_is_sent_piece_by_piece(void **state)
{
    (void)state;
    wire w;
    size_t size = 4 * MIB;
    wire_open(&w, KIB, size);
    for (size_t i = 0; i < size; i++)
        assert_true(buf_u8(net_conn_out(w.conn), pattern(i)));
    assert_false(buf_u8(net_conn_out(w.conn), 0)); /* its limit */
    err e = {0};
    assert_true(net_conn_pump(w.conn, &e));
    assert_true(net_conn_out(w.conn)->size > 0); /* the socket was full */
    uint8_t *got = mem_alloc(size);
    size_t had = 0;
    int64_t deadline = deadline_in_ms(DEADLINE_MS);
    while (had < size && deadline_left_ms(deadline) > 0) {
        ssize_t n = recv(w.peer.fd, got + had, size_min(size - had, 10007), MSG_DONTWAIT);
        if (n > 0)
            had += (size_t)n;
        else
            assert_true(net_conn_turn(w.conn, 10, &e));
    }
    assert_int_equal(had, size);
    for (size_t i = 0; i < size; i++)
        if (got[i] != pattern(i)) fail_msg("byte %zu is another one", i);
    assert_true(net_conn_pump(w.conn, &e));
    assert_int_equal(net_conn_out(w.conn)->size, 0);
    free(got);
    wire_close(&w);
}

static void a_full_input_stops_reading_until_it_is_eaten(void **state)
{
    (void)state;
    wire w;
    size_t max = 1000;
    wire_open(&w, max, KIB);
    uint8_t sent[5000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = pattern(i);
    peer_send(&w.peer, span_of(sent, sizeof sent));
    err e = {0};
    size_t eaten = 0;
    while (eaten < sizeof sent) {
        for (int i = 0; i < 5; i++) /* more turns do not bring more than the limit */
            assert_true(net_conn_turn(w.conn, 1, &e));
        span in = net_conn_in(w.conn);
        assert_int_equal(in.size, size_min(max, sizeof sent - eaten));
        for (size_t i = 0; i < in.size; i++)
            assert_int_equal(in.at[i], pattern(eaten + i));
        size_t some = size_min(in.size, 333);
        net_conn_eat(w.conn, some);
        eaten += some;
    }
    wire_close(&w);
}

static void nothing_is_read_while_reading_is_held(void **state)
{
    (void)state;
    wire w;
    wire_open(&w, KIB, KIB);
    net_conn_hold_reading(w.conn, true);
    peer_send(&w.peer, span_text("hello"));
    err e = {0};
    for (int i = 0; i < 5; i++)
        assert_true(net_conn_turn(w.conn, 1, &e));
    assert_int_equal(net_conn_in(w.conn).size, 0);
    net_conn_hold_reading(w.conn, false);
    assert_true(net_conn_turn(w.conn, DEADLINE_MS, &e));
    assert_span_text(net_conn_in(w.conn), "hello");
    wire_close(&w);
}

static void what_came_before_the_end_is_handed_over_first(void **state)
{
    (void)state;
    wire w;
    wire_open(&w, KIB, KIB);
    peer_send(&w.peer, span_text("-ERR the last words\r\n"));
    peer_hang_up(&w.peer);
    err e = {0};
    assert_true(net_conn_turn(w.conn, DEADLINE_MS, &e));
    assert_span_text(net_conn_in(w.conn), "-ERR the last words\r\n");
    net_conn_eat(w.conn, net_conn_in(w.conn).size);
    assert_false(net_conn_turn(w.conn, DEADLINE_MS, &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "closed by the other side"));
    assert_non_null(strstr(e.text, w.peer.path));
    assert_false(net_conn_pump(w.conn, &e)); /* and stays so */
    wire_close(&w);
}

static void sending_to_a_closed_peer_is_an_error_and_no_signal(void **state)
{
    (void)state;
    wire w;
    wire_open(&w, KIB, KIB);
    peer_hang_up(&w.peer);
    assert_true(buf_text(net_conn_out(w.conn), "PING\r\n"));
    err e = {0};
    assert_false(net_conn_pump(w.conn, &e));
    assert_int_equal(e.kind, ERR_IO);
    wire_close(&w);
}

static void a_refused_connect_names_host_and_cause(void **state)
{
    (void)state;
    wire w = {.loop = net_loop_new()};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0); /* bound: nobody else's */
    net_target target = {
        .host = "127.0.0.1", .port = ntohs(a.sin_port), .in_max = KIB, .out_max = KIB};
    err e = {0};
    assert_false(net_conn_open(w.loop, &target, deadline_in_ms(DEADLINE_MS), &w.conn, &e));
    assert_int_equal(e.kind, ERR_IO);
    char where[32];
    (void)snprintf(where, sizeof where, "127.0.0.1:%u", target.port);
    assert_non_null(strstr(e.text, where));
    assert_non_null(strstr(e.text, "refused"));
    net_target gone = {.host = "/nonexistent/socket", .in_max = KIB, .out_max = KIB};
    assert_false(net_conn_open(w.loop, &gone, deadline_in_ms(DEADLINE_MS), &w.conn, &e));
    assert_non_null(strstr(e.text, "/nonexistent/socket"));
    char text[200];
    memset(text, 'x', sizeof text);
    text[0] = '/';
    text[sizeof text - 1] = '\0';
    gone.host = text;
    assert_false(net_conn_open(w.loop, &gone, deadline_in_ms(DEADLINE_MS), &w.conn, &e));
    assert_int_equal(e.kind, ERR_USAGE);
    (void)close(fd);
    net_loop_free(w.loop);
}

static void a_connect_that_nobody_answers_ends_at_its_deadline(void **state)
{
    (void)state;
    net_loop *loop = net_loop_new();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    assert_int_equal(listen(fd, 0), 0);
    net_target target = {
        .host = "127.0.0.1", .port = ntohs(a.sin_port), .in_max = KIB, .out_max = KIB};
    net_conn *open[8] = {0}; /* the first ones fill the queue that nobody accepts from */
    size_t count = 0;
    err e = {0};
    int64_t began = 0;
    bool done = true;
    while (done && count < COUNT_OF(open)) {
        began = clock_ns();
        done = net_conn_open(loop, &target, deadline_in_ms(100), &open[count], &e);
        if (done) count++;
    }
    assert_false(done);
    assert_int_equal(e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(e.text, "127.0.0.1:"));
    assert_true(clock_ns() - began < 3 * NS_PER_S);
    for (size_t i = 0; i < count; i++)
        net_conn_free(open[i]);
    (void)close(fd);
    net_loop_free(loop);
}

static void a_host_that_is_no_name_is_named(void **state)
{
    (void)state;
    net_loop *loop = net_loop_new();
    net_target target = {.host = "no such host", .port = 1, .in_max = KIB, .out_max = KIB};
    net_conn *conn = NULL;
    err e = {0};
    assert_false(net_conn_open(loop, &target, deadline_in_ms(DEADLINE_MS), &conn, &e));
    assert_non_null(strstr(e.text, "'no such host'"));
    net_loop_free(loop);
}

static void a_connection_says_where_it_is(void **state)
{
    (void)state;
    wire w;
    wire_open(&w, KIB, KIB);
    assert_string_equal(net_conn_peer(w.conn), w.peer.path);
    assert_true(net_conn_is_local(w.conn));
    wire_close(&w);
}

static void *wake_from_a_thread(void *wake)
{
    net_wake_send(wake);
    return NULL;
}

static void a_wake_ends_the_turn_it_meets_or_the_next(void **state)
{
    (void)state;
    net_loop *loop = net_loop_new();
    net_wake *wake = net_wake_new(loop);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_from_a_thread, wake), 0);
    int64_t began = clock_ns();
    net_loop_turn(loop, 60000);
    assert_true(clock_ns() - began < 30 * NS_PER_S);
    assert_int_equal(pthread_join(thread, NULL), 0);
    net_wake_free(wake);
    net_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_the_socket_is_sent_piece_by_piece),
        cmocka_unit_test(a_full_input_stops_reading_until_it_is_eaten),
        cmocka_unit_test(nothing_is_read_while_reading_is_held),
        cmocka_unit_test(what_came_before_the_end_is_handed_over_first),
        cmocka_unit_test(sending_to_a_closed_peer_is_an_error_and_no_signal),
        cmocka_unit_test(a_refused_connect_names_host_and_cause),
        cmocka_unit_test(a_connect_that_nobody_answers_ends_at_its_deadline),
        cmocka_unit_test(a_host_that_is_no_name_is_named),
        cmocka_unit_test(a_connection_says_where_it_is),
        cmocka_unit_test(a_wake_ends_the_turn_it_meets_or_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
