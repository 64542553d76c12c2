/* echo.c - a client that says hello and then asks a master for echoes, one after the other; any master, so
 * that two of them are measured with the same ruler. Tokens and frames are picket's own (wire/fernet,
 * wire/frame).
 *
 *   echo PORT KEY HELLO BYTES COUNT
 *
 * Prints the median, the 95th percentile and the shortest round trip in microseconds. */
#include "wire/fernet.h"
#include "wire/frame.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLEAR_MAX 4096u
#define COUNT_MAX 100000u
#define PACKET_MAX                                                                                           \
    (FRAME_HEADER_BYTES + FERNET_ENC_ROOM(CLEAR_MAX) + FERNET_ENC_HEAD_ROOM + FERNET_ENC_LAST_ROOM)

static struct fernet_key key;
static double spent_us[COUNT_MAX];

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what) {
    fprintf(stderr, "echo: %s\n", what);
    exit(1);
}

static void ask(int fd, uint32_t counter, const char *command, const char *clear, size_t n) {
    static uint8_t packet[PACKET_MAX];
    static uint8_t iv[16];
    struct fernet_enc f;
    char *token = (char *)packet + FRAME_HEADER_BYTES;
    iv[0]++;
    size_t length = fernet_enc_start(&f, &key, (uint64_t)time(NULL), iv, token);
    length += fernet_enc_push(&f, (const uint8_t *)clear, n, token + length);
    length += fernet_enc_finish(&f, token + length);
    frame_header_write(packet, counter, (uint32_t)length, command, false);
    if (send(fd, packet, FRAME_HEADER_BYTES + length, 0) != (ssize_t)(FRAME_HEADER_BYTES + length))
        die("the master does not take the request");
}

static void take(int fd, uint8_t *to, size_t n) {
    for (size_t have = 0; have < n;) {
        ssize_t got = recv(fd, to + have, n - have, 0);
        if (got <= 0)
            die("the master closed the connection");
        have += (size_t)got;
    }
}

/* The clear bytes of the reply to counter; requests of the master's own are passed over. */
static size_t reply(int fd, uint32_t counter, char command[COMMAND_BYTES], uint8_t *clear) {
    static uint8_t packet[PACKET_MAX];
    for (;;) {
        struct frame_dec frame;
        struct frame_event event;
        struct fernet_dec f;
        struct unverified u;
        uint8_t last[16];
        size_t last_n;
        take(fd, packet, FRAME_HEADER_BYTES);
        frame_dec_init(&frame);
        frame_dec_push(&frame, packet, FRAME_HEADER_BYTES, &event);
        if (event.kind != FRAME_HEADER || frame.header.length > PACKET_MAX)
            die("the master's reply is not a frame");
        take(fd, packet, frame.header.length);
        if (frame.header.counter != counter)
            continue;
        fernet_dec_init(&f, &key);
        fernet_dec_push(&f, (const char *)packet, frame.header.length, clear, &u);
        if (fernet_dec_finish(&f, last, &last_n, NULL) != E_OK)
            die("the master's reply is not under this key");
        memmove(clear, u.bytes, u.n);
        memcpy(clear + u.n, last, last_n);
        memcpy(command, frame.header.command, COMMAND_BYTES);
        return u.n + last_n;
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static uint8_t clear[FERNET_DEC_ROOM(PACKET_MAX)];
    static char data[CLEAR_MAX];
    char command[COMMAND_BYTES];
    int one = 1;
    if (argc != 6 || strlen(argv[2]) != 32)
        die("PORT KEY HELLO BYTES COUNT");
    size_t bytes = strtoul(argv[4], NULL, 10), count = strtoul(argv[5], NULL, 10);
    if (bytes > CLEAR_MAX || count < 20 || count > COUNT_MAX)
        die("BYTES is at most 4096, COUNT 20 to 100000");
    fernet_key_init(&key, argv[2]);
    memset(data, 'a', bytes);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("no master there");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    uint32_t counter = 0x40000000u;
    ask(fd, counter, "hello", argv[3], strlen(argv[3]));
    reply(fd, counter, command, clear);
    if (strcmp(command, "ok") != 0)
        die("the master refused hello");
    size_t warm = 10;
    for (size_t i = 0; i < warm + count; i++) {
        double start = now_us();
        ask(fd, ++counter, "echo", data, bytes);
        size_t n = reply(fd, counter, command, clear);
        if (i >= warm)
            spent_us[i - warm] = now_us() - start;
        if (strcmp(command, "ok") != 0 || n != bytes || memcmp(clear, data, bytes) != 0)
            die("another answer than what was sent");
    }
    close(fd);
    qsort(spent_us, count, sizeof *spent_us, by_size);
    printf("%.1f %.1f %.1f\n", spent_us[count / 2], spent_us[count * 95 / 100], spent_us[0]);
    return 0;
}
