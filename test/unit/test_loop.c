/* test_loop.c - the loop against a poll and a clock of the test's own: order, what callbacks may do to the
 * table, the heap and the queue while they run, and a sorted model of the timers. */
#include "net/loop.h"
#include "test/harness/harness.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS 64

/* What poll finds, and what it was asked. */
static struct {
    struct sys sys;
    uint64_t now_ns;
    short say[FDS]; /* of each descriptor, told as poll tells it: errors always, the rest if asked for */
    int fails;      /* errno value; 0: it works */
    unsigned polls;
    int timeout;
    size_t n;
} os;
static struct loop loop;
static char order[4096]; /* what ran, a letter each */

static uint64_t mono(struct sys *s) {
    (void)s;
    return os.now_ns;
}

static int fake_poll(struct sys *s, struct sys_poll *fds, size_t n, int timeout_ms) {
    int count = 0;
    (void)s;
    os.polls++;
    os.timeout = timeout_ms;
    os.n = n;
    if (os.fails)
        return -os.fails;
    for (size_t i = 0; i < n; i++) {
        CHECK(fds[i].fd >= 0 && fds[i].fd < 100 + (int)LOOP_IO_MAX);
        short said = fds[i].fd < FDS ? os.say[fds[i].fd] : 0;
        fds[i].revents = said & (short)(fds[i].events | SYS_POLLERR | SYS_POLLHUP);
        count += fds[i].revents != 0;
    }
    if (!count && timeout_ms > 0)
        os.now_ns += (uint64_t)timeout_ms * 1000000u;
    return count;
}

static void begin(void) {
    os.sys.mono_ns = mono;
    os.sys.poll = fake_poll;
    os.now_ns = 1000 * 1000000ull;
    loop_init(&loop, &os.sys);
    CHECK_INT(loop.now_ms, 1000);
}

static void note(char c) {
    size_t n = strlen(order);
    CHECK(n + 1 < sizeof order);
    order[n] = c;
}

#define RAN(want) (CHECK_STR(order, want), memset(order, 0, sizeof order))

static void turn_at(uint64_t ms) {
    os.now_ns = ms * 1000000u;
    loop_turn(&loop, 0);
}

/* ---- timers ---- */

/* A timer that notes its letter and does what the case wants. */
struct bell {
    struct loop_timer timer;
    char letter;
    void (*does)(struct bell *b);
};
static struct bell a, b, c, d;

static void ring(void *arg) {
    struct bell *x = arg;
    note(x->letter);
    CHECK_INT(x->timer.slot, 0); /* no longer set: it may be set anew, or its memory given away */
    if (x->does)
        x->does(x);
}

static void bells(void) {
    begin();
    struct bell *all[] = {&a, &b, &c, &d};
    for (int i = 0; i < 4; i++) {
        *all[i] = (struct bell){.letter = (char)('a' + i)};
        loop_timer_init(&all[i]->timer, ring, all[i]);
    }
}

static void set(struct bell *x, uint64_t due_ms) {
    loop_timer_set(&loop, &x->timer, due_ms);
}

TEST(timers_fire_in_order_and_once) {
    bells();
    set(&a, 1030), set(&b, 1010), set(&c, 1020), set(&d, 1010);
    turn_at(1009);
    RAN("");
    turn_at(1010); /* at its very millisecond */
    CHECK(!strcmp(order, "bd") || !strcmp(order, "db"));
    memset(order, 0, sizeof order);
    turn_at(5000);
    RAN("ca");
    turn_at(6000);
    RAN("");
    CHECK_INT(loop.timer_count, 0);
}

