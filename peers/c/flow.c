/* What a C program does with messages: a child process of `compare`, of its cases with `capi` in their
 * name. It is compiled once, and runs on whatever libzmq.so.5 it finds.
 *
 *     flow --worker FAMILY ROLE SIDE CORE ENDPOINT size=N count=N …
 *     flow --library        says which file the library is
 *
 * It is told what to do and says what comes of it as the children that are written in Rust do (see
 * `task.rs` and `worker.rs`), and does it as they do: `throughput.rs` and `latency.rs`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { FIRST = 0xA5, END = 0xE5, LAST = 0x5A, WARM_UP = 200 };

static void *context;
static size_t size;
static unsigned long count;

static void fail(const char *what)
{
    fprintf(stderr, "flow: %s: %s\n", what, zmq_strerror(zmq_errno()));
    _exit(1);
}

static void refuse(const char *why)
{
    fprintf(stderr, "flow: %s\n", why);
    _exit(1);
}

/* ---- the process that has started this one */

static sem_t told;

/* Hears each line of the input; ends the process where the input ends. */
static void *listen_to_parent(void *unused)
{
    char line[64];
    (void)unused;
    while (fgets(line, sizeof line, stdin))
        sem_post(&told);
    _exit(1);
}

static void wait_for_parent(void)
{
    while (sem_wait(&told))
        ;
}

/* ---- what it has used */

static double peak_bytes(void)
{
    double kibibytes = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    if (!status)
        refuse("no status of this process");
    while (fgets(line, sizeof line, status) && sscanf(line, "VmHWM: %lf kB", &kibibytes) != 1)
        ;
    fclose(status);
    return kibibytes * 1024;
}

static void say_usage(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double user = usage.ru_utime.tv_sec + usage.ru_utime.tv_usec / 1e6;
    double system = usage.ru_stime.tv_sec + usage.ru_stime.tv_usec / 1e6;
    printf("usage %.9f %.0f\n", user + system, peak_bytes());
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* ---- sockets and messages */

static void *open_socket(int type)
{
    void *socket = zmq_socket(context, type);
    if (!socket)
        fail("zmq_socket");
    return socket;
}

static void *bound(int type, const char *endpoint, char *got, size_t room)
{
    void *socket = open_socket(type);
    if (zmq_bind(socket, endpoint))
        fail(endpoint);
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, got, &room))
        fail("ZMQ_LAST_ENDPOINT");
    return socket;
}

static void *connected(int type, const char *endpoint)
{
    void *socket = open_socket(type);
    if (zmq_connect(socket, endpoint))
        fail(endpoint);
    return socket;
}

static unsigned char *buffer(unsigned char first)
{
    unsigned char *data = calloc(1, size);
    if (!data)
        refuse("no memory");
    data[0] = first;
    data[size - 1] = LAST;
    return data;
}

static void send_one(void *socket, const unsigned char *data)
{
    if (zmq_send(socket, data, size, 0) != (int)size)
        fail("zmq_send");
}

/* Receives one message, looks at both of its ends, and says what it begins with. */
static unsigned char recv_one(void *socket, unsigned char *data)
{
    if (zmq_recv(socket, data, size, 0) != (int)size)
        fail("zmq_recv");
    if (data[size - 1] != LAST)
        refuse("a message arrived changed");
    return data[0];
}

static void close_socket(void *socket)
{
    if (zmq_close(socket))
        fail("zmq_close");
}

/* ---- PUSH to PULL */

static void *send_all(void *push)
{
    unsigned char *data = buffer(FIRST);
    for (unsigned long sent = 0; sent < count; sent++)
        send_one(push, data);
    free(data);
    return NULL;
}

static void receive_all(void *pull)
{
    unsigned char *data = buffer(0);
    unsigned long strange = recv_one(pull, data) != FIRST;
    double first = now();
    for (unsigned long received = 1; received < count; received++)
        strange += recv_one(pull, data) != FIRST;
    double last = now();
    if (strange)
        refuse("messages arrived changed");
    printf("took %.9f\n", last - first);
    free(data);
}

static void throughput(const char *role, const char *endpoint)
{
    char got[256];
    if (!strcmp(role, "sender")) {
        void *push = connected(ZMQ_PUSH, endpoint);
        send_all(push);
        puts("sent");
        wait_for_parent();
        close_socket(push);
    } else if (!strcmp(role, "receiver")) {
        void *pull = bound(ZMQ_PULL, endpoint, got, sizeof got);
        printf("at %s\n", got);
        receive_all(pull);
        close_socket(pull);
    } else if (!strcmp(role, "both")) {
        pthread_t sending;
        void *pull = bound(ZMQ_PULL, endpoint, got, sizeof got);
        void *push = connected(ZMQ_PUSH, got);
        if (pthread_create(&sending, NULL, send_all, push))
            refuse("no thread");
        receive_all(pull);
        pthread_join(sending, NULL);
        close_socket(push);
        close_socket(pull);
    } else {
        refuse("no such role");
    }
}

