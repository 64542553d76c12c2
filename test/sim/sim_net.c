/* sim_net.c - sockets as queues of packets that become readable when their time has come; see sim_net.h. */
#include "test/sim/sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_BASE 1000000
#define BACKLOG 256
#define SYN_AGAIN_NS 1000000000u

struct sim_packet {
    struct sim_packet *next;
    uint64_t at_ns;
    bool arrived;
    enum { DATA, END, RESET } kind;
    size_t n, taken;
    uint8_t bytes[];
};

static struct sim_host *of(struct sys *s) {
    return s->arg;
}

/* ---- sockets ---- */

static int sock_take(struct sim_net *net, enum sim_kind kind, uint8_t host) {
    int i = 0;
    while (i < SIM_SOCKS && net->sock[i].kind != SIM_FREE)
        i++;
    if (i == SIM_SOCKS)
        sim_bug("no socket is free");
    struct sim_sock *k = &net->sock[i];
    *k = (struct sim_sock){
        .kind = (uint8_t)kind, .host = host, .peer = -1, .where = -1, .serial = net->serial++};
    if (i >= net->sock_top)
        net->sock_top = i + 1;
    net->host[host].sock_count++;
    return i;
}

static void packets_drop(struct sim_sock *k) {
    while (k->first) {
        struct sim_packet *p = k->first;
        k->first = p->next;
        free(p);
    }
    k->last = NULL;
    k->queued = 0;
}

static void sock_free(struct sim_net *net, int i) {
    struct sim_sock *k = &net->sock[i];
    packets_drop(k);
    net->host[k->host].sock_count--;
    k->kind = SIM_FREE;
    while (net->sock_top > 0 && net->sock[net->sock_top - 1].kind == SIM_FREE)
        net->sock_top--;
}

static int index_of(struct sim_host *h, int fd) {
    int i = fd - FD_BASE;
    if (i < 0 || i >= SIM_SOCKS || h->net->sock[i].kind == SIM_FREE || h->net->sock[i].host != h->index)
        sim_bug("a descriptor that is not open, or another host's");
    return i;
}

static struct sim_sock *need(struct sim_host *h, int fd) {
    return &h->net->sock[index_of(h, fd)];
}

static struct sim_line *line_of(struct sim_net *net, const struct sim_sock *k) {
    return &net->host[k->line].line;
}

static size_t portion(struct sim_net *net, const struct sim_sock *k, size_t n, uint32_t most) {
    struct sim_line *l = line_of(net, k);
    if (!most || n == 0)
        return n;
    size_t take = l->random_pieces ? 1 + (size_t)(sim_random(&net->host[k->line].random) % most) : most;
    return take < n ? take : n;
}

/* ---- packets ---- */

/* Puts a packet on its way to sock `to`; the line's bandwidth and latency say when it comes. */
static void packet_send(struct sim_net *net, int to, int kind, const void *bytes, size_t n) {
    struct sim_sock *k = &net->sock[to];
    struct sim_line *l = line_of(net, k);
    struct sim_packet *p = malloc(sizeof *p + n);
    if (!p)
        sim_bug("no memory");
    uint64_t *busy = &l->busy_ns[k->opener];
    if (*busy < net->now_ns)
        *busy = net->now_ns;
    if (l->bytes_per_s)
        *busy += (uint64_t)n * 1000000000u / l->bytes_per_s;
    *p = (struct sim_packet){.at_ns = *busy + l->latency_ns, .kind = kind, .n = n};
    if (n)
        memcpy(p->bytes, bytes, n);
    if (k->last)
        k->last->next = p;
    else
        k->first = p;
    k->last = p;
    k->queued += n;
}

/* This side's connection is over, at once; reads and writes say so. */
static void sock_fail(struct sim_sock *k, int os) {
    packets_drop(k);
    k->failed = true;
    k->so_error = os;
    k->peer = -1;
}

static void connection_cut(struct sim_net *net, int i, enum sim_cut how) {
    struct sim_sock *a = &net->sock[i], *b = a->peer >= 0 ? &net->sock[a->peer] : NULL;
    struct sim_sock *side[2] = {a, b};
    for (int s = 0; s < 2; s++) {
        struct sim_sock *k = side[s];
        if (!k)
            continue;
        bool hears = how == SIM_CUT_BOTH || (how == SIM_CUT_OPENER) == k->opener;
        if (hears) {
            sock_fail(k, ECONNRESET);
        } else {
            packets_drop(k);
            k->peer = -1;
            k->lost = true;
        }
    }
}

