/* test_wdb_server.c - the two wazuh-db sockets over real unix sockets and a clock that the cases move: who is
 * served, who waits, who is closed and when, and that nothing is left of anybody. Requests are written as
 * remoted, the framework's httpx and curl write them. */
#include "role/wdb_server.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SLOTS 4u
#define WINDOWS 3u
#define BODY_MOST (1u << 20)

_Alignas(16) static unsigned char arena[STORE_ARENA_BYTES];
static struct faults faults;
static struct loop loop;
static struct embedded embedded;
static struct store_texts texts;
static struct wdb_server server;
static struct memory_spill spill;
static struct pool *pool, *windows;
static int root;
static bool serving;
static char said[400]; /* the last line of the log */

static void log_write(struct log *l, enum log_level level, const char *tag, const char *subtag,
                      const char *text) {
    (void)l;
    (void)level;
    snprintf(said, sizeof said, "[%s] [%s] %s", tag, subtag, text);
}
static struct log log_to = {.level = LOG_INFO, .write = log_write};

static void wake(void *arg) {
    (void)arg;
}

static void must(enum err err, const struct error *e) {
    if (err)
        test_fail(__FILE__, __LINE__, "%d: %s", err, e->what);
}

static void stop(void) {
    if (serving)
        wdb_server_close(&server);
    serving = false;
    CHECK_INT(pool->used, 0);
    CHECK_INT(windows->used, 0);
    CHECK_INT(spill.open, 0);
    CHECK_INT(loop.io_count, 0);
    CHECK_INT(loop.timer_count, 0);
    CHECK(!loop.work);
}

static void close_all(void *arg) {
    (void)arg;
    stop();
    embedded_close(&embedded);
    db_library_close();
    close(root);
}

static enum err serve(struct error *e) {
    enum err err = wdb_server_open(&server, &faults.sys, &loop, &log_to, root, test_dir(), &embedded, &texts,
                                   pool, windows, &spill.spill, BODY_MOST, e);
    serving = err == E_OK;
    return err;
}

static void prepare(void) {
    struct error e;
    faults_init(&faults);
    faults.virtual_time = true;
    faults.now_ns = 1000000000;
    loop_init(&loop, &faults.sys);
    root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    must(db_library_open(arena, sizeof arena, &e), &e);
    struct embedded_setup setup = {.sys = &faults.real,
                                   .log = &log_to,
                                   .root = root,
                                   .uid = UINT32_MAX,
                                   .gid = UINT32_MAX,
                                   .info_http = true,
                                   .groups_named = true,
                                   .texts = &texts,
                                   .wake = wake};
    must(embedded_open(&embedded, &setup, &e), &e);
    pool = test_pool("wdb_peers", sizeof(struct wdb_peer), SLOTS);
    windows = test_pool("windows", BODY_WINDOW_BYTES, WINDOWS);
    memory_spill_init(&spill, 8u << 20);
    test_at_end(close_all, NULL);
}

static void start(void) {
    struct error e;
    prepare();
    must(serve(&e), &e);
}

static void turns(unsigned n) {
    for (unsigned i = 0; i < n; i++)
        loop_turn(&loop, 0);
}

static void pass(uint64_t ms) {
    faults.now_ns += ms * 1000000;
    turns(3);
}

/* ---- clients ---- */

static struct sockaddr_un address(const char *socket_name) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", test_dir(), socket_name);
    return a;
}

/* A socket that somebody else has made. */
static int stranger(const char *socket_name, bool listens) {
    struct sockaddr_un a = address(socket_name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listens ? listen(fd, 1) : 0, 0);
    return fd;
}

