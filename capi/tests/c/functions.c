/* Calls every function of zmq.h with arguments that are right and with some that are not. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

static int garbage[64];

static void versions_and_errors (void)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    CHECK (major == 4 && minor == 3 && patch == 5);
    zmq_version (NULL, NULL, NULL);
    CHECK (zmq_has ("ipc") == 1 && zmq_has ("curve") == 1 && zmq_has ("pgm") == 0 && zmq_has (NULL) == 0);
    CHECK (strlen (zmq_strerror (EFSM)) && strlen (zmq_strerror (ETERM))
           && strlen (zmq_strerror (EMTHREAD)) && strlen (zmq_strerror (ENOCOMPATPROTO)));
    CHECK (strcmp (zmq_strerror (EINVAL), strerror (EINVAL)) == 0);
}

static void contexts (void)
{
    void *other = zmq_ctx_new ();
    char name[32] = "";
    size_t size = sizeof name;
    CHECK (other);
    CHECK (zmq_ctx_set (other, ZMQ_IO_THREADS, 2) == 0 && zmq_ctx_get (other, ZMQ_IO_THREADS) == 2);
    CHECK (zmq_ctx_get (other, ZMQ_MAX_SOCKETS) == 1023);
    CHECK (zmq_ctx_get (other, ZMQ_SOCKET_LIMIT) == 65535);
    CHECK (zmq_ctx_get (other, ZMQ_MSG_T_SIZE) == (int) sizeof (zmq_msg_t));
    CHECK (zmq_ctx_get (other, ZMQ_BLOCKY) == 1 && zmq_ctx_get (other, ZMQ_IPV6) == 0);
    FAILS (zmq_ctx_set (other, ZMQ_IO_THREADS, -1), EINVAL);
    FAILS (zmq_ctx_set (other, ZMQ_MAX_SOCKETS, 0), EINVAL);
    FAILS (zmq_ctx_set (other, 12345, 1), EINVAL);
    FAILS (zmq_ctx_get (other, 12345), EINVAL);
    CHECK (zmq_ctx_set_ext (other, ZMQ_THREAD_NAME_PREFIX, "names", 5) == 0);
    CHECK (zmq_ctx_get_ext (other, ZMQ_THREAD_NAME_PREFIX, name, &size) == 0);
    CHECK (size == 5 && memcmp (name, "names", 5) == 0);
    FAILS (zmq_ctx_set_ext (other, ZMQ_THREAD_NAME_PREFIX, "much longer than it may be", 26), EINVAL);
    size = 1;
    FAILS (zmq_ctx_get_ext (other, ZMQ_IO_THREADS, name, &size), EINVAL);
    FAILS (zmq_ctx_get_ext (other, ZMQ_IO_THREADS, name, NULL), EFAULT);
    /* What counts for the sockets that are made from then on. */
    void *first = zmq_socket (other, ZMQ_PAIR);
    CHECK (get (first, ZMQ_LINGER) == -1 && get (first, ZMQ_IPV6) == 0);
    CHECK (zmq_ctx_set (other, ZMQ_BLOCKY, 0) == 0 && zmq_ctx_set (other, ZMQ_IPV6, 1) == 0);
    void *second = zmq_socket (other, ZMQ_PAIR);
    CHECK (get (second, ZMQ_LINGER) == 0 && get (second, ZMQ_IPV6) == 1);
    CHECK (get (first, ZMQ_LINGER) == -1 && zmq_close (first) == 0 && zmq_close (second) == 0);
    CHECK (zmq_ctx_set (other, ZMQ_MAX_SOCKETS, 1) == 0);
    void *only = zmq_socket (other, ZMQ_PAIR);
    CHECK (only);
    IS_NULL (zmq_socket (other, ZMQ_PAIR), EMFILE);
    CHECK (zmq_ctx_shutdown (other) == 0 && zmq_ctx_shutdown (other) == 0);
    IS_NULL (zmq_socket (other, ZMQ_PAIR), ETERM);
    FAILS (zmq_recv (only, name, 1, 0), ETERM);
    FAILS (zmq_send (only, name, 1, 0), ETERM);
    FAILS (zmq_bind (only, "inproc://late"), ETERM);
    size = sizeof name;
    FAILS (zmq_getsockopt (only, ZMQ_TYPE, name, &size), ETERM);
    CHECK (zmq_close (only) == 0);
    CHECK (zmq_ctx_term (other) == 0);
    FAILS (zmq_ctx_set (other, ZMQ_IO_THREADS, 1), EFAULT);
    FAILS (zmq_ctx_set (NULL, ZMQ_IO_THREADS, 1), EFAULT);
    FAILS (zmq_ctx_set (garbage, ZMQ_IO_THREADS, 1), EFAULT);
    FAILS (zmq_ctx_term (other), EFAULT);
    FAILS (zmq_ctx_term (NULL), EFAULT);
    FAILS (zmq_ctx_shutdown (garbage), EFAULT);
    FAILS (zmq_ctx_get (garbage, ZMQ_IO_THREADS), EFAULT);
    IS_NULL (zmq_socket (garbage, ZMQ_PAIR), EFAULT);
    IS_NULL (zmq_init (-1), EINVAL);
    CHECK (zmq_ctx_destroy (zmq_init (1)) == 0 && zmq_term (zmq_init (1)) == 0);
}

/* What every function that takes a socket says of what is none. */
static void no_sockets (void *bad)
{
    char buffer[8];
    size_t size = sizeof buffer;
    zmq_msg_t msg;
    struct iovec part = {buffer, sizeof buffer};
    zmq_pollitem_t item = {bad, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_msg_init (&msg) == 0);
    FAILS (zmq_close (bad), ENOTSOCK);
    FAILS (zmq_bind (bad, "inproc://x"), ENOTSOCK);
    FAILS (zmq_connect (bad, "inproc://x"), ENOTSOCK);
    FAILS (zmq_unbind (bad, "inproc://x"), ENOTSOCK);
    FAILS (zmq_disconnect (bad, "inproc://x"), ENOTSOCK);
    FAILS (zmq_setsockopt (bad, ZMQ_LINGER, buffer, 4), ENOTSOCK);
    FAILS (zmq_getsockopt (bad, ZMQ_TYPE, buffer, &size), ENOTSOCK);
    FAILS (zmq_send (bad, buffer, 1, 0), ENOTSOCK);
    FAILS (zmq_send_const (bad, buffer, 1, 0), ENOTSOCK);
    FAILS (zmq_recv (bad, buffer, 1, 0), ENOTSOCK);
    FAILS (zmq_msg_send (&msg, bad, 0), ENOTSOCK);
    FAILS (zmq_msg_recv (&msg, bad, 0), ENOTSOCK);
    FAILS (zmq_sendmsg (bad, &msg, 0), ENOTSOCK);
    FAILS (zmq_recvmsg (bad, &msg, 0), ENOTSOCK);
    FAILS (zmq_sendiov (bad, &part, 1, 0), ENOTSOCK);
    FAILS (zmq_recviov (bad, &part, &size, 0), ENOTSOCK);
    FAILS (zmq_socket_monitor (bad, "inproc://m", ZMQ_EVENT_ALL), ENOTSOCK);
    FAILS (zmq_socket_monitor_versioned (bad, "inproc://m", 1, 2, ZMQ_PAIR), ENOTSOCK);
    FAILS (zmq_socket_monitor_pipes_stats (bad), ENOTSOCK);
    FAILS (zmq_socket_get_peer_state (bad, "id", 2), ENOTSOCK);
    FAILS (zmq_join (bad, "group"), ENOTSOCK);
    FAILS (zmq_leave (bad, "group"), ENOTSOCK);
    FAILS (zmq_disconnect_peer (bad, 1), ENOTSOCK);
    CHECK (zmq_connect_peer (bad, "inproc://x") == 0 && zmq_errno () == ENOTSOCK);
    if (bad) {
        FAILS (zmq_poll (&item, 1, 0), ENOTSOCK);
        FAILS (zmq_proxy (bad, bad, NULL), ENOTSOCK);
        FAILS (zmq_proxy_steerable (bad, bad, NULL, NULL), ENOTSOCK);
        FAILS (zmq_device (ZMQ_QUEUE, bad, bad), ENOTSOCK);
    } else {
        FAILS (zmq_proxy (bad, bad, NULL), EFAULT);
    }
    CHECK (zmq_msg_close (&msg) == 0);
}