void sim_net_cut(struct sim_net *net, struct sim_host *h, enum sim_cut how) {
    for (int i = 0; i < net->sock_top; i++) {
        struct sim_sock *k = &net->sock[i];
        if (k->kind == SIM_STREAM && k->line == h->index && !k->failed && !k->lost)
            connection_cut(net, i, how);
    }
}

static void packet_arrives(struct sim_net *net, int i, struct sim_packet *p) {
    struct sim_sock *k = &net->sock[i];
    struct sim_line *l = line_of(net, k);
    p->arrived = true;
    l->delivered++;
    if (p->kind == RESET)
        sock_fail(k, ECONNRESET);
    if (l->cut_at && l->delivered == l->cut_at)
        sim_net_cut(net, &net->host[k->line], l->cut_how);
}

static struct sim_packet *next_under_way(const struct sim_sock *k) {
    struct sim_packet *p = k->first;
    while (p && p->arrived)
        p = p->next;
    return p;
}

/* ---- connections ---- */

static int listener_find(struct sim_net *net, const char *address, uint16_t port, const char *path) {
    for (int i = 0; i < net->sock_top; i++) {
        struct sim_sock *k = &net->sock[i];
        if (k->kind != SIM_LISTENING)
            continue;
        if (path ? strcmp(k->path, path) == 0
                 : !k->path[0] && k->port == port && strcmp(net->host[k->host].address, address) == 0)
            return i;
    }
    return -1;
}

static int backlog_of(const struct sim_net *net, int listener) {
    int n = 0;
    for (int i = 0; i < net->sock_top; i++)
        n += net->sock[i].kind == SIM_STREAM && net->sock[i].waiting && net->sock[i].where == listener;
    return n;
}

/* The connection is made, or refused, or tried again. path holds the address while it is under way. */
static void connect_decide(struct sim_net *net, int i) {
    struct sim_sock *k = &net->sock[i];
    bool local = k->path[0] == '/';
    int listener = listener_find(net, k->path, k->port, local ? k->path : NULL);
    if (listener < 0 || (!local && line_of(net, k)->refuse)) {
        k->kind = SIM_STREAM;
        sock_fail(k, ECONNREFUSED);
        return;
    }
    if (backlog_of(net, listener) >= BACKLOG) {
        k->due_ns = net->now_ns + SYN_AGAIN_NS;
        return;
    }
    int j = sock_take(net, SIM_STREAM, net->sock[listener].host);
    net->sock[j].waiting = true;
    net->sock[j].where = listener;
    net->sock[j].line = k->line;
    net->sock[j].peer = i;
    k->kind = SIM_STREAM;
    k->peer = j;
    net->connections++;
}

/* ---- what happens by itself ---- */

static bool holds(struct sim_net *net, const struct sim_sock *k) {
    return k->kind != SIM_NAME && line_of(net, k)->hole;
}

/* The earliest thing that may happen now: sock index, or -1; its time in *at. */
static int earliest(struct sim_net *net, uint64_t *at) {
    int first = -1;
    *at = UINT64_MAX;
    for (int i = 0; i < net->sock_top; i++) {
        struct sim_sock *k = &net->sock[i];
        uint64_t due = UINT64_MAX;
        if (k->kind == SIM_FREE || holds(net, k))
            continue;
        if (k->kind == SIM_CONNECTING || (k->kind == SIM_NAME && k->due_ns > net->now_ns))
            due = k->due_ns;
        else if (k->kind == SIM_STREAM && next_under_way(k))
            due = next_under_way(k)->at_ns;
        if (due < *at || (due == *at && first >= 0 && k->serial < net->sock[first].serial)) {
            *at = due;
            first = due == UINT64_MAX ? -1 : i;
        }
    }
    return first;
}

bool sim_net_deliver(struct sim_net *net) {
    uint64_t at;
    bool any = false;
    for (int i; (i = earliest(net, &at)) >= 0 && at <= net->now_ns;) {
        struct sim_sock *k = &net->sock[i];
        any = true;
        if (k->kind == SIM_CONNECTING)
            connect_decide(net, i);
        else
            packet_arrives(net, i, next_under_way(k));
    }
    return any;
}

uint64_t sim_net_next(const struct sim_net *net) {
    uint64_t at;
    earliest((struct sim_net *)net, &at);
    return at;
}

bool sim_loop_has_work(struct sim_net *net, const struct loop *l) {
    if (l->work || sim_loop_next(l) <= net->now_ns)
        return true;
    for (uint32_t i = 0; i < l->io_count; i++)
        if (sim_net_events(net, l->io[i]->fd, l->io[i]->events))
            return true;
    return false;
}

