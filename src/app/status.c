/* app/status.c - the visit to a running node: four questions over its local socket, then one screen.
 *
 * get_status is picket's own and answered from memory; the other three are Wazuh's, and on a worker two of
 * them travel to the master. So get_status comes first, and what the rest do not bring in time is shown as
 * not known. */
#include "app/status.h"

#include "app/ask.h"
#include "app/scratch.h"
#include "app/status_screen.h"
#include "base/text.h"
#include "sys/process.h"

#include <string.h>

#define SOCKET "queue/cluster/c-internal.sock"
#define STDOUT_FD 1
#define STDERR_FD 2

/* Static because it is about 25 KB, and there is one visit in a process. */
static struct status_view view;

static void say(const char *format, const char *a, const char *b) {
    char line[512];
    struct text t;
    text_init(&t, line, sizeof line);
    text_format(&t, format, a, b);
    process_write(STDERR_FD, t.buf, t.len);
}

/* Does var/run hold a pid file of the daemon? */
static bool has_pid_file(struct sys *sys, int root_fd) {
    _Alignas(8) char buf[2048];
    bool found = false;
    ptrdiff_t n;
    int fd = sys->openat(sys, root_fd, "var/run", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return false;
    while (!found && (n = sys->getdents(sys, fd, buf, sizeof buf)) > 0) {
        struct sys_dirent entry;
        for (size_t at = 0; sys_dirent_next(buf, (size_t)n, &at, &entry);)
            found |= !strncmp(entry.name, "wazuh-clusterd-", 15) &&
                     text_has(entry.name, strlen(entry.name), ".pid");
    }
    sys->close(sys, fd);
    return found;
}

/* In the working folder, which is root. */
static enum status_code not_running(struct sys *sys, const char *root) {
    int root_fd = sys->openat(sys, SYS_CWD, ".", O_RDONLY | O_DIRECTORY, 0);
    bool died = root_fd >= 0 && has_pid_file(sys, root_fd);
    if (root_fd >= 0)
        sys->close(sys, root_fd);
    say(died ? "NOT RUNNING: no node in %s, but a pid file: it did not end in order%s\n"
             : "NOT RUNNING: no node in %s%s\n",
        root, "");
    return died ? STATUS_DIED : STATUS_STOPPED;
}

/* One question; its answer parsed in the scratch memory. */
static enum err question(struct ask *a, const char *command, const char *payload, struct json_doc *d,
                         struct error *e) {
    struct scratch *s = scratch();
    size_t len;
    enum err err = ask_question(a, command, payload, s->text, sizeof s->text, &len, e);
    return err ? err : json_parse(d, s->text, len, s->tokens, SCRATCH_TOKENS, e);
}

/* All four. An error only when not even the first two were answered. */
static enum err visit(struct ask *a, struct error *e) {
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
        struct json_doc d;
        err = question(a, questions[i].command, questions[i].payload, &d, e);
        if (!err) {
            questions[i].read(&view, &d);
            answers++;
        } else if (i == 2) {
            text_copy(view.nodes_why, sizeof view.nodes_why, err_words(err), strlen(err_words(err)));
        }
        if (err && err != E_PEER && err != E_LIMIT && err != E_SYNTAX && err != E_SPACE)
            break; /* the connection is of no more use */
    }
    return answers ? E_OK : err;
}

static enum status_code print_json(struct ask *a, struct error *e) {
    struct json_doc d;
    if (question(a, "get_status", "", &d, e)) {
        say("status: %s%s\n", e->what, "");
        return STATUS_UNKNOWN;
    }
    status_view_status(&view, &d);
    process_write(STDOUT_FD, d.text, d.len);
    process_write(STDOUT_FD, "\n", 1);
    return status_view_is_well(&view) ? STATUS_OK : STATUS_DEGRADED;
}

static enum status_code print_screen(struct ask *a, struct error *e) {
    char screen[SCREEN_BYTES];
    struct text t;
    if (visit(a, e)) {
        say("UNKNOWN: the node does not answer: %s%s\n", e->what, "");
        return STATUS_UNKNOWN;
    }
    text_init(&t, screen, sizeof screen);
    status_screen(&t, &view);
    process_write(STDOUT_FD, t.buf, t.len);
    return status_view_is_well(&view) ? STATUS_OK : STATUS_DEGRADED;
}

enum status_code status_command(struct sys *sys, const struct options *o) {
    struct ask a = {.fd = -1};
    struct error e;
    int r = process_chdir(o->root); /* a path of any length then fits a socket's address */
    if (r == -EACCES)
        return say("UNKNOWN: %s is closed to this user (run as root or wazuh)%s\n", o->root, ""),
               STATUS_UNKNOWN;
    if (r < 0)
        return say("UNKNOWN: %s: %s\n", o->root, err_os_words(-r)), STATUS_UNKNOWN;
    enum err err = ask_open(&a, sys, SOCKET, STATUS_WAIT_MS, &e);
    if (err == E_GONE)
        return not_running(sys, o->root);
    if (err)
        return say("UNKNOWN: %s%s\n", e.what, err == E_DENIED ? " (run as root or wazuh)" : ""),
               STATUS_UNKNOWN;
    status_view_init(&view);
    enum status_code code = o->json ? print_json(&a, &e) : print_screen(&a, &e);
    ask_close(&a);
    return code;
}
