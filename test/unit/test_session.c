/* test_session.c - one session against a peer played by hand: exact bytes of the generic commands, replies
 * and their deadlines, divided messages, refusals, back-pressure. Texts are those of Wazuh 4.14.7 (reference,
 * sections 1, 3 and 4.1). */
#include "base/bytes.h"
#include "test/harness/harness.h"
#include "test/harness/session_peer.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH "/queue/cluster/w1/a.zip"
#define ERROR(class, title, code, extra)                                                                     \
    "{\"__wazuh_exception__\": {\"__class__\": \"" class "\", \"__object__\": {\"type\": \"about:blank\", "  \
                                                         "\"title\": \"" title "\", \"code\": " code         \
                                                         ", \"extra_message\": \"" extra                     \
                                                         "\", \"extra_remediation\": null, \"cmd_error\": "  \
                                                         "false, \"dapi_errors\": {}}}}"
#define INTERNAL(extra) ERROR("WazuhInternalError", "Wazuh Internal Error", "1000", extra)
#define CLUSTER(code, extra) ERROR("WazuhClusterError", "Wazuh Cluster Error", code, extra)

static struct peer_clock clock_;

static struct peer *open_peer(unsigned to, const struct peer_opts *opts) {
    peer_clock_init(&clock_);
    return peer_open(&clock_, to, opts);
}

static const struct peer_opts plain = {.plain = true};

/* ---- generic commands ---- */

static const struct {
    unsigned to;
    const char *command, *payload, *field, *reply;
} table[] = {
    {TO_MASTER, "echo", "hi there", "ok ---------", "hi there"},
    {TO_MASTER, "echo", "", "ok ---------", ""},
    {TO_MASTER, "echo-c", "keepalive", "ok-m  ------", "keepalive"},
    {TO_WORKER, "echo-m", "keepalive", "ok-c -------", "keepalive"},
    {TO_LOCAL, "echo-c", "x", "ok-m  ------", "x"},
    /* what it does not know, and what others may say but not this one */
    {TO_MASTER, "xyz", "1", "err --------", "unknown command 'b'xyz''"},
    {TO_MASTER, "abcdefghijk", "", "err --------", "unknown command 'b'abcdefghijk''"},
    {TO_MASTER, "x'y", "", "err --------", "unknown command 'b\"x'y\"'"},
    {TO_MASTER, "x'\"\\", "", "err --------", "unknown command 'b'x\\'\"\\\\''"},
    {TO_MASTER, "syn_m_c", "", "err --------", "unknown command 'b'syn_m_c''"},
    {TO_WORKER, "echo-c", "", "err --------", "unknown command 'b'echo-c''"},
    {TO_WORKER, "hello", "w wazuh worker 4.14.7", "err --------", "unknown command 'b'hello''"},
    /* the owner's */
    {TO_MASTER, "syn_i_w_m_p", "", "ok ---------", "served"},
    {TO_WORKER, "syn_m_c_ok", "", "ok ---------", "served"},
    {TO_LOCAL, "get_config", "", "ok ---------", "served"},
    {TO_MASTER, "syn_i_w_m_e", "x", "err --------", INTERNAL("the payload is too short")},
    /* files */
    {TO_MASTER, "new_file", PATH, "ok  --------", "Ready to receive new file"},
    {TO_MASTER, "new_file", "/etc/x", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "queue/cluster/w1/a", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/../etc/x", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/w1/..", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/w1/./a", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster//a", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/w1/", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/w1/a b", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/w1/a\nb", "err --------", "Write path not allowed"},
    {TO_MASTER, "new_file", "/queue/cluster/w1/a..b", "ok  --------", "Ready to receive new file"},
    {TO_MASTER, "file_upd", PATH " data", "err --------", INTERNAL("b'" PATH "'")},
    {TO_MASTER, "file_upd", "nothing", "err --------",
     INTERNAL("not enough values to unpack (expected 2, got 1)")},
    {TO_MASTER, "file_end", PATH " 01234567890123456789012345678901", "err --------",
     INTERNAL("b'" PATH "'")},
    {TO_MASTER, "file_end", "x", "err --------", INTERNAL("not enough values to unpack (expected 2, got 1)")},
    /* strings; the ids are random, so only what fails is here */
    {TO_MASTER, "new_str", "300000000", "error ------", "Requested size exceeds maximum allowed limit"},
    {TO_MASTER, "new_str", "268435457", "error ------", "Requested size exceeds maximum allowed limit"},
    {TO_MASTER, "new_str", "268435456", "err --------", CLUSTER("3050", "a string of 268435456 bytes")},
    {TO_MASTER, "new_str", "ab", "err --------", INTERNAL("invalid literal for int() with base 10: b'ab'")},
    {TO_MASTER, "str_upd", "7 x", "err --------", INTERNAL("b'7'")},
    {TO_MASTER, "str_upd", "nothing", "err --------",
     INTERNAL("not enough values to unpack (expected 2, got 1)")},
    {TO_MASTER, "err_str", "5", "ok ---------", "None"},
    {TO_MASTER, "err_str", "q", "err --------", INTERNAL("invalid literal for int() with base 10: 'q'")},
    {TO_MASTER, "cancel_task", "None " CLUSTER("3039", ""), "ok ---------", "Request received correctly"},
    {TO_MASTER, "cancel_task", "x", "err --------",
     INTERNAL("not enough values to unpack (expected 2, got 1)")},
};

TEST(generic_commands_answer_like_a_real_node) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int p = 0; p < 2; p++) {
            struct peer *peer = open_peer(table[i].to, p ? &plain : NULL);
            uint32_t counter = 0xfffffff0u + (uint32_t)i;
            CHECK_INT(peer_say_text(peer, counter, table[i].command, table[i].payload), E_OK);
            EXPECT(peer, counter, table[i].field, table[i].reply);
            EXPECT_NOTHING(peer);
            CHECK_INT(peer->alive, 1);
            peer_close(peer);
        }
}

struct whole {
    struct peer *peer;
    uint8_t frame[400];
    size_t n;
    bool plain;
};
static void whole_reset(void *ctx) {
    struct whole *w = ctx;
    if (w->peer)
        peer_close(w->peer);
    w->peer = open_peer(TO_MASTER, w->plain ? &plain : NULL);
}
static void whole_push(void *ctx, const uint8_t *bytes, size_t n) {
    CHECK_INT(peer_push(((struct whole *)ctx)->peer, bytes, n), E_OK);
}
static void whole_check(void *ctx) {
    struct whole *w = ctx;
    EXPECT(w->peer, 9, "ok-m  ------", "keepalive");
    EXPECT(w->peer, 10, "err --------", "unknown command 'b'nonsense''");
    EXPECT(w->peer, 11, "ok ---------", "");
    EXPECT_NOTHING(w->peer);
}

TEST(messages_in_any_cut) {
    for (int p = 0; p < 2; p++) {
        struct whole w = {.plain = p};
        whole_reset(&w);
        w.n = peer_frame(w.peer, w.frame, 9, "echo-c", "keepalive", 9);
        w.n += peer_frame(w.peer, w.frame + w.n, 10, "nonsense", "", 0);
        w.n += peer_frame(w.peer, w.frame + w.n, 11, "echo", "", 0);
        uint8_t bytes[sizeof w.frame];
        memcpy(bytes, w.frame, w.n);
        test_cuts(bytes, w.n, 1, &w, whole_reset, whole_push, whole_check);
    }
}

/* ---- files and strings by hand ---- */