uint64_t sim_loop_next(const struct loop *l) {
    return l->timer_count ? l->heap[0]->due_ms * 1000000u : UINT64_MAX;
}

/* ---- the table: sockets ---- */

static int host_listen(struct sys *s, const struct sys_addr *a, int backlog) {
    struct sim_host *h = of(s);
    (void)backlog;
    struct { /* sa_family, then port or path */
        uint16_t family;
        char rest[126];
    } raw;
    memcpy(&raw, a->bytes, sizeof raw);
    char words[SYS_ADDR_WORDS];
    sys_addr_words(a, words);
    bool local = strcmp(words, "local") == 0;
    uint16_t port = (uint16_t)((uint8_t)raw.rest[0] << 8 | (uint8_t)raw.rest[1]);
    if (local) { /* a file stands for the socket, so that its mode can be set */
        int fd = h->under.openat(&h->under, SYS_CWD, raw.rest, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0)
            return fd == -EEXIST ? -EADDRINUSE : fd;
        h->under.close(&h->under, fd);
    } else if (listener_find(h->net, h->address, port, NULL) >= 0) {
        return -EADDRINUSE;
    }
    int i = sock_take(h->net, SIM_LISTENING, h->index);
    struct sim_sock *k = &h->net->sock[i];
    k->port = port;
    k->line = h->index;
    if (local)
        snprintf(k->path, sizeof k->path, "%.107s", raw.rest);
    return FD_BASE + i;
}

static int host_accept(struct sys *s, int fd, struct sys_addr *peer) {
    struct sim_host *h = of(s);
    struct sim_net *net = h->net;
    int listener = index_of(h, fd), first = -1;
    for (int i = 0; i < net->sock_top; i++) {
        struct sim_sock *k = &net->sock[i];
        if (k->kind == SIM_STREAM && k->waiting && k->where == listener &&
            (first < 0 || k->serial < net->sock[first].serial))
            first = i;
    }
    if (first < 0)
        return -EAGAIN;
    net->sock[first].waiting = false;
    if (peer && net->sock[listener].path[0])
        sys_addr_unix(peer, "/client");
    else if (peer)
        sys_addr_parse(peer, net->host[net->sock[first].line].address, 40000);
    return FD_BASE + first;
}

/* A local socket is connected, or not, at once. */
static int connect_local(struct sim_host *h, const char *path, int *fd) {
    struct sys_stat st;
    int listener = listener_find(h->net, "", 0, path);
    if (listener < 0)
        return h->under.lstatat(&h->under, SYS_CWD, path, &st) < 0 ? -ENOENT : -ECONNREFUSED;
    if (backlog_of(h->net, listener) >= BACKLOG)
        return -EAGAIN;
    int i = sock_take(h->net, SIM_CONNECTING, h->index);
    struct sim_sock *k = &h->net->sock[i];
    k->opener = true;
    k->line = h->index;
    snprintf(k->path, sizeof k->path, "%s", path);
    connect_decide(h->net, i);
    *fd = FD_BASE + i;
    return 0;
}

static int host_connect(struct sys *s, const struct sys_addr *a, int *fd) {
    struct sim_host *h = of(s);
    char words[SYS_ADDR_WORDS];
    sys_addr_words(a, words);
    *fd = -1;
    if (strcmp(words, "local") == 0)
        return connect_local(h, (const char *)a->bytes + 2, fd);
    int i = sock_take(h->net, SIM_CONNECTING, h->index);
    struct sim_sock *k = &h->net->sock[i];
    k->opener = true;
    k->line = h->index;
    snprintf(k->path, sizeof k->path, "%.107s", words);
    k->port = (uint16_t)(a->bytes[2] << 8 | a->bytes[3]);
    k->due_ns = h->net->now_ns + 2 * h->line.latency_ns;
    *fd = FD_BASE + i;
    return -EINPROGRESS;
}

static ptrdiff_t name_read(struct sim_net *net, struct sim_sock *k, void *buf, size_t n) {
    struct sim_name *name = &net->name[k->where];
    struct sys_addr all[4];
    if (k->due_ns > net->now_ns)
        return -EAGAIN;
    for (unsigned i = 0; i < name->count; i++)
        sys_addr_parse(&all[i], name->address[i], k->port);
    size_t left = name->count * sizeof all[0] - k->name_at;
    if (left > 40) /* a record rarely comes whole */
        left = 40;
    if (left > n)
        left = n;
    memcpy(buf, (char *)all + k->name_at, left);
    k->name_at += left;
    return (ptrdiff_t)left;
}