TEST(timers_are_moved_and_stopped) {
    bells();
    set(&a, 1010), set(&b, 1020), set(&c, 1030);
    set(&c, 1005);       /* earlier */
    set(&a, 1040);       /* later */
    set(&b, 1020);       /* as it was */
    set(&d, UINT64_MAX); /* never */
    CHECK_INT(loop.timer_count, 3);
    turn_at(1030);
    RAN("cb");
    set(&a, UINT64_MAX);
    CHECK_INT(loop.timer_count, 0);
    loop_timer_stop(&loop, &a.timer); /* not set: nothing happens */
    loop_timer_stop(&loop, &b.timer);
    turn_at(9999);
    RAN("");
    set(&a, 0); /* long ago: at once */
    turn_at(10000);
    RAN("a");
}

static void again_now(struct bell *x) {
    set(x, loop.now_ms);
}

static void again_past(struct bell *x) {
    set(x, 0);
}

static void others_now(struct bell *x) {
    (void)x;
    set(&c, loop.now_ms);
    set(&d, 0);
}

/* What is due when the turn begins is run, whatever those that run set anew. */
TEST(a_timer_that_sets_itself_again_holds_up_nobody) {
    void (*const ways[])(struct bell *) = {again_now, again_past};
    for (int i = 0; i < 2; i++) {
        bells();
        a.does = ways[i];
        set(&a, 1001), set(&b, 1002), set(&c, 1003), set(&d, 1003);
        for (uint64_t t = 1010; t < 1020; t++) {
            memset(order, 0, sizeof order);
            turn_at(t);
            CHECK_INT(order[0] == 'a' || order[0] == 'b', 1);
            CHECK(strchr(order, 'a') && strchr(order, 'a') == strrchr(order, 'a')); /* once per turn */
            if (t == 1010) { /* and all the others, too */
                CHECK_INT(strlen(order), 4);
                CHECK(strchr(order, 'b') && strchr(order, 'c') && strchr(order, 'd'));
                set(&b, 0), set(&c, 0), set(&d, 0); /* for the next turn */
            }
            if (t == 1011)
                CHECK_INT(strlen(order), 4);
        }
        /* It is not forgotten, and the loop does not sleep over it. */
        loop_turn(&loop, 60000);
        CHECK(os.timeout <= 1);
    }
}

TEST(timers_set_by_a_timer_wait_for_the_next_turn) {
    bells();
    a.does = others_now;
    set(&a, 1001), set(&b, 1002);
    turn_at(1010);
    RAN("ab");
    turn_at(1011);
    CHECK(!strcmp(order, "cd") || !strcmp(order, "dc"));
}

static void stop_b(struct bell *x) {
    (void)x;
    loop_timer_stop(&loop, &b.timer);
}

static void stop_self(struct bell *x) {
    loop_timer_stop(&loop, &x->timer);
}

static void b_later(struct bell *x) {
    (void)x;
    set(&b, 1050);
}

TEST(a_timer_stops_or_moves_another_that_is_due) {
    bells();
    a.does = stop_b;
    set(&a, 1001), set(&b, 1002), set(&c, 1003);
    turn_at(1010);
    RAN("ac");
    CHECK_INT(loop.timer_count, 0);
    bells();
    a.does = b_later;
    set(&a, 1001), set(&b, 1002), set(&c, 1003);
    turn_at(1010);
    RAN("ac");
    turn_at(1049);
    RAN("");
    turn_at(1050);
    RAN("b");
    bells();
    a.does = stop_self;
    set(&a, 1001), set(&b, 1002);
    turn_at(1010);
    RAN("ab");
}

/* Every timer there may be, against a table. */
#define MODEL TIMERS_MAX
static struct {
    struct loop_timer timer;
    uint64_t due; /* UINT64_MAX: not set */
    uint64_t fired_turn;
} model[MODEL];
static uint64_t seed = 4711, model_turn, last_due;

static void model_set(size_t i, uint64_t due) {
    loop_timer_set(&loop, &model[i].timer, due);
    model[i].due = due;
}

