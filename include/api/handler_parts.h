/* api/handler_parts.h - what the files of api/handler share. Not for others.
 *
 *   handler.c         the program: found, started, fed, ended
 *   handler_output.c  what it says, checked while it comes */
#ifndef PICKET_API_HANDLER_PARTS_H
#define PICKET_API_HANDLER_PARTS_H

#include "api/result.h"
#include "base/json_stream.h"

/* The output of one program on its way into an answer: one JSON object, of any length. A result or exception
 * in a node's own encoding passes as it is, when all names of classes and types in it are known ones; other
 * objects are put into a WazuhResult. */
struct handler_output {
    struct api_result *result;
    uint64_t bytes, limit;
    struct json_stream stream;
    uint8_t form;      /* enum in handler_output.c: known with the first member */
    bool has_class;    /* the answer's own */
    bool casting;      /* within sort_casting */
    const char *wrong; /* constant words; NULL: nothing so far */
    uint16_t held_n;
    char keep[64];
    char held[256]; /* what came before the form was known */
};
void handler_output_init(struct handler_output *o, struct api_result *result, uint64_t limit);
/* n more bytes. E_OK, or *e says what is wrong with it: nothing more is taken then. */
enum err handler_output_push(struct handler_output *o, const char *bytes, size_t n, struct error *e);
/* That was all: the result is written to its end. */
enum err handler_output_finish(struct handler_output *o, struct error *e);

#endif
