/* wire/greeter.h - the small machine that faces a connection nobody has vouched for.
 *
 * It keeps one bounded frame in a few hundred bytes, knows two commands (hello, echo), and never reads past
 * the end of the frame it is in, so that a good hello's connection can be handed on as it is. What is not a
 * header, is longer than STRANGER_BODY_BYTES, divided, does not decrypt or is another command: GREETER_BAD,
 * and the connection closes without a word (a wrong key gets no reply from Wazuh either: reference, section
 * 1). */
#ifndef PICKET_WIRE_GREETER_H
#define PICKET_WIRE_GREETER_H

#include "limits.h"
#include "wire/fernet.h"
#include "wire/frame.h"

enum greeter_event {
    GREETER_MORE,  /* needs more bytes */
    GREETER_HELLO, /* hello is complete: see greeter_hello */
    GREETER_ECHO,  /* body / body_len is to be echoed */
    GREETER_BAD    /* close; why says it */
};

struct greeter {
    struct frame_dec frame;
    struct fernet_dec fernet;
    bool in_frame;
    uint16_t body_len;
    uint8_t body[STRANGER_BODY_BYTES];
    const char *why; /* constant text */
};

void greeter_init(struct greeter *g);
/* Bytes to read at most now; 0 after GREETER_HELLO, GREETER_ECHO (until greeter_next) and GREETER_BAD. */
size_t greeter_want(const struct greeter *g);
/* Takes n <= greeter_want() bytes. */
enum greeter_event greeter_push(struct greeter *g, const struct fernet_key *key, const uint8_t *bytes,
                                size_t n);
uint32_t greeter_counter(const struct greeter *g); /* of the complete frame */
/* Goes on to the next frame after GREETER_ECHO. */
void greeter_next(struct greeter *g);

/* The four words of a hello, split at single spaces; false when they are not four, or one is empty, too long
 * or holds a NUL. A real master (4.14.7) splits in the same way, answers a wrong number of words with err,
 * WazuhInternalError 1000 and Python's words for it ("not enough values to unpack (expected 4, got 3)"), and
 * keeps the connection; it takes empty words. The characters of the words are not judged here. */
struct hello {
    char name[NODE_NAME_BYTES], cluster[NODE_NAME_BYTES], type[16], version[24];
};
bool greeter_hello(const struct greeter *g, struct hello *out);

#endif
