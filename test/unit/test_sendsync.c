/* test_sendsync.c - messages for daemons of the master, on either side: the worker's with a master and a
 * local socket played by hand, the master's with workers and daemons played by hand. Frames and words:
 * reference, section 13; wazuh/core/wazuh_socket.py and local_server.py of 4.14.7. */
#include "api/sendsync.h"

#include "base/bytes.h"
#include "role/agent_store.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"
#include "test/unit/keys_rig.h"

#include <sys/socket.h>
#include <sys/un.h>

#define SLOTS 8u
#define REPLY "{\"error\":0,\"data\":{\"id\":\"001\",\"name\":\"a\",\"ip\":\"any\",\"key\":\"k\"}}"

static struct sys sys;
static uint64_t shift_ms; /* of the monotonic clock */
static uint64_t (*real_mono)(struct sys *s);
static struct loop loop;
static struct log quiet;
static struct memory_spill spill;
static struct cluster_config config;
static struct role_env role;
static struct worker worker;
static struct api_env env;
static struct sendsyncs q;
static struct pool *slots;
static struct link *links[4];
static int link_count;

static uint64_t mono(struct sys *s) {
    return real_mono(s) + shift_ms * 1000000u;
}

/* ---- the local socket's part, written down ---- */

static struct local_client program = {.number = 7};
static bool program_is_there = true;
static int promised;
static struct local_answer *due;
static char told[70000];

uint32_t local_number(const struct local_client *c) {
    return c->number;
}
void local_promise(struct local_client *c) {
    CHECK(c == &program);
    promised++;
}
bool local_answer_send(struct local_server *l, uint32_t number, struct local_answer *a) {
    size_t n, got;
    (void)l;
    CHECK_INT(number, program.number);
    CHECK(!a->as_string);
    if (!program_is_there)
        return false;
    promised--;
    n = (size_t)snprintf(told, sizeof told, "%s ", a->command);
    CHECK(a->body->size < sizeof told - n);
    CHECK_INT(blob_read(a->body, 0, (uint8_t *)told + n, sizeof told - n - 1, &got, NULL), E_OK);
    told[n + got] = '\0';
    due = a;
    return true;
}
void local_answer_forget(struct local_server *l, struct local_answer *a) {
    (void)l;
    if (due == a)
        due = NULL;
}
struct session *worker_session(struct worker *w) {
    return w->state == WORKER_JOINED ? &w->link.session : NULL;
}

/* ---- the rig ---- */

static void request(void *owner, struct session *s, const struct message *m) {
    struct peer *p = owner;
    if (!p)
        sendsync_from_master(&q, s, m);
    else
        sendsync_from_peer(&q, p, m);
}
static void alive(void *owner, struct session *s, enum cmd_id cmd) {
    (void)owner, (void)s, (void)cmd;
}
static enum err no_file(void *owner, struct session *s, const char *path, struct sink **sink,
                        struct error *e) {
    (void)owner, (void)s, (void)path, (void)sink;
    return error_set(e, E_DENIED, 0, "no");
}
static void file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)owner, (void)s, (void)path, (void)good;
}
static void cancelled(void *owner, struct session *s, const char *task_id, const struct wazuh_error *why) {
    (void)owner, (void)s, (void)task_id, (void)why;
}
static const struct session_events events = {request, no_file, file_end, cancelled, alive};

static void end_of_link(void *owner, const struct error *why) {
    (void)why;
    if (owner)
        sendsync_peer_gone(&q, owner);
    else {
        worker.state = WORKER_WAITING;
        sendsync_master_gone(&q);
    }
}

static void close_all(void *arg) {
    (void)arg;
    sendsyncs_close(&q);
    CHECK_INT(slots->used, 0);
    struct error why = {.code = E_OK};
    for (int i = 0; i < link_count; i++)
        link_doom(links[i], &why);
    for (int i = 0; i < 5; i++)
        loop_turn(&loop, 0);
    CHECK_INT(spill.open, 0);
    CHECK_INT(loop.io_count, 0);
}

/* A plain link; the other end of it. */
static int open_link(struct link *k, void *owner, unsigned to) {
    int fds[2];
    struct sys_addr addr;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    CHECK(sys_addr_unix(&addr, "x"));
    CHECK(link_open(k, &loop, &role.shared, &events, owner, to, true, fds[0], &addr, end_of_link));
    links[link_count++] = k;
    return fds[1];
}