static int client(const char *socket_name) {
    struct sockaddr_un a = address(socket_name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    turns(2);
    return fd;
}

static int text_client(void) {
    return client(WDB_TEXT_SOCKET);
}

static int http_client(void) {
    return client(WDB_HTTP_SOCKET);
}

static void put(int fd, const void *bytes, size_t n) {
    CHECK_INT(send(fd, bytes, n, MSG_NOSIGNAL), (long long)n);
}

static void put_text(int fd, const char *text) {
    put(fd, text, strlen(text));
}

static void put_frame(int fd, const char *text, size_t n) {
    uint8_t frame[70000];
    wdb_frame_head(frame, (uint32_t)n);
    memcpy(frame + 4, text, n);
    put(fd, frame, 4 + n);
}

static void command(int fd, const char *text) {
    put_frame(fd, text, strlen(text));
}

/* What has come, as a string; NULL: nothing yet. "" : the end. */
static char *heard(int fd) {
    static char buf[1 << 20];
    size_t n = 0;
    for (unsigned idle = 0; idle < 6 && n < sizeof buf - 1;) {
        turns(2);
        ptrdiff_t r = recv(fd, buf + n, sizeof buf - 1 - n, 0);
        if (r == 0 && n == 0)
            return strcpy(buf, "");
        if (r > 0)
            n += (size_t)r;
        idle = r > 0 ? 0 : idle + 1;
    }
    buf[n] = '\0';
    return n ? buf : NULL;
}

static bool is_closed(int fd) {
    char *s = heard(fd);
    return s && !*s;
}

/* The text of one frame. */
static const char *reply(int fd) {
    char *s = heard(fd);
    if (!s || !*s)
        test_fail(__FILE__, __LINE__, "%s; %s", s ? "closed" : "nothing", said);
    uint32_t n = (uint8_t)s[0] | (uint32_t)(uint8_t)s[1] << 8 | (uint32_t)(uint8_t)s[2] << 16;
    CHECK_INT(strlen(s + 4), n);
    return s + 4;
}

static void add_agents(unsigned from, unsigned to) {
    struct error e;
    char name[16];
    static const char *const groups[] = {"default"};
    must(db_begin(&embedded.db, &e), &e);
    must(groups_insert(&embedded.agents, "default", &e), &e);
    for (unsigned i = from; i <= to; i++) {
        snprintf(name, sizeof name, "agent%u", i);
        must(agents_insert(&embedded.agents, i, name, "any", NULL, NULL, 1700000000, &e), &e);
        must(agents_set_groups(&embedded.agents, i, GROUPS_OVERRIDE, groups, 1, false, &e), &e);
    }
    must(db_commit(&embedded.db, &e), &e);
}

#define OK(type, n, body) "HTTP/1.1 200 OK\r\nContent-Length: " n "\r\nContent-Type: " type "\r\n\r\n" body
#define JSON(n, body) OK("application/json", n, body)
#define IDS_REQUEST "GET /v1/agents/ids HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* ---- the sockets ---- */

static mode_t mode_of(const char *name) {
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

TEST(the_sockets_come_and_go) {
    start();
    CHECK_INT(mode_of("queue/db/wdb"), 0660);
    CHECK_INT(mode_of("queue/sockets/wdb-http.sock"), 0660);
    CHECK_INT(mode_of("queue/sockets"), 0770);
    CHECK(strstr(said, "[Local Server] [Main] Serving wazuh-db's sockets queue/db/wdb and "
                       "queue/sockets/wdb-http.sock below "));
    stop();
    CHECK_INT(mode_of("queue/db/wdb"), 0);
    CHECK_INT(mode_of("queue/sockets/wdb-http.sock"), 0);
}

TEST(what_was_left_behind_is_replaced) {
    struct error e;
    start();
    for (unsigned i = 0; i < 2; i++) { /* as a process that is killed leaves them */
        stop();
        int fd = stranger(i ? WDB_TEXT_SOCKET : WDB_HTTP_SOCKET, i);
        close(fd);
        must(serve(&e), &e);
        command(fd = text_client(), "global select-groups");
        CHECK(reply(fd));
        close(fd);
    }
    stop();
    test_write_file("queue/db/wdb", "", 0);
    must(serve(&e), &e);
}

/* A wazuh-db that runs keeps its sockets, whichever of them it has. */
TEST(a_real_one_is_left_alone) {
    struct error e;
    static const char *const names[] = {WDB_TEXT_SOCKET, WDB_HTTP_SOCKET};
    start();
    for (unsigned i = 0; i < 2; i++) {
        stop();
        int fd = stranger(names[i], true);
        CHECK_INT(serve(&e), E_DUPLICATE);
        CHECK(strstr(e.what, names[i]) && strstr(e.what, "a wazuh-db is running"));
        stop(); /* nothing is open */
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CHECK_INT(poll(&p, 1, 0), 1); /* it still listens */
        close(fd);
        CHECK(mode_of(names[i]) != 0);
        CHECK_INT(mode_of(names[!i]), 0);
        CHECK_INT(unlinkat(root, names[i], 0), 0);
    }
}

TEST(a_root_that_is_too_deep) {
    struct error e;
    char path[200];
    prepare();
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    CHECK_INT(wdb_server_open(&server, &faults.sys, &loop, &log_to, root, path, &embedded, &texts, pool,
                              windows, &spill.spill, BODY_MOST, &e),
              E_LIMIT);
}

/* ---- text ---- */

TEST(commands) {
    start();
    int fd = text_client();
    command(fd, "global insert-agent {\"id\":1,\"name\":\"agent1\",\"date_add\":1700000000}");
    CHECK_STR(reply(fd), "ok");
    command(fd, "global select-agent-name 1");
    CHECK_STR(reply(fd), "ok [{\"name\":\"agent1\"}]");
    command(fd, "global get-all-agents last_id 0\n"); /* a line break is a terminal's, and comes back */
    CHECK_STR(reply(fd), "ok [{\"id\":1}]\n");
    command(fd, "nonsense");
    CHECK(strncmp(reply(fd), "err ", 4) == 0);
    close(fd);
    turns(2);
    CHECK_INT(pool->used, 0);
}

/* sqlite3, say, looks at the file for a while: what remoted says once must not be lost by that. */
TEST(a_locked_file_is_waited_for) {
    start();
    add_agents(1, 1);
    int db = openat(root, DB_PATH, O_RDWR), fd = text_client(), other = text_client();
    struct sys *sys = &faults.real;
    CHECK_INT(sys->lock_range(sys, db, SYS_LOCK_READ, 0x40000002, 510), 0); /* a reader */
    command(fd, "global update-connection-status {\"id\":1,\"connection_status\":\"active\","
                "\"sync_status\":\"syncreq\",\"status_code\":0}");
    CHECK(!heard(fd));
    command(other, "global select-agent-name 1"); /* has its turn afterwards */
    pass(1000);
    CHECK(!heard(fd) && !heard(other));
    loop_turn(&loop, 0);
    CHECK(!loop.work); /* nobody runs in a circle */
    CHECK_INT(sys->lock_range(sys, db, SYS_UNLOCK, 0x40000002, 510), 0);
    pass(20);
    CHECK_STR(reply(fd), "ok");
    CHECK_STR(reply(other), "ok [{\"name\":\"agent1\"}]");

    CHECK_INT(sys->lock_range(sys, db, SYS_LOCK_READ, 0x40000002, 510), 0);
    command(fd, "global delete-agent 1");
    CHECK(!heard(fd));
    pass(WDB_LOCKED_MS - 100);
    CHECK(!heard(fd));
    pass(100);
    CHECK(strncmp(reply(fd), "err ", 4) == 0 && embedded.agents.count == 1);
    CHECK_INT(sys->lock_range(sys, db, SYS_UNLOCK, 0x40000002, 510), 0);
    command(fd, "global delete-agent 1");
    CHECK_STR(reply(fd), "ok");
    close(fd);
    close(other);
    close(db);
}

TEST(commands_in_pieces) {
    uint8_t frames[100];
    size_t n = 0;
    start();
    add_agents(1, 2);
    int fd = text_client();
    for (unsigned i = 1; i <= 2; i++) {
        char text[40];
        int len = sprintf(text, "global select-agent-name %u", i);
        wdb_frame_head(frames + n, (uint32_t)len);
        memcpy(frames + n + 4, text, (size_t)len);
        n += 4 + (size_t)len;
    }
    put(fd, frames, n); /* both at once */
    char *s = heard(fd);
    CHECK_MEM(s, "\x16\0\0\0ok [{\"name\":\"agent1\"}]\x16\0\0\0ok [{\"name\":\"agent2\"}]", 52);
    for (size_t i = 0; i < n; i++) { /* byte by byte */
        put(fd, frames + i, 1);
        turns(1);
    }
    CHECK(heard(fd) != NULL);
    faults.short_io = true;
    command(fd, "global select-agent-name 2");
    CHECK_STR(reply(fd), "ok [{\"name\":\"agent2\"}]");
    close(fd);
}

TEST(long_commands) {
    static char text[65600];
    start();
    int fd = text_client();
    memset(text, ' ', sizeof text);
    memcpy(text, "global sync-agent-info-set", 26);
    memcpy(text + 65534, "[]", 2);
    put_frame(fd, text, 65536);
    CHECK(reply(fd) != NULL);
    put_frame(fd, text, 65536);
    CHECK(reply(fd) != NULL);
    CHECK_INT(windows->used, 0);
    put_frame(fd, text, 2000);
    CHECK(reply(fd) != NULL);
    CHECK_INT(spill.open, 0);
    /* one byte more is refused, and so is what would follow */
    put(fd, "\x01\0\1\0", 4);
    CHECK_STR(reply(fd), "err a frame of 65537 bytes, the most is 65536");
    CHECK(is_closed(fd));
    CHECK(strstr(said, "[Local Server] [wazuh-db] A request is refused"));
    close(fd);
    fd = text_client();
    put(fd, "\0\0\0\0", 4); /* as wazuh-db, which takes it for the end */
    CHECK(is_closed(fd));
    close(fd);
}

/* ---- HTTP ---- */

TEST(requests) {
    start();
    int fd = http_client();
    put_text(fd, IDS_REQUEST);
    CHECK_STR(heard(fd), JSON("2", "[]"));
    add_agents(1, 3);
    /* two at once, and a part of a third */
    static const char two[] = IDS_REQUEST "POST /v1/agents/summary HTTP/1.1\r\nHost: localhost\r\n"
                                          "Accept: application/json\r\nContent-Type: application/json\r\n"
                                          "Content-Length: 6\r\n\r\n[1, 2]GET /v1/age";
    put_text(fd, two);
    CHECK_STR(
        heard(fd),
        JSON("7", "[1,2,3]") JSON(
            "75", "{\"agents_by_status\":{\"never_connected\":2},\"agents_by_groups\":{\"default\":2}}"));
    put_text(fd, "nts/2/groups HTTP/1.1\r\n\r\n");
    CHECK_STR(heard(fd), JSON("11", "[\"default\"]"));
    put_text(fd, "GET /nothing HTTP/1.1\r\n\r\n");
    CHECK_STR(heard(fd), "HTTP/1.1 404 Not Found\r\nContent-Length: 24\r\nContent-Type: text/plain\r\n\r\n"
                         "This route is not served");
    static const char chunked[] = "POST /v1/agents/restartinfo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "7\r\n{\"ids\":\r\n4\r\n[1]}\r\n0\r\n\r\n";
    put_text(fd, chunked);
    CHECK_STR(heard(fd), JSON("12", "{\"items\":[]}"));
    for (const char *p = chunked; *p; p++) {
        put(fd, p, 1);
        turns(1);
    }
    CHECK_STR(heard(fd), JSON("12", "{\"items\":[]}"));
    put_text(fd, "POST /v1/agents/sync HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK_STR(heard(fd), "HTTP/1.1 100 Continue\r\n\r\n");
    put_text(fd, "{}");
    CHECK_STR(heard(fd), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    faults.short_io = true;
    put_text(fd, IDS_REQUEST);
    CHECK_STR(heard(fd), JSON("7", "[1,2,3]"));
    close(fd);
}

TEST(connections_that_end) {
    static const char *const cases[][2] = {
        {"GET /v1/agents/ids HTTP/1.1\r\nConnection: close\r\n\r\n" IDS_REQUEST,
         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\nContent-Type: "
         "application/json\r\n\r\n[]"},
        {"GET /v1/agents/ids HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "
                                                "2\r\nContent-Type: application/json\r\n\r\n[]"},
        {"HEAD /v1/agents/ids HTTP/1.1\r\n\r\n",
         "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
        {"nonsense\r\n\r\n" IDS_REQUEST, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"},
        {"POST /v1/agents/sync HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"},
        {"POST /v1/agents/sync HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n",
         "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n"},
        {"POST /v1/agents/sync HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n",
         "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n"},
    };
    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = http_client();
        put_text(fd, cases[i][0]);
        char *s = heard(fd);
        CHECK(s && strncmp(s, cases[i][1], strlen(cases[i][1])) == 0);
        CHECK(!strstr(s + 5, "HTTP/1.1")); /* nothing after it is answered */
        CHECK(is_closed(fd));
        close(fd);
    }
    char *head = test_keep(malloc(HTTP_HEAD_BYTES + 100));
    int n = sprintf(head, "GET / HTTP/1.1\r\nX: ");
    memset(head + n, 'x', HTTP_HEAD_BYTES);
    int fd = http_client();
    put(fd, head, HTTP_HEAD_BYTES + 50);
    CHECK(strncmp(heard(fd), "HTTP/1.1 431 ", 13) == 0);
    close(fd);
}

/* A body that is longer than a window, and an answer likewise: through the spool, a little a turn. */
TEST(long_bodies) {
    start();
    add_agents(1, 4000);
    unsigned windows_before = windows->high;
    char *text = test_keep(malloc(400000)), *at = text + 200;
    at += sprintf(at, "{\"syncreq_keepalive\":[");
    for (unsigned i = 1; i <= 4000; i++)
        at += sprintf(at, "%s{\"id\": %u, \"version\": \"Wazuh v4.14.7 %030u\"}", i == 1 ? "" : ", ", i, i);
    at += sprintf(at, "]}");
    size_t n = (size_t)(at - text - 200), done = 0;
    CHECK(n > BODY_WINDOW_BYTES);
    int head = sprintf(text, "POST /v1/agents/sync HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", n);
    memmove(text + head, text + 200, n);
    int fd = http_client(), other = text_client();
    while (done < n + (size_t)head) {
        ptrdiff_t r = send(fd, text + done, n + (size_t)head - done, MSG_NOSIGNAL);
        if (r > 0)
            done += (size_t)r;
        turns(1);
    }
    command(other, "global select-agent-name 1");
    turns(3); /* the long request is not done yet, this one is */
    CHECK(server.answering != NULL);
    CHECK_STR(reply(other), "ok [{\"name\":\"agent1\"}]");
    for (unsigned i = 0; i < 100 && server.answering; i++)
        turns(1);
    CHECK_STR(heard(fd), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK_INT(spill.open, 0);
    CHECK(windows->high > windows_before && windows->used == 0);
    put_text(fd, "GET /v1/agents/ids/groups HTTP/1.1\r\n\r\n");
    static char answer[1 << 18];
    size_t got = 0;
    for (unsigned i = 0; i < 2000 && got < sizeof answer - 1; i++) {
        turns(1);
        ptrdiff_t r = recv(fd, answer + got, sizeof answer - 1 - got, 0);
        got += r > 0 ? (size_t)r : 0;
    }
    answer[got] = '\0';
    CHECK(strstr(answer, "\r\n\r\n{\"data\":{\"1\":[\"default\"],\"2\":"));
    CHECK_STR(answer + got - 21, ",\"4000\":[\"default\"]}}");
    close(fd);
    close(other);
}

/* ---- who waits ---- */

TEST(windows_are_out) {
    void *taken[WINDOWS];
    static char text[5000];
    start();
    for (unsigned i = 0; i < WINDOWS; i++)
        taken[i] = pool_take(windows);
    int fd = text_client(), web = http_client(), small = text_client();
    memset(text, ' ', sizeof text);
    memcpy(text, "global select-agent-name 1", 26);
    put_frame(fd, text, sizeof text);
    put_text(web, "POST /v1/agents/sync HTTP/1.1\r\nContent-Length: 4974\r\n\r\n{}");
    put(web, text + 26, sizeof text - 29);
    for (unsigned i = 0; i < 200; i++) /* 40 s: it is not their fault */
        pass(200);
    CHECK(heard(fd) == NULL);
    CHECK(heard(web) == NULL);
    command(small, "global select-agent-name 1"); /* needs none */
    CHECK_STR(reply(small), "ok []");
    CHECK_INT(windows->refused, 0);
    CHECK_INT(spill.open, 0);
    pool_give(windows, taken[0]);
    pool_give(windows, taken[1]);
    pass(100);
    CHECK(reply(fd) != NULL);
    CHECK(heard(web) == NULL); /* it may take its own time now */
    put_text(web, " ");
    CHECK_STR(heard(web), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    /* one that goes away while it waits */
    taken[0] = pool_take(windows);
    taken[1] = pool_take(windows);
    put_frame(fd, text, sizeof text);
    turns(3);
    CHECK_INT(pool->used, 3);
    close(fd);
    turns(3);
    CHECK_INT(pool->used, 2);
    for (unsigned i = 0; i < WINDOWS; i++)
        pool_give(windows, taken[i]);
    close(web);
    close(small);
}

TEST(who_does_not_read) {
    start();
    add_agents(1, 4000);
    int slow = http_client(), quick = text_client();
    int little = 4096;
    CHECK_INT(setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    for (unsigned i = 0; i < 8; i++)
        put_text(slow, "GET /v1/agents/ids/groups HTTP/1.1\r\n\r\n");
    turns(200);
    command(quick, "global select-agent-name 1");
    CHECK_STR(reply(quick), "ok [{\"name\":\"agent1\"}]");
    pass(19000);
    CHECK_INT(pool->used, 2);
    pass(1000);
    CHECK_INT(pool->used, 1);
    CHECK_INT(windows->used, 0);
    close(slow);
    close(quick);
}

TEST(who_reads_slowly) {
    static char piece[30000];
    size_t got = 0;
    start();
    add_agents(1, 4000);
    int fd = http_client();
    for (unsigned i = 0; i < 8; i++)
        put_text(fd, "GET /v1/agents/ids/groups HTTP/1.1\r\n\r\n");
    for (unsigned i = 0; i < 100; i++) {
        pass(400);
        turns(20);
        ptrdiff_t n = recv(fd, piece, sizeof piece, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    size_t one = 10; /* {"data":{}} without the comma there is none of */
    for (unsigned i = 1; i <= 4000; i++)
        one += (size_t)snprintf(piece, sizeof piece, "\"%u\":[\"default\"],", i);
    CHECK_INT(
        got,
        8 * (strlen("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\nContent-Type: application/json\r\n\r\n") +
             one));
    CHECK_INT(pool->used, 1);
    close(fd);
}

TEST(who_does_not_finish) {
    start();
    int text = text_client(), web = http_client(), head = text_client(), idle = text_client();
    put(text, "\x20\0\0\0glo", 7);
    put_text(web, "GET /v1/agents/ids HTTP/1.1\r\n");
    put(head, "\x20", 1);
    turns(2);
    for (unsigned i = 0; i < 19; i++) { /* drop by drop does not help */
        pass(1000);
        put(text, "b", 1);
    }
    CHECK_INT(pool->used, 4);
    pass(1000);
    CHECK_INT(pool->used, 1);
    CHECK(is_closed(text) && is_closed(web) && is_closed(head));
    pass(86400000); /* who says nothing may stay */
    command(idle, "global select-agent-name 1");
    CHECK_STR(reply(idle), "ok []");
    pass(86400000);
    CHECK_INT(pool->used, 1);
    CHECK_INT(loop.timer_count, 0);
    close(text), close(web), close(head), close(idle);
}

TEST(more_clients_than_slots) {
    int fd[SLOTS];
    start();
    for (unsigned i = 0; i < SLOTS; i++) {
        fd[i] = i == 2 ? http_client() : text_client();
        pass(10);
    }
    put(fd[0], "\x04", 1); /* in the middle of a request: stays */
    turns(1);
    pass(5000);
    command(fd[1], "global select-agent-name 1");
    CHECK_STR(reply(fd[1]), "ok []");
    pass(2000);
    int more = text_client();
    turns(2);
    CHECK(is_closed(fd[2])); /* idle for longest */
    command(more, "global select-agent-name 1");
    CHECK_STR(reply(more), "ok []");
    CHECK(heard(fd[0]) == NULL && heard(fd[1]) == NULL && heard(fd[3]) == NULL);
    close(fd[2]);
    /* one that has just spoken, by the time the next one comes, is not idle */
    pass(5000);
    command(fd[3], "global select-agent-name 1");
    int next = text_client();
    turns(2);
    CHECK_STR(reply(fd[3]), "ok []");
    CHECK(is_closed(fd[1]));
    command(next, "global select-agent-name 1");
    CHECK_STR(reply(next), "ok []");
    close(fd[0]), close(fd[1]), close(fd[3]), close(more), close(next);
}

/* A crowd that comes at once: everybody is served in the end, nobody is sent away. */
TEST(a_crowd) {
    int fd[20];
    start();
    for (unsigned i = 0; i < 20; i++)
        fd[i] = text_client();
    CHECK_INT(pool->used, SLOTS);
    for (unsigned i = 0; i < 20; i++)
        command(fd[i], "global select-agent-name 1");
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned k = 0; k < 30 && i >= SLOTS; k++)
            pass(100);
        CHECK_STR(reply(fd[i]), "ok []");
        if (i % 2)
            close(fd[i]);
    }
    for (unsigned i = 0; i < 20; i += 2)
        close(fd[i]);
}

/* Nobody is idle and nobody may go: who comes waits outside without anybody running in a circle. */
TEST(all_slots_are_busy) {
    int fd[SLOTS];
    start();
    for (unsigned i = 0; i < SLOTS; i++) {
        fd[i] = text_client();
        put(fd[i], "\x1a\0\0\0global ", 11);
    }
    turns(2);
    int more = text_client();
    command(more, "global select-agent-name 1");
    pass(5000);
    CHECK(heard(more) == NULL);
    CHECK_INT(server.text_io.events, 0);
    put_text(fd[0], "select-agent-name 1");
    CHECK_STR(reply(fd[0]), "ok []");
    pass(200);
    CHECK(heard(more) == NULL); /* it has just spoken */
    pass(100);
    CHECK_STR(reply(more), "ok []");
    CHECK(is_closed(fd[0]));
    for (unsigned i = 0; i < SLOTS; i++)
        close(fd[i]);
    close(more);
}

/* ---- who goes away ---- */

/* What was asked for is done although nobody waits for the answer, as there. */
TEST(who_hangs_up) {
    start();
    int fd = text_client();
    command(fd, "global insert-agent {\"id\":1,\"name\":\"agent1\",\"date_add\":1700000000}");
    close(fd);
    turns(6);
    CHECK_INT(pool->used, 0);
    CHECK_INT(embedded.agents.count, 1);
    add_agents(2, 3000);
    char text[300];
    int n = sprintf(text, "GET /v1/agents/ids HTTP/1.1\r\n\r\n");
    fd = http_client();
    put(fd, text, (size_t)n);
    turns(3);
    CHECK(server.answering && !server.answering->gone);
    close(fd);
    turns(1);
    CHECK(server.answering && server.answering->gone);
    turns(30);
    CHECK(!server.answering);
    CHECK_INT(pool->used, 0);
    /* in the middle of a request */
    fd = http_client();
    put_text(fd, "POST /v1/agents/sync HTTP/1.1\r\nContent-Length: 2\r\n\r\n{");
    turns(2);
    CHECK_INT(pool->used, 1);
    close(fd);
    turns(2);
    CHECK_INT(pool->used, 0);
    /* while the server goes */
    fd = http_client();
    put(fd, text, (size_t)n);
    turns(3);
    CHECK(server.answering != NULL);
    stop();
    CHECK(is_closed(fd));
    close(fd);
}

/* A client that has said all it will say may still hear the answer. */
TEST(half_closed) {
    start();
    int fd = text_client();
    command(fd, "global select-agent-name 1");
    CHECK_INT(shutdown(fd, SHUT_WR), 0);
    CHECK_STR(reply(fd), "ok []");
    CHECK(is_closed(fd));
    close(fd);
}

/* ---- faults ---- */

TEST(no_descriptor_left) {
    start();
    turns(2);
    faults.calls = 0;
    faults.os = EMFILE;
    faults.fail_at = 2; /* poll is the first */
    struct sockaddr_un a = address(WDB_TEXT_SOCKET);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    turns(1);
    CHECK(faults.fired);
    CHECK_INT(server.text_io.events, 0);
    command(fd, "global select-agent-name 1");
    pass(900);
    CHECK(heard(fd) == NULL);
    pass(100);
    CHECK_STR(reply(fd), "ok []");
    close(fd);
}

static void one(void *ctx, struct faults *f) {
    struct error e;
    (void)ctx;
    loop_init(&loop, &f->sys);
    enum err err = wdb_server_open(&server, &f->sys, &loop, &log_to, root, test_dir(), &embedded, &texts,
                                   pool, windows, &spill.spill, BODY_MOST, &e);
    serving = err == E_OK;
    CHECK(err == E_OK || (e.code == err && e.what[0]));
}

static void check_one(void *ctx, struct faults *f) {
    (void)ctx;
    CHECK(serving || f->fired);
    stop();
}

TEST(opening_fails) {
    prepare();
    CHECK(faults_sweep(EIO, false, NULL, one, check_one) > 8);
    CHECK(faults_sweep(EMFILE, true, NULL, one, check_one) > 8);
}

/* Whatever call fails while somebody is served, he hears his answer or is closed, and nothing is left. */
static void serve_one(void *ctx, struct faults *f) {
    struct error e;
    (void)ctx;
    uint64_t fail_at = f->fail_at;
    f->fail_at = 0;
    loop_init(&loop, &f->sys);
    must(wdb_server_open(&server, &f->sys, &loop, &log_to, root, test_dir(), &embedded, &texts, pool, windows,
                         &spill.spill, BODY_MOST, &e),
         &e);
    serving = true;
    int text = text_client(), web = http_client();
    f->calls = 0;
    f->fail_at = fail_at;
    command(text, "global select-agent-name 1");
    put_text(web, IDS_REQUEST);
    turns(12);
    f->fail_at = 0;
    char buf[300];
    ptrdiff_t n = recv(text, buf, sizeof buf, 0);
    CHECK(n == 0 || n == 9 || (n < 0 && f->fired));
    n = recv(web, buf, sizeof buf, 0);
    CHECK(n == 0 || n > 60 || (n < 0 && f->fired));
    close(text);
    close(web);
    turns(6);
}

TEST(serving_fails) {
    prepare();
    CHECK(faults_sweep(EIO, false, NULL, serve_one, check_one) > 8);
    faults_sweep(ENOBUFS, true, NULL, serve_one, check_one);
}