static int freed;

static void count_free (void *data, void *hint)
{
    CHECK (hint == &freed);
    free (data);
    __sync_fetch_and_add (&freed, 1);
}

static void messages (void)
{
    static const size_t sizes[] = {0, 1, 33, 34, 70, 71, 300, 5000, 100000};
    zmq_msg_t a, b;
    CHECK (zmq_msg_init (&a) == 0 && zmq_msg_size (&a) == 0 && !zmq_msg_more (&a));
    CHECK (zmq_msg_close (&a) == 0);
    FAILS (zmq_msg_close (&a), EFAULT);
    IS_NULL (zmq_msg_data (&a), EFAULT);
    FAILS (zmq_msg_close (NULL), EFAULT);
    FAILS (zmq_msg_init (NULL), EFAULT);
    FAILS (zmq_msg_init_size (&a, SIZE_MAX), ENOMEM);
    FAILS (zmq_msg_init_size (&a, SIZE_MAX / 2 - 64), ENOMEM);
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        size_t size = sizes[n];
        CHECK (zmq_msg_init_size (&a, size) == 0 && zmq_msg_size (&a) == size);
        char *data = zmq_msg_data (&a);
        memset (data, 'x', size);
        CHECK (zmq_msg_init (&b) == 0 && zmq_msg_copy (&b, &a) == 0);
        CHECK (zmq_msg_size (&b) == size && zmq_msg_data (&a) == data);
        CHECK (memcmp (zmq_msg_data (&b), data, size) == 0);
        CHECK (zmq_msg_get (&b, ZMQ_SHARED) == (size > 33));
        CHECK (zmq_msg_close (&a) == 0);
        CHECK (zmq_msg_init (&a) == 0 && zmq_msg_move (&a, &b) == 0);
        CHECK (zmq_msg_size (&a) == size && zmq_msg_size (&b) == 0);
        CHECK (size == 0 || ((char *) zmq_msg_data (&a))[size - 1] == 'x');
        CHECK (zmq_msg_move (&a, &a) == 0 && zmq_msg_copy (&a, &a) == 0 && zmq_msg_size (&a) == size);
        CHECK (zmq_msg_close (&a) == 0 && zmq_msg_close (&b) == 0);
        CHECK (zmq_msg_init_buffer (&a, garbage, size < sizeof garbage ? size : 1) == 0);
        CHECK (zmq_msg_close (&a) == 0);
    }
    FAILS (zmq_msg_init_buffer (&a, NULL, 1), EFAULT);
    freed = 0;
    CHECK (zmq_msg_init_data (&a, malloc (100), 100, count_free, &freed) == 0);
    CHECK (zmq_msg_init (&b) == 0 && zmq_msg_copy (&b, &a) == 0 && zmq_msg_data (&a) == zmq_msg_data (&b));
    CHECK (zmq_msg_close (&a) == 0 && freed == 0);
    CHECK (zmq_msg_close (&b) == 0 && freed == 1);
    CHECK (zmq_msg_init_data (&a, garbage, 8, NULL, NULL) == 0 && zmq_msg_data (&a) == garbage);
    CHECK (zmq_msg_get (&a, ZMQ_SHARED) == 1);
    FAILS (zmq_msg_get (&a, 99), EINVAL);
    FAILS (zmq_msg_set (&a, ZMQ_MORE, 1), EINVAL);
    IS_NULL (zmq_msg_gets (&a, "Peer-Address"), EINVAL);
    IS_NULL (zmq_msg_gets (&a, NULL), EINVAL);
    CHECK (zmq_msg_routing_id (&a) == 0 && strcmp (zmq_msg_group (&a), "") == 0);
    FAILS (zmq_msg_set_routing_id (&a, 1), EINVAL);
    FAILS (zmq_msg_set_group (&a, "g"), EINVAL);
    CHECK (zmq_msg_close (&a) == 0);
}

/* Parts there and back, in every way to send and to receive. */
static void parts (const char *endpoint)
{
    void *server = open_socket (ZMQ_PAIR), *client = open_socket (ZMQ_PAIR);
    char buffer[200];
    zmq_msg_t msg;
    join (server, client, endpoint);
    CHECK (zmq_send (client, "one", 3, ZMQ_SNDMORE) == 3);
    CHECK (zmq_send_const (client, "two", 3, ZMQ_SNDMORE) == 3);
    freed = 0;
    char *large = malloc (10000);
    memset (large, 'l', 10000);
    CHECK (zmq_msg_init_data (&msg, large, 10000, count_free, &freed) == 0);
    CHECK (zmq_msg_send (&msg, client, 0) == 10000 && zmq_msg_size (&msg) == 0);
    CHECK (zmq_recv (server, buffer, 2, 0) == 3 && memcmp (buffer, "on", 2) == 0);
    CHECK (get (server, ZMQ_RCVMORE) == 1);
    CHECK (zmq_msg_recv (&msg, server, 0) == 3 && zmq_msg_more (&msg) == 1);
    CHECK (memcmp (zmq_msg_data (&msg), "two", 3) == 0);
    CHECK (zmq_recvmsg (server, &msg, 0) == 10000 && zmq_msg_more (&msg) == 0);
    CHECK (((char *) zmq_msg_data (&msg))[9999] == 'l');
    ((char *) zmq_msg_data (&msg))[0] = 'w';
    CHECK (get (server, ZMQ_RCVMORE) == 0);
    CHECK (strcmp (zmq_msg_gets (&msg, "Socket-Type"), "PAIR") == 0);
    CHECK (zmq_sendmsg (server, &msg, 0) == 10000);
    CHECK (zmq_msg_recv (&msg, client, 0) == 10000 && *(char *) zmq_msg_data (&msg) == 'w');
    CHECK (zmq_msg_close (&msg) == 0);
    struct iovec out[2] = {{"first", 5}, {"", 0}}, in[3];
    size_t count = 3;
    /* Without a flag each is a message. */
    CHECK (zmq_sendiov (client, out, 2, 0) == 0);
    CHECK (zmq_recv (server, buffer, 8, 0) == 5 && get (server, ZMQ_RCVMORE) == 0);
    CHECK (zmq_recv (server, buffer, 8, 0) == 0 && get (server, ZMQ_RCVMORE) == 0);
    CHECK (zmq_sendiov (client, out, 2, ZMQ_SNDMORE) == 0);
    CHECK (zmq_recviov (server, in, &count, 0) == 2 && count == 2);
    CHECK (in[0].iov_len == 5 && memcmp (in[0].iov_base, "first", 5) == 0 && in[1].iov_len == 0);
    free (in[0].iov_base);
    free (in[1].iov_base);
    FAILS (zmq_sendiov (client, NULL, 1, 0), EINVAL);
    FAILS (zmq_sendiov (client, out, 0, 0), EINVAL);
    FAILS (zmq_recviov (server, NULL, &count, 0), EINVAL);
    FAILS (zmq_recviov (server, in, NULL, 0), EINVAL);
    count = 3;
    FAILS (zmq_recviov (server, in, &count, ZMQ_DONTWAIT), EAGAIN);
    CHECK (count == 0);
    FAILS (zmq_send (client, NULL, 1, 0), EFAULT);
    FAILS (zmq_recv (server, buffer, 1, ZMQ_DONTWAIT), EAGAIN);
    FAILS (zmq_msg_send (NULL, client, 0), EFAULT);
    FAILS (zmq_msg_recv (NULL, server, 0), EFAULT);
    CHECK (zmq_send (client, NULL, 0, 0) == 0 && zmq_recv (server, NULL, 0, 0) == 0);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
    no_sockets (server);
}

