/* t_listen.c - listening sockets: any port, a taken one, one that becomes free, no such host. */
#include "tests/unit/unit.h"

#include "base/listen.h"

#include <pthread.h>
#include <unistd.h>

static int port_of(int fd)
{
    sk_inet at;
    socklen_t n;
    char host[INET6_ADDRSTRLEN];
    int port = 0;
    assert_true(sk_inet_of(fd, &at, &n, host, &port));
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(n, sizeof at.v4);
    return port;
}

static void any_and_taken(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    int a = -1, b = -7;
    assert_status_ok(sk_listen("127.0.0.1", 0, 0, &a, &e), e);
    assert_true(sk_listens(a));
    int port = port_of(a);
    assert_true(port > 0);
    assert_status(sk_listen("127.0.0.1", port, 0, &b, &e), SK_E_INUSE, e, "--port 0 takes any");
    assert_status(sk_listen("127.0.0.1", port, 50, &b, &e), SK_E_INUSE, e, "taken by another");
    assert_int_equal(b, -7);
    assert_status(sk_listen("no.such.host.invalid", 0, 0, &b, &e), SK_E_USAGE, e,
                  "no.such.host.invalid");
    (void)close(a);
}

static void *close_soon(void *arg)
{
    (void)usleep(60000);
    (void)close(*(int *)arg);
    return NULL;
}

static void becomes_free(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    int a, b;
    pthread_t t;
    assert_status_ok(sk_listen("127.0.0.1", 0, 0, &a, &e), e);
    int port = port_of(a);
    assert_int_equal(pthread_create(&t, NULL, close_soon, &a), 0);
    assert_status_ok(sk_listen("127.0.0.1", port, 60000, &b, &e), e);
    assert_int_equal(port_of(b), port);
    assert_int_equal(pthread_join(t, NULL), 0);
    (void)close(b);
}

static void what_is_no_listener(void **state)
{
    (void)state;
    int fd[2], port;
    sk_inet at;
    socklen_t n;
    char host[INET6_ADDRSTRLEN];
    assert_int_equal(pipe(fd), 0);
    assert_false(sk_listens(fd[0]));
    assert_false(sk_listens(-1));
    assert_false(sk_inet_of(fd[0], &at, &n, host, &port));
    (void)close(fd[0]);
    (void)close(fd[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_false(sk_listens(fd[0]));
    assert_false(sk_inet_of(fd[0], &at, &n, host, &port));
    (void)close(fd[0]);
    (void)close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_and_taken),
        cmocka_unit_test(becomes_free),
        cmocka_unit_test(what_is_no_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
