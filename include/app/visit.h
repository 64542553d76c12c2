/* app/visit.h - a command's visit to the running node: is it there, does it answer, and its answers parsed.
 * One visit at a time; the answers lie in the scratch memory (app/scratch.h). */
#ifndef PICKET_APP_VISIT_H
#define PICKET_APP_VISIT_H

#include "app/ask.h"
#include "app/options.h"
#include "app/status.h"
#include "base/json_read.h"
#include "base/text.h"

#define VISIT_WAIT_MS 1500u /* a node that is down, or hangs, is known to be so after this */
#define VISIT_LIST_MS 6000u /* for an answer that the store, or the master, must give */

struct visit {
    struct ask ask;
    const struct options *o;
    struct error e;
    struct json_doc doc;   /* the last answer */
    char why[320];         /* STATUS_STOPPED, _DIED, _UNKNOWN: the line to say, without its end */
    enum status_code code; /* STATUS_OK: it answers */
};

/* Connects and asks whether anybody is there. v->code and v->why tell; nothing is printed. */
enum status_code visit_open(struct visit *v, struct sys *sys, const struct options *o);
/* The same, and says v->why on standard error. */
enum status_code visit_begin(struct visit *v, struct sys *sys, const struct options *o);
void visit_close(struct visit *v);

/* One question. The answer's text is parsed into v->doc; E_PEER: the refusal's text is in the scratch memory
 * and visit_refused says it. */
enum err visit_ask(struct visit *v, const char *command, const char *payload, uint32_t wait_ms);
/* The words of what went wrong, for a line: of an error of Wazuh's its own words, else v->e. */
void visit_words(const struct visit *v, enum err err, struct text *out);
/* Says what went wrong on standard error: 1 for a refusal, STATUS_UNKNOWN for everything else. */
int visit_fail(const struct visit *v, enum err err);

#endif