/* What was given away, however little, is freed when it was sent, and not before. */
static void given_away (void)
{
    char folder[] = "/tmp/given-away-XXXXXX", endpoint[64], buffer[8];
    CHECK (mkdtemp (folder));
    snprintf (endpoint, sizeof endpoint, "ipc://%s/s", folder);
    void *push = open_socket (ZMQ_PUSH), *pull = open_socket (ZMQ_PULL);
    zmq_msg_t msg;
    CHECK (zmq_connect (push, endpoint) == 0);
    freed = 0;
    for (int n = 0; n < 3; n++) {
        CHECK (zmq_msg_init_data (&msg, strdup ("small"), 5, count_free, &freed) == 0);
        CHECK (zmq_msg_send (&msg, push, n < 2 ? ZMQ_SNDMORE : 0) == 5 && zmq_msg_close (&msg) == 0);
    }
    CHECK (__sync_fetch_and_add (&freed, 0) == 0);
    CHECK (zmq_bind (pull, endpoint) == 0);
    for (int n = 0; n < 3; n++)
        CHECK (zmq_recv (pull, buffer, sizeof buffer, 0) == 5 && memcmp (buffer, "small", 5) == 0);
    for (int n = 0; n < 2000 && __sync_fetch_and_add (&freed, 0) < 3; n++)
        usleep (10000);
    CHECK (__sync_fetch_and_add (&freed, 0) == 3);
    CHECK (zmq_unbind (pull, endpoint) == 0);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0);
    CHECK (rmdir (folder) == 0);
}

static void states_and_routes (void)
{
    void *rep = open_socket (ZMQ_REP), *req = open_socket (ZMQ_REQ);
    void *router = open_socket (ZMQ_ROUTER), *push = open_socket (ZMQ_PUSH), *pull = open_socket (ZMQ_PULL);
    char buffer[8];
    int one = 1;
    join (rep, req, "inproc://states");
    FAILS (zmq_recv (req, buffer, 8, 0), EFSM);
    FAILS (zmq_send (rep, buffer, 8, 0), EFSM);
    CHECK (get (req, ZMQ_EVENTS) == ZMQ_POLLOUT && get (rep, ZMQ_EVENTS) == 0);
    CHECK (zmq_send (req, "a", 1, ZMQ_SNDMORE) == 1 && zmq_send (req, "b", 1, 0) == 1);
    FAILS (zmq_send (req, "c", 1, 0), EFSM);
    CHECK (get (rep, ZMQ_EVENTS) == ZMQ_POLLIN);
    CHECK (zmq_recv (rep, buffer, 8, 0) == 1);
    FAILS (zmq_send (rep, buffer, 1, 0), EFSM);
    CHECK (zmq_recv (rep, buffer, 8, 0) == 1);
    FAILS (zmq_recv (rep, buffer, 8, 0), EFSM);
    CHECK (get (rep, ZMQ_EVENTS) == ZMQ_POLLOUT);
    CHECK (zmq_send (rep, "r", 1, 0) == 1);
    CHECK (get (req, ZMQ_EVENTS) == ZMQ_POLLIN && zmq_recv (req, buffer, 8, 0) == 1);
    FAILS (zmq_send (pull, "x", 1, 0), ENOTSUP);
    FAILS (zmq_recv (push, buffer, 1, 0), ENOTSUP);
    FAILS (zmq_send (push, "x", 1, ZMQ_DONTWAIT), EAGAIN);
    FAILS (zmq_send (push, "x", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE), EAGAIN);
    CHECK (zmq_send (router, "nobody", 6, ZMQ_SNDMORE) == 6 && zmq_send (router, "x", 1, 0) == 1);
    CHECK (zmq_setsockopt (router, ZMQ_ROUTER_MANDATORY, &one, sizeof one) == 0);
    FAILS (zmq_send (router, "nobody", 6, ZMQ_SNDMORE), EHOSTUNREACH);
    FAILS (zmq_socket_get_peer_state (router, "nobody", 6), EHOSTUNREACH);
    FAILS (zmq_socket_get_peer_state (push, "nobody", 6), ENOTSUP);
    /* Libraries on top look there for marks of their own. */
    CHECK (*(volatile uint32_t *) push == 0 && *(volatile uint32_t *) context == 0);
    void *all[] = {rep, req, router, push, pull};
    for (int n = 0; n < 5; n++)
        CHECK (zmq_close (all[n]) == 0);
    for (int type = ZMQ_STREAM; type <= ZMQ_CHANNEL; type++)
        IS_NULL (zmq_socket (context, type), EINVAL);
    IS_NULL (zmq_socket (context, -1), EINVAL);
}