TEST(file_arrives_with_its_digest) {
    static const uint8_t digest[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                     0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                     0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}; /* "abc" */
    struct peer *p = open_peer(TO_MASTER, NULL);
    uint8_t end[sizeof PATH + 40] = PATH " ";
    memcpy(end + strlen(PATH) + 1, digest, 32);
    peer_say_text(p, 1, "new_file", PATH);
    peer_say_text(p, 2, "file_upd", PATH " a");
    peer_say_text(p, 3, "file_upd", PATH " bc");
    peer_say(p, 4, "file_end", end, strlen(PATH) + 33);
    EXPECT(p, 1, "ok  --------", "Ready to receive new file");
    EXPECT(p, 2, "ok ---------", "File updated");
    EXPECT(p, 3, "ok ---------", "File updated");
    EXPECT(p, 4, "ok ---------", "File received correctly");
    PEER_LOG(p, "file_begin " PATH "\nfile_end " PATH " good\n");
    CHECK_INT(p->files[0].n, 3);
    CHECK_MEM(p->files[0].bytes, "abc", 3);
    /* the entry is gone with the end */
    peer_say_text(p, 5, "file_upd", PATH " d");
    EXPECT(p, 5, "err --------", INTERNAL("b'" PATH "'"));
    /* again, with another digest, and with one that is too long */
    for (uint32_t i = 0; i < 2; i++) {
        end[strlen(PATH) + 1] ^= 1;
        peer_say_text(p, 6, "new_file", PATH);
        peer_say_text(p, 7, "file_upd", PATH " abc");
        peer_say(p, 8, "file_end", end, strlen(PATH) + 33 + i);
        EXPECT(p, 6, "ok  --------", "Ready to receive new file");
        EXPECT(p, 7, "ok ---------", "File updated");
        EXPECT(p, 8, "err --------", "File wasn't correctly received. Checksums aren't equal.");
        PEER_LOG(p, "file_begin " PATH "\nfile_end " PATH " bad\n");
    }
}

TEST(file_begun_twice_starts_anew) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    peer_say_text(p, 1, "new_file", PATH);
    peer_say_text(p, 2, "new_file", PATH);
    EXPECT(p, 1, "ok  --------", "Ready to receive new file");
    EXPECT(p, 2, "ok  --------", "Ready to receive new file");
    PEER_LOG(p, "file_begin " PATH "\nfile_end " PATH " bad\nfile_begin " PATH "\n");
    CHECK_INT(p->shared.receivers->used, 1);
}

TEST(path_has_less_than_320_bytes) {
    for (size_t n = 315; n < 330; n++) {
        char path[400] = "/queue/cluster/";
        struct peer *p = open_peer(TO_MASTER, NULL);
        memset(path + strlen(path), 'x', n - strlen(path));
        peer_say_text(p, 1, "new_file", path);
        if (n < XFER_PATH_BYTES)
            EXPECT(p, 1, "ok  --------", "Ready to receive new file");
        else
            EXPECT(p, 1, "err --------", "Write path not allowed");
        peer_close(p);
    }
}

/* Files whose task ended, and which their sender never ends, make way for new ones; the oldest first. */
TEST(files_that_failed_make_way) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    char path[64];
    for (uint32_t i = 0; i < XFER_FILES_PER_SESSION; i++) {
        snprintf(path, sizeof path, PATH "%u", i);
        peer_say_text(p, i, "new_file", path);
        EXPECT(p, i, "ok  --------", "Ready to receive new file");
        if (i > 0)
            xfer_rx_orphan(&p->s, path);
    }
    peer_log_clear(p);
    peer_say_text(p, 10, "new_file", PATH "10");
    EXPECT(p, 10, "ok  --------", "Ready to receive new file");
    PEER_LOG(p, "file_end " PATH "1 bad\nfile_begin " PATH "10\n");
    peer_say_text(p, 11, "file_upd", PATH "0 still there");
    EXPECT(p, 11, "ok ---------", "File updated");
    peer_say_text(p, 12, "file_upd", PATH "1 gone");
    EXPECT(p, 12, "err --------", INTERNAL("b'" PATH "1'"));
    CHECK_INT(p->shared.receivers->used, XFER_FILES_PER_SESSION);
}

TEST(text_of_a_short_message_ends_with_nul) {
    static char text[BODY_SMALL_BYTES + 2];
    memset(text, 'x', sizeof text);
    for (size_t n = BODY_SMALL_BYTES - 2; n <= BODY_SMALL_BYTES + 1; n++) {
        struct peer *p = open_peer(TO_MASTER, NULL);
        peer_say(p, 1, "get_nodes", text, n);
        EXPECT(p, 1, "ok ---------", "served");
        CHECK_INT(p->shared.windows->high, n >= BODY_SMALL_BYTES); /* the NUL has to fit too */
        peer_close(p);
    }
}

TEST(file_refused_or_broken) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    char path[64];
    p->refuse_file = E_DENIED;
    peer_say_text(p, 1, "new_file", PATH);
    EXPECT(p, 1, "err --------", INTERNAL("not this file"));
    CHECK_INT(p->shared.receivers->used, 0);
    p->refuse_file = E_OK;
    p->files[0].fail_after = 4;
    peer_say_text(p, 2, "new_file", PATH);
    peer_say_text(p, 3, "file_upd", PATH " abcd");
    peer_say_text(p, 4, "file_upd", PATH " e");
    peer_say_text(p, 5, "file_upd", PATH " f");
    peer_say_text(p, 6, "file_end", PATH " 01234567890123456789012345678901");
    EXPECT(p, 2, "ok  --------", "Ready to receive new file");
    EXPECT(p, 3, "ok ---------", "File updated");
    EXPECT(p, 4, "err --------", INTERNAL("sink: full"));
    EXPECT(p, 5, "err --------", INTERNAL("sink: full"));
    EXPECT(p, 6, "err --------", INTERNAL("sink: full"));
    /* one peer does not get all the receivers */
    for (uint32_t i = 0; i <= XFER_FILES_PER_SESSION; i++) {
        struct text t;
        text_init(&t, path, sizeof path);
        text_format(&t, PATH "%u", i);
        peer_say_text(p, 10 + i, "new_file", path);
        if (i < XFER_FILES_PER_SESSION)
            EXPECT(p, 10 + i, "ok  --------", "Ready to receive new file");
        else
            EXPECT(p, 10 + i, "err --------", CLUSTER("3000", "too many files are being received"));
    }
}

/* The id in the next reply. */
static const char *next_id(struct peer *p) {
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "ok ---------");
    char *id = test_keep(calloc(1, seen.n + 1));
    memcpy(id, seen.clear, seen.n);
    uint64_t number;
    CHECK(text_number(id, seen.n, UINT32_MAX, &number));
    return id;
}

static void say_string(struct peer *p, uint32_t counter, const char *id, const char *bytes) {
    char buf[128];
    struct text t;
    text_init(&t, buf, sizeof buf);
    text_format(&t, "%s %s", id, bytes);
    peer_say_text(p, counter, "str_upd", buf);
}

TEST(string_arrives_and_waits) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    peer_say_text(p, 1, "new_str", "5");
    const char *id = next_id(p);
    CHECK(!xfer_string_find(&p->s, id, strlen(id)));
    say_string(p, 2, id, "ab");
    CHECK(!xfer_string_find(&p->s, id, strlen(id)));
    say_string(p, 3, id, "cdefgh"); /* what is too much is dropped */
    EXPECT(p, 2, "ok ---------", "String updated");
    EXPECT(p, 3, "ok ---------", "String updated");
    struct xfer_string *x = xfer_string_find(&p->s, id, strlen(id));
    CHECK(x != NULL);
    CHECK_INT(x->body.size, 5);
    CHECK_MEM(blob_bytes(&x->body), "abcde", 5);
    CHECK(!xfer_string_find(&p->s, "12x", 3));
    char spelled[16] = "0"; /* the same number, but not the same id */
    strcat(spelled, id);
    CHECK(!xfer_string_find(&p->s, spelled, strlen(spelled)));
    xfer_string_drop(&p->s, x);
    CHECK(!xfer_string_find(&p->s, id, strlen(id)));
    say_string(p, 4, id, "x");
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "err --------");
    CHECK_INT(p->shared.strings->used, 0);
}

