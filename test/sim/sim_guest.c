/* sim_guest.c - see sim_guest.h. */
#include "test/sim/sim_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void guest_init(struct sim_guest *g, struct sim_net *net, const char *address, const char *key,
                uint64_t seed) {
    memset(g, 0, sizeof *g);
    g->host = sim_host_add(net, address, seed, &g->sys);
    fernet_key_init(&g->key, key);
    g->fd = g->door = -1;
    g->counter = 1000;
}

void guest_close(struct sim_guest *g) {
    if (g->fd >= 0)
        g->sys.close(&g->sys, g->fd);
    g->fd = -1;
    g->in_n = 0;
    g->closed = false;
}

void guest_fini(struct sim_guest *g) {
    guest_close(g);
    if (g->door >= 0)
        g->sys.close(&g->sys, g->door);
    g->door = -1;
    free(g->in);
    g->in = NULL;
}

/* ---- coming together ---- */

void guest_connect(struct sim_guest *g, const char *address, uint16_t port) {
    struct sys_addr a;
    guest_close(g);
    sys_addr_parse(&a, address, port);
    g->sys.connect(&g->sys, &a, &g->fd);
}

void guest_connect_local(struct sim_guest *g, const char *path) {
    struct sys_addr a;
    guest_close(g);
    sys_addr_unix(&a, path);
    g->closed = g->sys.connect(&g->sys, &a, &g->fd) < 0;
    g->plain = true;
}

void guest_listen(struct sim_guest *g, uint16_t port) {
    struct sys_addr a;
    sys_addr_parse(&a, g->host->address, port);
    g->door = g->sys.listen(&g->sys, &a, 16);
}

bool guest_accept(struct sim_guest *g) {
    guest_close(g);
    g->fd = g->sys.accept(&g->sys, g->door, NULL);
    return g->fd >= 0;
}

/* ---- speaking ---- */

size_t guest_frame(uint8_t *out, const struct fernet_key *key, uint32_t counter, const char *command,
                   bool divided, const void *payload, size_t n) {
    static const uint8_t iv[16] = "not very random";
    size_t len = n;
    if (key) {
        struct fernet_enc f;
        char *at = (char *)out + FRAME_HEADER_BYTES;
        len = fernet_enc_start(&f, key, 1700000000, iv, at);
        len += fernet_enc_push(&f, payload, n, at + len);
        len += fernet_enc_finish(&f, at + len);
    } else if (n) {
        memcpy(out + FRAME_HEADER_BYTES, payload, n);
    }
    frame_header_write(out, counter, (uint32_t)len, command, divided);
    return FRAME_HEADER_BYTES + len;
}

bool guest_send(struct sim_guest *g, const void *bytes, size_t n) {
    return g->fd >= 0 && g->sys.send(&g->sys, g->fd, bytes, n) == (ptrdiff_t)n;
}

bool guest_say(struct sim_guest *g, uint32_t counter, const char *command, const void *payload, size_t n) {
    uint8_t *frame = malloc(n / 3 * 4 + 200);
    if (!frame)
        abort();
    size_t len = guest_frame(frame, g->plain ? NULL : &g->key, counter, command, false, payload, n);
    bool sent = guest_send(g, frame, len);
    free(frame);
    return sent;
}

uint32_t guest_ask(struct sim_guest *g, const char *command, const void *payload, size_t n) {
    guest_say(g, g->counter, command, payload, n);
    return g->counter++;
}

uint32_t guest_ask_text(struct sim_guest *g, const char *command, const char *text) {
    return guest_ask(g, command, text, strlen(text));
}

/* ---- hearing ---- */

static void take_in(struct sim_guest *g) {
    for (;;) {
        if (g->in_cap - g->in_n < 65536) {
            g->in_cap = g->in_cap * 2 + 65536;
            g->in = realloc(g->in, g->in_cap);
            if (!g->in)
                abort();
        }
        ptrdiff_t n = g->sys.recv(&g->sys, g->fd, g->in + g->in_n, g->in_cap - g->in_n);
        if (n <= 0) {
            g->closed = n != -EAGAIN;
            return;
        }
        g->in_n += (size_t)n;
    }
}

static void decrypt(const struct sim_guest *g, const uint8_t *token, size_t n, struct sim_heard *h) {
    struct fernet_dec d;
    struct unverified u;
    uint8_t *work = malloc(FERNET_DEC_ROOM(n)), last[16];
    size_t last_n;
    if (!work)
        abort();
    fernet_dec_init(&d, &g->key);
    fernet_dec_push(&d, (const char *)token, n, work, &u);
    h->n = u.n < sizeof h->bytes - 17 ? u.n : sizeof h->bytes - 17;
    if (h->n)
        memcpy(h->bytes, u.bytes, h->n);
    h->genuine = fernet_dec_finish(&d, last, &last_n, NULL) == E_OK;
    if (h->genuine && h->n == u.n) {
        memcpy(h->bytes + h->n, last, last_n);
        h->n += last_n;
    }
    free(work);
}

static uint32_t be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

bool guest_hear(struct sim_guest *g, struct sim_heard *h) {
    if (g->fd >= 0 && !g->closed)
        take_in(g);
    if (g->in_n < FRAME_HEADER_BYTES)
        return false;
    *h = (struct sim_heard){.counter = be32(g->in), .length = be32(g->in + 4)};
    size_t all = FRAME_HEADER_BYTES + (size_t)h->length;
    if (g->in_n < all)
        return false;
    memcpy(h->command, g->in + 8, COMMAND_BYTES);
    h->command[strcspn(h->command, " ")] = '\0';
    if (g->plain) {
        h->n = h->length < sizeof h->bytes - 1 ? h->length : sizeof h->bytes - 1;
        memcpy(h->bytes, g->in + FRAME_HEADER_BYTES, h->n);
        h->genuine = true;
    } else {
        decrypt(g, g->in + FRAME_HEADER_BYTES, h->length, h);
    }
    h->bytes[h->n] = '\0';
    memmove(g->in, g->in + all, g->in_n - all);
    g->in_n -= all;
    return true;
}

/* ---- packages ---- */

static void append(uint8_t **out, size_t *n, const void *bytes, size_t count) {
    *out = realloc(*out, *n + count + 1);
    if (!*out)
        abort();
    if (count)
        memcpy(*out + *n, bytes, count);
    *n += count;
}

void guest_member(uint8_t **out, size_t *n, const char *path, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    uint32_t a = 1, b = 0;
    if (*n)
        append(out, n, "|@@//@@|", 8);
    append(out, n, path, strlen(path));
    append(out, n, "|//@@//|", 8);
    append(out, n, "\x78\x01", 2);
    for (size_t left = count;;) { /* stored blocks: RFC 1951, 3.2.4 */
        size_t k = left < 60000 ? left : 60000;
        uint8_t head[5] = {k == left, (uint8_t)k, (uint8_t)(k >> 8), (uint8_t)~k, (uint8_t)(~k >> 8)};
        append(out, n, head, sizeof head);
        append(out, n, at + (count - left), k);
        left -= k;
        if (!left)
            break;
    }
    for (size_t i = 0; i < count; i++) { /* Adler-32 */
        a = (a + at[i]) % 65521u;
        b = (b + a) % 65521u;
    }
    uint8_t sum[4] = {(uint8_t)(b >> 8), (uint8_t)b, (uint8_t)(a >> 8), (uint8_t)a};
    append(out, n, sum, sizeof sum);
}