static void options (void)
{
    void *socket = open_socket (ZMQ_DEALER);
    int64_t wide = 5;
    size_t size = sizeof wide;
    char text[64];
    int value = 7;
    for (int option = -1; option < 200; option++) {
        /* Whatever it is: it answers. */
        size = sizeof text;
        CHECK (zmq_getsockopt (socket, option, text, &size) == 0 || zmq_errno () == EINVAL);
        CHECK (zmq_setsockopt (socket, option, text, 3) == 0 || zmq_errno () == EINVAL);
    }
    CHECK (zmq_setsockopt (socket, ZMQ_SNDHWM, &value, sizeof value) == 0 && get (socket, ZMQ_SNDHWM) == 7);
    FAILS (zmq_setsockopt (socket, ZMQ_SNDHWM, &value, 1), EINVAL);
    value = -1;
    FAILS (zmq_setsockopt (socket, ZMQ_SNDHWM, &value, sizeof value), EINVAL);
    CHECK (get (socket, ZMQ_LINGER) == -1 && get (socket, ZMQ_TYPE) == ZMQ_DEALER);
    value = 0;
    CHECK (zmq_setsockopt (socket, ZMQ_LINGER, &value, sizeof value) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &wide, sizeof wide) == 0);
    size = sizeof wide;
    wide = 0;
    CHECK (zmq_getsockopt (socket, ZMQ_MAXMSGSIZE, &wide, &size) == 0 && wide == 5 && size == 8);
    CHECK (zmq_setsockopt (socket, ZMQ_ROUTING_ID, "me", 2) == 0);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_ROUTING_ID, text, &size) == 0 && size == 2);
    size = 1;
    FAILS (zmq_getsockopt (socket, ZMQ_ROUTING_ID, text, &size), EINVAL);
    FAILS (zmq_getsockopt (socket, ZMQ_TYPE, text, NULL), EFAULT);
    /* What is read into a wider number than it is. */
    wide = -1;
    size = sizeof wide;
    CHECK (zmq_getsockopt (socket, ZMQ_RCVMORE, &wide, &size) == 0 && wide == 0 && size == sizeof (int));
    value = 250;
    CHECK (zmq_setsockopt (socket, ZMQ_HEARTBEAT_IVL, &value, sizeof value) == 0);
    CHECK (get (socket, ZMQ_HEARTBEAT_TIMEOUT) == 250);
    value = 199;
    CHECK (zmq_setsockopt (socket, ZMQ_HEARTBEAT_TTL, &value, sizeof value) == 0);
    CHECK (get (socket, ZMQ_HEARTBEAT_TTL) == 100);
    value = 6553599;
    CHECK (zmq_setsockopt (socket, ZMQ_HEARTBEAT_TTL, &value, sizeof value) == 0);
    CHECK (get (socket, ZMQ_HEARTBEAT_TTL) == 6553500);
    value = 6553600;
    FAILS (zmq_setsockopt (socket, ZMQ_HEARTBEAT_TTL, &value, sizeof value), EINVAL);
    value = 7;
    CHECK (zmq_setsockopt (socket, ZMQ_PROBE_ROUTER, &value, sizeof value) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_INVERT_MATCHING, &value, sizeof value) == 0);
    FAILS (zmq_setsockopt (socket, ZMQ_IMMEDIATE, &value, sizeof value), EINVAL);
    CHECK (zmq_setsockopt (socket, ZMQ_SOCKS_PROXY, "localhost:1080", 14) == 0);
    FAILS (zmq_setsockopt (socket, ZMQ_SOCKS_PROXY, "", 0), EINVAL);
    CHECK (zmq_setsockopt (socket, ZMQ_SOCKS_USERNAME, "me", 2) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_SOCKS_PASSWORD, "secret", 6) == 0);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_SOCKS_USERNAME, text, &size) == 0 && strcmp (text, "me") == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_SOCKS_PROXY, NULL, 0) == 0);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_SOCKS_PROXY, text, &size) == 0 && size == 1 && !*text);
    FAILS (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, "x", 1), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_XPUB_VERBOSE, &value, sizeof value), EINVAL);
    FAILS (zmq_bind (socket, "nonsense"), EINVAL);
    FAILS (zmq_bind (socket, "what://ever"), EPROTONOSUPPORT);
    FAILS (zmq_bind (socket, NULL), EINVAL);
    FAILS (zmq_bind (socket, "ipc:///etc/passwd"), EADDRINUSE);
    FAILS (zmq_connect (socket, "tcp://127.0.0.1"), EINVAL);
    FAILS (zmq_unbind (socket, "tcp://127.0.0.1:5"), ENOENT);
    FAILS (zmq_disconnect (socket, "tcp://127.0.0.1:5"), ENOENT);
    FAILS (zmq_disconnect_peer (socket, 1), ENOTSUP);
    FAILS (zmq_join (socket, "group"), EINVAL);
    FAILS (zmq_leave (socket, "group"), EINVAL);
    CHECK (zmq_bind (socket, "inproc://taken") == 0);
    FAILS (zmq_bind (socket, "inproc://taken"), EADDRINUSE);
    CHECK (zmq_unbind (socket, "inproc://taken") == 0);
    /* An address is free when a close returns, and in use before. */
    char path[64];
    snprintf (path, sizeof path, "ipc:///tmp/functions-%d.ipc", (int) getpid ());
    const char *addresses[] = {path, "tcp://127.0.0.1:*"};
    for (int n = 0; n < 2; n++) {
        void *before = open_socket (ZMQ_DEALER);
        CHECK (zmq_bind (before, addresses[n]) == 0);
        size = sizeof text;
        CHECK (zmq_getsockopt (before, ZMQ_LAST_ENDPOINT, text, &size) == 0);
        FAILS (zmq_bind (socket, text), EADDRINUSE);
        CHECK (zmq_close (before) == 0 && zmq_bind (socket, text) == 0 && zmq_unbind (socket, text) == 0);
    }
    CHECK (zmq_close (socket) == 0);
}