TEST(err_str_frees_an_empty_string_of_that_size) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    const char *id[3];
    for (uint32_t i = 0; i < 3; i++) {
        peer_say_text(p, i, "new_str", i < 2 ? "5" : "6");
        id[i] = next_id(p);
    }
    say_string(p, 3, id[0], "abc"); /* not empty any more */
    EXPECT(p, 3, "ok ---------", "String updated");
    peer_say_text(p, 4, "err_str", "5");
    EXPECT(p, 4, "ok ---------", id[1]);
    peer_say_text(p, 5, "err_str", "5");
    EXPECT(p, 5, "ok ---------", "None");
    peer_say_text(p, 6, "err_str", "6");
    EXPECT(p, 6, "ok ---------", id[2]);
    CHECK_INT(p->shared.strings->used, 1);
}

TEST(strings_have_their_time_and_number) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    for (uint32_t i = 0; i < XFER_STRINGS_PER_SESSION; i++) {
        peer_say_text(p, i, "new_str", "5");
        next_id(p);
    }
    peer_say_text(p, 9, "new_str", "5");
    EXPECT(p, 9, "err --------", CLUSTER("3000", "too many strings are being received"));
    uint64_t due = clock_.now_ms + XFER_STRING_IDLE_MS;
    CHECK_INT(session_deadline(&p->s), due);
    CHECK_INT(session_tick(&p->s, due - 1), E_OK);
    CHECK_INT(p->shared.strings->used, XFER_STRINGS_PER_SESSION);
    CHECK_INT(session_tick(&p->s, due), E_OK);
    CHECK_INT(p->shared.strings->used, 0);
    CHECK(session_deadline(&p->s) == UINT64_MAX);
}

TEST(string_without_room_never_completes) {
    struct peer *p = open_peer(TO_MASTER, &(struct peer_opts){.spill_bytes = 1});
    size_t n = 300000; /* more than a window */
    uint8_t *big = test_keep(calloc(1, n));
    peer_say_text(p, 1, "new_str", "300000");
    const char *id = next_id(p);
    for (uint32_t i = 0; i < 3; i++) {
        memcpy(big, id, strlen(id));
        big[strlen(id)] = ' ';
        CHECK_INT(peer_say(p, 2 + i, "str_upd", big, strlen(id) + 1 + 100000), E_OK);
        if (i == 0)
            EXPECT(p, 2, "ok ---------", "String updated");
        else
            EXPECT(p, 2 + i, "err --------", CLUSTER("3000", "no room to keep the string"));
    }
    CHECK(!xfer_string_find(&p->s, id, strlen(id)));
    peer_say_text(p, 7, "new_str", "300000000000");
    EXPECT(p, 7, "error ------", "Requested size exceeds maximum allowed limit");
}

TEST(old_dialects_do_not_know_the_command_error) {
    struct peer *p = open_peer(TO_MASTER, &(struct peer_opts){.version = "4.5.0"});
    peer_say_text(p, 1, "new_str", "300000000");
    EXPECT(
        p, 1, "err --------",
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": {\"type\": "
        "\"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": 3050, \"extra_message\": \"a string "
        "of 300000000 bytes\", \"extra_remediation\": null, \"cmd_error\": false, \"dapi_errors\": {}, "
        "\"ids\": []}}}");
}

TEST(cancel_task_reaches_the_owner) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    peer_say_text(p, 1, "cancel_task", "0d3b-17 " CLUSTER("3039", ""));
    peer_say_text(p, 2, "cancel_task", "None plain words");
    PEER_LOG(p, "cancelled 0d3b-17 3039\ncancelled None 3000\n");
}

/* ---- trust and limits ---- */

TEST(forged_token_closes_without_a_word) {
    static const char *const commands[] = {"echo", "syn_i_w_m_p", "nonsense", "new_file"};
    for (size_t i = 0; i < 4; i++) {
        uint8_t frame[600];
        struct peer *p = open_peer(TO_MASTER, NULL);
        size_t n = peer_frame(p, frame, 7, commands[i], PATH, strlen(PATH));
        for (size_t bit = 0; bit < 8; bit += 7) {
            frame[n - 30] ^= (uint8_t)(1 << bit >> 1 | 1);
            p = open_peer(TO_MASTER, NULL);
            CHECK_INT(peer_push(p, frame, n), E_TOKEN);
            EXPECT_NOTHING(p);
            PEER_LOG(p, "");
            CHECK_INT(p->alive, 0);
            CHECK_INT(session_rx_want(&p->s), 0);
            CHECK_INT(session_step(&p->s), STEP_FAILED);
            CHECK_INT(session_request(&p->s, "echo", "", 0, NULL, NULL, NULL), E_CLOSED);
            peer_close(p);
        }
    }
}

TEST(forged_and_too_long_gets_no_answer_either) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    size_t n = 200000;
    uint8_t *big = test_keep(calloc(1, n)), *frame = test_keep(malloc(2 * n));
    size_t len = peer_frame(p, frame, 7, "get_nodes", big, n); /* 65,536 at the most */
    frame[len - 10] ^= 1;
    CHECK_INT(peer_push(p, frame, len), E_TOKEN);
    EXPECT_NOTHING(p);
}

TEST(empty_token_is_forged) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    uint8_t header[FRAME_HEADER_BYTES];
    frame_header_write(header, 1, 0, "echo", false);
    CHECK_INT(peer_push(p, header, sizeof header), E_TOKEN);
}

