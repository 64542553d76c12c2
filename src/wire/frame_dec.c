/* wire/frame_dec.c - cuts the byte stream of a connection into headers and payload bytes.
 *
 * It keeps the 20 bytes of one header and never a payload byte: those are pointed out inside the caller's
 * own buffer. Whether a length or a command is acceptable is judged by who owns the connection. */
#include "base/bytes.h"
#include "wire/frame.h"

#include <string.h>

#define FLAG_AT (COMMAND_BYTES - 1) /* the divide flag's place in the command field */

void frame_dec_init(struct frame_dec *d) {
    memset(d, 0, sizeof *d);
}

size_t frame_dec_want(const struct frame_dec *d) {
    if (!d->left)
        return (size_t)FRAME_HEADER_BYTES - d->have;
    size_t want = (size_t)d->left + FRAME_HEADER_BYTES;
    return want < d->left ? SIZE_MAX : want; /* with 32 bits a lying length must not wrap to nothing */
}

/* The command ends at its first space; what pads the field behind it means nothing, except for the flag. */
static bool command_read(struct frame_header *h, const uint8_t field[COMMAND_BYTES]) {
    size_t n = 0;
    for (; n < FLAG_AT && field[n] != ' '; n++)
        if (field[n] < 0x21 || field[n] > 0x7e)
            return false;
    memcpy(h->command, field, n);
    memset(h->command + n, 0, sizeof h->command - n);
    h->divided = field[FLAG_AT] == 'd';
    return n > 0;
}

static size_t header_push(struct frame_dec *d, const uint8_t *bytes, size_t n, struct frame_event *event) {
    size_t take = min_size(n, (size_t)FRAME_HEADER_BYTES - d->have);
    memcpy(d->raw + d->have, bytes, take);
    d->have = (uint8_t)(d->have + take);
    if (d->have < FRAME_HEADER_BYTES)
        return take;
    d->have = 0;
    d->header.counter = be32_load(d->raw);
    d->header.length = be32_load(d->raw + 4);
    if (!command_read(&d->header, d->raw + 8)) {
        d->bad = true;
        event->kind = FRAME_BAD;
        return take;
    }
    d->left = d->header.length;
    event->kind = FRAME_HEADER;
    event->last = d->left == 0;
    return take;
}

size_t frame_dec_push(struct frame_dec *d, const uint8_t *bytes, size_t n, struct frame_event *event) {
    *event = (struct frame_event){.kind = d->bad ? FRAME_BAD : FRAME_NOTHING};
    if (d->bad || n == 0)
        return 0;
    if (d->left == 0)
        return header_push(d, bytes, n, event);
    size_t take = min_size(n, d->left);
    d->left -= (uint32_t)take;
    *event = (struct frame_event){.kind = FRAME_BODY, .last = d->left == 0, .bytes = bytes, .n = take};
    return take;
}