static void security_options (void)
{
    void *socket = open_socket (ZMQ_DEALER);
    char public[41], secret[41], text[256];
    uint8_t key[32];
    int yes = 1, no = 0, two = 2;
    size_t size = sizeof text;
    CHECK (zmq_curve_keypair (public, secret) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_NULL && get (socket, ZMQ_PLAIN_SERVER) == 0);
    CHECK (get (socket, ZMQ_CURVE_SERVER) == 0 && get (socket, ZMQ_ZAP_ENFORCE_DOMAIN) == 0);
    CHECK (zmq_getsockopt (socket, ZMQ_PLAIN_USERNAME, text, &size) == 0 && size == 1 && !*text);
    FAILS (zmq_setsockopt (socket, ZMQ_MECHANISM, &yes, sizeof yes), EINVAL);

    CHECK (zmq_setsockopt (socket, ZMQ_PLAIN_SERVER, &yes, sizeof yes) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_PLAIN && get (socket, ZMQ_PLAIN_SERVER) == 1);
    FAILS (zmq_setsockopt (socket, ZMQ_PLAIN_SERVER, &two, sizeof two), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_PLAIN_SERVER, &yes, 1), EINVAL);
    CHECK (zmq_setsockopt (socket, ZMQ_PLAIN_USERNAME, "joe", 3) == 0);
    CHECK (get (socket, ZMQ_PLAIN_SERVER) == 0 && get (socket, ZMQ_MECHANISM) == ZMQ_PLAIN);
    CHECK (zmq_setsockopt (socket, ZMQ_PLAIN_PASSWORD, "secret", 6) == 0);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_PLAIN_USERNAME, text, &size) == 0 && size == 4);
    CHECK (strcmp (text, "joe") == 0);
    size = 3;
    FAILS (zmq_getsockopt (socket, ZMQ_PLAIN_USERNAME, text, &size), EINVAL);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_PLAIN_PASSWORD, text, &size) == 0 && size == 7);
    memset (text, 'x', sizeof text);
    FAILS (zmq_setsockopt (socket, ZMQ_PLAIN_USERNAME, text, 256), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_PLAIN_PASSWORD, text, 256), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_PLAIN_PASSWORD, "", 0), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_PLAIN_PASSWORD, NULL, 5), EINVAL);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_PLAIN);
    CHECK (zmq_setsockopt (socket, ZMQ_PLAIN_USERNAME, NULL, 0) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_NULL);

    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, secret, 40) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, public, 41) == 0);
    CHECK (zmq_z85_decode (key, public) == key);
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, key, 32) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_CURVE && get (socket, ZMQ_CURVE_SERVER) == 0);
    size = 41;
    CHECK (zmq_getsockopt (socket, ZMQ_CURVE_SERVERKEY, text, &size) == 0 && strcmp (text, public) == 0);
    CHECK (zmq_getsockopt (socket, ZMQ_CURVE_SECRETKEY, text, &size) == 0 && strcmp (text, secret) == 0);
    size = 32;
    CHECK (zmq_getsockopt (socket, ZMQ_CURVE_PUBLICKEY, text, &size) == 0 && memcmp (text, key, 32) == 0);
    for (size_t wrong = 0; wrong <= 256; wrong++) {
        if (wrong == 32 || wrong == 40 || wrong == 41)
            continue;
        size = wrong;
        FAILS (zmq_getsockopt (socket, ZMQ_CURVE_PUBLICKEY, text, &size), EINVAL);
        memset (text, '0', sizeof text);
        FAILS (zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, text, wrong), EINVAL);
    }
    FAILS (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, text, 41), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, NULL, 32), EINVAL);
    memset (text, '~', 40);
    FAILS (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, text, 40), EINVAL);
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0);
    CHECK (get (socket, ZMQ_CURVE_SERVER) == 1 && get (socket, ZMQ_PLAIN_SERVER) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SERVER, &no, sizeof no) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_NULL);

    CHECK (zmq_setsockopt (socket, ZMQ_ZAP_DOMAIN, "global", 6) == 0);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_ZAP_DOMAIN, text, &size) == 0 && strcmp (text, "global") == 0);
    memset (text, 'x', sizeof text);
    FAILS (zmq_setsockopt (socket, ZMQ_ZAP_DOMAIN, text, 256), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_ZAP_DOMAIN, "", 0), EINVAL);
    CHECK (zmq_setsockopt (socket, ZMQ_ZAP_ENFORCE_DOMAIN, &two, sizeof two) == 0);
    CHECK (get (socket, ZMQ_ZAP_ENFORCE_DOMAIN) == 1);
    FAILS (zmq_setsockopt (socket, ZMQ_ZAP_ENFORCE_DOMAIN, &two, 1), EINVAL);
    FAILS (zmq_setsockopt (socket, ZMQ_GSSAPI_SERVER, &yes, sizeof yes), EINVAL);
    CHECK (zmq_close (socket) == 0);
}

/* What a handler says of everybody, but for one key, and is asked. */
struct zap
{
    void *socket;
    const char *version, *status;
    char user[256], password[256], mechanism[16], domain[16];
    uint8_t key[32];
};

/* Answers one question after the other, until it is told to end. */
static void *zap_handler (void *handed)
{
    struct zap *zap = handed;
    int type = get (zap->socket, ZMQ_TYPE);
    for (;;) {
        char frames[16][256] = {{0}};
        int sizes[16], count = 0;
        do {
            CHECK (count < 16);
            sizes[count] = zmq_recv (zap->socket, frames[count], 255, 0);
            if (sizes[count] < 0) {
                CHECK (zmq_errno () == ETERM);
                CHECK (zmq_close (zap->socket) == 0);
                return NULL;
            }
            count++;
        } while (get (zap->socket, ZMQ_RCVMORE));
        /* A ROUTER has the asker's name and a delimiter first. */
        int at = type == ZMQ_ROUTER ? 2 : 0;
        CHECK (count >= at + 6 && strcmp (frames[at], "1.0") == 0);
        memcpy (zap->domain, frames[at + 2], sizeof zap->domain);
        memcpy (zap->mechanism, frames[at + 5], sizeof zap->mechanism);
        if (strcmp (zap->mechanism, "PLAIN") == 0) {
            CHECK (count == at + 8);
            memcpy (zap->user, frames[at + 6], sizeof zap->user);
            memcpy (zap->password, frames[at + 7], sizeof zap->password);
        } else if (strcmp (zap->mechanism, "CURVE") == 0) {
            CHECK (count == at + 7 && sizes[at + 6] == 32);
            memcpy (zap->key, frames[at + 6], 32);
        } else
            CHECK (strcmp (zap->mechanism, "NULL") == 0 && count == at + 6);
        for (int n = 0; n < at; n++)
            CHECK (zmq_send (zap->socket, frames[n], sizes[n], ZMQ_SNDMORE) >= 0);
        CHECK (zmq_send (zap->socket, zap->version, strlen (zap->version), ZMQ_SNDMORE) >= 0);
        CHECK (zmq_send (zap->socket, frames[at + 1], sizes[at + 1], ZMQ_SNDMORE) >= 0);
        CHECK (zmq_send (zap->socket, zap->status, strlen (zap->status), ZMQ_SNDMORE) >= 0);
        CHECK (zmq_send (zap->socket, "why", 3, ZMQ_SNDMORE) == 3);
        CHECK (zmq_send (zap->socket, "alice", 5, ZMQ_SNDMORE) == 5);
        CHECK (zmq_send (zap->socket, "\5Hello\0\0\0\5World", 15, 0) == 15);
    }
}

