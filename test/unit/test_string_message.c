/* test_string_message.c - a string and the command that names it: byte for byte, every answer, every end, and
 * that nothing is touched or told once it is forgotten. */
#include "test/harness/harness.h"
#include "test/harness/session_peer.h"
#include "wire/string_message.h"

#include <stdio.h>
#include <stdlib.h>

#define NEW "new_str ----"
#define UPD "str_upd ----"
#define RES "dapi_res ---"

static struct peer_clock clock_;

struct rig {
    struct peer *p;
    struct string_message *m;
    struct blob body;
    uint8_t *bytes;
    unsigned ends;
    struct string_message_result last;
};

static void ended(void *arg, const struct string_message_result *r) {
    struct rig *rig = arg;
    rig->ends++;
    rig->last = *r;
    CHECK(!string_message_is_under_way(rig->m)); /* it may be used again at once */
}

static struct rig *open_rig(size_t n) {
    struct rig *r = test_keep(calloc(1, sizeof *r));
    peer_clock_init(&clock_);
    r->p = peer_open(&clock_, TO_MASTER, &(struct peer_opts){.senders = 1});
    r->m = test_keep(malloc(sizeof *r->m));
    memset(r->m, 0xa5, sizeof *r->m); /* it need not be initialised */
    r->bytes = test_keep(malloc(n));
    memset(r->bytes, 'x', n);
    blob_init(&r->body, r->bytes, n, NULL, NULL, n);
    r->body.size = n;
    return r;
}

static void start(struct rig *r, const char *prefix) {
    CHECK_INT(string_message_start(r->m, &r->p->s, "dapi_res", prefix, &r->body, ended, r, NULL), E_OK);
    CHECK(string_message_is_under_way(r->m));
    session_step(&r->p->s);
}

static uint32_t next(struct rig *r, const char *field, const char *text) {
    struct peer_seen seen;
    if (!peer_next(r->p, &seen))
        test_fail(__FILE__, __LINE__, "no frame, want %s", field);
    CHECK_STR(seen.field, field);
    CHECK(seen.clear);
    if (text) {
        CHECK_INT(seen.n, strlen(text));
        CHECK_MEM(seen.clear, text, seen.n);
    }
    return seen.counter;
}

static void answer(struct rig *r, uint32_t counter, const char *command, const char *text) {
    CHECK_INT(peer_say_text(r->p, counter, command, text), E_OK);
}

/* As far as the command, whose counter is returned. */
static uint32_t named(struct rig *r, const char *want) {
    answer(r, next(r, NEW, NULL), "ok", "3835711264");
    answer(r, next(r, UPD, NULL), "ok", "String updated");
    CHECK_INT(r->ends, 0);
    return next(r, RES, want);
}

TEST(a_string_gets_its_name) {
    static const size_t sizes[] = {1, 300, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rig *r = open_rig(sizes[i]);
        start(r, "local/7*123 ");
        uint32_t counter = named(r, "local/7*123 3835711264");
        EXPECT_NOTHING(r->p);
        CHECK(string_message_is_under_way(r->m));
        answer(r, counter, "ok", "DAPI response successfully forwarded");
        CHECK_INT(r->ends, 1);
        CHECK_INT(r->last.end, STRING_MESSAGE_TAKEN);
        EXPECT_NOTHING(r->p);
    }
}

TEST(without_a_prefix_and_with_the_longest) {
    char most[STRING_PREFIX_BYTES], want[STRING_PREFIX_BYTES + 16];
    struct rig *r = open_rig(5);
    start(r, "");
    answer(r, named(r, "3835711264"), "ok", "");
    CHECK_INT(r->ends, 1);
    memset(most, 'i', sizeof most - 1);
    most[sizeof most - 1] = '\0';
    snprintf(want, sizeof want, "%s3835711264", most);
    r->ends = 0;
    start(r, most);
    answer(r, named(r, want), "ok", "");
    CHECK_INT(r->last.end, STRING_MESSAGE_TAKEN);
}