static ptrdiff_t host_recv(struct sys *s, int fd, void *buf, size_t n) {
    struct sim_host *h = of(s);
    struct sim_sock *k = need(h, fd);
    if (k->kind == SIM_NAME)
        return name_read(h->net, k, buf, n);
    if (k->failed)
        return k->so_error ? -k->so_error : 0;
    struct sim_packet *p = k->first;
    if (!p || !p->arrived)
        return k->ended ? 0 : -EAGAIN;
    if (p->kind == END) {
        k->ended = true;
        return 0;
    }
    size_t got = 0, want = portion(h->net, k, n, line_of(h->net, k)->read_piece);
    while (got < want && (p = k->first) != NULL && p->arrived && p->kind == DATA) {
        size_t take = p->n - p->taken < want - got ? p->n - p->taken : want - got;
        memcpy((char *)buf + got, p->bytes + p->taken, take);
        p->taken += take;
        got += take;
        if (p->taken < p->n)
            break;
        k->first = p->next;
        if (!k->first)
            k->last = NULL;
        free(p);
    }
    k->queued -= got;
    h->received += got;
    return (ptrdiff_t)got;
}

static size_t send_room(struct sim_net *net, const struct sim_sock *k) {
    uint64_t room = line_of(net, k)->room;
    uint64_t used = k->peer >= 0 ? net->sock[k->peer].queued : k->queued;
    return used < room ? (size_t)(room - used) : 0;
}

static ptrdiff_t host_send(struct sys *s, int fd, const void *buf, size_t n) {
    struct sim_host *h = of(s);
    struct sim_net *net = h->net;
    struct sim_sock *k = need(h, fd);
    if (k->failed)
        return -EPIPE;
    if (k->kind != SIM_STREAM)
        return -ENOTCONN;
    size_t room = send_room(net, k), sent = n < room ? n : room;
    if (!sent)
        return -EAGAIN;
    if (k->lost) { /* nobody is there to take them: they stay in the buffer for ever */
        k->queued += sent;
        return (ptrdiff_t)sent;
    }
    if (k->peer < 0) { /* the other side closed: its answer is a reset */
        packet_send(net, fd - FD_BASE, RESET, NULL, 0);
        return (ptrdiff_t)sent;
    }
    h->sent += sent;
    for (size_t at = 0; at < sent;) {
        size_t piece = portion(net, k, sent - at, line_of(net, k)->piece);
        packet_send(net, k->peer, DATA, (const char *)buf + at, piece);
        at += piece;
    }
    return (ptrdiff_t)sent;
}

static int host_sockopt_set(struct sys *s, int fd, enum sys_sockopt o, int value) {
    (void)o, (void)value;
    need(of(s), fd);
    return 0;
}

static int host_sockopt_get(struct sys *s, int fd, enum sys_sockopt o, int *value) {
    struct sim_sock *k = need(of(s), fd);
    *value = o == SYS_SO_ERROR ? k->so_error : 0;
    return 0;
}

static int host_local_addr(struct sys *s, int fd, struct sys_addr *out) {
    struct sim_host *h = of(s);
    return sys_addr_parse(out, h->address, need(h, fd)->port) ? 0 : -EINVAL;
}

/* Who connected is the user whose number that host has. */
static int host_peer_uid(struct sys *s, int fd, uint32_t *uid) {
    struct sim_host *h = of(s);
    int peer = need(h, fd)->peer;
    *uid = peer >= 0 ? h->net->host[h->net->sock[peer].host].uid : 0;
    return 0;
}

/* ---- the table: waiting ---- */

static short stream_events(struct sim_net *net, const struct sim_sock *k) {
    if (k->failed)
        return SYS_POLLIN | SYS_POLLOUT | SYS_POLLERR | SYS_POLLHUP;
    bool in = k->ended || (k->first && k->first->arrived);
    return (short)((in ? SYS_POLLIN : 0) | (send_room(net, k) ? SYS_POLLOUT : 0));
}