/* The first event of a handshake that failed, or of one that succeeded. */
static unsigned outcome (void *told, unsigned *value)
{
    for (;;) {
        unsigned char head[6];
        uint16_t number;
        char address[100];
        CHECK (zmq_recv (told, head, sizeof head, 0) == 6);
        CHECK (zmq_recv (told, address, sizeof address, 0) >= 0);
        memcpy (&number, head, sizeof number);
        memcpy (value, head + 2, sizeof *value);
        if (number >= ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            return number;
    }
}

enum { WITH_NULL, WITH_PLAIN, WITH_CURVE, WITH_ANOTHER_KEY };

/* A client knocks at a server, with or without a handler: what the server's monitor says. If it is in,
 * what it says arrives, with what the handler says of it. */
static void knock (int mechanism, struct zap *handler, int handler_type, int enforced, unsigned event,
                   unsigned expected)
{
    void *outer = context;
    context = zmq_ctx_new ();
    int yes = 1, none = 0;
    unsigned value;
    pthread_t thread;
    zmq_msg_t msg;
    char public[41], secret[41], client_public[41], client_secret[41];
    uint8_t key[32];
    if (handler) {
        handler->socket = open_socket (handler_type);
        value = -1;
        CHECK (zmq_setsockopt (handler->socket, ZMQ_RCVTIMEO, &value, sizeof value) == 0);
        CHECK (zmq_bind (handler->socket, "inproc://zeromq.zap.01") == 0);
        CHECK (pthread_create (&thread, NULL, zap_handler, handler) == 0);
    }
    void *server = open_socket (ZMQ_PULL), *client = open_socket (ZMQ_PUSH), *told = open_socket (ZMQ_PAIR);
    CHECK (zmq_setsockopt (client, ZMQ_LINGER, &none, sizeof none) == 0);
    CHECK (zmq_curve_keypair (public, secret) == 0 && zmq_curve_keypair (client_public, client_secret) == 0);
    CHECK (zmq_setsockopt (server, ZMQ_ZAP_ENFORCE_DOMAIN, &enforced, sizeof enforced) == 0);
    CHECK (zmq_setsockopt (server, ZMQ_ZAP_DOMAIN, "here", 4) == 0);
    if (mechanism == WITH_PLAIN) {
        CHECK (zmq_setsockopt (server, ZMQ_PLAIN_SERVER, &yes, sizeof yes) == 0);
        CHECK (zmq_setsockopt (client, ZMQ_PLAIN_USERNAME, "joe", 3) == 0);
        CHECK (zmq_setsockopt (client, ZMQ_PLAIN_PASSWORD, "secret", 6) == 0);
    } else if (mechanism != WITH_NULL) {
        CHECK (zmq_setsockopt (server, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0);
        CHECK (zmq_setsockopt (server, ZMQ_CURVE_SECRETKEY, secret, 41) == 0);
        CHECK (zmq_setsockopt (client, ZMQ_CURVE_SERVERKEY, public, 41) == 0);
        CHECK (zmq_setsockopt (client, ZMQ_CURVE_SECRETKEY, client_secret, 41) == 0);
        if (mechanism == WITH_ANOTHER_KEY)
            client_public[0] = client_public[0] == '0' ? '1' : '0';
        CHECK (zmq_setsockopt (client, ZMQ_CURVE_PUBLICKEY, client_public, 41) == 0);
    }
    CHECK (zmq_socket_monitor (server, "inproc://told", ZMQ_EVENT_ALL) == 0);
    CHECK (zmq_connect (told, "inproc://told") == 0);
    join (server, client, "tcp://127.0.0.1:*");
    /* What is bound and connected keeps its security. */
    CHECK (zmq_setsockopt (server, ZMQ_CURVE_SERVER, &none, sizeof none) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_PLAIN_USERNAME, NULL, 0) == 0);
    unsigned found = outcome (told, &value);
    if (found != event || (expected && value != expected)) {
        fprintf (stderr, "mechanism %d, handler %d, enforced %d: event %x, value %x, not %x, %x\n",
                 mechanism, handler_type, enforced, found, value, event, expected);
        exit (1);
    }
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        CHECK (zmq_send (client, "hello", 5, 0) == 5);
        CHECK (zmq_msg_init (&msg) == 0 && zmq_msg_recv (&msg, server, 0) == 5);
        CHECK (memcmp (zmq_msg_data (&msg), "hello", 5) == 0);
        if (handler) {
            CHECK (strcmp (zmq_msg_gets (&msg, "User-Id"), "alice") == 0);
            CHECK (strcmp (zmq_msg_gets (&msg, "Hello"), "World") == 0);
        } else
            IS_NULL (zmq_msg_gets (&msg, "User-Id"), EINVAL);
        CHECK (zmq_msg_close (&msg) == 0);
    } else {
        int soon = 20;
        CHECK (zmq_setsockopt (server, ZMQ_RCVTIMEO, &soon, sizeof soon) == 0);
        FAILS (zmq_recv (server, key, 1, 0), EAGAIN);
    }
    CHECK (zmq_close (told) == 0 && zmq_close (client) == 0 && zmq_close (server) == 0);
    CHECK (zmq_ctx_term (context) == 0);
    if (handler) {
        CHECK (pthread_join (thread, NULL) == 0);
        const char *names[] = {"NULL", "PLAIN", "CURVE"};
        CHECK (strcmp (handler->domain, "here") == 0 && strcmp (handler->mechanism, names[mechanism]) == 0);
        CHECK (mechanism != WITH_PLAIN || !(strcmp (handler->user, "joe") || strcmp (handler->password, "secret")));
        CHECK (mechanism != WITH_CURVE
               || (zmq_z85_decode (key, client_public) == key && memcmp (key, handler->key, 32) == 0));
    }
    context = outer;
}

