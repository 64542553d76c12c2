/* role/ruleset_reload.h - asks analysisd to read its rules, decoders and lists anew: one frame there and one
 * back over queue/sockets/analysis (framework/wazuh/core/analysis.py of 4.13 and later; 4 length bytes,
 * little endian, then JSON). Nothing waits for it. */
#ifndef PICKET_ROLE_RULESET_RELOAD_H
#define PICKET_ROLE_RULESET_RELOAD_H

#include "base/err.h"
#include "base/log.h"
#include "net/loop.h"

#define RULESET_SOCKET "queue/sockets/analysis"
#define RULESET_RELOAD_MS 30000u   /* for the whole exchange: analysisd compiles the rules first */
#define RULESET_ANSWER_BYTES 8192u /* longest answer */

struct ruleset_reload {
    struct sys *sys;
    struct loop *loop;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_work work;
    int fd; /* -1: not connected */
    bool under_way;
    void (*done)(void *arg, const char *answer, size_t n, const struct error *why);
    void *arg;
    size_t sent, got, out_n;
    uint8_t buf[4 + RULESET_ANSWER_BYTES]; /* the question, then the answer */
};

void ruleset_reload_init(struct ruleset_reload *r, struct sys *sys, struct loop *loop);
/* module: who asks, "cluster" or "api"; constant text. root_path: without final slash. done is called exactly
 * once, never from inside this call, with analysisd's JSON (n bytes, valid during the call) or, answer being
 * NULL, why there is none. An error: nothing was begun: E_POOL one is under way, E_LIMIT the path is too
 * long. */
enum err ruleset_reload_start(struct ruleset_reload *r, const char *root_path, const char *module,
                              void (*done)(void *arg, const char *answer, size_t n, const struct error *why),
                              void *arg, struct error *e);
bool ruleset_reload_is_under_way(const struct ruleset_reload *r);
/* done will not be called. Safe when nothing is under way. */
void ruleset_reload_cancel(struct ruleset_reload *r);

/* Says in the log how it went, in a real worker's words. tag: "Worker w1". */
void ruleset_reload_log(struct log *log, const char *tag, const char *answer, size_t n,
                        const struct error *why);

#endif