static void open_node(void) {
    static uint8_t scratch[SESSION_SCRATCH_BYTES], rx[SESSION_SCRATCH_BYTES];
    sys_linux_init(&sys);
    real_mono = sys.mono_ns;
    sys.mono_ns = mono;
    loop_init(&loop, &sys);
    memory_spill_init(&spill, 8u << 20);
    slots = test_pool("sendsyncs", sizeof(struct sendsync), SLOTS);
    role = (struct role_env){.sys = &sys, .loop = &loop, .log = &quiet, .config = &config};
    role.dialect = dialect_find("4.14.7");
    role.shared = (struct session_shared){.sys = &sys,
                                          .log = &quiet,
                                          .dialect = role.dialect,
                                          .messages = test_pool("messages", sizeof(struct message), 8),
                                          .windows = test_pool("windows", BODY_WINDOW_BYTES, 2),
                                          .senders = test_pool("senders", sizeof(struct xfer_tx), 2),
                                          .receivers = test_pool("receivers", sizeof(struct xfer_rx), 2),
                                          .strings = test_pool("strings", sizeof(struct xfer_string), 4),
                                          .spill = &spill.spill,
                                          .message_bytes = 4u << 20,
                                          .request_ms = 20000,
                                          .scratch = scratch,
                                          .rx = rx};
    env = (struct api_env){.role = &role, .root_path = test_dir()};
    sendsyncs_open(&q, &env, slots);
    test_at_end(close_all, NULL);
}

static void turn(int times) {
    while (times-- > 0)
        loop_turn(&loop, 1);
}

static void later(uint64_t ms) {
    shift_ms += ms;
    turn(3);
}

/* ---- frames by hand ---- */

static void put_all(int fd, const void *bytes, size_t n) {
    const uint8_t *at = bytes;
    for (int idle = 0; n && idle < 20000;) {
        ssize_t r = send(fd, at, n, MSG_NOSIGNAL);
        if (r > 0) {
            at += r;
            n -= (size_t)r;
        } else {
            idle++;
        }
        turn(1);
    }
    CHECK_INT(n, 0);
}

static void say(int fd, uint32_t counter, const char *field, const void *payload, size_t n) {
    uint8_t head[20];
    be32_store(head, counter);
    be32_store(head + 4, (uint32_t)n);
    memcpy(head + 8, field, 12);
    put_all(fd, head, 20);
    put_all(fd, payload, n);
    turn(4);
}

static void get_all(int fd, void *bytes, size_t n) {
    uint8_t *at = bytes;
    for (int idle = 0; n && idle < 5000;) {
        ssize_t r = recv(fd, at, n, MSG_DONTWAIT);
        if (r == 0)
            break;
        if (r > 0) {
            at += r;
            n -= (size_t)r;
        } else {
            idle++;
            turn(1);
        }
    }
    CHECK_INT(n, 0);
}

static char heard[2u << 20];
static size_t heard_n;

/* The next frame: its command is this one; its counter. */
static uint32_t hear(int fd, const char *field) {
    uint8_t head[21] = {0};
    get_all(fd, head, 20);
    CHECK_STR((char *)head + 8, field);
    heard_n = be32_load(head + 4);
    CHECK(heard_n < sizeof heard);
    get_all(fd, heard, heard_n);
    heard[heard_n] = '\0';
    return be32_load(head);
}

