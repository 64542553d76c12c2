/* test_pace.c - a transfer over lines of every speed, on a clock of the test's own: what is stored and what
 * is deflated. */
#include "task/pace.h"

#include "test/harness/harness.h"

#define MB 1000000.0
#define UNIT (128u << 10)

/* A line of so many bytes a second that takes `ahead` bytes at once before it says how slow it is. */
struct line {
    double deflate, ratio,
        line; /* plain bytes a second of the deflater; what it leaves; bytes a second of the line */
    double ahead;
    double clock, free_at;     /* seconds; when the line has sent all it was given */
    uint64_t stored, deflated; /* plain bytes, each way */
    struct pace pace;
};

static void send_units(struct line *l, uint64_t plain) {
    for (uint64_t at = 0; at < plain; at += UNIT) {
        bool stores = pace_stores(&l->pace, l->stored + l->deflated, (uint64_t)(l->clock * 1e9));
        double wire = stores ? UNIT : UNIT * l->ratio;
        l->clock += stores ? UNIT / (700 * MB) : UNIT / l->deflate;
        if (l->free_at < l->clock)
            l->free_at = l->clock;
        l->free_at += wire / l->line;
        double wait = l->free_at - l->ahead / l->line; /* no more than ahead bytes are under way */
        if (l->clock < wait)
            l->clock = wait;
        *(stores ? &l->stored : &l->deflated) += UNIT;
    }
}

static struct line line(double bytes_per_s, double ratio) {
    struct line l = {.deflate = 160 * MB, .ratio = ratio, .line = bytes_per_s, .ahead = 512 << 10};
    pace_init(&l.pace);
    return l;
}

TEST(a_short_transfer_is_deflated) {
    struct line l = line(1000 * MB, 0.3);
    send_units(&l, PACE_FIRST_BYTES);
    CHECK_INT(l.stored, 0);
}

TEST(a_fast_line_gets_stored_bytes) {
    struct line l = line(1000 * MB, 0.3);
    send_units(&l, 100 << 20);
    CHECK(l.stored > (100 << 20) * 9 / 10);
}

/* From 128 kB/s to 100 MB/s the deflater is no bottleneck, or a small one: trials cost a few per cent at the
 * most. */
TEST(a_slow_line_gets_deflated_bytes) {
    static const double speeds[] = {0.128 * MB, 1.25 * MB, 12.5 * MB, 100 * MB};
    for (unsigned i = 0; i < 4; i++) {
        struct line l = line(speeds[i], 0.3), best = line(speeds[i], 0.3);
        send_units(&l, 200 << 20);
        CHECK(l.stored < (200 << 20) / 12);
        for (uint64_t at = 0; at < 200 << 20; at += UNIT) {
            best.clock += UNIT / best.deflate;
            best.free_at = (best.free_at < best.clock ? best.clock : best.free_at) + UNIT * 0.3 / best.line;
        }
        CHECK(l.clock < best.free_at * 1.15);
    }
}

/* Between the two the faster way is found, and a line that changes is followed. */
TEST(a_line_that_changes_is_followed) {
    struct line l = line(2 * MB, 0.3);
    send_units(&l, 64 << 20);
    l.line = 1000 * MB;
    l.free_at = l.clock;
    l.stored = l.deflated = 0;
    l.pace.bytes = 0; /* counts begin anew with ours */
    send_units(&l, 2000u << 20);
    CHECK(l.stored > l.deflated);
    uint64_t before = l.stored;
    l.line = 2 * MB;
    send_units(&l, 64 << 20);
    CHECK(l.stored - before < 16 << 20);
}

/* A clock that stands still, and one that has run for years. */
TEST(times_at_the_edges) {
    struct pace p;
    pace_init(&p);
    for (uint64_t at = 0; at < 64 << 20; at += UNIT)
        pace_stores(&p, at, 5);
    pace_init(&p);
    uint64_t year_ns = 31536000ull * 1000000000u;
    for (uint64_t at = 0; at < 64 << 20; at += UNIT)
        pace_stores(&p, at, year_ns + at * 1000);
    CHECK(p.rate[false] > 0);
}