TEST(not_a_header_closes) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    CHECK_INT(peer_push(p, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n\r\n", 20), E_FRAME);
    EXPECT_NOTHING(p);
}

TEST(frame_over_256_mib_closes_at_its_header) {
    uint8_t header[FRAME_HEADER_BYTES];
    struct peer *p = open_peer(TO_MASTER, NULL);
    frame_header_write(header, 1, FRAME_MAX_BYTES + 1, "file_upd", false);
    CHECK_INT(peer_push(p, header, sizeof header), E_LIMIT);
    CHECK(strstr(p->s.error.what, "3050") != NULL);
    EXPECT_NOTHING(p);
    p = open_peer(TO_MASTER, NULL);
    frame_header_write(header, 1, FRAME_MAX_BYTES, "file_upd", false);
    CHECK_INT(peer_push(p, header, sizeof header), E_OK);
}

TEST(too_long_for_its_command_is_swallowed_and_refused) {
    size_t n = 65537;
    uint8_t *big = test_keep(calloc(1, n));
    for (size_t k = n - 1; k <= n; k++) { /* 65,536 is what get_nodes may have */
        struct peer *p = open_peer(TO_MASTER, NULL);
        CHECK_INT(peer_say(p, 5, "get_nodes", big, k), E_OK);
        if (k < n) {
            EXPECT(p, 5, "ok ---------", "served");
        } else {
            /* 4 * ceil((57 + 16 * 4097) / 3) */
            EXPECT(p, 5, "err --------", CLUSTER("3050", "get_nodes of 87480 bytes on the wire"));
        }
        CHECK_INT(p->shared.messages->used, 0);
        peer_say_text(p, 6, "echo", "still here");
        EXPECT(p, 6, "ok ---------", "still here");
    }
    /* one that is much longer takes no window at all */
    struct peer *p = open_peer(TO_MASTER, NULL);
    CHECK_INT(peer_say(p, 5, "new_str", big, 30000), E_OK);
    CHECK_INT(peer_say(p, 5, "nonsense", big, 30000), E_OK);
    CHECK_INT(p->shared.windows->high, 0);
}

TEST(message_without_a_place_to_lie_is_refused) {
    struct peer *p = open_peer(TO_MASTER, &(struct peer_opts){.windows = 1, .spill_bytes = 1000});
    void *window = pool_take(p->shared.windows);
    size_t n = 5000;
    uint8_t *big = test_keep(calloc(1, n));
    CHECK_INT(peer_say(p, 5, "get_nodes", big, n), E_OK);
    EXPECT(p, 5, "err --------", CLUSTER("3000", "get_nodes of 6756 bytes on the wire"));
    pool_give(p->shared.windows, window);
    CHECK_INT(peer_say(p, 6, "get_nodes", big, n), E_OK);
    EXPECT(p, 6, "ok ---------", "served");
}

TEST(no_slot_for_a_message_closes) {
    struct peer *p = open_peer(TO_MASTER, &(struct peer_opts){.messages = 1});
    void *slot = pool_take(p->shared.messages);
    CHECK_INT(peer_say_text(p, 1, "echo", "x"), E_POOL);
    CHECK_INT(p->shared.messages->refused, 1);
    EXPECT_NOTHING(p);
    pool_give(p->shared.messages, slot);
}

TEST(frame_has_30_seconds) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    uint8_t frame[300];
    size_t n = peer_frame(p, frame, 1, "echo", "x", 1);
    CHECK(session_deadline(&p->s) == UINT64_MAX);
    peer_push(p, frame, FRAME_HEADER_BYTES - 1);
    CHECK(session_deadline(&p->s) == UINT64_MAX);
    peer_push(p, frame + FRAME_HEADER_BYTES - 1, 2);
    CHECK_INT(session_deadline(&p->s), clock_.now_ms + 30000);
    CHECK_INT(session_tick(&p->s, clock_.now_ms + 29999), E_OK);
    peer_push(p, frame + FRAME_HEADER_BYTES + 1, n - FRAME_HEADER_BYTES - 1);
    CHECK(session_deadline(&p->s) == UINT64_MAX);
    EXPECT(p, 1, "ok ---------", "x");
    peer_push(p, frame, FRAME_HEADER_BYTES + 1);
    CHECK_INT(session_tick(&p->s, clock_.now_ms + 30000), E_TIME);
    CHECK_INT(p->s.error.code, E_TIME);
}

/* ---- divided messages ---- */

/* A message in pieces, as a real node divides it: the whole token, cut. */
struct pieces {
    uint8_t *token;
    size_t n, at;
    uint32_t counter;
    const char *command;
};

static struct pieces pieces_make(struct peer *p, uint32_t counter, const char *command, const void *payload,
                                 size_t n) {
    struct pieces d = {.counter = counter, .command = command};
    uint8_t *buf = test_keep(malloc(n * 3 / 2 + 400));
    d.n = peer_frame(p, buf, counter, command, payload, n) - FRAME_HEADER_BYTES;
    d.token = buf + FRAME_HEADER_BYTES;
    return d;
}

static enum err pieces_say(struct peer *p, struct pieces *d, size_t n) {
    uint8_t header[FRAME_HEADER_BYTES];
    bool last = n >= d->n - d->at;
    if (last)
        n = d->n - d->at;
    frame_header_write(header, d->counter, (uint32_t)n, d->command, !last);
    enum err err = peer_push(p, header, sizeof header);
    if (!err)
        err = peer_push(p, d->token + d->at, n);
    d->at += n;
    return err;
}

TEST(divided_messages_are_joined_while_others_pass) {
    for (int q = 0; q < 2; q++) {
        struct peer *p = open_peer(TO_MASTER, q ? &plain : NULL);
        struct pieces a = pieces_make(p, 1, "echo", "first of two", 12);
        struct pieces b = pieces_make(p, 2, "echo", "second", 6);
        pieces_say(p, &a, 5);
        pieces_say(p, &b, 2);
        CHECK_INT(p->s.parked_count, 2);
        peer_say_text(p, 3, "echo-c", "keepalive");
        EXPECT(p, 3, "ok-m  ------", "keepalive");
        pieces_say(p, &a, 4);
        pieces_say(p, &b, 1000);
        EXPECT(p, 2, "ok ---------", "second");
        pieces_say(p, &a, 1000);
        EXPECT(p, 1, "ok ---------", "first of two");
        CHECK_INT(p->s.parked_count, 0);
        EXPECT_NOTHING(p);
    }
}

TEST(eleventh_divided_message_closes) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    struct pieces d[11];
    for (uint32_t i = 0; i < 10; i++) {
        d[i] = pieces_make(p, i, "echo", "abc", 3);
        CHECK_INT(pieces_say(p, &d[i], 10), E_OK);
    }
    CHECK_INT(pieces_say(p, &d[3], 10), E_OK); /* no new one */
    peer_say_text(p, 100, "echo", "x");        /* not divided */
    EXPECT(p, 100, "ok ---------", "x");
    d[10] = pieces_make(p, 10, "echo", "abc", 3);
    CHECK_INT(pieces_say(p, &d[10], 10), E_LIMIT);
    CHECK(strstr(p->s.error.what, "3051") != NULL);
    EXPECT_NOTHING(p);
    peer_close(p);
    CHECK_INT(p->shared.messages->used, 0);
}

TEST(divided_message_has_two_minutes_for_each_frame) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    struct pieces d = pieces_make(p, 1, "echo", "abc", 3);
    pieces_say(p, &d, 10);
    CHECK_INT(session_deadline(&p->s), clock_.now_ms + DIVIDED_TIME_MS);
    clock_.now_ms += DIVIDED_TIME_MS - 1;
    CHECK_INT(session_tick(&p->s, clock_.now_ms), E_OK);
    pieces_say(p, &d, 10);
    clock_.now_ms += DIVIDED_TIME_MS - 1;
    CHECK_INT(session_tick(&p->s, clock_.now_ms), E_OK);
    pieces_say(p, &d, 1000);
    CHECK(session_deadline(&p->s) == UINT64_MAX);
    EXPECT(p, 1, "ok ---------", "abc");
    d = pieces_make(p, 2, "echo", "abc", 3);
    pieces_say(p, &d, 10);
    clock_.now_ms += DIVIDED_TIME_MS;
    peer_say_text(p, 3, "echo-c", "I live"); /* that is another matter */
    CHECK_INT(session_tick(&p->s, clock_.now_ms), E_TIME);
}

/* One that is not completed may lie on the disk, but not so much that nobody else's message can. */
TEST(one_session_has_its_share_of_the_spool) {
    uint8_t header[FRAME_HEADER_BYTES];
    struct peer *p = open_peer(TO_MASTER, &plain);
    size_t n = 10u << 20; /* of 16 MiB, a quarter of the usual 64 */
    uint8_t *big = test_keep(calloc(1, n));
    frame_header_write(header, 1, (uint32_t)n, "echo", true);
    peer_push(p, header, sizeof header);
    CHECK_INT(peer_push(p, big, n), E_OK);
    frame_header_write(header, 2, (uint32_t)n, "echo", false);
    peer_push(p, header, sizeof header);
    CHECK_INT(peer_push(p, big, n), E_OK);
    EXPECT(p, 2, "err --------", CLUSTER("3000", "echo of 10485760 bytes on the wire"));
    CHECK_INT(p->s.parked->body.size, n);
    frame_header_write(header, 1, 5u << 20, "file_upd", false); /* the command is the first frame's */
    peer_push(p, header, sizeof header);
    CHECK_INT(peer_push(p, big, 5u << 20), E_OK);
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_INT(seen.counter, 1);
}