static void model_fires(void *arg) {
    size_t i = (size_t)((char *)arg - (char *)model) / sizeof model[0];
    CHECK(model[i].due <= loop.now_ms);
    CHECK(model[i].fired_turn != model_turn);
    CHECK(model[i].due >= last_due); /* in their order */
    last_due = model[i].due;
    model[i].fired_turn = model_turn;
    model[i].due = UINT64_MAX;
    switch (test_random(&seed) % 6) {
    case 0:
        model_set(i, loop.now_ms + 1 + test_random(&seed) % 50);
        break;
    case 1: /* another one, to later: also one that is due now */
        model_set((size_t)(test_random(&seed) % MODEL), loop.now_ms + 1 + test_random(&seed) % 50);
        break;
    case 2:
        i = (size_t)(test_random(&seed) % MODEL);
        loop_timer_stop(&loop, &model[i].timer);
        model[i].due = UINT64_MAX;
        break;
    default:
        break;
    }
}

TEST(many_timers_against_a_table) {
    begin();
    for (size_t i = 0; i < MODEL; i++) {
        loop_timer_init(&model[i].timer, model_fires, &model[i]);
        model[i].due = UINT64_MAX;
    }
    uint64_t now = 1000, fired = 0;
    for (model_turn = 1; model_turn < 20000; model_turn++) {
        for (int k = 0; k < 12; k++) {
            size_t i = (size_t)(test_random(&seed) % MODEL);
            uint64_t r = test_random(&seed) % 10;
            model_set(i, r == 0 ? UINT64_MAX : now + test_random(&seed) % (r == 1 ? 1000 : 40));
        }
        if (model_turn % 5000 == 1) /* all of them */
            for (size_t i = 0; i < MODEL; i++)
                model_set(i, now + test_random(&seed) % 40);
        now += test_random(&seed) % 4;
        uint64_t first = UINT64_MAX;
        uint32_t count = 0;
        for (size_t i = 0; i < MODEL; i++) {
            first = model[i].due < first ? model[i].due : first;
            count += model[i].due != UINT64_MAX;
        }
        CHECK_INT(loop.timer_count, count);
        if (count)
            CHECK_INT(loop.heap[0]->due_ms, first);
        last_due = 0;
        turn_at(now);
        for (size_t i = 0; i < MODEL; i++) {
            CHECK(model[i].due > now); /* nothing that was due is left */
            CHECK_INT(model[i].timer.slot != 0, model[i].due != UINT64_MAX);
            fired += model[i].fired_turn == model_turn;
        }
    }
    CHECK(fired > 50000);
}