/* ---- REQ to REP and back */

static void *answer_all(void *rep)
{
    unsigned char *reply = buffer(FIRST), *data = buffer(0), first;
    do {
        first = recv_one(rep, data);
        if (first != FIRST && first != END)
            refuse("a request arrived changed");
        send_one(rep, reply);
    } while (first != END);
    free(reply);
    free(data);
    return NULL;
}

static void trip(void *req, const unsigned char *question, unsigned char *reply)
{
    send_one(req, question);
    if (recv_one(req, reply) != FIRST)
        refuse("a reply arrived changed");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The one that this part of them does not exceed, of half round trips in microseconds. */
static double quantile(const double *sorted, unsigned long percent)
{
    unsigned long rank = (count * percent + 99) / 100;
    return sorted[rank < 1 ? 0 : rank - 1] * 1e6 / 2;
}

static void ask_all(void *req)
{
    unsigned char *question = buffer(FIRST), *end = buffer(END), *reply = buffer(0);
    double *trips = malloc(count * sizeof *trips);
    if (!trips)
        refuse("no memory");
    for (int n = 0; n < WARM_UP; n++)
        trip(req, question, reply);
    double start = now(), before = start;
    for (unsigned long n = 0; n < count; n++) {
        trip(req, question, reply);
        double after = now();
        trips[n] = after - before;
        before = after;
    }
    trip(req, end, reply);
    qsort(trips, count, sizeof *trips, by_size);
    printf("took %.9f\n", before - start);
    printf("quantiles %.6f %.6f\n", quantile(trips, 50), quantile(trips, 99));
    free(trips);
    free(question);
    free(end);
    free(reply);
}

static void latency(const char *role, const char *endpoint)
{
    char got[256];
    if (!strcmp(role, "asker")) {
        void *req = connected(ZMQ_REQ, endpoint);
        ask_all(req);
        close_socket(req);
    } else if (!strcmp(role, "answerer")) {
        void *rep = bound(ZMQ_REP, endpoint, got, sizeof got);
        printf("at %s\n", got);
        answer_all(rep);
        wait_for_parent();
        close_socket(rep);
    } else if (!strcmp(role, "both")) {
        pthread_t answering;
        void *rep = bound(ZMQ_REP, endpoint, got, sizeof got);
        void *req = connected(ZMQ_REQ, got);
        if (pthread_create(&answering, NULL, answer_all, rep))
            refuse("no thread");
        ask_all(req);
        pthread_join(answering, NULL);
        close_socket(req);
        close_socket(rep);
    } else {
        refuse("no such role");
    }
}

/* ---- */

static int say_library(void)
{
    Dl_info info;
    char path[4096];
    if (!dladdr((void *)(uintptr_t)zmq_ctx_new, &info) || !realpath(info.dli_fname, path))
        refuse("the library is not known");
    puts(path);
    return 0;
}

static void pin_to(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores))
        refuse("not to be pinned");
}

int main(int number, char **arguments)
{
    pthread_t listening;
    if (number == 2 && !strcmp(arguments[1], "--library"))
        return say_library();
    if (number < 7 || strcmp(arguments[1], "--worker"))
        refuse("not a task");
    for (int n = 7; n < number; n++) {
        unsigned long value;
        if (sscanf(arguments[n], "size=%lu", &value) == 1)
            size = value;
        else if (sscanf(arguments[n], "count=%lu", &value) == 1)
            count = value;
        else
            refuse("what is it told?");
    }
    if (!size || !count)
        refuse("not told the size and the count");
    /* Before any thread starts, which inherits it. */
    if (strcmp(arguments[5], "-"))
        pin_to(atoi(arguments[5]));
    setvbuf(stdout, NULL, _IOLBF, 0);
    sem_init(&told, 0, 0);
    if (pthread_create(&listening, NULL, listen_to_parent, NULL))
        refuse("no thread");
    context = zmq_ctx_new();
    if (!context)
        fail("zmq_ctx_new");
    if (!strcmp(arguments[2], "throughput"))
        throughput(arguments[3], arguments[6]);
    else if (!strcmp(arguments[2], "latency"))
        latency(arguments[3], arguments[6]);
    else
        refuse("no such family");
    if (zmq_ctx_term(context))
        fail("zmq_ctx_term");
    say_usage();
    fflush(stdout);
    /* The thread that listens has nothing to hear any more. */
    _exit(0);
}