static void hear_nothing(int fd) {
    char byte;
    turn(10);
    CHECK_INT(recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
}

#define OK "ok ---------"
#define ERR "err --------"
#define SENDSYNC "sendsync ---"
#define RES "sendsyn_res "
#define BAD "sendsyn_err "

/* ---- a master ---- */

static struct peer *peers[3];

/* The socket of a worker. */
static int join(int i) {
    peers[i] = test_keep(calloc(1, sizeof *peers[i]));
    snprintf(peers[i]->name, sizeof peers[i]->name, "w%d", i);
    return open_link(&peers[i]->link, peers[i], TO_MASTER);
}

static void ask(int fd, const char *text) {
    say(fd, 5, SENDSYNC, text, strlen(text));
    CHECK_INT(hear(fd, OK), 5);
    CHECK_STR(heard, "Added request to SendSync requests queue");
}

/* It learns of an error in words. */
static void wrong(int fd, const char *words) {
    uint32_t counter = hear(fd, BAD);
    CHECK_STR(heard, words);
    say(fd, counter, OK, "SendSync error forwarded to worker", 34);
}

/* It gets a string of n bytes as a real worker takes it, and the command that names it. */
static void take_string(int fd, const char *want, size_t n, const char *command) {
    char words[32];
    uint32_t counter = hear(fd, "new_str ----");
    snprintf(words, sizeof words, "%zu", n);
    CHECK_STR(heard, words);
    say(fd, counter, OK, "1234", 4);
    for (size_t at = 0; at < n;) {
        counter = hear(fd, "str_upd ----");
        CHECK(heard_n > 5 && !memcmp(heard, "1234 ", 5) && heard_n - 5 <= n - at);
        CHECK_MEM(heard + 5, want + at, heard_n - 5);
        at += heard_n - 5;
        say(fd, counter, OK, "String updated", 14);
    }
    counter = hear(fd, RES);
    CHECK_STR(heard, command);
    say(fd, counter, OK, "Response forwarded to worker", 28);
}

static int listen_on(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char folder[200];
    snprintf(folder, sizeof folder, "%s.d", path);
    test_write_file(folder, "", 0); /* makes the folders */
    snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", test_dir(), path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(fd, 5), 0);
    return fd;
}

static int let_in(int door) {
    for (int i = 0; i < 2000; i++) {
        int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        turn(1);
    }
    test_fail(__FILE__, __LINE__, "nobody comes");
}

/* A daemon reads one message. */
static void read_message(int fd, const char *want) {
    uint8_t head[4];
    get_all(fd, head, 4);
    heard_n = le32_load(head);
    CHECK(heard_n < sizeof heard);
    get_all(fd, heard, heard_n);
    heard[heard_n] = '\0';
    if (want)
        CHECK_STR(heard, want);
}

static void write_message(int fd, const char *bytes, size_t n) {
    uint8_t head[4];
    le32_store(head, (uint32_t)n);
    put_all(fd, head, 4);
    put_all(fd, bytes, n);
}

#define ADD "{\"arguments\":{\"name\":\"ab\",\"ip\":\"any\"},\"function\":\"add\"}"

TEST(a_registration_goes_to_authd_and_back) {
    open_node();
    int w = join(0), door = listen_on("queue/sockets/auth");
    ask(w, "12345 {\"daemon_name\":\"authd\",\"message\":" ADD "}");
    int authd = let_in(door);
    read_message(authd, ADD);
    hear_nothing(w);
    write_message(authd, REPLY, strlen(REPLY));
    take_string(w, REPLY, strlen(REPLY), "12345 1234");
    turn(3);
    CHECK_INT(slots->used, 0);
    char byte;
    CHECK_INT(recv(authd, &byte, 1, 0), 0); /* one exchange for each connection */
    close(authd);
    close(door);
}

TEST(every_daemon_of_the_table) {
    static const char *const daemons[] = {"authd", "task-manager", "wazuh-db", "remoted"};
    static const char *const paths[] = {"queue/sockets/auth", "queue/tasks/task", "queue/db/wdb",
                                        "queue/sockets/remote"};
    open_node();
    int w = join(0);
    for (int i = 0; i < 4; i++) {
        char text[200];
        int door = listen_on(paths[i]);
        /* the members in the other order; a string, whose escapes are no part of it */
        snprintf(text, sizeof text, "x/y*%d {\"message\": \"a\\\"\\u00e9\\n\", \"daemon_name\": \"%s\"}", i,
                 daemons[i]);
        ask(w, text);
        int fd = let_in(door);
        read_message(fd, "a\"\xc3\xa9\n");
        write_message(fd, "ok", 2);
        snprintf(text, sizeof text, "x/y*%d 1234", i);
        take_string(w, "ok", 2, text);
        close(fd);
        close(door);
    }
}

TEST(a_message_of_a_million_bytes_and_an_answer_as_long) {
    static char text[1000000], answer[1000000];
    open_node();
    int w = join(0), door = listen_on("queue/db/wdb");
    memset(text, 'a', sizeof text);
    memset(answer, 'b', sizeof answer);
    const char *begin = "1 {\"daemon_name\":\"wazuh-db\",\"message\":{\"k\":\"", *end = "\"}}";
    memcpy(text, begin, strlen(begin));
    memcpy(text + sizeof text - strlen(end), end, strlen(end));
    say(w, 5, SENDSYNC, text, sizeof text);
    hear(w, OK);
    int fd = let_in(door);
    read_message(fd, NULL);
    CHECK_INT(heard_n, sizeof text - strlen("1 {\"daemon_name\":\"wazuh-db\",\"message\":") - 1);
    CHECK(!memcmp(heard, "{\"k\":\"aaa", 9) && heard[heard_n - 1] == '}');
    write_message(fd, answer, sizeof answer);
    take_string(w, answer, sizeof answer, "1 1234");
    close(fd);
    close(door);
}

TEST(no_daemon_in_the_words_of_a_real_node) {
    open_node();
    int w = join(0);
    ask(w, "1 {\"daemon_name\":\"authd\",\"message\":{}}");
    wrong(w, "1 Error 1013 - Unable to connect with socket: auth");
    close(listen_on("queue/sockets/auth"));
    ask(w, "2 {\"daemon_name\":\"authd\",\"message\":{}}");
    wrong(w, "2 Error 1121 - Error connecting with socket: Socket 'auth' cannot receive connections");
    ask(w, "3 {\"daemon_name\":\"../auth\",\"message\":{}}");
    wrong(w, "3 Error 1014 - Error communicating with socket: '../auth'");
    ask(w, "4 {\"daemon_name\":\"\",\"message\":{}}");
    wrong(w, "4 Error 1014 - Error communicating with socket: ''");
    ask(w, "5 {\"message\":{}}");
    wrong(w, "5 'daemon_name'");
    ask(w, "6 []");
    wrong(w, "6 'daemon_name'");
    ask(w, "7 {\"daemon_name\":\"authd\"}");
    wrong(w, "7 Error 1014 - Error communicating with socket: the message is neither an object nor a string");
    ask(w, "8 {\"daemon_name\":\"authd\",\"message\":[1]}");
    wrong(w, "8 Error 1014 - Error communicating with socket: the message is neither an object nor a string");
    ask(w, "9 {\"daemon_name\":\"authd\",\"message\":{}");
    hear(w, BAD);
    CHECK(!strncmp(heard, "9 Error 3036 - JSON couldn't be loaded: ", 40));
    ask(w, "10 {\"daemon_name\":\"a name that is longer than any daemon has ever had\",\"message\":{}}");
    wrong(w, "10 Error 1014 - Error communicating with socket: ''");
    say(w, 9, SENDSYNC, "nobody", 6);
    CHECK_INT(hear(w, ERR), 9);
    turn(3);
    CHECK_INT(slots->used, 0);
}

TEST(a_daemon_in_pieces_of_one_byte) {
    open_node();
    int w = join(0), door = listen_on("queue/tasks/task");
    ask(w, "1 {\"daemon_name\":\"task-manager\",\"message\":{}}");
    int fd = let_in(door);
    read_message(fd, "{}");
    static const char bytes[] = "\3\0\0\0abc";
    for (int i = 0; i < 7; i++)
        put_all(fd, bytes + i, 1);
    take_string(w, "abc", 3, "1 1234");
    close(fd);
    close(door);
}

TEST(daemons_that_lie) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *words;
    } lies[] = {{"", 0, "unpack requires a buffer of 4 bytes"},
                {"\5\0\0", 3, "unpack requires a buffer of 4 bytes"},
                {"\5\0\0\0abc", 7, "Expected 5 bytes but received 3"},
                {"\xff\xff\xff\xff"
                 "abc",
                 7, "the answer is empty, or longer than this node's limit"},
                {"\0\0\0\0", 4, "the answer is empty, or longer than this node's limit"}};
    open_node();
    int w = join(0), door = listen_on("queue/sockets/remote");
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char words[200];
        ask(w, "1 {\"daemon_name\":\"remoted\",\"message\":{}}");
        int fd = let_in(door);
        read_message(fd, "{}");
        put_all(fd, lies[i].bytes, lies[i].n);
        close(fd);
        snprintf(words, sizeof words, "1 Error 1014 - Error communicating with socket: %s", lies[i].words);
        wrong(w, words);
    }
    turn(3);
    CHECK_INT(slots->used, 0);
    close(door);
}

