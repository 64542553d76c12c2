/* wire/greeter.c - what a connection may say before anybody has vouched for it.
 *
 * Bytes come from the socket of a stranger; a verified hello or echo stays in the greeter for the role that
 * asks. Every length is judged at the header, before a byte of the body is taken. */
#include "wire/greeter.h"
#include "base/bytes.h"
#include "base/text.h"
#include "wire/cmd.h"

#include <string.h>

/* Characters of the longest token: fernet_length(STRANGER_BODY_BYTES) as a constant. */
#define TOKEN_BYTES (FERNET_HEAD_BYTES + (STRANGER_BODY_BYTES / 16u + 1u) * 16u + SHA256_BYTES)
#define TOKEN_CHARS ((TOKEN_BYTES + 2u) / 3u * 4u)
_Static_assert(FERNET_DEC_ROOM(TOKEN_CHARS) <= 4096,
               "STRANGER_BODY_BYTES is work space on the stack: lower it");
_Static_assert(STRANGER_BODY_BYTES <= UINT16_MAX, "STRANGER_BODY_BYTES does not fit body_len: lower it");

void greeter_init(struct greeter *g) {
    memset(g, 0, sizeof *g);
    frame_dec_init(&g->frame);
}

void greeter_next(struct greeter *g) {
    g->in_frame = false;
}

static bool is_complete(const struct greeter *g) {
    return g->in_frame && g->frame.left == 0;
}

/* Unlike frame_dec_want never a byte of the next frame: what follows a hello belongs to the session. */
size_t greeter_want(const struct greeter *g) {
    if (g->why || is_complete(g))
        return 0;
    return g->in_frame ? g->frame.left : frame_dec_want(&g->frame);
}

uint32_t greeter_counter(const struct greeter *g) {
    return g->frame.header.counter;
}

static enum greeter_event bad(struct greeter *g, const char *why) {
    g->why = why;
    return GREETER_BAD;
}

static enum greeter_event header_judge(struct greeter *g, const struct fernet_key *key) {
    const struct frame_header *h = &g->frame.header;
    enum cmd_id cmd = cmd_find(h->command);
    if (cmd != CMD_HELLO && cmd != CMD_ECHO)
        return bad(g, "another command than hello");
    if (h->divided || h->length > TOKEN_CHARS)
        return bad(g, "a message longer than a hello can be");
    if (h->length == 0)
        return bad(g, "a message that is not encrypted");
    g->in_frame = true;
    g->body_len = 0;
    fernet_dec_init(&g->fernet, key);
    return GREETER_MORE;
}

/* Tokens come in steps of 16 bytes, so one of an admitted length may still hold a little too much. */
static bool keep(struct greeter *g, const uint8_t *bytes, size_t n) {
    if (n > sizeof g->body - g->body_len)
        return false;
    memcpy(g->body + g->body_len, bytes, n);
    g->body_len = (uint16_t)(g->body_len + n);
    return true;
}

static enum greeter_event body_push(struct greeter *g, const struct frame_event *event) {
    uint8_t room[FERNET_DEC_ROOM(TOKEN_CHARS)];
    uint8_t last[16];
    size_t n;
    struct unverified u;
    fernet_dec_push(&g->fernet, (const char *)event->bytes, event->n, room, &u);
    if (!keep(g, u.bytes, u.n))
        return bad(g, "a message longer than a hello can be");
    if (!event->last)
        return GREETER_MORE;
    if (fernet_dec_finish(&g->fernet, last, &n, NULL) != E_OK)
        return bad(g, "a message that does not decrypt: another key, or not a cluster node");
    if (!keep(g, last, n))
        return bad(g, "a message longer than a hello can be");
    return cmd_find(g->frame.header.command) == CMD_HELLO ? GREETER_HELLO : GREETER_ECHO;
}

enum greeter_event greeter_push(struct greeter *g, const struct fernet_key *key, const uint8_t *bytes,
                                size_t n) {
    enum greeter_event said = GREETER_MORE;
    while (n && said == GREETER_MORE && !g->why) {
        struct frame_event event;
        size_t used = frame_dec_push(&g->frame, bytes, n, &event);
        bytes += used;
        n -= used;
        if (event.kind == FRAME_BAD)
            said = bad(g, "not a cluster node's message");
        else if (event.kind == FRAME_HEADER)
            said = header_judge(g, key);
        else if (event.kind == FRAME_BODY)
            said = body_push(g, &event);
    }
    return g->why ? GREETER_BAD : said;
}

/* The next word of *text, which ends at a space or with the text; its length bounds nothing else. */
static bool word(const char **text, size_t *left, char *out, size_t cap) {
    const char *space = memchr(*text, ' ', *left);
    size_t n = space ? (size_t)(space - *text) : *left;
    if (n == 0 || !text_copy(out, cap, *text, n))
        return false;
    n += space != NULL;
    *text += n;
    *left -= n;
    return true;
}

bool greeter_hello(const struct greeter *g, struct hello *out) {
    const char *text = (const char *)g->body;
    size_t left = g->body_len;
    memset(out, 0, sizeof *out);
    return word(&text, &left, out->name, sizeof out->name) &&
           word(&text, &left, out->cluster, sizeof out->cluster) &&
           word(&text, &left, out->type, sizeof out->type) &&
           word(&text, &left, out->version, sizeof out->version) && left == 0 &&
           g->body[g->body_len - 1] != ' ';
}
