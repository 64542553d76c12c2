/* sim_host.c - what a simulated host has beside its sockets: real files, the clocks of the network, random
 * numbers from its seed; see sim_net.h. */
#include "test/sim/sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_BYTES (256u << 10)
#define LATENCY_NS 1000000u

void sim_bug(const char *what) {
    fprintf(stderr, "simulator: %s\n", what);
    abort();
}

uint64_t sim_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct sim_host *of(struct sys *s) {
    return s->arg;
}

/* ---- clocks and random numbers ---- */

static uint64_t host_mono(struct sys *s) {
    return of(s)->net->now_ns;
}

static int64_t host_wall(struct sys *s) {
    struct sim_host *h = of(s);
    return h->net->wall_ns + (int64_t)h->net->now_ns + h->wall_shift_ns;
}

static int host_random(struct sys *s, void *buf, size_t n) {
    uint8_t *at = buf;
    for (uint64_t word = 0; n > 0; n--, word >>= 8) {
        if (!word)
            word = sim_random(&of(s)->random);
        *at++ = (uint8_t)word;
    }
    return 0;
}

/* ---- the table: files ---- */

static int opened(struct sim_host *h, int fd) {
    if (fd < 0)
        return fd;
    if (fd >= SIM_REAL_FDS)
        sim_bug("more descriptors are open than the simulator counts");
    h->real[fd] = 1;
    h->real_count++;
    return fd;
}

static int host_openat(struct sys *s, int dir, const char *path, int flags, uint32_t mode) {
    struct sim_host *h = of(s);
    return opened(h, h->under.openat(&h->under, dir, path, flags, mode));
}

static int host_open_beneath(struct sys *s, int dir, const char *path, int flags, uint32_t mode) {
    struct sim_host *h = of(s);
    return opened(h, h->under.open_beneath(&h->under, dir, path, flags, mode));
}

static ptrdiff_t host_read(struct sys *s, int fd, void *buf, size_t n) {
    return sim_is_sock(fd) ? s->recv(s, fd, buf, n) : of(s)->under.read(&of(s)->under, fd, buf, n);
}

/* A machine that is only simulated loses no power: nothing is flushed. */
static int host_flush(struct sys *s, int fd) {
    (void)fd;
    of(s)->flushes++;
    return 0;
}

static int host_close(struct sys *s, int fd) {
    struct sim_host *h = of(s);
    if (sim_is_sock(fd)) {
        sim_sock_close(h, fd);
        return 0;
    }
    if (fd < 0 || fd >= SIM_REAL_FDS || !h->real[fd])
        sim_bug("a descriptor is closed that this host has not opened");
    h->real[fd] = 0;
    h->real_count--;
    return h->under.close(&h->under, fd);
}

/* Nor has a program. */
static int host_spawn(struct sys *s, const struct sys_program *p, struct sys_child *c) {
    (void)s;
    (void)p;
    *c = (struct sys_child){-1, -1, -1, -1};
    return -ENOSYS;
}

/* ---- hosts ---- */

/* The rest goes to the real calls, which keep no state in their table. */
struct sim_host *sim_host_add(struct sim_net *net, const char *address, uint64_t seed, struct sys *sys) {
    if (net->host_count == SIM_HOSTS)
        sim_bug("too many hosts");
    struct sim_host *h = &net->host[net->host_count];
    *h = (struct sim_host){.net = net, .index = (uint8_t)net->host_count++, .random = seed};
    h->line = (struct sim_line){.latency_ns = LATENCY_NS, .room = ROOM_BYTES};
    snprintf(h->address, sizeof h->address, "%s", address);
    sys_linux_init(&h->under);
    *sys = h->under;
    sys->drain_start = NULL; /* a child of its own has no place in a history that is to be repeated */
    sys->spawn = host_spawn;
    sys->arg = h;
    sys->mono_ns = host_mono;
    sys->wall_ns = host_wall;
    sys->random = host_random;
    sys->openat = host_openat;
    sys->open_beneath = host_open_beneath;
    sys->close = host_close;
    sys->read = host_read;
    sim_net_table(sys);
    sys->fsync = host_flush;
    sys->syncfs = host_flush;
    return h;
}

void sim_host_drop(struct sim_host *h, bool silent) {
    sim_socks_drop(h, silent);
    for (int fd = 0; fd < SIM_REAL_FDS; fd++)
        if (h->real[fd]) {
            close(fd);
            h->real[fd] = 0;
        }
    h->real_count = 0;
}