/* limits.h counts every timer of a node: one more is a bug in that count, and must not become a lost one. */
TEST(one_timer_too_many_stops_the_program) {
    begin();
    for (size_t i = 0; i < MODEL; i++) {
        loop_timer_init(&model[i].timer, model_fires, &model[i]);
        loop_timer_set(&loop, &model[i].timer, 5000 - i);
    }
    CHECK_INT(loop.timer_count, TIMERS_MAX);
    struct loop_timer more;
    loop_timer_init(&more, ring, &a);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        loop_timer_set(&loop, &more, 1);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

/* ---- how long it waits ---- */

static void nothing(void *arg) {
    (void)arg;
}

static void check_wait(int max, int want) {
    loop_turn(&loop, max);
    CHECK_INT(os.timeout, want);
}

TEST(poll_waits_for_the_next_timer) {
    struct loop_work w;
    bells();
    check_wait(60000, 60000); /* nothing to wait for: 61 s now */
    check_wait(0, 0);
    set(&a, 61005);
    check_wait(60000, 5);
    RAN("a");
    set(&a, 61005);
    check_wait(60000, 0); /* overdue */
    RAN("a");
    set(&a, UINT64_MAX - 1); /* in a very long time */
    check_wait(60000, 60000);
    set(&a, 500000);
    check_wait(100, 100);
    loop_work_init(&w, nothing, NULL);
    loop_work_queue(&loop, &w);
    check_wait(60000, 0); /* somebody has something to do */
    check_wait(70, 70);
}

/* A signal interrupts poll: no descriptor is told, what is due is run. */
TEST(poll_may_be_interrupted) {
    bells();
    struct loop_io io;
    loop_io_init(&io, (void (*)(void *, short))(void (*)(void))abort, NULL);
    CHECK(loop_io_add(&loop, &io, 3, SYS_POLLIN));
    os.say[3] = SYS_POLLIN;
    os.fails = EINTR;
    set(&a, 1005);
    turn_at(1010);
    RAN("a");
    CHECK_INT(loop.turns, 1);
}

/* ---- descriptors ---- */

struct door {
    struct loop_io io;
    char letter;
    short told;
    unsigned calls;
    void (*does)(struct door *x);
};
static struct door p, q, r, s;

static void ready(void *arg, short events) {
    struct door *x = arg;
    CHECK(x->io.fd >= 0); /* it was not removed */
    note(x->letter);
    x->told = events;
    x->calls++;
    if (x->does)
        x->does(x);
}

static struct door *const all_doors[] = {&p, &q, &r, &s};

/* p, q, r and s with descriptors 3 to 6, all of them readable. */
static void doors(void) {
    begin();
    memset(os.say, 0, sizeof os.say);
    memset(order, 0, sizeof order);
    for (int i = 0; i < 4; i++) {
        *all_doors[i] = (struct door){.letter = (char)('p' + i)};
        loop_io_init(&all_doors[i]->io, ready, all_doors[i]);
        CHECK_INT(all_doors[i]->io.fd, -1);
        CHECK(loop_io_add(&loop, &all_doors[i]->io, 3 + i, SYS_POLLIN));
        os.say[3 + i] = SYS_POLLIN;
    }
}

TEST(events_are_told_as_asked_for) {
    doors();
    os.say[3] = SYS_POLLIN | SYS_POLLOUT;
    os.say[5] = 0;
    os.say[6] = SYS_POLLIN | SYS_POLLHUP;
    q.io.events = SYS_POLLOUT; /* which it is not */
    s.io.events = 0;           /* errors only */
    turn_at(1001);
    RAN("ps");
    CHECK_INT(p.told, SYS_POLLIN);
    CHECK_INT(s.told, SYS_POLLHUP);
    p.io.events = SYS_POLLIN | SYS_POLLOUT; /* changed in place */
    turn_at(1002);
    CHECK_INT(p.told, SYS_POLLIN | SYS_POLLOUT);
}

TEST(the_table_is_full) {
    static struct loop_io io[LOOP_IO_MAX + 1];
    begin();
    for (size_t i = 0; i <= LOOP_IO_MAX; i++)
        loop_io_init(&io[i], ready, &p);
    for (size_t i = 0; i < LOOP_IO_MAX; i++)
        CHECK(loop_io_add(&loop, &io[i], 100 + (int)i, SYS_POLLIN));
    CHECK(!loop_io_add(&loop, &io[LOOP_IO_MAX], 99, SYS_POLLIN));
    CHECK_INT(io[LOOP_IO_MAX].fd, -1); /* so that removing it does nothing */
    loop_io_remove(&loop, &io[LOOP_IO_MAX]);
    CHECK_INT(loop.io_count, LOOP_IO_MAX);
    loop_turn(&loop, 0);
    CHECK_INT(os.n, LOOP_IO_MAX);
    loop_io_remove(&loop, &io[17]);
    CHECK(loop_io_add(&loop, &io[LOOP_IO_MAX], 99, SYS_POLLIN));
    for (size_t i = 0; i <= LOOP_IO_MAX; i++) {
        loop_io_remove(&loop, &io[i]);
        loop_io_remove(&loop, &io[i]); /* twice does no harm */
    }
    CHECK_INT(loop.io_count, 0);
}

static struct door *victim;

static void remove_victim(struct door *x) {
    (void)x;
    loop_io_remove(&loop, &victim->io);
}

/* Every one removes every one, itself included. The removed one hears nothing more; all others hear, in this
 * turn or (when they took the free place) in the next. */
TEST(one_removes_another) {
    for (int who = 0; who < 4; who++)
        for (int whom = 0; whom < 4; whom++) {
            doors();
            victim = all_doors[whom];
            all_doors[who]->does = remove_victim;
            turn_at(1001);
            CHECK_INT(victim->calls, whom <= who);
            unsigned missed = 0;
            for (int i = 0; i < 4; i++)
                if (i != whom)
                    missed += all_doors[i]->calls != 1;
            CHECK(missed <= 1);
            CHECK_INT(loop.io_count, 3);
            turn_at(1002);
            CHECK_INT(os.n, 3);
            for (int i = 0; i < 4; i++)
                if (i != whom)
                    CHECK(all_doors[i]->calls >= 1);
            CHECK_INT(victim->calls, whom <= who);
        }
}

static struct door newcomer, second;

static void come(struct door *n, char letter, int fd) {
    *n = (struct door){.letter = letter};
    loop_io_init(&n->io, ready, n);
    CHECK(loop_io_add(&loop, &n->io, fd, SYS_POLLIN));
}

/* Closes the descriptors of q and s, and accepts two connections that get the same numbers. */
static void replace_two(struct door *x) {
    (void)x;
    loop_io_remove(&loop, &q.io);
    loop_io_remove(&loop, &s.io);
    come(&newcomer, 'x', 4);
    come(&second, 'y', 6);
}

static void replace_victim(struct door *x) {
    (void)x;
    int fd = victim->io.fd;
    loop_io_remove(&loop, &victim->io);
    come(&newcomer, 'x', fd);
}

/* poll told of the old connection, not of the new one with its number: an error of the old one must not end
 * the new one. */
TEST(a_number_that_is_used_again_has_no_events_yet) {
    for (int who = 0; who < 4; who++)
        for (int whom = 0; whom < 4; whom++) {
            doors();
            os.say[3 + whom] = SYS_POLLIN | SYS_POLLERR;
            victim = all_doors[whom];
            all_doors[who]->does = replace_victim;
            turn_at(1001);
            CHECK_INT(newcomer.calls, 0);
            all_doors[who]->does = NULL;
            os.say[3 + whom] = SYS_POLLIN;
            turn_at(1002);
            CHECK_INT(newcomer.calls, 1);
            CHECK_INT(newcomer.told, SYS_POLLIN);
        }
    doors();
    os.say[4] = os.say[6] = SYS_POLLERR;
    p.does = replace_two;
    turn_at(1001);
    CHECK_INT(newcomer.calls, 0);
    CHECK_INT(second.calls, 0);
    CHECK_INT(q.calls + s.calls, 0);
}

/* Many come and go at random, from inside callbacks, with the lowest free number as the system gives it. */
#define CROWD 40
static struct {
    struct loop_io io;
    uint64_t came, called; /* turns; it came in the midst of one */
    bool told;             /* poll has something for it in this turn */
} crowd[CROWD];
static uint64_t crowd_turn;
static bool quiet; /* callbacks change nothing */

static int lowest_fd(void) {
    for (int fd = 3;; fd++) {
        bool used = false;
        for (int i = 0; i < CROWD; i++)
            used |= crowd[i].io.fd == fd;
        if (!used)
            return fd;
    }
}

static void crowd_change(void) {
    size_t i = (size_t)(test_random(&seed) % CROWD);
    if (crowd[i].io.fd >= 0) {
        loop_io_remove(&loop, &crowd[i].io);
        return;
    }
    CHECK(loop_io_add(&loop, &crowd[i].io, lowest_fd(), SYS_POLLIN));
    crowd[i].came = crowd_turn;
    crowd[i].told = false;
}

static void crowd_ready(void *arg, short events) {
    size_t i = (size_t)((char *)arg - (char *)crowd) / sizeof crowd[0];
    CHECK(crowd[i].io.fd >= 0);
    CHECK(crowd[i].came != crowd_turn);
    CHECK(crowd[i].called != crowd_turn); /* once a turn */
    CHECK(crowd[i].told);                 /* and for a reason */
    CHECK_INT(events, SYS_POLLIN);
    crowd[i].called = crowd_turn;
    for (uint64_t n = quiet ? 0 : test_random(&seed) % 4; n > 0; n--)
        crowd_change();
}

TEST(many_come_and_go) {
    begin();
    for (size_t i = 0; i < CROWD; i++)
        loop_io_init(&crowd[i].io, crowd_ready, &crowd[i]);
    for (crowd_turn = 1; crowd_turn < 30000; crowd_turn++) {
        quiet = crowd_turn % 2 == 0;
        for (int fd = 0; fd < FDS; fd++)
            os.say[fd] = test_random(&seed) % 3 ? SYS_POLLIN : 0;
        crowd_turn--; /* this one comes between two turns */
        crowd_change();
        crowd_turn++;
        for (size_t i = 0; i < CROWD; i++)
            crowd[i].told = crowd[i].io.fd >= 0 && os.say[crowd[i].io.fd];
        loop_turn(&loop, 0);
        uint32_t count = 0;
        for (size_t i = 0; i < CROWD; i++) {
            count += crowd[i].io.fd >= 0;
            if (crowd[i].io.fd >= 0) {
                CHECK(loop.io[crowd[i].io.slot] == &crowd[i].io);
                if (quiet) /* nobody moves: everybody hears */
                    CHECK_INT(crowd[i].called == crowd_turn, crowd[i].told);
            }
        }
        CHECK_INT(loop.io_count, count);
    }
}

/* ---- work ---- */

struct chore {
    struct loop_work work;
    char letter;
    void (*does)(struct chore *x);
};
static struct chore u, v, w;

static void run(void *arg) {
    struct chore *x = arg;
    note(x->letter);
    CHECK(!x->work.queued);
    if (x->does)
        x->does(x);
}

static void chores(void) {
    begin();
    struct chore *all[] = {&u, &v, &w};
    for (int i = 0; i < 3; i++) {
        *all[i] = (struct chore){.letter = (char)('u' + i)};
        loop_work_init(&all[i]->work, run, all[i]);
    }
}

static void queue(struct chore *x) {
    loop_work_queue(&loop, &x->work);
}

static void cancel(struct chore *x) {
    loop_work_cancel(&loop, &x->work);
}

TEST(work_runs_once_and_in_its_order) {
    chores();
    queue(&v), queue(&u), queue(&v), queue(&w);
    loop_turn(&loop, 0);
    RAN("vuw");
    loop_turn(&loop, 0);
    RAN("");
    CHECK(!loop.work && !loop.work_last);
}

TEST(work_is_cancelled_anywhere_in_the_queue) {
    struct chore *const all[] = {&u, &v, &w};
    const char *const left[] = {"vw", "uw", "uv"};
    for (int i = 0; i < 3; i++) {
        chores();
        queue(&u), queue(&v), queue(&w);
        cancel(all[i]);
        cancel(all[i]); /* twice does no harm */
        loop_turn(&loop, 0);
        RAN(left[i]);
        queue(all[i]); /* the end of the queue is where it was */
        loop_turn(&loop, 0);
        CHECK_INT(order[0], all[i]->letter);
        memset(order, 0, sizeof order);
    }
    chores();
    queue(&u), cancel(&u), queue(&v), queue(&u);
    loop_turn(&loop, 0);
    RAN("vu");
}

static void queue_all(struct chore *x) {
    (void)x;
    queue(&w), queue(&u), queue(&v);
}

static void cancel_w(struct chore *x) {
    (void)x;
    cancel(&w);
}

static void cancel_all(struct chore *x) {
    (void)x;
    cancel(&u), cancel(&v), cancel(&w);
}

static void move_v(struct chore *x) { /* to behind the present turn */
    (void)x;
    cancel(&v), queue(&v);
}

TEST(work_changes_the_queue_while_it_runs) {
    chores();
    u.does = queue_all; /* v is queued already and runs in this turn; w and u are for the next one */
    queue(&u), queue(&v);
    loop_turn(&loop, 0);
    RAN("uv");
    u.does = NULL;
    loop_turn(&loop, 0);
    RAN("wu");
    chores();
    u.does = cancel_w;
    queue(&u), queue(&v), queue(&w);
    loop_turn(&loop, 0);
    RAN("uv");
    chores();
    v.does = cancel_all;
    queue(&u), queue(&v), queue(&w);
    loop_turn(&loop, 0);
    RAN("uv");
    CHECK(!loop.work && !loop.work_last);
    chores();
    u.does = move_v;
    queue(&u), queue(&v), queue(&w);
    loop_turn(&loop, 0);
    RAN("uw");
    loop_turn(&loop, 0);
    RAN("v");
    CHECK(!loop.work && !loop.work_last);
}

/* ---- the turn ---- */

static void queue_u(struct door *x) {
    (void)x;
    queue(&u);
}

static void queue_v(struct bell *x) {
    (void)x;
    queue(&v);
}

TEST(a_turn_is_descriptors_then_timers_then_work) {
    chores();
    queue(&w);
    loop_io_init(&p.io, ready, &p);
    p.letter = 'p';
    p.does = queue_u;
    CHECK(loop_io_add(&loop, &p.io, 3, SYS_POLLIN));
    os.say[3] = SYS_POLLIN;
    a = (struct bell){.letter = 'a', .does = queue_v};
    loop_timer_init(&a.timer, ring, &a);
    set(&a, 1000);
    turn_at(1001);
    RAN("pawuv"); /* what they queue runs in the same turn */
    CHECK_INT(loop.now_ms, 1001);
}

static void for_ever(struct chore *x) {
    queue(x);
}

/* Somebody with much to do: each turn still asks poll and runs the timers. */
TEST(busy_work_holds_up_neither_descriptors_nor_timers) {
    chores();
    u.does = for_ever;
    queue(&u);
    loop_io_init(&p.io, ready, &p);
    p.letter = 'p';
    CHECK(loop_io_add(&loop, &p.io, 3, SYS_POLLIN));
    os.say[3] = SYS_POLLIN;
    a = (struct bell){.letter = 'a'};
    loop_timer_init(&a.timer, ring, &a);
    for (uint64_t t = 0; t < 100; t++) {
        set(&a, 1000 + t);
        os.now_ns = (1000 + t) * 1000000u;
        loop_turn(&loop, 60000);
        CHECK_INT(os.timeout, 0);
        RAN("pau");
    }
    CHECK_INT(os.polls, 100);
    CHECK_INT(loop.turns, 100);
}

static void stop_loop(struct bell *x) {
    (void)x;
    loop.stop = true;
}

TEST(it_runs_until_it_is_stopped) {
    bells();
    chores();
    c.does = stop_loop;
    queue(&u);
    set(&a, 1100), set(&b, 90000), set(&c, 200000);
    loop_run(&loop);
    RAN("uabc"); /* through waits longer than one poll */
    CHECK_INT(loop.now_ms, 200000);
}

static int deaf_poll(struct sys *sys, struct sys_poll *fds, size_t n, int timeout_ms) {
    (void)sys;
    (void)fds;
    (void)n;
    (void)timeout_ms;
    return os.polls++ % 500 == 499 ? 0 : -EINVAL;
}
static int dead_poll(struct sys *sys, struct sys_poll *fds, size_t n, int timeout_ms) {
    (void)sys;
    (void)fds;
    (void)n;
    (void)timeout_ms;
    os.polls++;
    return -EINVAL;
}

/* A poll that fails for good would turn the loop at full speed for ever; one that recovers does not end it.
 */
TEST(it_ends_when_poll_fails_for_good) {
    bells();
    os.sys.poll = deaf_poll;
    for (unsigned i = 0; i < 5000; i++)
        loop_turn(&loop, 0);
    CHECK(!loop.stop);
    os.sys.poll = dead_poll;
    loop_run(&loop);
    CHECK_INT(loop.poll_os, EINVAL);
}