TEST(a_daemon_that_accepts_and_says_nothing) {
    open_node();
    int w = join(0), door = listen_on("queue/sockets/remote");
    ask(w, "1 {\"daemon_name\":\"remoted\",\"message\":{}}");
    int fd = let_in(door);
    later(29000);
    hear_nothing(w);
    later(2000);
    wrong(w, "1 Error 1014 - Error communicating with socket: timed out");
    close(fd);
    close(door);
}

/* Half of the slots for one worker; the others' are theirs. */
TEST(one_worker_does_not_take_all) {
    open_node();
    int w = join(0), other = join(1), door = listen_on("queue/sockets/remote");
    for (unsigned i = 0; i < SLOTS / 2; i++)
        ask(w, "1 {\"daemon_name\":\"remoted\",\"message\":{}}");
    say(w, 5, SENDSYNC, "2 {}", 4);
    hear(w, BAD);
    CHECK_STR(heard, "2 Error 3000 - Cluster: too many messages for daemons of the master: ask again");
    hear(w, OK);
    ask(other, "1 {\"daemon_name\":\"remoted\",\"message\":{}}");
    CHECK_INT(slots->used, SLOTS / 2 + 1);
    close(w); /* its messages go with it */
    turn(5);
    CHECK_INT(slots->used, 1);
    close(door);
}

