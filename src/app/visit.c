/* app/visit.c - see the header. A node that hangs is told from one whose store or master is slow: echo is
 * answered from memory, by picket and by Wazuh's daemon. */
#include "app/visit.h"

#include "app/console.h"
#include "app/scratch.h"
#include "base/text.h"
#include "sys/process.h"
#include "wire/wazuh_error.h"

#include <string.h>

#define SOCKET "queue/cluster/c-internal.sock"
#define REFUSED 1

/* Does var/run hold a pid file of the daemon? */
static bool has_pid_file(struct sys *sys) {
    _Alignas(8) char buf[2048];
    bool found = false;
    ptrdiff_t n;
    int fd = sys->openat(sys, SYS_CWD, "var/run", O_RDONLY | O_DIRECTORY, 0);
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

static enum status_code end(struct visit *v, enum status_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum status_code end(struct visit *v, enum status_code code, const char *format, ...) {
    struct text t;
    va_list args;
    text_init(&t, v->why, sizeof v->why);
    va_start(args, format);
    text_vformat(&t, format, args);
    va_end(args);
    ask_close(&v->ask);
    return v->code = code;
}

enum status_code visit_open(struct visit *v, struct sys *sys, const struct options *o) {
    *v = (struct visit){.ask = {.sys = sys, .fd = -1}, .o = o};
    /* A path of any length then fits a socket's address. */
    int r = o->in_root ? 0 : process_chdir(o->root);
    if (r < 0)
        return end(v, STATUS_UNKNOWN, "UNKNOWN: %s: %s%s", o->root, err_os_words(-r),
                   r == -EACCES   ? " (run as root or wazuh)"
                   : r == -ENOENT ? " (--root names the installation's folder)"
                                  : "");
    enum err err = ask_open(&v->ask, sys, SOCKET, VISIT_WAIT_MS, &v->e);
    if (err == E_GONE && has_pid_file(sys))
        return end(
            v, STATUS_DIED,
            "NOT RUNNING: no node in %s, but a pid file: it did not end in order (start it: picket run)",
            o->root);
    if (err == E_GONE)
        return end(v, STATUS_STOPPED, "NOT RUNNING: no node in %s (start it: picket run)", o->root);
    char word[8];
    size_t len;
    if (!err)
        err = ask_question(&v->ask, "echo", "picket", word, sizeof word, &len, &v->e);
    if (err)
        return end(v, STATUS_UNKNOWN, "UNKNOWN: the node does not answer: %s%s", v->e.what,
                   err == E_DENIED ? " (run as root or wazuh)"
                   : err == E_TIME ? " (it hangs or is overloaded: see logs/cluster.log)"
                                   : "");
    return v->code = STATUS_OK;
}

enum status_code visit_begin(struct visit *v, struct sys *sys, const struct options *o) {
    enum status_code code = visit_open(v, sys, o);
    if (code)
        complain("%s\n", v->why);
    return code;
}

void visit_close(struct visit *v) {
    ask_close(&v->ask);
}

enum err visit_ask(struct visit *v, const char *command, const char *payload, uint32_t wait_ms) {
    struct scratch *s = scratch();
    size_t len;
    v->ask.deadline_ms = sys_mono_ms(v->ask.sys) + wait_ms;
    enum err err = ask_question(&v->ask, command, payload, s->text, sizeof s->text, &len, &v->e);
    return err ? err : json_parse(&v->doc, s->text, len, s->tokens, SCRATCH_TOKENS, &v->e);
}

void visit_words(const struct visit *v, enum err err, struct text *out) {
    struct wazuh_error w;
    if (err != E_PEER) {
        text_str(out, v->e.what);
        return;
    }
    wazuh_error_read(&w, scratch()->text, strlen(scratch()->text));
    if (w.has_extra && w.extra[0] && w.code <= 3000) /* picket's own sentences come with 3000 at the most */
        text_str(out, w.extra);
    else
        wazuh_error_words(out, &w);
}

int visit_fail(const struct visit *v, enum err err) {
    char words[512];
    struct text t;
    text_init(&t, words, sizeof words);
    visit_words(v, err, &t);
    text_show(t.buf, t.len);
    if (err == E_PEER || err == E_LIMIT) {
        complain("picket: %s\n", words);
        return REFUSED;
    }
    complain("UNKNOWN: the node does not answer: %s%s\n", words,
             err == E_TIME ? " (try again, or see logs/cluster.log)" : "");
    return STATUS_UNKNOWN;
}