/* Peers that begin many divided messages and end none take the slots of nobody else's messages. */
TEST(divided_messages_leave_room_for_others) {
    struct peer_opts opts = {.messages = DIVIDED_MAX + 1};
    struct peer *p = open_peer(TO_MASTER, &opts);
    void *slots[DIVIDED_MAX];
    for (unsigned i = 0; i < DIVIDED_MAX - 1; i++)
        slots[i] = pool_take(p->shared.messages);
    struct pieces d = pieces_make(p, 1, "echo", "abc", 3);
    CHECK_INT(pieces_say(p, &d, 10), E_OK);
    peer_say_text(p, 2, "echo", "x"); /* a whole one has its place */
    EXPECT(p, 2, "ok ---------", "x");
    d = pieces_make(p, 3, "echo", "abc", 3);
    CHECK_INT(pieces_say(p, &d, 10), E_POOL);
    EXPECT_NOTHING(p);
    for (unsigned i = 0; i < DIVIDED_MAX - 1; i++)
        pool_give(p->shared.messages, slots[i]);
}

TEST(divided_over_256_mib_closes) {
    uint8_t header[FRAME_HEADER_BYTES];
    struct peer *p = open_peer(TO_MASTER, &plain);
    frame_header_write(header, 1, 10, "nonsense", true);
    peer_push(p, header, sizeof header);
    peer_push(p, (const uint8_t *)"0123456789", 10);
    frame_header_write(header, 1, FRAME_MAX_BYTES - 10, "nonsense", true);
    CHECK_INT(peer_push(p, header, sizeof header), E_OK);
    p = open_peer(TO_MASTER, &plain);
    frame_header_write(header, 1, 10, "nonsense", true);
    peer_push(p, header, sizeof header);
    peer_push(p, (const uint8_t *)"0123456789", 10);
    frame_header_write(header, 1, FRAME_MAX_BYTES - 9, "nonsense", true);
    CHECK_INT(peer_push(p, header, sizeof header), E_LIMIT);
    CHECK(strstr(p->s.error.what, "3050") != NULL);
}

TEST(forged_piece_closes) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    struct pieces a = pieces_make(p, 1, "echo", "first of two", 12);
    a.token[4] ^= 3;
    pieces_say(p, &a, 50);
    CHECK_INT(pieces_say(p, &a, 1000), E_TOKEN);
    EXPECT_NOTHING(p);
}

/* ---- our requests ---- */

TEST(request_has_its_bytes_and_counter) {
    struct peer *p = open_peer(TO_WORKER, &plain);
    CHECK_INT(session_request(&p->s, "syn_i_w_m_p", "", 0, peer_reply, p, NULL), E_OK);
    CHECK_INT(session_request(&p->s, "hello", "w wazuh worker 4.14.7", 21, peer_reply, p, NULL), E_OK);
    PEER_LOG(p, "");
    peer_drain(p, SIZE_MAX);
    CHECK_MEM(p->out,
              "\x00\x00\x03\xe8\x00\x00\x00\x00syn_i_w_m_p \x00\x00\x03\xe9\x00\x00\x00\x15hello ------w",
              41);
    CHECK_INT(p->out_n, 61);
}

TEST(counter_wraps) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    p->s.next_counter = UINT32_MAX;
    session_request(&p->s, "echo", "a", 1, peer_reply, p, NULL);
    session_request(&p->s, "echo", "b", 1, peer_reply, p, NULL);
    EXPECT(p, UINT32_MAX, "echo -------", "a");
    EXPECT(p, 0, "echo -------", "b");
}

TEST(replies_are_known_by_their_counter_alone) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    for (int i = 0; i < 4; i++)
        CHECK_INT(session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL), E_OK);
    peer_say_text(p, 1002, "ok", "third");
    peer_say_text(p, 1000, "ok-m", "first");
    peer_say_text(p, 1001, "err", CLUSTER("3027", "abc"));
    peer_say_text(p, 1003, "syn_m_c_ok", "a command, but with our counter");
    PEER_LOG(p, "reply ok \"third\"\nreply ok-m \"first\"\nerror 3027 abc\n"
                "reply syn_m_c_ok \"a command, but with our counter\"\n");
    peer_say_text(p, 1003, "syn_m_c_ok", "");
    PEER_LOG(p, "request syn_m_c_ok \"\"\n");
}

TEST(err_in_plain_words_is_3000) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    session_request(&p->s, "xyz", "x", 1, peer_reply, p, NULL);
    peer_say_text(p, 1000, "err", "unknown command 'b'xyz''");
    PEER_LOG(p, "error 3000 unknown command 'b'xyz''\n");
}

TEST(what_answers_nothing_is_dropped) {
    static const char *const words[] = {"ok", "err", "ok-m", "ok-c", "error"};
    struct peer *p = open_peer(TO_WORKER, NULL);
    session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL);
    peer_drain(p, SIZE_MAX);
    p->out_at = p->out_n;
    peer_say_text(p, 1000, "ok", "x");
    peer_say_text(p, 1000, "ok", "x"); /* twice */
    PEER_LOG(p, "reply ok \"x\"\n");
    for (size_t i = 0; i < 5; i++)
        CHECK_INT(peer_say_text(p, 5, words[i], "x"), E_OK);
    EXPECT_NOTHING(p);
    PEER_LOG(p, "");
}

TEST(request_times_out_and_its_late_reply_is_swallowed) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    session_request(&p->s, "syn_i_w_m", "", 0, peer_reply, p, NULL);
    peer_drain(p, SIZE_MAX);
    uint64_t due = clock_.now_ms + 20000;
    CHECK_INT(session_deadline(&p->s), due);
    session_tick(&p->s, due - 1);
    PEER_LOG(p, "");
    session_tick(&p->s, due);
    PEER_LOG(p, "timeout\n");
    session_tick(&p->s, due + 1);
    PEER_LOG(p, "");
    CHECK(session_deadline(&p->s) == UINT64_MAX);
    /* swallowed once, whatever it is; then it is a request */
    peer_say_text(p, 1000, "syn_m_c_ok", "");
    PEER_LOG(p, "");
    peer_say_text(p, 1000, "syn_m_c_ok", "");
    PEER_LOG(p, "request syn_m_c_ok \"\"\n");
}

TEST(time_runs_from_the_last_byte_on) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    size_t n = 100000;
    uint8_t *big = test_keep(calloc(1, n));
    session_request_long(&p->s, "echo", NULL, 0, big, n, NULL, peer_reply, p, NULL);
    for (int i = 0; i < 20; i++) { /* a slow line: 10 s for 1,000 bytes */
        clock_.now_ms += 10000;
        CHECK_INT(peer_drain(p, 1000), 1000);
        CHECK_INT(session_tick(&p->s, clock_.now_ms), E_OK);
    }
    PEER_LOG(p, "");
    CHECK_INT(session_deadline(&p->s), clock_.now_ms + 20000);
    session_tick(&p->s, clock_.now_ms + 20000); /* a line that stands still */
    PEER_LOG(p, "timeout\n");
}