/* More at once than there is room for words either: a real worker's program hears of nothing else. */
TEST(everybody_who_found_no_room_is_told) {
    enum { TOO_MANY = REQUESTS_PER_SESSION + 20 };
    static uint32_t counters[TOO_MANY];
    bool told_of[TOO_MANY] = {false};
    char text[32];
    unsigned count = 0, replies = 0, number;
    open_node();
    int w = join(0), door = listen_on("queue/sockets/remote");
    for (unsigned i = 0; i < SLOTS / 2; i++)
        ask(w, "1 {\"daemon_name\":\"remoted\",\"message\":{}}");
    for (unsigned i = 0; i < TOO_MANY; i++)
        say(w, 5, SENDSYNC, text, (size_t)snprintf(text, sizeof text, "%u {}", 1000 + i));
    for (unsigned told_n = 0; told_n < TOO_MANY;) {
        uint8_t head[20];
        get_all(w, head, 20);
        heard_n = be32_load(head + 4);
        get_all(w, heard, heard_n);
        heard[heard_n] = '\0';
        if (!memcmp(head + 8, OK, 12)) {
            replies++;
        } else {
            CHECK(!memcmp(head + 8, BAD, 12));
            CHECK(sscanf(heard, "%u Error 3000 - ", &number) == 1 && number - 1000 < TOO_MANY);
            CHECK(!told_of[number - 1000]);
            told_of[number - 1000] = true;
            counters[count++] = be32_load(head);
            told_n++;
        }
        if (count == REQUESTS_PER_SESSION || told_n == TOO_MANY) { /* now it answers */
            for (unsigned i = 0; i < count; i++)
                say(w, counters[i], OK, "", 0);
            count = 0;
            later(SENDSYNC_RETRY_MS);
        }
    }
    turn(3);
    CHECK_INT(replies, TOO_MANY);
    CHECK_INT(q.refused_count, 0);
    for (unsigned i = 0; i < TOO_MANY; i++)
        say(w, 5, SENDSYNC, text, (size_t)snprintf(text, sizeof text, "%u {}", 1000 + i));
    CHECK(q.refused_count > 0);
    close(w); /* nobody is told who is gone */
    turn(5);
    CHECK_INT(q.refused_count, 0);
    CHECK_INT(slots->used, 0);
    close(door);
}

/* No sender, no room: the answer waits, and is not lost. */
TEST(an_answer_that_finds_no_sender) {
    static char answer[50000];
    open_node();
    int w = join(0), door = listen_on("queue/db/wdb");
    void *a = pool_take(role.shared.senders), *b = pool_take(role.shared.senders);
    memset(answer, 'x', sizeof answer);
    ask(w, "1 {\"daemon_name\":\"wazuh-db\",\"message\":{}}");
    int fd = let_in(door);
    read_message(fd, "{}");
    write_message(fd, answer, sizeof answer);
    later(1000);
    later(1000);
    hear_nothing(w);
    pool_give(role.shared.senders, a);
    pool_give(role.shared.senders, b);
    later(1000);
    take_string(w, answer, sizeof answer, "1 1234");
    close(fd);
    close(door);
}

/* A daemon of w's has answered "abc". */
static void answer_abc(int w) {
    int door = listen_on("queue/db/wdb");
    ask(w, "1 {\"daemon_name\":\"wazuh-db\",\"message\":{}}");
    int fd = let_in(door);
    read_message(fd, "{}");
    write_message(fd, "abc", 3);
    close(fd);
    close(door);
}

/* With many answers on their way a worker has no room for a string: the answer is not lost. */
TEST(a_worker_without_room_is_asked_again) {
    open_node();
    int w = join(0);
    answer_abc(w);
    for (int i = 0; i < 20; i++) {
        say(w, hear(w, "new_str ----"), ERR, "no room", 7);
        hear_nothing(w);
        later(SENDSYNC_RETRY_MS);
    }
    take_string(w, "abc", 3, "1 1234");
    turn(3);
    CHECK_INT(slots->used, 0);
}

