/* test_frame.c - headers as real nodes send them, at every cut, and what is no header. */
#include "test/harness/harness.h"
#include "wire/frame.h"

#include <stdio.h>

static void check_header(const char *command, bool divided, const char *want) {
    uint8_t out[FRAME_HEADER_BYTES];
    frame_header_write(out, 0x01020304, 0xfffefdfc, command, divided);
    CHECK_MEM(out, "\x01\x02\x03\x04\xff\xfe\xfd\xfc", 8);
    CHECK_MEM(out + 8, want, COMMAND_BYTES);
}

/* The twelve bytes are those of the reference, section 1. */
TEST(frame_headers_as_real_nodes_write_them) {
    check_header("hello", false, "hello ------");
    check_header("ok", false, "ok ---------");
    check_header("ok ", false, "ok  --------");
    check_header("ok-m ", false, "ok-m  ------");
    check_header("err", false, "err --------");
    check_header("syn_i_w_m_p", false, "syn_i_w_m_p ");
    check_header("sendsyn_res", true, "sendsyn_resd");
    check_header("echo", true, "echo ------d");
}

/* What a decoder said, in words: "hello 7 5;body;" and so on. */
struct heard {
    struct frame_dec dec;
    char words[512];
    char body[512];
    size_t body_n, frames;
};

static void reset(void *ctx) {
    struct heard *h = ctx;
    memset(h, 0, sizeof *h);
    frame_dec_init(&h->dec);
}

static void push(void *ctx, const uint8_t *bytes, size_t n) {
    struct heard *h = ctx;
    while (n) {
        struct frame_event event;
        size_t used = frame_dec_push(&h->dec, bytes, n, &event);
        size_t at = strlen(h->words);
        if (event.kind == FRAME_BAD) {
            snprintf(h->words + at, sizeof h->words - at, "bad;");
            return;
        }
        CHECK(used > 0 && used <= n);
        const struct frame_header *head = &h->dec.header;
        if (event.kind == FRAME_HEADER)
            snprintf(h->words + at, sizeof h->words - at, "%s %u %u%s;", head->command, head->counter,
                     head->length, head->divided ? " d" : "");
        if (event.kind == FRAME_BODY) {
            CHECK(event.bytes == bytes && event.n == used && h->body_n + event.n <= sizeof h->body);
            memcpy(h->body + h->body_n, event.bytes, event.n);
            h->body_n += event.n;
        }
        if (event.kind == FRAME_NOTHING)
            CHECK(used == n && !event.last);
        h->frames += event.last;
        bytes += used;
        n -= used;
    }
}

static const char stream[] = "\0\0\0\7\0\0\0\5hello ------abcde"
                             "\xff\xff\xff\xff\0\0\0\0syn_i_w_m_p "
                             "\0\0\0\1\0\0\0\2sendsyn_resdfg"
                             "\0\0\0\1\0\0\0\1sendsyn_res-h"
                             "\0\0\0\2\0\0\0\1ok  --------i";

static void check_stream(void *ctx) {
    struct heard *h = ctx;
    CHECK_STR(h->words, "hello 7 5;syn_i_w_m_p 4294967295 0;sendsyn_res 1 2 d;sendsyn_res 1 1;ok 2 1;");
    CHECK_INT(h->frames, 5);
    CHECK_INT(h->body_n, 9);
    CHECK_MEM(h->body, "abcdefghi", 9);
}

TEST(frame_stream_at_every_cut) {
    struct heard h;
    test_cuts(stream, sizeof stream - 1, 1, &h, reset, push, check_stream);
}

/* Whoever reads no more than want never reads into the frame after the next header. */
TEST(frame_want_never_takes_too_much) {
    struct heard h;
    reset(&h);
    size_t at = 0, reads = 0;
    while (at < sizeof stream - 1) {
        size_t want = frame_dec_want(&h.dec), left = sizeof stream - 1 - at;
        CHECK(want > 0);
        want = want < left ? want : left;
        push(&h, (const uint8_t *)stream + at, want);
        at += want;
        reads++;
    }
    check_stream(&h);
    CHECK_INT(reads, 6); /* five headers, of which four come with the body before; the empty frame alone */
    reset(&h);
    CHECK_INT(frame_dec_want(&h.dec), FRAME_HEADER_BYTES);
    push(&h, (const uint8_t *)stream, 19);
    CHECK_INT(frame_dec_want(&h.dec), 1);
    push(&h, (const uint8_t *)stream + 19, 1);
    CHECK_INT(frame_dec_want(&h.dec), 25);
    push(&h, (const uint8_t *)stream + 20, 2);
    CHECK_INT(frame_dec_want(&h.dec), 23);
}

TEST(frame_want_of_the_longest_length) {
    struct heard h;
    reset(&h);
    push(&h,
         (const uint8_t *)"\0\0\0\1\xff\xff\xff\xff"
                          "echo -------",
         20);
    CHECK_INT(h.dec.left, 0xffffffffu);
    CHECK(frame_dec_want(&h.dec) >= 0xffffffffu); /* no wrap to nothing */
}

static bool accepts(const char *field) {
    struct heard h;
    uint8_t raw[20] = {0};
    memcpy(raw + 8, field, 12);
    reset(&h);
    push(&h, raw, 20);
    if (strcmp(h.words, "bad;") != 0)
        return true;
    struct frame_event event; /* and it stays so */
    CHECK_INT(frame_dec_push(&h.dec, raw, 20, &event), 0);
    CHECK_INT(event.kind, FRAME_BAD);
    return false;
}

TEST(frame_commands_that_are_none) {
    CHECK(accepts("abcdefghijk "));
    CHECK(accepts("abcdefghijkl"));           /* the twelfth is the flag's place */
    CHECK(accepts("a~! \1\2\3\4\5\6\7\x80")); /* padding means nothing */
    CHECK(!accepts(" abcdefghij "));
    CHECK(!accepts("\0bcdefghijk "));
    CHECK(!accepts("abcdefghij\x1f "));
    CHECK(!accepts("abcdefghij\x7f "));
    CHECK(!accepts("abc\x80 -------"));
    CHECK(!accepts("abc\n -------"));
    CHECK(!accepts("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00")); /* TLS at the wrong port */
}
