/* api/ossec_conf_call.h - the state of one read_ossec_conf, for src/api/ossec_conf.c and ossec_conf_raw.c. */
#ifndef PICKET_API_OSSEC_CONF_CALL_H
#define PICKET_API_OSSEC_CONF_CALL_H

#include "api/call.h"
#include "api/ossec_conf_parts.h"

#define CONF_PATH "etc/ossec.conf"
#define CONF_PIECE_BYTES 1024u /* read at once */
#define CONF_STEP_PIECES 48u   /* in one step */

enum conf_phase { NEXT_SECTION, NEXT_OBJECT, NEXT_OPTION, IN_LIST };

struct conf_call {
    struct conf_reader *reader; /* a window, or NULL */
    int fd;
    uint64_t at; /* in the file */
    bool secrets, distinct;
    char section[CONF_NAME_BYTES], field[CONF_NAME_BYTES]; /* "": all */
    /* the writing: indexes of records */
    enum conf_phase phase;
    uint32_t mark; /* the first beginning of the section */
    uint32_t object, from, to;
    uint32_t option, value; /* the first record of an option, the next value of it */
    /* raw */
    struct conf_words key; /* the cluster's */
    struct conf_mask mask[2];
    bool was_return; /* the last byte was a '\r' */
    uint32_t carry_n;
    char carry[CONF_PIECE_BYTES * 2];
};

/* The file is open: its text becomes the answer, and the call ends. */
void ossec_conf_raw(struct api_call *c);

#endif
