/* fuzz_greeter.c - a stranger that says arbitrary frames. Input: the bytes of the connection, except that a
 * payload which begins with '!' is taken as clear bytes and encrypted with the right key, so that what lies
 * behind the token is reached too. */
#include "wire/greeter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 4096u

static void need(bool cond) {
    if (!cond)
        abort();
}

/* command, '!', clear bytes, up to the next 0xff: one well-formed frame. */
static size_t frame_write(const struct fernet_key *key, const uint8_t *text, size_t n, uint8_t *out) {
    char command[COMMAND_BYTES] = {0};
    size_t len = 0;
    while (len < n && text[len] != '!')
        len++;
    memcpy(command, text, len < COMMAND_BYTES - 1 ? len : COMMAND_BYTES - 1);
    struct fernet_enc f;
    char *at = (char *)out + FRAME_HEADER_BYTES;
    size_t made = fernet_enc_start(&f, key, 1, (const uint8_t *)"an initial value", at);
    if (len < n)
        made += fernet_enc_push(&f, text + len + 1, n - len - 1, at + made);
    made += fernet_enc_finish(&f, at + made);
    frame_header_write(out, (uint32_t)n, (uint32_t)made, command, false);
    return FRAME_HEADER_BYTES + made;
}

static void hello_check(const struct greeter *g) {
    struct hello h;
    if (!greeter_hello(g, &h))
        return;
    char text[sizeof h + 8]; /* the four words are the body and nothing else */
    size_t n = 0;
    const char *const words[] = {h.name, h.cluster, h.type, h.version};
    for (int i = 0; i < 4; i++) {
        need(words[i][0] && !strchr(words[i], ' '));
        memcpy(text + n, words[i], strlen(words[i]));
        n += strlen(words[i]);
        text[n++] = ' ';
    }
    need(n - 1 == g->body_len && memcmp(text, g->body, n - 1) == 0);
}

static void connection(const struct fernet_key *key, const uint8_t *bytes, size_t n) {
    struct greeter g;
    uint32_t step = (uint32_t)n;
    greeter_init(&g);
    for (;;) {
        size_t want = greeter_want(&g);
        need(want > 0 && want <= fernet_length(STRANGER_BODY_BYTES));
        step = step * 1664525u + 1013904223u;
        size_t take = 1 + (step >> 16) % want;
        if (take > n)
            take = n;
        enum greeter_event event = greeter_push(&g, key, bytes, take);
        bytes += take;
        n -= take;
        need(g.body_len <= sizeof g.body && (event == GREETER_BAD) == (g.why != NULL));
        if (event != GREETER_MORE)
            need(greeter_want(&g) == 0);
        if (event == GREETER_HELLO)
            hello_check(&g);
        if (event == GREETER_ECHO)
            greeter_next(&g);
        if (event == GREETER_BAD || event == GREETER_HELLO || n == 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[16 * MOST];
    struct fernet_key key;
    fernet_key_init(&key, "0123456789abcdef0123456789abcdef");
    if (size > MOST)
        return 0;
    if (size == 0 || !memchr(data, '!', size)) {
        connection(&key, data, size);
        return 0;
    }
    size_t n = 0, frames = 0;
    while (size && frames++ < 100) {
        const uint8_t *end = memchr(data, 0xff, size);
        size_t len = end ? (size_t)(end - data) : size;
        n += frame_write(&key, data, len, bytes + n);
        len += end != NULL;
        data += len;
        size -= len;
    }
    connection(&key, bytes, n);
    return 0;
}