TEST(box_is_bounded_and_the_oldest_abandoned_goes) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    struct error e;
    for (uint32_t i = 0; i < REQUESTS_PER_SESSION; i++) {
        clock_.now_ms++;
        CHECK_INT(session_request(&p->s, "echo", "x", 1, peer_reply, p, &e), E_OK);
        peer_drain(p, SIZE_MAX);
    }
    CHECK(!session_can_request(&p->s));
    CHECK_INT(session_request(&p->s, "echo", "x", 1, peer_reply, p, &e), E_POOL);
    session_tick(&p->s, clock_.now_ms - REQUESTS_PER_SESSION + 2 + 20000); /* the first two */
    CHECK_INT(p->replies, 2);
    CHECK(session_can_request(&p->s));
    CHECK_INT(session_request(&p->s, "echo", "x", 1, peer_reply, p, &e), E_OK);
    peer_log_clear(p);
    peer_say_text(p, 1001, "syn_m_c_ok", ""); /* the second is still remembered */
    PEER_LOG(p, "");
    peer_say_text(p, 1000, "syn_m_c_ok", "");
    PEER_LOG(p, "request syn_m_c_ok \"\"\n");
}

TEST(reply_that_turns_into_a_request_is_judged_as_one) {
    static const struct {
        const char *command;
        size_t n;
        const char *reply;
    } says[] = {{"syn_m_c", 3, "unknown command 'b'syn_m_c''"},
                {"nonsense", 3, "unknown command 'b'nonsense''"},
                {"get_nodes", 70000, CLUSTER("3050", "get_nodes of 93432 bytes on the wire")},
                {"get_nodes", 3, NULL},
                {"ok", 3, NULL}};
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        struct peer *p = open_peer(TO_MASTER, NULL);
        uint8_t *big = test_keep(calloc(1, says[i].n));
        for (uint32_t k = 0; k < REQUESTS_PER_SESSION; k++)
            CHECK_INT(session_request(&p->s, "echo", "x", 1, NULL, NULL, NULL), E_OK);
        struct pieces d = pieces_make(p, 1000, says[i].command, big, says[i].n);
        pieces_say(p, &d, 50); /* 1000 is ours still */
        clock_.now_ms += 20000;
        session_tick(&p->s, clock_.now_ms);
        CHECK_INT(session_request(&p->s, "echo", "y", 1, NULL, NULL, NULL), E_OK); /* in its place */
        peer_drain(p, SIZE_MAX);
        p->out_at = p->out_n;
        CHECK_INT(pieces_say(p, &d, SIZE_MAX), E_OK);
        if (says[i].reply)
            EXPECT(p, 1000, "err --------", says[i].reply);
        else if (i == 3)
            EXPECT(p, 1000, "ok ---------", "served");
        EXPECT_NOTHING(p);
        CHECK_INT(strlen(p->log_buf) > 0, i == 3);
        peer_close(p);
    }
}

TEST(forgotten_requests_tell_nobody) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    int other;
    session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL);
    session_request(&p->s, "echo", "x", 1, NULL, &other, NULL);
    session_forget(&p->s, p);
    peer_say_text(p, 1000, "ok", "x");
    peer_say_text(p, 1001, "ok", "x");
    session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL);
    session_forget(&p->s, p);
    session_tick(&p->s, clock_.now_ms + 99999);
    peer_close(p);
    PEER_LOG(p, "");
}

TEST(session_that_ends_tells_everybody) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL);
    session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL);
    peer_close(p);
    PEER_LOG(p, "lost\nlost\n");
}

TEST(command_has_at_most_11_characters) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    uint8_t big[SMALL_MAX_BYTES + 1] = {0};
    CHECK_INT(session_request(&p->s, "abcdefghijkl", "", 0, NULL, NULL, NULL), E_LIMIT);
    CHECK_INT(session_request(&p->s, "", "", 0, NULL, NULL, NULL), E_LIMIT);
    CHECK_INT(session_request(&p->s, "abc", big, sizeof big, NULL, NULL, NULL), E_LIMIT);
    CHECK_INT(session_request(&p->s, "abcdefghijk", big, sizeof big - 1, NULL, NULL, NULL), E_OK);
    EXPECT_NOTHING((peer_drain(p, SIZE_MAX), p->out_at = p->out_n, p));
}

/* A callback that asks again. */
static void ask_again(void *arg, struct session *s, const struct reply *r) {
    struct peer *p = arg;
    peer_reply(arg, s, r);
    enum err err = session_request(s, "echo", "again", 5, peer_reply, p, NULL);
    CHECK_INT(err, r->kind == REPLY_LOST ? E_CLOSED : E_OK);
}

TEST(callbacks_may_ask_again) {
    struct peer *p = open_peer(TO_WORKER, NULL);
    session_request(&p->s, "echo", "x", 1, ask_again, p, NULL);
    EXPECT(p, 1000, "echo -------", "x");
    peer_say_text(p, 1000, "ok", "x");
    EXPECT(p, 1001, "echo -------", "again");
    session_request(&p->s, "echo", "y", 1, ask_again, p, NULL);
    EXPECT(p, 1002, "echo -------", "y");
    clock_.now_ms += 20000;
    session_tick(&p->s, clock_.now_ms);
    EXPECT(p, 1003, "echo -------", "again");
    session_request(&p->s, "echo", "z", 1, ask_again, p, NULL);
    peer_log_clear(p);
    peer_close(p);
    PEER_LOG(p, "lost\nlost\n");
}

/* ---- sending ---- */

static void count_up(void *arg) {
    ++*(int *)arg;
}

TEST(long_message_is_divided_as_a_real_node_does) {
    size_t n = 6000000, at = 0;
    uint8_t *big = test_keep(malloc(n));
    uint64_t seed = 3;
    for (size_t i = 0; i < n; i++)
        big[i] = (uint8_t)test_random(&seed);
    struct peer *p = open_peer(TO_WORKER, NULL);
    int sent = 0;
    CHECK_INT(session_request_long(&p->s, "sendsyn_res", big, 1000, big + 1000, n - 1000, count_up,
                                   peer_reply, p, NULL),
              E_OK);
    CHECK_INT(sent, 0);
    p->s.queue[0].arg = &sent; /* peer_reply and count_up want different ones */
    /* 4 * ceil((57 + 16 * (6000000 / 16 + 1)) / 3) = 8000100, cut into frames of 5,242,880 with their headers
     */
    uint8_t *token = test_keep(malloc(9000000));
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "sendsyn_resd");
    CHECK_INT(seen.length, 5242860);
    memcpy(token, seen.body, seen.length);
    at = seen.length;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "sendsyn_res-");
    CHECK_INT(seen.counter, 1000);
    CHECK_INT(seen.length, 8000100 - 5242860);
    memcpy(token + at, seen.body, seen.length);
    EXPECT_NOTHING(p);
    size_t clear_n;
    uint8_t *clear = peer_clear(p, token, 8000100, &clear_n);
    CHECK(clear != NULL);
    CHECK_INT(clear_n, n);
    CHECK(memcmp(clear, big, n) == 0);
    CHECK_INT(sent, 1);
}