short sim_net_events(struct sim_net *net, int fd, short asked) {
    int i = fd - FD_BASE;
    if (i < 0 || i >= SIM_SOCKS || net->sock[i].kind == SIM_FREE)
        sim_bug("a closed descriptor is polled");
    struct sim_sock *k = &net->sock[i];
    short is = 0;
    if (k->kind == SIM_LISTENING)
        is = backlog_of(net, i) ? SYS_POLLIN : 0;
    else if (k->kind == SIM_NAME)
        is = k->due_ns <= net->now_ns ? SYS_POLLIN : 0;
    else if (k->kind == SIM_STREAM)
        is = stream_events(net, k);
    return (short)(is & (asked | SYS_POLLERR | SYS_POLLHUP));
}

static int host_poll(struct sys *s, struct sys_poll *fds, size_t n, int timeout_ms) {
    int ready = 0;
    (void)timeout_ms; /* whoever runs the nodes waits for them */
    for (size_t i = 0; i < n; i++) {
        fds[i].revents = sim_net_events(of(s)->net, fds[i].fd, fds[i].events);
        ready += fds[i].revents != 0;
    }
    return ready;
}

/* ---- the table: closing ---- */

static void stream_close(struct sim_net *net, int i) {
    struct sim_sock *k = &net->sock[i];
    bool unread = k->first && k->first->arrived && k->first->kind == DATA;
    if (k->peer >= 0) {
        net->sock[k->peer].peer = -1;
        packet_send(net, k->peer, unread ? RESET : END, NULL, 0);
    }
    sock_free(net, i);
}

/* What waits at a door that closes is reset. */
static void listener_close(struct sim_net *net, int listener) {
    for (int i = 0; i < net->sock_top; i++) {
        struct sim_sock *k = &net->sock[i];
        if (k->kind == SIM_STREAM && k->waiting && k->where == listener) {
            if (k->peer >= 0) {
                net->sock[k->peer].peer = -1;
                packet_send(net, k->peer, RESET, NULL, 0);
            }
            sock_free(net, i);
        }
    }
    if (listener < net->sock_top && net->sock[listener].kind == SIM_LISTENING)
        sock_free(net, listener);
}

bool sim_is_sock(int fd) {
    return fd >= FD_BASE;
}

void sim_sock_close(struct sim_host *h, int fd) {
    int i = index_of(h, fd);
    if (h->net->sock[i].kind == SIM_LISTENING)
        listener_close(h->net, i);
    else
        stream_close(h->net, i);
}

void sim_socks_drop(struct sim_host *h, bool silent) {
    struct sim_net *net = h->net;
    for (int i = 0; i < net->sock_top; i++) {
        struct sim_sock *k = &net->sock[i];
        if (k->kind == SIM_FREE || k->host != h->index)
            continue;
        if (k->peer >= 0 && silent) {
            net->sock[k->peer].peer = -1;
            net->sock[k->peer].lost = true;
        } else if (k->peer >= 0) {
            net->sock[k->peer].peer = -1;
            packet_send(net, k->peer, RESET, NULL, 0);
        }
        sock_free(net, i);
    }
}

/* ---- the table: names ---- */

static int host_resolve_start(struct sys *s, const char *host, uint16_t port, int *fd, int *child) {
    struct sim_host *h = of(s);
    int n = 0;
    while (n < SIM_NAMES - 1 && strcmp(h->net->name[n].name, host) != 0)
        n++;
    int i = sock_take(h->net, SIM_NAME, h->index); /* the last name is the unknown one */
    struct sim_sock *k = &h->net->sock[i];
    k->where = n;
    k->port = port;
    k->due_ns = h->net->now_ns + h->net->name[n].takes_ns;
    *fd = FD_BASE + i;
    *child = 1;
    return 0;
}

static void host_resolve_end(struct sys *s, int fd, int child) {
    if (child != 1)
        sim_bug("the look-up of another child");
    sim_sock_close(of(s), fd);
}

void sim_net_table(struct sys *sys) {
    sys->listen = host_listen;
    sys->accept = host_accept;
    sys->connect = host_connect;
    sys->recv = host_recv;
    sys->send = host_send;
    sys->sockopt_set = host_sockopt_set;
    sys->sockopt_get = host_sockopt_get;
    sys->local_addr = host_local_addr;
    sys->peer_uid = host_peer_uid;
    sys->poll = host_poll;
    sys->resolve_start = host_resolve_start;
    sys->resolve_end = host_resolve_end;
}

void sim_net_init(struct sim_net *net, int64_t wall_ns) {
    memset(net, 0, sizeof *net);
    net->wall_ns = wall_ns;
    net->now_ns = 1000000000u;
}

void sim_net_fini(struct sim_net *net) {
    for (uint32_t i = 0; i < net->host_count; i++)
        sim_host_drop(&net->host[i], true);
}
