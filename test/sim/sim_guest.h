/* sim_guest.h - a connection of the test's own on the simulated network: it speaks the protocol by hand, well
 * or badly, to a node that takes it for a worker, a master, a local program or a stranger. Needs no harness.
 */
#ifndef PICKET_SIM_GUEST_H
#define PICKET_SIM_GUEST_H

#include "crypto/sha256.h"
#include "test/sim/sim_net.h"
#include "wire/fernet.h"
#include "wire/frame.h"

struct sim_guest {
    struct sys sys;
    struct sim_host *host;
    struct fernet_key key;
    bool plain;       /* no Fernet: the local socket */
    int fd, door;     /* connection, listening socket; -1: none */
    uint32_t counter; /* of its next request */
    uint8_t *in;      /* received bytes that no guest_hear has taken */
    size_t in_n, in_cap;
    bool closed; /* the other side closed or the connection broke */
};

struct sim_heard {
    uint32_t counter, length;
    char command[COMMAND_BYTES + 1]; /* without its padding */
    uint8_t bytes[1u << 16];         /* clear payload, cut, with a NUL after it */
    size_t n;
    bool genuine; /* its token verified */
};

/* key: 32 characters. */
void guest_init(struct sim_guest *g, struct sim_net *net, const char *address, const char *key,
                uint64_t seed);
void guest_fini(struct sim_guest *g);

void guest_connect(struct sim_guest *g, const char *address, uint16_t port);
void guest_connect_local(struct sim_guest *g, const char *path);
void guest_listen(struct sim_guest *g, uint16_t port);
bool guest_accept(struct sim_guest *g); /* takes the next one that waits */
void guest_close(struct sim_guest *g);

/* Sends as they are; false when the connection is gone or full. */
bool guest_send(struct sim_guest *g, const void *bytes, size_t n);
/* A whole message in one frame; returns its counter. */
uint32_t guest_ask(struct sim_guest *g, const char *command, const void *payload, size_t n);
uint32_t guest_ask_text(struct sim_guest *g, const char *command, const char *text);
bool guest_say(struct sim_guest *g, uint32_t counter, const char *command, const void *payload, size_t n);
/* Reads what has come, then the next whole frame of it; false: there is none. */
bool guest_hear(struct sim_guest *g, struct sim_heard *h);

/* A frame in memory: header and token (or clear bytes, key NULL); returns its length. out: n / 3 * 4 + 200.
 */
size_t guest_frame(uint8_t *out, const struct fernet_key *key, uint32_t counter, const char *command,
                   bool divided, const void *payload, size_t n);

/* Appends a member of a package (reference, section 5.2), stored and not deflated, to *out (realloc'd, *n
 * bytes so far). */
void guest_member(uint8_t **out, size_t *n, const char *path, const void *bytes, size_t count);

#endif