TEST(lengths_around_the_dividing_line) {
    /* 7864224: its second frame would be too long by its header alone; 10485730: the same without Fernet */
    static const size_t sizes[] = {5242879, 5242880, 5242881, 4096,        4097,     1,       0,
                                   15,      16,      17,      3 * 5242860, 10485760, 7864224, 10485730};
    uint8_t *big = test_keep(calloc(1, 3 * 5242860));
    for (size_t q = 0; q < 2; q++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct peer *p = open_peer(TO_WORKER, q ? &plain : NULL);
            size_t n = sizes[i], got = 0;
            uint64_t want = q ? n : (57 + 16 * (n / 16 + 1) + 2) / 3 * 4;
            CHECK_INT(session_request_long(&p->s, "echo", NULL, 0, big, n, NULL, NULL, NULL, NULL), E_OK);
            struct peer_seen seen;
            for (size_t frames = 0; peer_next(p, &seen); frames++) {
                got += seen.length;
                bool last = got == want;
                CHECK_STR(seen.field, last ? "echo -------" : "echo ------d");
                if (n <= 5242880)
                    CHECK_INT(seen.length, want);
                else if (!last)
                    CHECK_INT(seen.length, 5242860);
                if (n > 5242880)
                    CHECK(seen.length <= 5242860);
                CHECK(seen.length > 0 || (q && n == 0));
            }
            CHECK_INT(got, want);
            peer_close(p);
        }
}

/* Every run that goes to the socket holds payload bytes behind each header in it (reference, pitfall 1). */
TEST(header_never_ends_a_run) {
    static uint8_t big[40000];
    for (size_t take = 1; take < 6000; take += 97) {
        struct peer *p = open_peer(TO_WORKER, NULL);
        for (int i = 0; i < 7; i++)
            CHECK_INT(session_request_long(&p->s, "file_upd", NULL, 0, big, sizeof big - 4000u * (unsigned)i,
                                           NULL, NULL, NULL, NULL),
                      E_OK);
        for (int i = 0; i < 3; i++)
            CHECK_INT(session_request(&p->s, "echo", big, 100, NULL, NULL, NULL), E_OK);
        uint64_t at = 0, next = 0; /* position in the stream, and of the next header */
        const uint8_t *bytes;
        size_t have;
        while ((have = session_tx_buf(&p->s, &bytes)) != 0) {
            while (next < at + have) { /* a header begins in this run */
                CHECK(next + FRAME_HEADER_BYTES < at + have);
                next += FRAME_HEADER_BYTES + be32_load(bytes + (next - at) + 4);
            }
            size_t n = min_size(have, take); /* what a short write cuts is the socket's affair */
            session_tx_ack(&p->s, n);
            at += n;
        }
        CHECK_INT(at, next);
        peer_close(p);
    }
}

/* The window is filled up to so many bytes; then come a small message that has to wait and a long one. */
TEST(nearly_full_window) {
    static uint8_t big[20000];
    for (size_t room = 0; room < 5000; room += room < 300 ? 1 : 499) {
        struct peer *p = open_peer(TO_WORKER, &plain);
        for (size_t left = TX_WINDOW_BYTES - room; left;) {
            size_t n =
                left > 4000 + 2 * FRAME_HEADER_BYTES ? 4000 : min_size(left - FRAME_HEADER_BYTES, 4050);
            CHECK_INT(session_request(&p->s, "fill", big, n, NULL, NULL, NULL), E_OK);
            left -= n + FRAME_HEADER_BYTES;
        }
        CHECK_INT(p->s.tx_end, TX_WINDOW_BYTES - room);
        bool waits = room % 2;
        session_request_long(&p->s, "long", NULL, 0, big, sizeof big, NULL, NULL, NULL, NULL);
        if (waits)
            session_request(&p->s, "small", big, 4096, NULL, NULL, NULL);
        const uint8_t *bytes;
        size_t n = session_tx_buf(&p->s, &bytes), at = 0;
        while (at < n) {
            CHECK(at + FRAME_HEADER_BYTES < n); /* no header at the end of the run */
            at += FRAME_HEADER_BYTES + be32_load(bytes + at + 4);
        }
        struct peer_seen seen;
        do
            CHECK(peer_next(p, &seen));
        while (strcmp(seen.field, "fill -------") == 0);
        CHECK_STR(seen.field, waits ? "small ------" : "long -------");
        peer_close(p);
    }
}

TEST(keepalive_waits_for_one_frame_at_the_most) {
    static uint8_t big[XFER_CHUNK_BYTES];
    struct peer *p = open_peer(TO_WORKER, NULL);
    for (int i = 0; i < 7; i++)
        session_request_long(&p->s, "file_upd", NULL, 0, big, sizeof big, NULL, NULL, NULL, NULL);
    CHECK_INT(session_request_long(&p->s, "file_upd", NULL, 0, big, sizeof big, NULL, NULL, NULL, NULL),
              E_SPACE);
    peer_drain(p, 1000); /* in the middle of the first */
    session_request(&p->s, "echo-c", "keepalive", 9, peer_reply, p, NULL);
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "file_upd ---");
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "echo-c -----");
    CHECK_INT(seen.counter, 1007);
}

TEST(lent_memory_comes_back_when_the_session_ends) {
    static uint8_t big[100000];
    struct peer *p = open_peer(TO_WORKER, NULL);
    int sent = 0;
    for (int i = 0; i < 3; i++)
        session_request_long(&p->s, "x", NULL, 0, big, sizeof big, count_up, NULL, &sent, NULL);
    peer_drain(p, 150000);
    CHECK_INT(sent, 1);
    peer_close(p);
    CHECK_INT(sent, 3);
}

TEST(long_echo_passes_through) {
    static const size_t sizes[] = {4096, 4097, 100000, 200000, 6000000};
    for (size_t q = 0; q < 2; q++)
        for (size_t i = 0; i < 5; i++) {
            size_t n = sizes[i];
            struct peer *p = open_peer(TO_MASTER, q ? &plain : NULL);
            uint8_t *big = test_keep(malloc(n));
            uint64_t seed = i;
            for (size_t k = 0; k < n; k++)
                big[k] = (uint8_t)test_random(&seed);
            CHECK_INT(peer_say(p, 3, "echo-c", big, n), E_OK);
            struct peer_seen seen;
            CHECK(peer_next(p, &seen));
            CHECK_INT(seen.counter, 3);
            CHECK_STR(seen.field, n > 5242880 ? "ok-m  -----d" : "ok-m  ------");
            if (n <= 5242880) {
                CHECK(seen.clear != NULL);
                CHECK_INT(seen.n, n);
                CHECK(memcmp(seen.clear, big, n) == 0);
            }
            peer_close(p);
        }
}

/* ---- back-pressure ---- */

TEST(reading_pauses_while_replies_do_not_leave) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    static uint8_t big[4096];
    uint8_t frame[6000];
    size_t n = peer_frame(p, frame, 1, "echo", big, sizeof big), said = 0, at = 0;
    for (;;) { /* nobody drains */
        size_t want = session_rx_want(&p->s);
        if (!want)
            break;
        size_t take = min_size(n - at, want);
        CHECK_INT(session_rx(&p->s, frame + at, take), E_OK);
        at = (at + take) % n;
        said += at == 0;
        session_step(&p->s);
        CHECK(said < 20);
    }
    CHECK(said >= 3);
    CHECK_INT(session_request(&p->s, "echo", "x", 1, NULL, NULL, NULL), E_SPACE);
    CHECK(!session_can_request(&p->s));
    for (size_t i = 0; i < said; i++)
        peer_expect(p, __FILE__, __LINE__, 1, "ok ---------", big, sizeof big);
    EXPECT_NOTHING(p);
    CHECK(session_rx_want(&p->s) > 0);
    CHECK(session_can_request(&p->s));
}