TEST(a_worker_that_never_has_room_is_told_in_words) {
    open_node();
    int w = join(0);
    answer_abc(w);
    for (uint32_t ms = 0; ms < SENDSYNC_ANSWER_MS; ms += 1000) {
        say(w, hear(w, "new_str ----"), ERR, "no room", 7);
        later(1000);
    }
    wrong(w, "1 Error 3020 - Timeout sending request");
    turn(3);
    CHECK_INT(slots->used, 0);
}

/* An error that is none of room: there is no use in another attempt. */
TEST(a_worker_that_wants_no_answer) {
    static const char gone[] =
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "
        "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": 3035, \"extra_message\": null, "
        "\"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}}}}";
    open_node();
    int w = join(0);
    answer_abc(w);
    say(w, hear(w, "new_str ----"), ERR, gone, sizeof gone - 1);
    hear(w, BAD);
    CHECK(!strncmp(heard, "1 Error 3035 - ", 15));
    turn(3);
    CHECK_INT(slots->used, 0);
}

/* ---- calls that fail ---- */

/* A daemon that answers as soon as it has the message, until the worker is sent something. */
static void serve(int w, int door) {
    uint8_t got[16];
    size_t n = 0;
    int fd = -1;
    char byte;
    for (int i = 0; i < 3000 && recv(w, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 1; i++) {
        turn(1);
        if (fd < 0)
            fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        ssize_t r = fd >= 0 && n < 6 ? recv(fd, got + n, 6 - n, 0) : -1;
        n += r > 0 ? (size_t)r : 0;
        if (r == 0 && n < 6) { /* of an exchange before */
            close(fd);
            fd = -1;
            n = 0;
        }
        if (r > 0 && n == 6) {
            CHECK_MEM(got, "\2\0\0\0{}", 6);
            CHECK_INT(send(fd, "\3\0\0\0abc", 7, MSG_NOSIGNAL), 7);
        }
    }
    if (fd >= 0)
        close(fd);
}

static bool is_next(int fd, const char *field) {
    uint8_t head[20];
    CHECK_INT(recv(fd, head, sizeof head, MSG_DONTWAIT | MSG_PEEK), 20);
    return !memcmp(head + 8, field, 12);
}

/* Whichever call of an exchange fails: the worker hears the answer or an error, and nothing is left. */
TEST(every_call_of_an_exchange_fails) {
    static struct faults f;
    uint64_t n = 0;
    bool whole = false;
    open_node();
    int w = join(0), door = listen_on("queue/sockets/remote");
    do {
        faults_init(&f);
        f.os = ECONNRESET;
        f.fail_at = ++n;
        f.short_io = n % 2;
        role.sys = &f.sys;
        ask(w, "1 {\"daemon_name\":\"remoted\",\"message\":{}}");
        serve(w, door);
        whole = !is_next(w, BAD);
        if (whole)
            take_string(w, "abc", 3, "1 1234");
        else
            say(w, hear(w, BAD), OK, "", 0);
        CHECK(whole || !strncmp(heard, "1 Error 101", 11));
        turn(3);
        CHECK_INT(slots->used, 0);
        CHECK_INT(loop.io_count, 1);
    } while (f.fired);
    CHECK(whole && n > 4);
    close(door);
}

/* ---- who is authd ---- */

static struct agent_store store;
static struct store_texts texts;

static void open_store(enum authd_choice choice) {
    open_node();
    rig_open(true, 100);
    store.is_embedded = store.embedded_is_open = true;
    store.embedded.texts = &texts;
    client_keys_init(&store.keys, &rig.agents, &rig.faults.sys, &rig.log, rig.root, true);
    role.agent_store = &store;
    config.authd = choice;
}

static void registered_here(int w) {
    ask(w, "1 {\"daemon_name\":\"authd\",\"message\":" ADD "}");
    char want[200];
    const char *file;
    turn(5);
    file = test_read_file("etc/client.keys", NULL); /* on disk before the answer begins to travel */
    CHECK(file && !strncmp(file, "001 ab any ", 11));
    int n =
        snprintf(want, sizeof want,
                 "{\"error\":0,\"data\":{\"id\":\"001\",\"name\":\"ab\",\"ip\":\"any\",\"key\":\"%.64s\"}}",
                 file + 11);
    take_string(w, want, (size_t)n, "1 1234");
}

TEST(auto_without_a_daemon) {
    open_store(AUTHD_AUTO);
    registered_here(join(0));
}
TEST(auto_with_a_dead_daemon) {
    open_store(AUTHD_AUTO);
    close(listen_on("queue/sockets/auth"));
    registered_here(join(0));
}
TEST(builtin_though_there_is_a_daemon) {
    open_store(AUTHD_BUILTIN);
    int door = listen_on("queue/sockets/auth");
    registered_here(join(0));
    close(door);
}
TEST(auto_with_a_daemon) {
    open_store(AUTHD_AUTO);
    int w = join(0), door = listen_on("queue/sockets/auth");
    ask(w, "1 {\"daemon_name\":\"authd\",\"message\":" ADD "}");
    int fd = let_in(door);
    read_message(fd, ADD);
    write_message(fd, REPLY, strlen(REPLY));
    take_string(w, REPLY, strlen(REPLY), "1 1234");
    CHECK(!test_read_file("etc/client.keys", NULL));
    close(fd);
    close(door);
}
TEST(daemon_alone) {
    open_store(AUTHD_DAEMON);
    int w = join(0);
    ask(w, "1 {\"daemon_name\":\"authd\",\"message\":" ADD "}");
    wrong(w, "1 Error 1013 - Unable to connect with socket: auth");
    config.authd = AUTHD_AUTO;
    store.embedded_is_open = false;
    ask(w, "2 {\"daemon_name\":\"authd\",\"message\":" ADD "}");
    wrong(w, "2 Error 1013 - Unable to connect with socket: auth");
    store.embedded_is_open = true; /* only authd's work is done here */
    ask(w, "3 {\"daemon_name\":\"remoted\",\"message\":" ADD "}");
    wrong(w, "3 Error 1013 - Unable to connect with socket: remote");
}

/* ---- a worker ---- */

static struct link local_link; /* of the program: only its replies are looked at */
static int local_fd;

/* The socket of the master. */
static int open_worker(void) {
    open_node();
    env.worker = &worker;
    worker.env = &role;
    worker.state = WORKER_JOINED;
    local_fd = open_link(&local_link, NULL, TO_LOCAL);
    return open_link(&worker.link, NULL, TO_WORKER);
}

/* What role/local does with a program's message. */
static void program_says(enum cmd_id cmd, const char *text) {
    static struct message m;
    m = (struct message){.counter = 77, .cmd = cmd};
    blob_init(&m.body, m.small, sizeof m.small - 1, role.shared.windows, &spill.spill, 2u << 20);
    CHECK_INT(blob_append(&m.body, (const uint8_t *)text, strlen(text), NULL), E_OK);
    sendsync_from_local(&q, &program, &local_link.session, &m);
    link_kick(&local_link);
    blob_reset(&m.body);
    turn(3);
}

static void program_hears(const char *want) {
    turn(3);
    CHECK(due != NULL);
    CHECK_STR(told, want);
    struct local_answer *a = due;
    due = NULL;
    a->done(a->arg, true);
    CHECK_INT(slots->used, 0);
    CHECK_INT(promised, 0);
}

static void master_brings(int fd, const char *number, const char *text, size_t n) {
    char words[32], id[32];
    static char update[80000];
    snprintf(words, sizeof words, "%zu", n);
    say(fd, 900, "new_str ----", words, strlen(words));
    hear(fd, OK);
    snprintf(id, sizeof id, "%.20s", heard);
    int head = snprintf(update, sizeof update, "%s ", id);
    memcpy(update + head, text, n);
    say(fd, 901, "str_upd ----", update, (size_t)head + n);
    hear(fd, OK);
    snprintf(update, sizeof update, "%s %s", number, id);
    say(fd, 902, RES, update, strlen(update));
    hear(fd, OK);
    CHECK_STR(heard, "Response forwarded to worker");
}

TEST(a_program_of_a_worker_is_answered_by_the_master) {
    int master = open_worker();
    program_says(CMD_SENDSYNC, "{\"daemon_name\":\"authd\",\"message\":" ADD "}");
    hear_nothing(local_fd); /* no reply to the command itself */
    uint32_t counter = hear(master, SENDSYNC);
    CHECK_STR(heard, "7 {\"daemon_name\":\"authd\",\"message\":" ADD "}");
    say(master, counter, OK, "Added request to SendSync requests queue", 40);
    CHECK(!due);
    master_brings(master, "7", REPLY, strlen(REPLY));
    program_hears("ok " REPLY);
}

TEST(sendasync_is_answered_twice) {
    int master = open_worker();
    program_says(CMD_SENDASYNC, "{\"daemon_name\":\"wazuh-db\",\"message\":\"x\"}");
    CHECK_INT(hear(local_fd, OK), 77);
    CHECK_STR(heard, "Added request to sendsync requests queue");
    uint32_t counter = hear(master, SENDSYNC);
    CHECK_STR(heard, "7 {\"daemon_name\":\"wazuh-db\",\"message\":\"x\"}");
    master_brings(master, "7", "abc", 3); /* before its reply, which means nothing */
    program_hears("ok abc");
    say(master, counter, ERR, "late", 4);
    hear_nothing(local_fd);
}

TEST(an_error_of_the_master_reaches_the_program) {
    int master = open_worker();
    program_says(CMD_SENDSYNC, "{}");
    say(master, hear(master, SENDSYNC), OK, "", 0);
    say(master, 900, BAD, "7 Error 1013 - Unable to connect with socket: auth", 50);
    CHECK_INT(hear(master, OK), 900);
    CHECK_STR(heard, "SendSync error forwarded to worker");
    program_hears("err Error 1013 - Unable to connect with socket: auth");
    /* and the refusal of the command itself */
    program_says(CMD_SENDSYNC, "{}");
    say(master, hear(master, SENDSYNC), ERR, "not now", 7);
    program_hears("err Error 3000 - Cluster: not now");
}

TEST(a_master_lost_in_the_middle_is_told_at_once) {
    int master = open_worker();
    program_says(CMD_SENDSYNC, "{}");
    hear(master, SENDSYNC);
    close(master);
    program_hears("err Error 3023 - Worker node is not connected to master");
    program_says(CMD_SENDSYNC, "{}"); /* without any master: the reply itself, at once */
    CHECK_INT(hear(local_fd, ERR), 77);
    CHECK(strstr(heard, "\"code\": 3023"));
    program_says(CMD_SENDASYNC, "{}");
    hear(local_fd, ERR);
    CHECK(strstr(heard, "\"code\": 3023"));
    CHECK(!due && promised == 0);
}

TEST(an_answer_that_no_c_program_reads) {
    static char much[65537];
    int master = open_worker();
    memset(much, 'x', sizeof much);
    program_says(CMD_SENDSYNC, "{}");
    hear(master, SENDSYNC);
    master_brings(master, "7", much, 65536);
    turn(3);
    CHECK_INT(strlen(told), 3 + 65536);
    due->done(due->arg, true);
    due = NULL;
    program_says(CMD_SENDSYNC, "{}");
    hear(master, SENDSYNC);
    master_brings(master, "7", much, 65537);
    program_hears(
        "err Error 1014 - Error communicating with socket: the answer is empty, or longer than 65536 bytes");
}

TEST(answers_for_nobody) {
    int master = open_worker();
    master_brings(master, "7", "abc", 3);
    master_brings(master, "99999999999999999999", "abc", 3);
    CHECK_INT(role.shared.strings->used, 0);
    say(master, 900, BAD, "8 words", 7);
    hear(master, OK);
    say(master, 900, BAD, "no blank", 8);
    hear(master, OK);
    say(master, 900, RES, "7 5", 3);
    hear(master, ERR);
    CHECK(strstr(heard, "\"code\": 3035"));
    CHECK(!due);
    /* the program goes while the master works */
    program_says(CMD_SENDSYNC, "{}");
    say(master, hear(master, SENDSYNC), OK, "", 0);
    sendsync_local_gone(&q, 7);
    CHECK_INT(slots->used, 0);
    master_brings(master, "7", "abc", 3);
    CHECK(!due);
    /* ... and at the last moment */
    program_says(CMD_SENDSYNC, "{}");
    hear(master, SENDSYNC);
    program_is_there = false;
    master_brings(master, "7", "abc", 3);
    CHECK_INT(slots->used, 0);
}

TEST(more_than_a_worker_keeps) {
    int master = open_worker();
    for (unsigned i = 0; i < SLOTS; i++)
        program_says(CMD_SENDSYNC, "{}");
    hear_nothing(local_fd);
    program_says(CMD_SENDSYNC, "{}");
    hear(local_fd, ERR);
    CHECK(strstr(heard, "\"code\": 3000"));
    for (unsigned i = 0; i < SLOTS; i++)
        say(master, hear(master, SENDSYNC), OK, "", 0);
    sendsync_local_gone(&q, 7);
    CHECK_INT(slots->used, 0);
}
