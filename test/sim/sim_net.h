/* sim_net.h - a network and a clock in memory, behind struct sys: nodes of one process talk to each other,
 * time passes only when nobody has anything to do, and one seed gives one history.
 *
 * Files stay real: what a host does with them goes on to the calls below it. Sockets, look-ups, clocks and
 * random numbers are the network's own. Memory is malloc's; what cannot be ends the program with a message.
 */
#ifndef PICKET_SIM_NET_H
#define PICKET_SIM_NET_H

#include "net/loop.h"

#define SIM_HOSTS 80
#define SIM_SOCKS 2048
#define SIM_NAMES 4
#define SIM_REAL_FDS 1024

/* Who hears of a cut: the other side is left with a connection on which nothing will ever come. */
enum sim_cut { SIM_CUT_BOTH, SIM_CUT_OPENER, SIM_CUT_ACCEPTER };

/* The way a host reaches others: every connection that it opens goes along it. */
struct sim_line {
    uint64_t latency_ns;
    uint64_t bytes_per_s;       /* each way; 0: no limit */
    uint32_t piece, read_piece; /* bytes of one packet and of one recv at most; 0: no limit */
    bool random_pieces;         /* ... each time a random number from 1 to that */
    uint32_t room;              /* bytes under way or unread, each way, before send says -EAGAIN */
    bool refuse;                /* connections are refused */
    bool hole;                  /* nothing arrives, of any kind, until this ends */
    uint64_t delivered, cut_at; /* packets so far; after which of them to cut (0: never) */
    enum sim_cut cut_how;
    uint64_t busy_ns[2]; /* when what was sent up or down has left */
};

struct sim_net;

/* Something that has an address: a node, or a test that speaks by itself. */
struct sim_host {
    struct sim_net *net;
    struct sys under; /* for files */
    struct sim_line line;
    char address[16];
    uint8_t index;
    int64_t wall_shift_ns;           /* of this host's wall clock */
    uint64_t random;                 /* state of its random numbers */
    uint32_t uid;                    /* of its programs, as local sockets tell it */
    uint8_t real[SIM_REAL_FDS];      /* is this descriptor open? */
    uint32_t real_count, sock_count; /* real descriptors and sockets open now */
    uint64_t received, sent;         /* bytes of sockets */
    uint64_t flushes;                /* fsync and syncfs: counted, not done */
};

struct sim_packet;

enum sim_kind { SIM_FREE, SIM_LISTENING, SIM_CONNECTING, SIM_STREAM, SIM_NAME };

struct sim_sock {
    uint8_t kind; /* enum sim_kind */
    bool opener;  /* this side called connect */
    bool waiting; /* to be accepted */
    bool lost;    /* the other side went without a word */
    bool failed;  /* reset, or the connection was refused: so_error */
    bool ended;   /* the other side's end has arrived */
    uint8_t host, line;
    int peer;  /* sock, -1: gone */
    int where; /* the listening sock of one that is waiting; of a name: its number */
    int so_error;
    uint16_t port;
    char path[108];  /* of a local socket */
    uint64_t due_ns; /* SIM_CONNECTING, SIM_NAME: when it is decided */
    uint64_t serial; /* in the order of being made */
    struct sim_packet *first, *last;
    uint64_t queued; /* bytes under way to here, and unread */
    size_t name_at;
};

/* What a host name stands for. */
struct sim_name {
    char name[64];
    char address[4][16];
    uint8_t count; /* 0: not known */
    uint64_t takes_ns;
};

struct sim_net {
    uint64_t now_ns; /* monotonic */
    int64_t wall_ns; /* at monotonic 0 */
    uint64_t serial;
    uint64_t connections; /* ever made */
    struct sim_host host[SIM_HOSTS];
    uint32_t host_count;
    struct sim_sock sock[SIM_SOCKS];
    int sock_top;
    struct sim_name name[SIM_NAMES];
};

/* wall_ns: the wall clock at the beginning. */
void sim_net_init(struct sim_net *net, int64_t wall_ns);
void sim_net_fini(struct sim_net *net);

/* A host of this address ("10.0.0.7"); sys: becomes its table. */
struct sim_host *sim_host_add(struct sim_net *net, const char *address, uint64_t seed, struct sys *sys);

/* Is there anything for poll to tell of this descriptor? */
short sim_net_events(struct sim_net *net, int fd, short asked);
/* Lets everything happen that is due now; false: there was nothing. */
bool sim_net_deliver(struct sim_net *net);
/* When something will happen next, UINT64_MAX: never by itself. */
uint64_t sim_net_next(const struct sim_net *net);

/* Has a loop whose descriptors are this network's anything to do now? */
bool sim_loop_has_work(struct sim_net *net, const struct loop *l);
/* When its next timer is due, UINT64_MAX: none is set. */
uint64_t sim_loop_next(const struct loop *l);

/* Cuts every connection that goes along the line of h, now. */
void sim_net_cut(struct sim_net *net, struct sim_host *h, enum sim_cut how);
/* The host is switched off: its descriptors are gone, the others hear of it (its kernel says so) or not. */
void sim_host_drop(struct sim_host *h, bool silent);

/* ---- between sim_net.c and sim_host.c ---- */
void sim_net_table(struct sys *sys); /* the calls of sockets */
bool sim_is_sock(int fd);
void sim_sock_close(struct sim_host *h, int fd);
void sim_socks_drop(struct sim_host *h, bool silent);
void sim_bug(const char *what) __attribute__((noreturn));
uint64_t sim_random(uint64_t *state);

#endif
