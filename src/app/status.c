/* app/status.c - the visit to a running node: four questions over its local socket, then one screen.
 *
 * get_status is picket's own and answered from memory; the other three are Wazuh's, and on a worker two of
 * them travel to the master. So get_status comes first, and what the rest do not bring in time is shown as
 * not known. */
#include "app/status.h"

#include "app/console.h"
#include "app/status_screen.h"
#include "app/visit.h"
#include "base/text.h"

#include <string.h>

/* Static because it is about 25 KB, and there is one visit in a process. */
static struct status_view view;

/* All four. An error only when not even one was answered. */
static enum err ask_all(struct visit *v) {
    static const struct {
        const char *command, *payload;
        void (*read)(struct status_view *v, const struct json_doc *d);
    } questions[] = {
        {"get_status", "", status_view_status},
        {"get_config", "", status_view_config},
        {"get_nodes",
         "{\"filter_node\": null, \"offset\": 0, \"limit\": 500, \"sort\": null, \"search\": null, "
         "\"select\": null,"
         " \"filter_type\": \"all\"}",
         status_view_nodes},
        {"get_health", "null", status_view_health},
    };
    enum err err = E_OK;
    uint32_t answers = 0;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        err = visit_ask(v, questions[i].command, questions[i].payload, VISIT_WAIT_MS);
        if (!err) {
            questions[i].read(&view, &v->doc);
            answers++;
        } else if (i == 2) {
            text_copy(view.nodes_why, sizeof view.nodes_why, err_words(err), strlen(err_words(err)));
        }
        if (err && err != E_PEER && err != E_LIMIT && err != E_SYNTAX && err != E_SPACE)
            break; /* the connection is of no more use */
    }
    return answers ? E_OK : err;
}

const struct status_view *status_look(struct visit *v) {
    status_view_init(&view);
    return ask_all(v) ? NULL : &view;
}

static int print_json(struct visit *v) {
    enum err err = visit_ask(v, "get_status", "", VISIT_WAIT_MS);
    if (err) {
        complain(
            "UNKNOWN: %s (Wazuh's own daemon has no get_status: `picket status` without -j shows what it "
            "tells)\n",
            v->e.what);
        return STATUS_UNKNOWN;
    }
    status_view_init(&view);
    status_view_status(&view, &v->doc);
    print_bytes(v->doc.text, v->doc.len);
    print_bytes("\n", 1);
    return status_view_is_well(&view) ? STATUS_OK : STATUS_DEGRADED;
}

static int show_screen(struct visit *v) {
    char screen[SCREEN_BYTES];
    struct text t;
    if (!status_look(v))
        return visit_fail(v, E_TIME);
    text_init(&t, screen, sizeof screen);
    status_screen(&t, &view);
    bool well = status_view_is_well(&view);
    print_screen(well ? MOOD_GOOD : MOOD_BAD, t.buf, t.len);
    return well ? STATUS_OK : STATUS_DEGRADED;
}

int status_command(struct sys *sys, const struct options *o) {
    struct visit v;
    int code = visit_begin(&v, sys, o);
    if (code)
        return code;
    code = o->json ? print_json(&v) : show_screen(&v);
    visit_close(&v);
    console_flush();
    return code;
}
