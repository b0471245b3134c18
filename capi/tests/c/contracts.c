/* What programs rely on besides the answers: the descriptor of a socket, threads, ends, signals, forks. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const transports[] = {"inproc://contract", "tcp://127.0.0.1:*", "ipc://*"};

static int is_readable (int fd, int patience)
{
    struct pollfd asked = {fd, POLLIN, 0};
    int ready;
    do
        ready = poll (&asked, 1, patience);
    while (ready < 0 && errno == EINTR);
    CHECK (ready >= 0);
    return ready;
}

/* Waits by the descriptor alone, as an event loop does: it asks for the events only when that is readable. */
static void await (void *socket, int fd, int event)
{
    while (!(get (socket, ZMQ_EVENTS) & event))
        CHECK (is_readable (fd, 20000));
}

static void set (void *socket, int option, int value)
{
    CHECK (zmq_setsockopt (socket, option, &value, sizeof value) == 0);
}

/* ZMQ_FD: readable when something has become possible since the events were asked for last. */
static void descriptor (const char *endpoint)
{
    void *pull = open_socket (ZMQ_PULL), *push = open_socket (ZMQ_PUSH);
    char buffer[1024] = {0};
    set (pull, ZMQ_RCVHWM, 10);
    set (push, ZMQ_SNDHWM, 10);
    set (push, ZMQ_SNDBUF, 4096);
    set (push, ZMQ_LINGER, 0);
    join (pull, push, endpoint);
    int in = get (pull, ZMQ_FD), out = get (push, ZMQ_FD);
    CHECK (in >= 0 && out >= 0 && in == get (pull, ZMQ_FD));
    CHECK (get (pull, ZMQ_EVENTS) == 0);
    for (int n = 0; n < 3; n++) {
        await (push, out, ZMQ_POLLOUT);
        CHECK (zmq_send (push, "x", 1, ZMQ_DONTWAIT) == 1);
        await (pull, in, ZMQ_POLLIN);
        /* Asking takes the news away, but not what they were about. */
        CHECK (!is_readable (in, 0) && get (pull, ZMQ_EVENTS) == ZMQ_POLLIN);
        CHECK (zmq_recv (pull, buffer, 1, ZMQ_DONTWAIT) == 1);
        /* So does a call in vain. */
        FAILS (zmq_recv (pull, buffer, 1, ZMQ_DONTWAIT), EAGAIN);
        CHECK (!is_readable (in, 0));
    }
    /* Full, and no room, until somebody reads. */
    int sent = 0, received = 0;
    do {
        while (zmq_send (push, buffer, sizeof buffer, ZMQ_DONTWAIT) == sizeof buffer)
            sent++;
        CHECK (zmq_errno () == EAGAIN);
        /* What is on its way may yet make room. */
    } while (is_readable (out, 200));
    CHECK (get (push, ZMQ_EVENTS) == 0 && sent >= 10);
    set (pull, ZMQ_RCVTIMEO, 20000);
    while (!is_readable (out, 0) && received < sent) {
        CHECK (zmq_recv (pull, buffer, sizeof buffer, 0) == sizeof buffer);
        received++;
    }
    await (push, out, ZMQ_POLLOUT);
    CHECK (zmq_send (push, "last", 4, ZMQ_DONTWAIT) == 4);
    for (; received < sent; received++)
        CHECK (zmq_recv (pull, buffer, sizeof buffer, 0) == sizeof buffer);
    CHECK (zmq_recv (pull, buffer, sizeof buffer, 0) == 4);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0);
}

enum { SENDERS = 4, EACH = 2000 };

static void *sends_many (void *socket)
{
    for (int n = 0; n < EACH; n++)
        CHECK (zmq_send (socket, &n, sizeof n, 0) == sizeof n);
    return NULL;
}

static void *receives_many (void *socket)
{
    long sum = 0;
    int number;
    for (int n = 0; n < SENDERS * EACH / 2; n++) {
        CHECK (zmq_recv (socket, &number, sizeof number, 0) == sizeof number);
        sum += number;
    }
    return (void *) sum;
}

