/* pace.c - compares the rates of two ways to send. Takes times and counts, asks for nothing and does nothing
 * else. */
#include "task/pace.h"

void pace_init(struct pace *p) {
    *p = (struct pace){.want = PACE_FIRST_BYTES, .retry = PACE_RETRY_PIECES};
}

static void begin_piece(struct pace *p, bool storing, uint64_t plain_bytes, uint64_t now_ns) {
    if (p->begun && storing != p->storing)
        p->pieces = 0;
    p->storing = storing;
    p->bytes = plain_bytes;
    p->start_ns = now_ns;
}

static uint64_t rate_of(uint64_t bytes, uint64_t ns) {
    uint64_t rate = bytes * 1000000u / (ns ? ns : 1);
    return rate ? rate : 1;
}

/* Storing costs the line more: it must be faster by a quarter to be worth that. */
static bool storing_wins(const struct pace *p) {
    return p->rate[true] > p->rate[false] + p->rate[false] / 4;
}

/* The way of the next piece, now that the last one was measured. */
static bool choose(struct pace *p) {
    if (!p->rate[!p->storing])
        return !p->storing;
    bool wins = storing_wins(p);
    if (wins != p->storing) { /* the present way was a trial and lost, or has become the slower one */
        if (p->pieces <= 1)
            p->retry = p->retry < PACE_RETRY_MOST / 2 ? p->retry * 2 : PACE_RETRY_MOST;
        return wins;
    }
    return p->pieces >= p->retry ? !p->storing : p->storing;
}

/* A trial that has taken longer than the other way would for the whole piece is lost: on a slow line it must
 * not go on. */
static bool is_lost(const struct pace *p, uint64_t bytes, uint64_t ns) {
    uint64_t other = p->rate[!p->storing];
    return other && bytes < p->want && ns / 1000000u > p->want / other + 1;
}

bool pace_stores(struct pace *p, uint64_t plain_bytes, uint64_t now_ns) {
    if (!p->begun) {
        begin_piece(p, false, plain_bytes, now_ns);
        p->begun = true;
        return false;
    }
    uint64_t bytes = plain_bytes - p->bytes, ns = now_ns - p->start_ns;
    if (bytes < p->want && !is_lost(p, bytes, ns))
        return p->storing;
    p->rate[p->storing] = rate_of(bytes, ns);
    p->want = PACE_PIECE_BYTES;
    p->pieces++;
    begin_piece(p, choose(p), plain_bytes, now_ns);
    return p->storing;
}