TEST(a_prefix_too_long) {
    char much[STRING_PREFIX_BYTES + 1];
    struct rig *r = open_rig(5);
    memset(much, 'i', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    CHECK_INT(string_message_start(r->m, &r->p->s, "dapi_res", much, &r->body, ended, r, NULL), E_LIMIT);
    CHECK(!string_message_is_under_way(r->m));
    string_message_forget(r->m);
    EXPECT_NOTHING(r->p);
    CHECK_INT(r->ends, 0);
}

TEST(no_sender_means_later) {
    struct rig *r = open_rig(100000);
    void *only = pool_take(r->p->shared.senders);
    CHECK_INT(string_message_start(r->m, &r->p->s, "dapi_res", "", &r->body, ended, r, NULL), E_POOL);
    CHECK(!string_message_is_under_way(r->m));
    CHECK_INT(r->ends, 0);
    pool_give(r->p->shared.senders, only);
}

TEST(the_peer_refuses_the_string) {
    struct rig *r = open_rig(5);
    start(r, "");
    answer(r, next(r, NEW, NULL), "err", "no room");
    CHECK_INT(r->ends, 1);
    CHECK_INT(r->last.end, STRING_MESSAGE_REFUSED);
    CHECK_INT(r->last.error.code, 3000);
    CHECK_STR(r->last.error.extra, "no room");
    EXPECT_NOTHING(r->p);
}

TEST(the_peer_refuses_the_command) {
    struct rig *r = open_rig(5);
    start(r, "");
    answer(r, named(r, NULL), "err", "no such request");
    CHECK_INT(r->ends, 1);
    CHECK_INT(r->last.end, STRING_MESSAGE_REFUSED);
    CHECK_STR(r->last.error.extra, "no such request");
}

TEST(no_answer_in_time) {
    struct rig *r = open_rig(5);
    start(r, "");
    named(r, NULL);
    clock_.now_ms += 20000;
    CHECK_INT(session_tick(&r->p->s, clock_.now_ms), E_OK);
    CHECK_INT(r->ends, 1);
    CHECK_INT(r->last.end, STRING_MESSAGE_REFUSED);
    CHECK_INT(r->last.error.code, 3020);
}

/* The string is over there, but the command finds no room: told, not forgotten. */
TEST(no_room_for_the_command) {
    static const uint8_t much[4096];
    uint8_t frame[300];
    struct rig *r = open_rig(5);
    start(r, "");
    answer(r, next(r, NEW, NULL), "ok", "9");
    uint32_t counter = next(r, UPD, NULL);
    for (size_t n = sizeof much; n; n /= 2) /* as many bytes as wait at most */
        while (session_request(&r->p->s, "echo-m", much, n, NULL, NULL, NULL) == E_OK)
            ;
    CHECK_INT(session_rx(&r->p->s, frame, peer_frame(r->p, frame, counter, "ok", "", 0)), E_OK);
    CHECK_INT(r->ends, 1);
    CHECK_INT(r->last.end, STRING_MESSAGE_FAILED);
    CHECK_INT(r->last.why.code, E_SPACE);
}

TEST(the_session_ends_in_every_phase) {
    for (int phase = 0; phase < 3; phase++) {
        struct rig *r = open_rig(5);
        start(r, "");
        uint32_t counter = next(r, NEW, NULL);
        if (phase > 0) {
            answer(r, counter, "ok", "9");
            counter = next(r, UPD, NULL);
        }
        if (phase > 1)
            answer(r, counter, "ok", "");
        peer_close(r->p);
        CHECK_INT(r->ends, 1);
        CHECK_INT(r->last.end, STRING_MESSAGE_LOST);
    }
}

TEST(forgotten_in_every_phase) {
    for (int phase = 0; phase < 4; phase++) {
        struct rig *r = open_rig(phase == 3 ? 100000 : 5);
        start(r, "");
        uint32_t counter = next(r, NEW, NULL);
        if (phase > 0) {
            answer(r, counter, "ok", "9");
            counter = next(r, UPD, NULL);
        }
        if (phase == 2) {
            answer(r, counter, "ok", "");
            counter = next(r, RES, "9");
        }
        string_message_forget(r->m);
        CHECK(!string_message_is_under_way(r->m));
        memset(r->m, 0xa5, sizeof *r->m); /* it is not looked at any more */
        r->body = (struct blob){.size = 5, .limit = 5, .handle = -1};
        answer(r, counter, phase ? "ok" : "err", "");
        CHECK_INT(r->ends, 0);
    }
}

TEST(never_started) {
    struct string_message m = {.session = NULL};
    string_message_forget(&m);
    CHECK(!string_message_is_under_way(&m));
}
