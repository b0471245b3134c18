/* What the programs here share: how they check, and what they open. */
#include <zmq.h>
#include <zmq_utils.h>

#include <stdlib.h>
#include <string.h>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf (stderr, "%s:%d: %s (errno %d: %s)\n", __FILE__, __LINE__, #what, errno, \
                     zmq_strerror (errno)); \
            exit (1); \
        } \
    } while (0)

/* It fails, and says why. */
#define FAILS(what, why) CHECK ((errno = 0, (long) (what) == -1) && zmq_errno () == (why))
#define IS_NULL(what, why) CHECK ((errno = 0, (what) == NULL) && zmq_errno () == (why))

static void *context;

static void *open_socket (int type)
{
    void *socket = zmq_socket (context, type);
    int limit = 20000;
    CHECK (socket);
    CHECK (zmq_setsockopt (socket, ZMQ_RCVTIMEO, &limit, sizeof limit) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_SNDTIMEO, &limit, sizeof limit) == 0);
    return socket;
}

static void join (void *server, void *client, const char *endpoint)
{
    char bound[256];
    size_t size = sizeof bound;
    CHECK (zmq_bind (server, endpoint) == 0);
    CHECK (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, bound, &size) == 0);
    CHECK (zmq_connect (client, bound) == 0);
}

static int get (void *socket, int option)
{
    int value = -12345;
    size_t size = sizeof value;
    CHECK (zmq_getsockopt (socket, option, &value, &size) == 0 && size == sizeof value);
    return value;
}