/* One socket in the hands of several threads: every message once, and whole. */
static void shared (const char *endpoint)
{
    void *pull = open_socket (ZMQ_PULL), *push = open_socket (ZMQ_PUSH), *sum;
    pthread_t senders[SENDERS], receivers[2];
    long all = 0;
    join (pull, push, endpoint);
    for (int n = 0; n < SENDERS; n++)
        CHECK (pthread_create (&senders[n], NULL, sends_many, push) == 0);
    for (int n = 0; n < 2; n++)
        CHECK (pthread_create (&receivers[n], NULL, receives_many, pull) == 0);
    for (int n = 0; n < SENDERS; n++)
        CHECK (pthread_join (senders[n], NULL) == 0);
    for (int n = 0; n < 2; n++) {
        CHECK (pthread_join (receivers[n], &sum) == 0);
        all += (long) sum;
    }
    CHECK (all == (long) SENDERS * EACH * (EACH - 1) / 2);
    FAILS (zmq_recv (pull, &all, 1, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0);
}

enum way { RECEIVING, SENDING, POLLING, IN_A_POLLER, RELAYING, WAYS };

struct inside {
    enum way way;
    void *socket, *other;
    int is_about_to;
};

/* Is inside of a call that has nothing to return for; what it says when it returns. */
static void *waits (void *argument)
{
    struct inside *inside = argument;
    zmq_pollitem_t item = {inside->socket, 0, ZMQ_POLLIN, 0};
    zmq_poller_event_t event;
    char buffer[8];
    void *poller = zmq_poller_new ();
    int outcome = 0;
    CHECK (zmq_poller_add (poller, inside->socket, NULL, ZMQ_POLLIN) == 0);
    __atomic_store_n (&inside->is_about_to, 1, __ATOMIC_SEQ_CST);
    errno = 0;
    switch (inside->way) {
        case RECEIVING:
            outcome = zmq_recv (inside->socket, buffer, sizeof buffer, 0);
            break;
        case SENDING:
            outcome = zmq_send (inside->socket, buffer, sizeof buffer, 0);
            break;
        case POLLING:
            outcome = zmq_poll (&item, 1, 20000);
            break;
        case IN_A_POLLER:
            outcome = zmq_poller_wait (poller, &event, 20000);
            break;
        default:
            outcome = zmq_proxy (inside->socket, inside->other, NULL);
    }
    int error = zmq_errno ();
    CHECK (outcome == -1);
    CHECK (zmq_poller_destroy (&poller) == 0);
    return (void *) (intptr_t) error;
}

/* A socket that is closed, and a context that is terminated, while somebody is inside. */
static void ends (enum way way, int by_context)
{
    void *own = zmq_ctx_new (), *answer;
    struct inside inside = {way, NULL, NULL, 0};
    pthread_t thread;
    inside.socket = zmq_socket (own, way == SENDING ? ZMQ_PUSH : ZMQ_PULL);
    inside.other = zmq_socket (own, ZMQ_PUSH);
    CHECK (own && inside.socket && inside.other);
    CHECK (pthread_create (&thread, NULL, waits, &inside) == 0);
    while (!__atomic_load_n (&inside.is_about_to, __ATOMIC_SEQ_CST))
        usleep (1000);
    /* Nobody can say when a thread has gone to sleep; whichever comes first must do. */
    usleep (20000);
    if (by_context)
        CHECK (zmq_ctx_shutdown (own) == 0);
    else
        CHECK (zmq_close (inside.socket) == 0);
    CHECK (pthread_join (thread, &answer) == 0);
    CHECK ((intptr_t) answer == (by_context ? ETERM : ENOTSOCK));
    if (by_context)
        CHECK (zmq_close (inside.socket) == 0);
    CHECK (zmq_close (inside.other) == 0 && zmq_ctx_term (own) == 0);
}

static int broken_pipes;

static void on_broken_pipe (int number)
{
    (void) number;
    __sync_fetch_and_add (&broken_pipes, 1);
}

/* Peers that leave while they are written to, with a word and without: SIGPIPE comes from nobody. */
static void no_broken_pipes (void)
{
    struct sigaction action = {.sa_handler = on_broken_pipe}, before;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    struct linger hard = {1, 0};
    socklen_t size = sizeof address;
    int listener = socket (AF_INET, SOCK_STREAM, 0);
    char endpoint[64];
    static char large[1 << 20];
    CHECK (sigaction (SIGPIPE, &action, &before) == 0);
    CHECK (listener >= 0 && bind (listener, (struct sockaddr *) &address, sizeof address) == 0);
    CHECK (listen (listener, 8) == 0);
    CHECK (getsockname (listener, (struct sockaddr *) &address, &size) == 0);
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs (address.sin_port));
    void *push = open_socket (ZMQ_PUSH);
    set (push, ZMQ_RECONNECT_IVL, 1);
    set (push, ZMQ_LINGER, 0);
    CHECK (zmq_connect (push, endpoint) == 0);
    for (int n = 0; n < 20; n++) {
        int peer = accept (listener, NULL, NULL);
        CHECK (peer >= 0);
        if (n % 2)
            CHECK (setsockopt (peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
        CHECK (close (peer) == 0);
    }
    CHECK (zmq_close (push) == 0 && close (listener) == 0);
    for (int n = 1; n < 3; n++) {
        for (int times = 0; times < 10; times++) {
            void *from = open_socket (ZMQ_PUSH), *to = open_socket (ZMQ_PULL);
            set (from, ZMQ_LINGER, 0);
            set (from, ZMQ_SNDHWM, 4);
            set (to, ZMQ_RCVHWM, 4);
            join (to, from, transports[n]);
            CHECK (zmq_send (from, large, sizeof large, 0) == sizeof large);
            CHECK (zmq_recv (to, large, sizeof large, 0) == sizeof large);
            while (times % 2 && zmq_send (from, large, sizeof large, ZMQ_DONTWAIT) > 0)
                ;
            CHECK (zmq_close (to) == 0);
            for (int m = 0; m < 5; m++)
                zmq_send (from, large, sizeof large, ZMQ_DONTWAIT);
            CHECK (zmq_close (from) == 0);
        }
    }
    CHECK (broken_pipes == 0 && sigaction (SIGPIPE, &before, NULL) == 0);
}

/* The next event of a monitor, and its value. */
static int next_event (void *told, uint32_t *value)
{
    unsigned char head[6];
    uint16_t number;
    char address[256];
    CHECK (zmq_recv (told, head, sizeof head, 0) == 6 && get (told, ZMQ_RCVMORE));
    CHECK (zmq_recv (told, address, sizeof address, 0) >= 0 && !get (told, ZMQ_RCVMORE));
    memcpy (&number, head, sizeof number);
    memcpy (value, head + 2, sizeof *value);
    return number;
}

/* What becomes of a connection is told as libzmq tells it: to whom it happens, not to who does it. */
static void monitors (const char *endpoint)
{
    char bound[256];
    uint32_t value;
    int event;
    for (int peer_leaves = 0; peer_leaves < 2; peer_leaves++) {
        size_t size = sizeof bound;
        void *server = open_socket (ZMQ_PULL), *client = open_socket (ZMQ_PUSH);
        void *told = open_socket (ZMQ_PAIR);
        int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_BIND_FAILED
                     | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_MONITOR_STOPPED;
        CHECK (zmq_socket_monitor (client, "inproc://told", events) == 0);
        CHECK (zmq_connect (told, "inproc://told") == 0);
        join (server, client, endpoint);
        CHECK (next_event (told, &value) == ZMQ_EVENT_CONNECTED);
        CHECK (next_event (told, &value) == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        CHECK (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, bound, &size) == 0);
        FAILS (zmq_bind (client, bound), EADDRINUSE);
        CHECK (next_event (told, &value) == ZMQ_EVENT_BIND_FAILED && value == EADDRINUSE);
        if (peer_leaves) {
            CHECK (zmq_close (server) == 0);
            CHECK (next_event (told, &value) == ZMQ_EVENT_DISCONNECTED);
            CHECK (next_event (told, &value) == ZMQ_EVENT_CONNECT_RETRIED);
        } else
            CHECK (zmq_disconnect (client, bound) == 0);
        CHECK (zmq_close (client) == 0);
        do
            event = next_event (told, &value);
        while (peer_leaves && event != ZMQ_EVENT_MONITOR_STOPPED);
        CHECK (event == ZMQ_EVENT_MONITOR_STOPPED);
        CHECK (zmq_close (told) == 0);
        if (!peer_leaves)
            CHECK (zmq_close (server) == 0);
    }
}

static void exchange (const char *endpoint)
{
    void *server = open_socket (ZMQ_REP), *client = open_socket (ZMQ_REQ);
    char buffer[8];
    join (server, client, endpoint);
    CHECK (zmq_send (client, "there", 5, 0) == 5 && zmq_recv (server, buffer, 8, 0) == 5);
    CHECK (zmq_send (server, "back", 4, 0) == 4 && zmq_recv (client, buffer, 8, 0) == 4);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
}

/* A child may let go of what its parent has, and has a context of its own; the parent notices nothing. */
static void forks (const char *endpoint)
{
    void *server = open_socket (ZMQ_REP), *client = open_socket (ZMQ_REQ);
    char buffer[8];
    int status;
    join (server, client, endpoint);
    CHECK (zmq_send (client, "there", 5, 0) == 5);
    pid_t child = fork ();
    CHECK (child >= 0);
    if (child == 0) {
        alarm (20);
        FAILS (zmq_recv (client, buffer, 8, 0), ETERM);
        CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
        CHECK (zmq_ctx_shutdown (context) == 0 && zmq_ctx_term (context) == 0);
        context = zmq_ctx_new ();
        for (int n = 0; n < 3; n++)
            exchange (transports[n]);
        CHECK (zmq_ctx_term (context) == 0);
        _exit (0);
    }
    CHECK (waitpid (child, &status, 0) == child);
    CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    CHECK (zmq_recv (server, buffer, 8, 0) == 5 && zmq_send (server, "back", 4, 0) == 4);
    CHECK (zmq_recv (client, buffer, 8, 0) == 4);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
}

int main (void)
{
    /* What hangs ends. */
    alarm (150);
    context = zmq_ctx_new ();
    CHECK (context);
    for (int n = 0; n < 3; n++) {
        descriptor (transports[n]);
        shared (transports[n]);
        forks (transports[n]);
    }
    for (enum way way = RECEIVING; way < WAYS; way++) {
        ends (way, 0);
        ends (way, 1);
    }
    for (int n = 1; n < 3; n++)
        monitors (transports[n]);
    no_broken_pipes ();
    CHECK (zmq_ctx_term (context) == 0);
    puts ("every contract is kept");
    return 0;
}
