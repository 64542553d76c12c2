/* app/api_ask.h - a request of the distributed API from the command line: its JSON, and its answer as events
 * (reference, section 15). An answer may be of any length: it is read as it comes. */
#ifndef PICKET_APP_API_ASK_H
#define PICKET_APP_API_ASK_H

#include "app/visit.h"
#include "base/json_stream.h"
#include "base/json_write.h"
#include "wire/wazuh_error.h"

#define ANSWER_ITEM_BYTES 16384u /* one item, member or error of an answer; longer ones are left out */
#define ANSWER_ERRORS 16u        /* different errors among failed items that are told */

struct api_question {
    const char *function;         /* "wazuh.core.agent.Agent.get_agents_overview" */
    const char *type;             /* "local_any", ...; NULL: left out */
    const char *local_client_arg; /* NULL: left out */
    bool is_async, wait_for_complete, broadcasting;
};
/* The request up to its arguments; then the caller writes members, and closes it. What was left out of the
 * question is left out of the request: its receiver has defaults. */
void api_question_open(struct json_write *w, const struct api_question *q);
void api_question_close(struct json_write *w);

enum answer_kind {
    ANSWER_NONE,      /* nothing was read yet */
    ANSWER_ITEMS,     /* AffectedItemsWazuhResult */
    ANSWER_PLAIN,     /* WazuhResult */
    ANSWER_EXCEPTION, /* error says which */
    ANSWER_OTHER      /* JSON of no shape known here */
};

struct answer;
struct answer_events {
    /* An element of affected_items, or of an array in a WazuhResult. E_OK, or an error that ends it. */
    enum err (*item)(void *arg, const char *json, size_t n, struct error *e);
    /* A member of a WazuhResult that is no array, and everything of it where whole is set. May be NULL. */
    enum err (*member)(void *arg, const char *key, const char *json, size_t n, struct error *e);
    /* The failed items of one reason: ids is the JSON of their array. May be NULL. */
    enum err (*failed)(void *arg, const struct wazuh_error *why, const char *ids, size_t n, struct error *e);
    /* The error of the exception, whole, as JSON. May be NULL. */
    void (*exception)(void *arg, const char *json, size_t n);
};

struct answer {
    enum answer_kind kind;
    uint64_t total, failed;   /* total_affected_items, total_failed_items */
    uint64_t left_out;        /* items that were too long */
    char message[3][160];     /* all_msg, some_msg, none_msg */
    struct wazuh_error error; /* of the exception */
    /* its own */
    const struct answer_events *events;
    void *arg;
    struct json_stream stream;
    uint8_t place; /* which array is being gone through */
    uint32_t errors, ids;
    struct wazuh_error reason[ANSWER_ERRORS];
    struct error *e;
};

/* One answer at a time: the buffer for items is static. */
void answer_init(struct answer *a, const struct answer_events *events, void *arg);
enum err answer_take(void *arg, const char *bytes, size_t n,
                     struct error *e); /* arg: the answer; a sink's take */
enum err answer_finish(struct answer *a, struct error *e);

/* Asks and reads the answer. E_OK: it is whole, a->kind says what it is; E_PEER: refused, visit_words. */
enum err api_ask(struct visit *v, const char *question, uint32_t wait_ms, struct answer *a);
/* The message that goes with how many failed. */
const char *answer_message(const struct answer *a);

/* An error's object ({"__class__", "__object__"}) as it stands in answers. */
void answer_read_error(struct wazuh_error *w, const char *json, size_t n);

#endif