TEST(reading_pauses_while_long_echoes_do_not_leave) {
    struct peer *p = open_peer(TO_MASTER, &(struct peer_opts){.windows = 2});
    size_t n = 50000, said = 0, at = 0;
    uint8_t *big = test_keep(calloc(1, n)), *frame = test_keep(malloc(2 * n));
    size_t len = peer_frame(p, frame, 1, "echo", big, n);
    while (session_rx_want(&p->s)) {
        size_t take = min_size(len - at, session_rx_want(&p->s));
        CHECK_INT(session_rx(&p->s, frame + at, take), E_OK);
        at = (at + take) % len;
        said += at == 0;
        CHECK(said <= TX_QUEUE_MAX + 1);
    }
    CHECK_INT(said, TX_QUEUE_MAX + 1);
    CHECK_INT(session_step(&p->s), STEP_WAIT); /* until the socket takes bytes */
    for (size_t i = 0; i < said; i++) {
        peer_drain(p, SIZE_MAX);
        session_step(&p->s);
    }
    for (size_t i = 0; i < said; i++)
        peer_expect(p, __FILE__, __LINE__, 1, "ok ---------", big, n);
    EXPECT_NOTHING(p);
}

TEST(answers_put_off_always_find_room) {
    struct peer *p = open_peer(TO_LOCAL, &plain);
    static uint8_t big[SMALL_MAX_BYTES];
    uint8_t frame[FRAME_HEADER_BYTES];
    uint32_t asked = 0;
    p->silent = true;
    frame_header_write(frame, 0, 0, "get_nodes", false);
    while (session_request(&p->s, "x", big, sizeof big, NULL, NULL, NULL) == E_OK) {
    }
    while (session_rx_want(&p->s)) {
        frame_header_write(frame, asked++, 0, "get_nodes", false);
        CHECK_INT(session_rx(&p->s, frame, sizeof frame), E_OK);
        CHECK(asked < 10);
    }
    CHECK(asked >= 1);
    for (uint32_t i = 0; i < asked; i++)
        session_reply(&p->s, i, "ok", big, sizeof big);
    CHECK_INT(p->s.error.code, E_OK);
    struct peer_seen seen;
    uint32_t seen_replies = 0;
    while (peer_next(p, &seen))
        seen_replies += strcmp(seen.field, "ok ---------") == 0;
    CHECK_INT(seen_replies, asked);
    CHECK(session_rx_want(&p->s) > 0);
}

TEST(frame_time_stands_still_while_reading_pauses) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    size_t n = 300000;
    uint8_t *big = test_keep(calloc(1, n)), *frame = test_keep(malloc(2 * n));
    peer_say_text(p, 1, "new_file", PATH);
    memcpy(big, PATH " ", strlen(PATH) + 1);
    size_t len = peer_frame(p, frame, 2, "file_upd", big, n);
    size_t more = peer_frame(p, frame + len, 3, "echo", "x", 1);
    size_t at = 0;
    while (at < len) { /* to the end, and on to the next header */
        size_t want = min_size(len + FRAME_HEADER_BYTES - at, session_rx_want(&p->s));
        CHECK(want > 0);
        CHECK_INT(session_rx(&p->s, frame + at, want), E_OK);
        at += want;
    }
    CHECK_INT(at, len + FRAME_HEADER_BYTES);
    CHECK_INT(session_rx_want(&p->s), 0); /* 300,000 bytes are to be worked off */
    clock_.now_ms += 31000;
    CHECK_INT(session_tick(&p->s, clock_.now_ms), E_OK);
    clock_.now_ms += 29000;
    int steps = 1;
    while (session_step(&p->s) == STEP_AGAIN)
        steps++;
    CHECK_INT(steps, 2); /* of 256 KiB */
    CHECK(session_rx_want(&p->s) > 0);
    CHECK_INT(session_deadline(&p->s), clock_.now_ms + FRAME_TIME_MS);
    CHECK_INT(peer_push(p, frame + at, more - FRAME_HEADER_BYTES), E_OK);
    EXPECT(p, 1, "ok  --------", "Ready to receive new file");
    EXPECT(p, 2, "ok ---------", "File updated");
    EXPECT(p, 3, "ok ---------", "x");
    CHECK_INT(p->files[0].n, n - strlen(PATH) - 1);
}

TEST(answering_what_nobody_asked_is_noticed) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    static uint8_t big[SMALL_MAX_BYTES];
    for (int i = 0; i < 20; i++)
        session_reply(&p->s, 1, "ok", big, sizeof big);
    CHECK_INT(p->s.error.code, E_SPACE);
    CHECK_INT(session_step(&p->s), STEP_FAILED);
}

TEST(spool_that_breaks_while_it_is_sent_closes) {
    struct peer *p = open_peer(TO_MASTER, NULL);
    size_t n = 400000;
    uint8_t *big = test_keep(calloc(1, n));
    struct blob body;
    blob_init(&body, NULL, 0, p->shared.windows, p->shared.spill, UINT64_MAX);
    CHECK_INT(blob_append(&body, big, n, NULL), E_OK);
    CHECK_INT(session_reply_blob(&p->s, 1, "ok", &body, NULL), E_OK);
    CHECK_INT(body.size, 0);
    peer_drain(p, 100000);
    p->spill.fail_with = E_SYS;
    peer_drain(p, SIZE_MAX);
    CHECK_INT(session_step(&p->s), STEP_FAILED);
    CHECK_INT(p->s.error.code, E_SYS);
}

TEST(request_of_any_length) {
    static const size_t sizes[] = {0, 1, 4096, 4097, 100000, 400000};
    for (size_t i = 0; i < 6; i++) {
        struct peer *p = open_peer(TO_MASTER, NULL);
        uint8_t *big = test_keep(calloc(1, sizes[i] + 1)), small[8192];
        struct blob body;
        blob_init(&body, small, sizeof small, p->shared.windows, p->shared.spill, UINT64_MAX);
        memset(big, 'z', sizes[i]);
        blob_append(&body, big, sizes[i], NULL);
        CHECK_INT(session_request_blob(&p->s, "control_res", &body, peer_reply, p, NULL), E_OK);
        memset(small, 0, sizeof small);
        CHECK_INT(body.size, 0);
        peer_expect(p, __FILE__, __LINE__, 1000, "control_res ", big, sizes[i]);
        CHECK_INT(p->spill.open, 0);
        /* on an error body stays the caller's */
        for (uint32_t k = 0; k < REQUESTS_PER_SESSION - 1; k++)
            CHECK_INT(session_request(&p->s, "echo", "x", 1, peer_reply, p, NULL), E_OK);
        blob_append(&body, big, sizes[i], NULL);
        CHECK_INT(session_request_blob(&p->s, "control_res", &body, peer_reply, p, NULL), E_POOL);
        CHECK_INT(body.size, sizes[i]);
        CHECK_INT(session_request_blob(&p->s, "control_res_", &body, peer_reply, p, NULL), E_LIMIT);
        CHECK_INT(body.size, sizes[i]);
        blob_reset(&body);
        peer_close(p);
    }
}

TEST(reply_of_any_length) {
    static const size_t sizes[] = {0, 1, 4096, 4097, 100000};
    for (size_t i = 0; i < 5; i++) {
        struct peer *p = open_peer(TO_MASTER, NULL);
        uint8_t *big = test_keep(calloc(1, sizes[i] + 1)), small[8192];
        struct blob body;
        blob_init(&body, small, sizeof small, p->shared.windows, p->shared.spill, UINT64_MAX);
        memset(big, 'z', sizes[i]);
        blob_append(&body, big, sizes[i], NULL);
        CHECK_INT(session_reply_blob(&p->s, 8, "ok", &body, NULL), E_OK);
        memset(small, 0, sizeof small);
        CHECK_INT(body.size, 0);
        peer_expect(p, __FILE__, __LINE__, 8, "ok ---------", big, sizes[i]);
        peer_close(p);
    }
}
