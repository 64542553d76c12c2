/* test_scanner.c - rounds of the scan in the loop: when they begin, who is told, and that nothing is left. */
#include "test/harness/harness.h"
#include "test/harness/integrity_rig.h"

static unsigned told;
static void (*then)(struct scanner *s);

static void done(void *arg) {
    told++;
    if (then)
        then(arg);
}

static struct rig *begin(uint32_t period_ms) {
    struct rig *r = rig_new(1, 1);
    scanner_init(&r->scanner, &r->loop, r->root, &r->items, &r->manifest, &r->log, "Master",
                 "Local integrity", period_ms);
    r->scanner.done = done;
    r->scanner.arg = &r->scanner;
    rig_write("etc/rules/a.xml", "a", 1690000000000000000);
    return r;
}

TEST(a_round_and_the_next_one) {
    struct rig *r = begin(8000);
    CHECK(!scanner_is_ready(&r->scanner));
    rig_pass(r, 100000);
    CHECK_INT(told, 0); /* it was not asked to start */
    scanner_start(&r->scanner);
    CHECK(!scanner_is_ready(&r->scanner));
    scanner_start(&r->scanner); /* one is under way: that one counts */
    rig_work(r);
    CHECK(scanner_is_ready(&r->scanner));
    CHECK_INT(told, 1);
    CHECK_INT(r->scanner.rounds, 1);
    CHECK_INT(r->scanner.scan.last.files, 1);
    CHECK_INT(r->scanner.last_change_ms, r->loop.now_ms);
    CHECK(rig_log_has(r,
                      "INFO [Master] [Local integrity] Finished in 0.000s. Calculated metadata of 1 files."));
    uint64_t first = r->loop.now_ms;
    rig_log_clear(r);
    rig_pass(r, 7999);
    CHECK_INT(told, 1);
    rig_pass(r, 1);
    CHECK_INT(told, 2);
    CHECK_INT(r->scanner.last_change_ms, first); /* nothing new: not said aloud, either */
    CHECK(rig_log_has(r, "CYCLE [Master] [Local integrity] Finished in"));
    CHECK(!rig_log_has(r, "INFO"));
    rig_write("etc/rules/b.xml", "b", 1690000000000000000);
    rig_pass(r, 8000);
    CHECK_INT(r->scanner.last_change_ms, r->loop.now_ms);
    CHECK(rig_log_has(r, "Calculated metadata of 2 files."));
}

TEST(a_round_that_is_asked_for_comes_at_once) {
    struct rig *r = begin(8000);
    scanner_start(&r->scanner);
    rig_work(r);
    rig_pass(r, 5000);
    scanner_start(&r->scanner);
    CHECK_INT(r->loop.timer_count, 0); /* the pause is counted from its end */
    rig_work(r);
    CHECK_INT(told, 2);
    rig_pass(r, 7999);
    CHECK_INT(told, 2);
    rig_pass(r, 1);
    CHECK_INT(told, 3);
}

TEST(without_a_period_only_when_asked) {
    struct rig *r = begin(0);
    scanner_start(&r->scanner);
    rig_work(r);
    CHECK_INT(r->loop.timer_count, 0);
    rig_pass(r, 1000000);
    CHECK_INT(told, 1);
    r->scanner.done = NULL; /* nobody wants to know */
    scanner_start(&r->scanner);
    rig_work(r);
    CHECK_INT(r->scanner.rounds, 2);
}

static void once_more(struct scanner *s) {
    if (told < 3)
        scanner_start(s);
}

TEST(who_is_told_may_start_or_stop_it) {
    struct rig *r = begin(8000);
    then = once_more;
    scanner_start(&r->scanner);
    rig_work(r);
    CHECK_INT(told, 3);
    CHECK_INT(r->loop.timer_count, 1);
    then = scanner_stop;
    rig_pass(r, 8000);
    CHECK_INT(told, 4);
    CHECK_INT(r->loop.timer_count, 0);
}

/* A round of many turns, stopped in each of them: nothing stays open (the rig looks), and the next round is
 * whole. */
TEST(stopped_in_the_middle) {
    struct rig *r = begin(8000);
    static char big[300000];
    memset(big, 'x', sizeof big - 1);
    for (char c = 'b'; c < 'h'; c++) {
        char path[] = "etc/lists/?";
        path[10] = c;
        rig_write(path, big, 1690000000000000000);
    }
    unsigned turns = 0, stops = 0;
    for (bool done_once = false; !done_once; turns++) {
        scanner_start(&r->scanner);
        for (unsigned i = 0; i < turns && r->loop.work; i++)
            loop_turn(&r->loop, 0);
        done_once = told > 0;
        scanner_stop(&r->scanner);
        stops++;
        CHECK(!r->loop.work && !r->loop.timer_count);
        manifest_init(&r->manifest, stops);
    }
    CHECK(stops > 4);
    rig_scan(r);
    CHECK_INT(r->scanner.scan.last.files, 7);
}
