/* role/stranger.h - connections to a master that have not said a good hello (users' document, items 4 to 6).
 *
 * Each costs one small slot for STRANGER_LIFE_MS at the most. When an address has STRANGERS_PER_ADDRESS of
 * them, or the pool is used up, the oldest one goes: whoever speaks at once is heard, whoever sits is not. */
#ifndef PICKET_ROLE_STRANGER_H
#define PICKET_ROLE_STRANGER_H

#include "role/role.h"
#include "wire/greeter.h"

struct strangers;

struct stranger {
    struct stranger *next; /* the younger one */
    struct strangers *all;
    struct loop_io io;
    int fd;
    bool answered; /* refused: waits for the other side to close, hears nothing more */
    bool held;     /* hello is good but for its name, which is being asked after */
    struct sys_addr peer;
    uint64_t until_ms;
    struct greeter greeter;
};

struct strangers {
    struct role_env *env;
    struct pool *pool; /* struct stranger */
    const struct fernet_key *key;
    struct stranger *oldest;
    struct loop_timer timer;
    struct log_brake brake;
    uint64_t seen, refused; /* connections ever; of them, without a good hello */
    /* A hello came: decides, and calls stranger_accept, stranger_refuse or stranger_hold. */
    void (*hello)(void *arg, struct stranger *s, const struct hello *h);
    /* A stranger that was held is gone. */
    void (*gone)(void *arg, struct stranger *s);
    void *arg;
};

void strangers_init(struct strangers *all, struct role_env *env, struct pool *pool,
                    const struct fernet_key *key);
/* Takes over a connection that was accepted. */
void strangers_add(struct strangers *all, int fd, const struct sys_addr *peer);
void strangers_close(struct strangers *all);

/* Gives the connection to the caller: its descriptor is returned, the slot is given back. */
int stranger_accept(struct stranger *s);
/* Answers err and waits for the other side to close. */
void stranger_refuse(struct stranger *s, const struct wazuh_error *why);
/* Keeps it as it is until stranger_accept or stranger_refuse. */
void stranger_hold(struct stranger *s);

#endif