static void security (void)
{
    static const int types[] = {ZMQ_REP, ZMQ_ROUTER};
    for (int mechanism = WITH_NULL; mechanism <= WITH_CURVE; mechanism++) {
        struct zap good = {.version = "1.0", .status = "200"}, bad = {.version = "1.0", .status = "400"};
        int type = types[mechanism % 2];
        knock (mechanism, &good, type, 0, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
        knock (mechanism, &good, types[!(mechanism % 2)], 1, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
        knock (mechanism, &bad, type, 0, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400);
        /* Without a handler NULL and CURVE let everybody in, unless the domain is to be enforced. */
        if (mechanism == WITH_PLAIN)
            knock (mechanism, NULL, 0, 0, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, EFAULT);
        else
            knock (mechanism, NULL, 0, 0, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
        knock (mechanism, NULL, 0, 1, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, EFAULT);
    }
    struct zap other = {.version = "1.0", .status = "300"};
    knock (WITH_CURVE, &other, ZMQ_REP, 0, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 300);
    other.status = "500";
    knock (WITH_PLAIN, &other, ZMQ_REP, 0, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 500);
    other.status = "600";
    knock (WITH_PLAIN, &other, ZMQ_REP, 0, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
           ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE);
    other.version = "1.1";
    knock (WITH_NULL, &other, ZMQ_ROUTER, 0, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
           ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION);
    knock (WITH_ANOTHER_KEY, NULL, 0, 0, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
           ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
}

static void polling (void)
{
    void *server = open_socket (ZMQ_PAIR), *client = open_socket (ZMQ_PAIR);
    void *poller = zmq_poller_new ();
    zmq_poller_event_t event, events[4];
    int pipes[2];
    char buffer[8];
    CHECK (pipe (pipes) == 0);
    join (server, client, "tcp://127.0.0.1:*");
    zmq_pollitem_t items[] = {{server, 0, ZMQ_POLLIN, 0}, {NULL, pipes[0], ZMQ_POLLIN, 0}};
    CHECK (zmq_poll (items, 2, 0) == 0 && zmq_poll (NULL, 0, 1) == 0);
    FAILS (zmq_poll (NULL, 1, 0), EFAULT);
    FAILS (zmq_poll (items, -1, 0), EINVAL);
    CHECK (zmq_send (client, "x", 1, 0) == 1);
    CHECK (zmq_poll (items, 2, -1) == 1 && items[0].revents == ZMQ_POLLIN && items[1].revents == 0);
    CHECK (write (pipes[1], "y", 1) == 1);
    CHECK (zmq_poll (items, 2, -1) == 2 && items[1].revents == ZMQ_POLLIN);
    CHECK (zmq_ppoll (items, 2, -1, NULL) == 2);
    CHECK (get (server, ZMQ_FD) >= 0 && get (server, ZMQ_EVENTS) == (ZMQ_POLLIN | ZMQ_POLLOUT));
    CHECK (poller && zmq_poller_size (poller) == 0);
    FAILS (zmq_poller_wait (poller, &event, -1), EFAULT);
    FAILS (zmq_poller_wait (poller, &event, 0), EAGAIN);
    CHECK (zmq_poller_add (poller, server, &event, ZMQ_POLLIN) == 0);
    FAILS (zmq_poller_add (poller, server, NULL, ZMQ_POLLIN), EINVAL);
    FAILS (zmq_poller_add (poller, garbage, NULL, ZMQ_POLLIN), ENOTSOCK);
    FAILS (zmq_poller_modify (poller, client, ZMQ_POLLIN), EINVAL);
    FAILS (zmq_poller_remove (poller, client), EINVAL);
    FAILS (zmq_poller_add_fd (poller, -1, NULL, ZMQ_POLLIN), EBADF);
    CHECK (zmq_poller_add_fd (poller, pipes[0], NULL, ZMQ_POLLIN) == 0);
    CHECK (zmq_poller_modify_fd (poller, pipes[0], ZMQ_POLLIN) == 0);
    CHECK (zmq_poller_size (poller) == 2);
    CHECK (zmq_poller_wait (poller, &event, -1) == 0 && event.socket == server && event.user_data == &event);
    CHECK (zmq_poller_wait_all (poller, events, 4, -1) == 2);
    FAILS (zmq_poller_wait (poller, NULL, 0), EFAULT);
    FAILS (zmq_poller_wait_all (poller, events, -1, 0), EINVAL);
    FAILS (zmq_poller_wait_all (poller, events, 0, 0), EAGAIN);
    CHECK (zmq_poller_modify (poller, server, 0) == 0 && zmq_poller_remove_fd (poller, pipes[0]) == 0);
    FAILS (zmq_poller_wait_all (poller, events, 4, 0), EAGAIN);
    FAILS (zmq_poller_wait_all (poller, events, 4, -1), EFAULT);
    CHECK (zmq_poller_remove (poller, server) == 0);
    FAILS (zmq_poller_fd (poller, pipes), EINVAL);
    CHECK (zmq_poller_destroy (&poller) == 0 && poller == NULL);
    FAILS (zmq_poller_destroy (&poller), EFAULT);
    FAILS (zmq_poller_destroy (NULL), EFAULT);
    FAILS (zmq_poller_size (garbage), EFAULT);
    CHECK (zmq_recv (server, buffer, 8, 0) == 1);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
    close (pipes[0]);
    close (pipes[1]);
}

static void monitoring (void)
{
    void *server = open_socket (ZMQ_PULL), *client = open_socket (ZMQ_PUSH), *told = open_socket (ZMQ_PAIR);
    FAILS (zmq_socket_monitor (server, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL), EPROTONOSUPPORT);
    FAILS (zmq_socket_monitor_versioned (server, "inproc://m", 1, 3, ZMQ_PAIR), EINVAL);
    FAILS (zmq_socket_monitor_versioned (server, "inproc://m", 1, 1, ZMQ_PUB), EINVAL);
    FAILS (zmq_socket_monitor_pipes_stats (server), EINVAL);
    CHECK (zmq_socket_monitor (server, "inproc://monitor", ZMQ_EVENT_ALL) == 0);
    CHECK (zmq_connect (told, "inproc://monitor") == 0);
    join (server, client, "tcp://127.0.0.1:*");
    unsigned seen = 0;
    while (!(seen & ZMQ_EVENT_HANDSHAKE_SUCCEEDED)) {
        unsigned char head[6];
        uint16_t number;
        char address[100];
        CHECK (zmq_recv (told, head, sizeof head, 0) == 6 && get (told, ZMQ_RCVMORE));
        CHECK (zmq_recv (told, address, sizeof address, 0) > 0 && !get (told, ZMQ_RCVMORE));
        memcpy (&number, head, sizeof number);
        seen |= number;
    }
    CHECK (seen & ZMQ_EVENT_LISTENING && seen & ZMQ_EVENT_ACCEPTED);
    CHECK (zmq_socket_monitor (server, NULL, 0) == 0);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0 && zmq_close (told) == 0);
}

static void *relay (void *sockets)
{
    void **all = sockets;
    CHECK (zmq_proxy_steerable (all[0], all[1], NULL, all[2]) == 0);
    return NULL;
}

static void proxies (void)
{
    void *front = open_socket (ZMQ_PULL), *back = open_socket (ZMQ_PUSH), *control = open_socket (ZMQ_REP);
    void *source = open_socket (ZMQ_PUSH), *sink = open_socket (ZMQ_PULL), *boss = open_socket (ZMQ_REQ);
    void *all[] = {front, back, control};
    char buffer[8];
    uint64_t number;
    pthread_t thread;
    join (front, source, "inproc://front");
    join (back, sink, "inproc://back");
    join (control, boss, "inproc://control");
    CHECK (pthread_create (&thread, NULL, relay, all) == 0);
    CHECK (zmq_send (source, "abc", 3, ZMQ_SNDMORE) == 3 && zmq_send (source, "d", 1, 0) == 1);
    CHECK (zmq_recv (sink, buffer, 8, 0) == 3 && zmq_recv (sink, buffer, 8, 0) == 1);
    CHECK (zmq_send (boss, "STATISTICS", 10, 0) == 10);
    for (int n = 0; n < 8; n++) {
        CHECK (zmq_recv (boss, &number, sizeof number, 0) == 8);
        CHECK (number == (n == 0 || n == 6 ? 2 : n == 1 || n == 7 ? 4 : 0));
    }
    const char *orders[] = {"PAUSE", "RESUME", "nonsense", "TERMINATE"};
    for (int n = 0; n < 4; n++) {
        CHECK (zmq_send (boss, orders[n], strlen (orders[n]), 0) > 0);
        CHECK (zmq_recv (boss, buffer, 8, 0) == 0);
    }
    CHECK (pthread_join (thread, NULL) == 0);
    void *every[] = {front, back, control, source, sink, boss};
    for (int n = 0; n < 6; n++)
        CHECK (zmq_close (every[n]) == 0);
}

static void on_timer (int id, void *count)
{
    (void) id;
    ++*(int *) count;
}

static void in_thread (void *done)
{
    *(int *) done = 1;
}

static void utilities (void)
{
    int count = 0;
    void *timers = zmq_timers_new ();
    CHECK (timers && zmq_timers_timeout (timers) == -1);
    int id = zmq_timers_add (timers, 1, on_timer, &count);
    CHECK (id > 0);
    FAILS (zmq_timers_add (timers, 1, NULL, NULL), EFAULT);
    while (!count) {
        usleep (1000);
        CHECK (zmq_timers_execute (timers) == 0);
    }
    CHECK (zmq_timers_set_interval (timers, id, 60000) == 0 && zmq_timers_timeout (timers) > 1000);
    CHECK (zmq_timers_reset (timers, id) == 0 && zmq_timers_cancel (timers, id) == 0);
    FAILS (zmq_timers_cancel (timers, id), EINVAL);
    FAILS (zmq_timers_reset (timers, id), EINVAL);
    FAILS (zmq_timers_set_interval (timers, id, 1), EINVAL);
    CHECK (zmq_timers_destroy (&timers) == 0 && timers == NULL);
    FAILS (zmq_timers_destroy (&timers), EFAULT);
    FAILS (zmq_timers_timeout (garbage), EFAULT);
    FAILS (zmq_timers_execute (NULL), EFAULT);

    void *watch = zmq_stopwatch_start ();
    usleep (2000);
    CHECK (watch && zmq_stopwatch_intermediate (watch) >= 2000 && zmq_stopwatch_stop (watch) >= 2000);
    CHECK (zmq_stopwatch_stop (watch) == 0);
    zmq_sleep (0);

    void *counter = zmq_atomic_counter_new ();
    CHECK (counter && zmq_atomic_counter_value (counter) == 0 && zmq_atomic_counter_inc (counter) == 0);
    zmq_atomic_counter_set (counter, 2);
    CHECK (zmq_atomic_counter_dec (counter) == 1 && zmq_atomic_counter_dec (counter) == 0);
    zmq_atomic_counter_destroy (&counter);
    CHECK (counter == NULL);
    zmq_atomic_counter_destroy (&counter);
    zmq_atomic_counter_destroy (NULL);

    int done = 0;
    void *thread = zmq_threadstart (in_thread, &done);
    CHECK (thread);
    zmq_threadclose (thread);
    CHECK (done);
    zmq_threadclose (thread);
    IS_NULL (zmq_threadstart (NULL, NULL), EFAULT);

    uint8_t data[8] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B}, back[8];
    char text[11];
    CHECK (zmq_z85_encode (text, data, 8) == text && strcmp (text, "HelloWorld") == 0);
    CHECK (zmq_z85_decode (back, text) == back && memcmp (back, data, 8) == 0);
    IS_NULL (zmq_z85_encode (text, data, 7), EINVAL);
    IS_NULL (zmq_z85_decode (back, "four"), EINVAL);
    char public[41], secret[41], again[41];
    CHECK (zmq_curve_keypair (public, secret) == 0 && zmq_curve_public (again, secret) == 0);
    CHECK (strlen (public) == 40 && strlen (secret) == 40 && strcmp (public, again) == 0);
    FAILS (zmq_curve_keypair (NULL, secret), EFAULT);
    FAILS (zmq_curve_keypair (public, NULL), EFAULT);
    FAILS (zmq_curve_public (NULL, secret), EFAULT);
    FAILS (zmq_curve_public (again, NULL), EINVAL);
    FAILS (zmq_curve_public (again, "too short"), EINVAL);
    secret[7] = '~';
    FAILS (zmq_curve_public (again, secret), EINVAL);
}

static void on_signal (int number)
{
    (void) number;
}

static void *interrupt (void *thread)
{
    /* Again and again, as nobody can say when the other has gone to sleep. */
    for (int n = 0; n < 100 && !__sync_fetch_and_add (&freed, 0); n++) {
        usleep (20000);
        pthread_kill (*(pthread_t *) thread, SIGUSR1);
    }
    return NULL;
}

static void *answer_twenty (void *rep)
{
    char buffer[8];
    for (int n = 0; n < 20; n++)
        CHECK (zmq_recv (rep, buffer, 8, 0) == 8 && zmq_send (rep, buffer, 8, 0) == 8);
    return NULL;
}

static void *wait_here (void *socket)
{
    char buffer[8];
    errno = 0;
    CHECK (zmq_recv (socket, buffer, 8, 0) == -1);
    return (void *) (intptr_t) errno;
}

/* Calls that wait end by a signal, also those that have waited before and got what they waited for. */
static void interrupted (const char *endpoint)
{
    void *rep = open_socket (ZMQ_REP), *req = open_socket (ZMQ_REQ);
    void *pull = open_socket (ZMQ_PULL), *push = open_socket (ZMQ_PUSH);
    pthread_t self = pthread_self (), thread, echo;
    char buffer[1000] = {0};
    int none = 0;
    CHECK (zmq_setsockopt (push, ZMQ_LINGER, &none, sizeof none) == 0);
    join (rep, req, endpoint);
    join (pull, push, endpoint[0] == 'i' && endpoint[1] == 'n' ? "inproc://full" : endpoint);
    CHECK (pthread_create (&echo, NULL, answer_twenty, rep) == 0);
    for (int n = 0; n < 20; n++)
        CHECK (zmq_send (req, buffer, 8, 0) == 8 && zmq_recv (req, buffer, 8, 0) == 8);
    CHECK (pthread_join (echo, NULL) == 0);
    while (zmq_send (push, buffer, sizeof buffer, ZMQ_DONTWAIT) == sizeof buffer)
        ;
    CHECK (zmq_errno () == EAGAIN);
    for (int way = 0; way < 3; way++) {
        freed = 0;
        CHECK (pthread_create (&thread, NULL, interrupt, &self) == 0);
        switch (way) {
            case 0:
                FAILS (zmq_recv (rep, buffer, 8, 0), EINTR);
                break;
            case 1:
                CHECK (zmq_send (req, buffer, 8, 0) == 8);
                FAILS (zmq_recv (req, buffer, 8, 0), EINTR);
                break;
            default:
                /* What was on its way has arrived some time. */
                while (zmq_send (push, buffer, sizeof buffer, 0) == sizeof buffer)
                    ;
                CHECK (zmq_errno () == EINTR);
        }
        __sync_fetch_and_add (&freed, 1);
        CHECK (pthread_join (thread, NULL) == 0);
    }
    /* Nothing was lost by it. */
    CHECK (zmq_recv (rep, buffer, 8, 0) == 8 && zmq_send (rep, buffer, 8, 0) == 8);
    CHECK (zmq_recv (req, buffer, 8, 0) == 8);
    CHECK (zmq_close (req) == 0 && zmq_close (rep) == 0);
    CHECK (zmq_close (pull) == 0 && zmq_close (push) == 0);
}

static void signals_and_ends (void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    void *pull = open_socket (ZMQ_PULL), *answer;
    pthread_t self = pthread_self (), thread;
    char buffer[8];
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
    CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
    for (int way = 0; way < 2; way++) {
        freed = 0;
        CHECK (pthread_create (&thread, NULL, interrupt, &self) == 0);
        FAILS (way ? zmq_recv (pull, buffer, 8, 0) : zmq_poll (&item, 1, 20000), EINTR);
        __sync_fetch_and_add (&freed, 1);
        CHECK (pthread_join (thread, NULL) == 0);
    }
    interrupted ("inproc://interrupted");
    interrupted ("tcp://127.0.0.1:*");
    interrupted ("ipc://*");
    CHECK (pthread_create (&thread, NULL, wait_here, pull) == 0);
    usleep (50000);
    CHECK (zmq_close (pull) == 0);
    CHECK (pthread_join (thread, &answer) == 0 && (intptr_t) answer == ENOTSOCK);
    void *other = zmq_ctx_new ();
    pull = zmq_socket (other, ZMQ_PULL);
    CHECK (pthread_create (&thread, NULL, wait_here, pull) == 0);
    usleep (50000);
    CHECK (zmq_ctx_shutdown (other) == 0);
    CHECK (pthread_join (thread, &answer) == 0 && (intptr_t) answer == ETERM);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (other) == 0);
}

int main (void)
{
    versions_and_errors ();
    contexts ();
    context = zmq_ctx_new ();
    CHECK (context);
    no_sockets (NULL);
    no_sockets (garbage);
    no_sockets (context);
    messages ();
    parts ("inproc://parts");
    parts ("tcp://127.0.0.1:*");
    parts ("ipc://*");
    given_away ();
    states_and_routes ();
    options ();
    security_options ();
    security ();
    polling ();
    monitoring ();
    proxies ();
    utilities ();
    signals_and_ends ();
    CHECK (zmq_ctx_term (context) == 0);
    puts ("every function has answered");
    return 0;
}
