/* wire/frame.h - the 20-byte header and what follows it (reference, section 1), as a push machine.
 *
 *   0 counter uint32 BE | 4 length uint32 BE, of the payload | 8 command, 12 bytes, padded with " ---"
 *
 * Byte 11 of the command (the last) is 'd' on all but the last frame of a divided message. */
#ifndef PICKET_WIRE_FRAME_H
#define PICKET_WIRE_FRAME_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 20
#define COMMAND_BYTES 12            /* a command's text, with its NUL: 11 characters at most (error 3024) */
#define DIVIDE_CHUNK_BYTES 5242880u /* a longer clear payload is divided into frames of this size in all */

struct frame_header {
    uint32_t counter;
    uint32_t length;             /* payload bytes of this frame */
    char command[COMMAND_BYTES]; /* up to the first space; unprintable bytes make it E_FRAME */
    bool divided;                /* more frames of the same message follow */
};

enum frame_event_kind {
    FRAME_NOTHING, /* all bytes consumed, nothing complete yet */
    FRAME_HEADER,  /* header is complete: judge its length before pushing on */
    FRAME_BODY,    /* some payload bytes */
    FRAME_BAD      /* not a header: close the connection; sticks */
};
struct frame_event {
    enum frame_event_kind kind;
    bool last; /* with FRAME_HEADER of length 0, and with the last FRAME_BODY: the frame is complete */
    const uint8_t *bytes; /* FRAME_BODY: inside the caller's bytes */
    size_t n;
};

struct frame_dec {
    uint8_t raw[FRAME_HEADER_BYTES];
    uint8_t have; /* header bytes so far */
    bool bad;
    uint32_t left;              /* payload bytes of the current frame still to come */
    struct frame_header header; /* valid from FRAME_HEADER on */
};

void frame_dec_init(struct frame_dec *d);
/* Bytes that may be read from the socket now without taking more than this frame and the next one's header:
 * whoever reads no more than this never has bytes left over. Always > 0. */
size_t frame_dec_want(const struct frame_dec *d);
/* Consumes a prefix of bytes (its length is returned) and stops at the first event. */
size_t frame_dec_push(struct frame_dec *d, const uint8_t *bytes, size_t n, struct frame_event *event);

/* Writes the 20 bytes. command: 1..11 characters (12 for dialects without the divide flag are not served
 * here). */
void frame_header_write(uint8_t out[FRAME_HEADER_BYTES], uint32_t counter, uint32_t length,
                        const char *command, bool divided);

#endif
