/* ask.c - a program that asks a node on its local socket, one question after the other, and times the
 * answers; any node, so that two of them are measured with the same ruler. Frames are picket's own
 * (wire/frame).
 *
 *   ask SOCKET COMMAND COUNT HOW PAUSE EXPECT < payload
 *
 * HOW: new (a connection for each, as real programs do) or one (all over one connection). PAUSE: microseconds
 * between two questions. Each answer must have EXPECT in its first 64 KiB. Six '#' in the payload become the
 * number of the question. SIGTERM ends it early.
 *
 * The answer's bytes and the longest that a pause took too long (the machine's own lateness, microseconds)
 * are the first line; then a line for each answer, microseconds from connecting (or asking) to its last byte.
 */
#include "wire/frame.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 1000000u
#define PAYLOAD_MAX (64u << 10)
#define HEAD_MAX (64u << 10)
#define TIMEOUT_S 60
#define OWN_COUNTER 0x20000000u /* of our questions; the node's requests have counters of its own */

/* What is kept of an answer. */
struct answer {
    char head[HEAD_MAX + 1];
    size_t kept, bytes;
};

static volatile sig_atomic_t stopped;
static float spent_us[COUNT_MAX];
static char payload[PAYLOAD_MAX + 1];
static struct answer answer;

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what) {
    fprintf(stderr, "ask: %s; the answer so far: %.600s\n", what, answer.head);
    exit(1);
}

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static int connected(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    if (strlen(path) >= sizeof to.sun_path)
        die("the socket's path is too long");
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("nobody at the socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void give(int fd, uint32_t counter, const char *command, const char *bytes, size_t n) {
    static uint8_t packet[FRAME_HEADER_BYTES + PAYLOAD_MAX];
    frame_header_write(packet, counter, (uint32_t)n, command, false);
    memcpy(packet + FRAME_HEADER_BYTES, bytes, n);
    if (send(fd, packet, FRAME_HEADER_BYTES + n, MSG_NOSIGNAL) != (ssize_t)(FRAME_HEADER_BYTES + n))
        die("the node does not take the request");
}

static void take(int fd, void *to, size_t n) {
    for (size_t have = 0; have < n;) {
        ssize_t got = recv(fd, (char *)to + have, n - have, 0);
        if (got < 0 && errno == EINTR) /* SIGTERM: this answer is still waited for */
            continue;
        if (got <= 0)
            die("the node closed the connection, or says nothing");
        have += (size_t)got;
    }
}

/* n payload bytes go to the answer's end. */
static void keep(int fd, size_t n) {
    static char rest[64 << 10];
    size_t first = n < HEAD_MAX - answer.kept ? n : HEAD_MAX - answer.kept;
    take(fd, answer.head + answer.kept, first);
    answer.kept += first;
    answer.head[answer.kept] = 0;
    answer.bytes += n;
    for (n -= first; n > 0;) {
        size_t some = n < sizeof rest ? n : sizeof rest;
        take(fd, rest, some);
        n -= some;
    }
}

/* The id before the blank of a str_upd. */
static void skip_id(int fd, size_t *n) {
    for (char c = 0; c != ' '; (*n)--) {
        if (*n == 0)
            die("a piece of a string without its id");
        take(fd, &c, 1);
    }
}

static void forget(void) {
    answer.kept = answer.bytes = 0;
    answer.head[0] = 0;
}

/* Reads frames until the answer to question `counter` is complete. Requests of the node's bring it when the
 * reply only says that it will come: a string in pieces and a word that it is whole, or a short text. */
static void whole(int fd, uint32_t counter) {
    uint8_t raw[FRAME_HEADER_BYTES];
    for (;;) {
        struct frame_dec frame;
        struct frame_event event;
        take(fd, raw, sizeof raw);
        frame_dec_init(&frame);
        frame_dec_push(&frame, raw, sizeof raw, &event);
        if (event.kind != FRAME_HEADER)
            die("not a frame");
        const struct frame_header *h = &frame.header;
        size_t n = h->length;
        if (!strcmp(h->command, "str_upd")) {
            skip_id(fd, &n);
            keep(fd, n);
            give(fd, h->counter, "ok", "String updated", 14);
            continue;
        }
        bool is_string = !strcmp(h->command, "dapi_res");
        if (!is_string)
            forget();
        static char id[256];
        if (is_string)
            take(fd, id, n < sizeof id ? n : sizeof id);
        else
            keep(fd, n);
        if (h->counter == counter) {
            if (!strcmp(h->command, "err"))
                die("refused");
            if (strncmp(answer.head, "Added request", 13) && strncmp(answer.head, "Request forwarded", 17) &&
                strncmp(answer.head, "Sent request", 12))
                return;
        } else if (!strcmp(h->command, "new_str")) {
            forget();
            give(fd, h->counter, "ok", "1", 1);
        } else {
            give(fd, h->counter, "ok", "Response received", 17);
            if (!strcmp(h->command, "dapi_err") || !strcmp(h->command, "err"))
                die("an error");
            return;
        }
    }
}

static double pause_for(double us) {
    struct timespec t = {.tv_sec = (time_t)(us / 1e6), .tv_nsec = (long)us % 1000000 * 1000};
    double start = now_us();
    nanosleep(&t, NULL);
    return now_us() - start - us;
}

static void put_number(char *at, size_t number) {
    for (int i = 5; at && i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
}

int main(int argc, char **argv) {
    if (argc != 7)
        die("SOCKET COMMAND COUNT HOW PAUSE EXPECT");
    size_t count = strtoul(argv[3], NULL, 10), done = 0;
    double pause = strtod(argv[5], NULL), latest = 0;
    bool one = !strcmp(argv[4], "one");
    if (count < 1 || count > COUNT_MAX)
        die("COUNT is at most a million");
    size_t n = fread(payload, 1, PAYLOAD_MAX, stdin);
    char *number = strstr(payload, "######");
    signal(SIGTERM, stop);
    int fd = one ? connected(argv[1]) : -1;
    for (; done < count && !stopped; done++) {
        put_number(number, done);
        uint32_t counter = OWN_COUNTER + (uint32_t)done;
        double start = now_us();
        if (!one)
            fd = connected(argv[1]);
        give(fd, counter, argv[2], payload, n);
        whole(fd, counter);
        spent_us[done] = (float)(now_us() - start);
        if (!strstr(answer.head, argv[6]))
            die("another answer than was expected");
        if (!one)
            close(fd);
        double late = pause > 0 && !stopped ? pause_for(pause) : 0;
        latest = late > latest ? late : latest;
    }
    printf("%zu %.1f\n", answer.bytes, latest);
    for (size_t i = 0; i < done; i++)
        printf("%.1f\n", (double)spent_us[i]);
    return 0;
}
