/* send_file.c - the sending side: a program names a file, its bytes go over the link to another node. They
 * are read as the link takes them; nothing is kept but where we are. */
#include "role/send_file.h"

#include "role/local.h"

#include <string.h>

#define TAG "Local Server"
#define SUBTAG "Send file"

/* ---- reading ---- */

static enum err read_file(struct source *source, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct file_sent *f = (struct file_sent *)(void *)source;
    struct sys *sys = f->all->server->env->sys;
    ptrdiff_t got = sys->read(sys, f->fd, buf, cap);
    if (got < 0)
        return error_os(e, got, "reading %s", f->path);
    *n = (size_t)got;
    return E_OK;
}

static void close_file(struct file_sent *f) {
    struct sys *sys = f->all->server->env->sys;
    if (f->fd >= 0)
        sys->close(sys, f->fd);
    f->fd = -1;
}

/* ---- the end ---- */

static void taken(void *arg, bool good) {
    struct file_sent *f = arg;
    (void)good;
    f->busy = false;
}

static bool result_error(const struct xfer_result *r, struct wazuh_error *w) {
    switch (r->end) {
    case XFER_SENT:
        return false;
    case XFER_REFUSED:
        *w = r->error;
        break;
    case XFER_FAILED:
        wazuh_error_set(w, WAZUH_CLUSTER_ERROR, 3000, r->why.what);
        break;
    default:
        wazuh_error_set(w, WAZUH_CLUSTER_ERROR, 3023, NULL);
        break;
    }
    return true;
}

static void sent(void *arg, const struct xfer_result *r) {
    struct file_sent *f = arg;
    struct local_server *l = f->all->server;
    struct log *log = l->env->log;
    struct wazuh_error w;
    char words[256];
    struct text t, line;
    close_file(f);
    text_init(&t, f->text, sizeof f->text);
    text_init(&line, words, sizeof words);
    if (result_error(r, &w)) {
        wazuh_error_words(&line, &w);
        log_line(log, LOG_ERROR, TAG, SUBTAG, "%s was not sent to %s: %s", f->path, f->to, words);
        wazuh_error_write(&t, &w, l->env->dialect);
        if (t.cut) { /* long words, all of them escapes */
            w.has_extra = false;
            text_init(&t, f->text, sizeof f->text);
            wazuh_error_write(&t, &w, l->env->dialect);
        }
    } else {
        log_line(log, LOG_INFO, TAG, SUBTAG, "%s was sent to %s: %llu bytes in %.3fs.", f->path, f->to,
                 (unsigned long long)r->bytes, (double)r->took_ms / 1000.0);
        text_format(&t, "%llu", (unsigned long long)r->bytes);
    }
    blob_init(&f->result, (uint8_t *)f->text, sizeof f->text, NULL, NULL, sizeof f->text);
    f->result.size = t.len;
    f->answer = (struct local_answer){
        .command = "send_f_res", .as_string = true, .body = &f->result, .done = taken, .arg = f};
    if (!local_answer_send(l, f->number, &f->answer))
        f->busy = false;
}

/* ---- the request ---- */

static void refuse(struct session *s, uint32_t counter, int code, const char *extra) {
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, code, extra);
    session_reply_error(s, counter, &w);
}

/* Bytes of path that name our root, as Python clients send it before the rest: 0, none. The process works in
 * its root and does not know its path; who is which the kernel tells. */
static size_t root_prefix(const struct role_env *env, const char *path, size_t n) {
    char prefix[PATH_MAX_BYTES];
    struct sys_stat root, st;
    if (path[0] != '/' || env->sys->fstat(env->sys, env->root, &root) < 0)
        return 0;
    for (size_t i = 1; i < n; i++)
        if (path[i] == '/' && text_copy(prefix, sizeof prefix, path, i) &&
            env->sys->lstatat(env->sys, SYS_CWD, prefix, &st) >= 0 && st.ino == root.ino &&
            st.dev == root.dev)
            return i;
    return 0;
}

/* "<path> <node>". What opens the path follows no link and leaves the root nowhere; here is only what the
 * protocol cannot carry. */
static bool read_request(struct file_sent *f, const struct message *m) {
    size_t n;
    const char *text = message_text(m, &n);
    const char *blank = text ? memchr(text, ' ', n) : NULL;
    if (!blank || !text_copy(f->to, sizeof f->to, blank + 1, (size_t)(text + n - blank - 1)))
        return false;
    text += root_prefix(f->all->server->env, text, (size_t)(blank - text));
    while (*text == '/')
        text++;
    for (const char *c = text; c < blank; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    f->path[0] = '/';
    return text < blank && text_copy(f->path + 1, sizeof f->path - 1, text, (size_t)(blank - text));
}

/* The link that leads to the node; NULL: it is answered. */
static struct link *find_link(struct file_sent *f, struct session *s, uint32_t counter) {
    struct local_server *l = f->all->server;
    if (l->worker) {
        text_copy(f->to, sizeof f->to, "the master", 10);
        if (worker_session(l->worker))
            return &l->worker->link;
        refuse(s, counter, 3023, NULL);
        return NULL;
    }
    for (struct peer *p = l->master->peers; p; p = p->next)
        if (strcmp(p->name, f->to) == 0 && !p->link.doomed)
            return &p->link;
    refuse(s, counter, 3022, f->to);
    return NULL;
}

/* Opened without waiting, should it be a pipe; false: it is answered. */
static bool open_file(struct file_sent *f, struct session *s, uint32_t counter) {
    struct role_env *env = f->all->server->env;
    struct sys_stat st;
    struct error e;
    int fd = env->sys->open_beneath(env->sys, env->root, f->path + 1,
                                    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd == -ENOENT || fd == -ENOTDIR) {
        refuse(s, counter, 3034, f->path);
        return false;
    }
    int rc = fd < 0 ? fd : env->sys->fstat(env->sys, fd, &st);
    f->fd = fd;
    if (rc >= 0 && sys_is_file(&st))
        return true;
    close_file(f);
    if (rc < 0)
        error_os(&e, rc, "%s cannot be sent", f->path);
    else
        error_set(&e, E_PATH, 0, "%s is no file", f->path);
    refuse(s, counter, 3000, e.what);
    return false;
}

static struct file_sent *find_free(struct file_outbox *b) {
    for (size_t i = 0; i < FILES_SENT; i++)
        if (!b->file[i].busy)
            return &b->file[i];
    return NULL;
}

void send_file_request(struct file_outbox *b, struct local_client *c, struct session *s,
                       const struct message *m) {
    struct file_sent *f = find_free(b);
    struct xfer_tx *x;
    struct error e;
    if (!f) {
        role_not_served(s, m->counter, "too many files are being sent");
        return;
    }
    if (!read_request(f, m)) {
        role_not_served(s, m->counter, "send_file takes a path of at most 318 characters and a node");
        return;
    }
    struct link *to = find_link(f, s, m->counter);
    if (!to || !open_file(f, s, m->counter))
        return;
    f->source.read = read_file;
    if (xfer_send_file(&to->session, f->path, &f->source, sent, f, &x, &e) != E_OK) {
        close_file(f);
        role_not_served(s, m->counter, e.what);
        return;
    }
    f->busy = true;
    f->number = local_number(c);
    local_promise(c);
    link_kick(to);
    log_line(b->server->env->log, LOG_INFO, TAG, SUBTAG, "Sending %s to %s for Local %u", f->path, f->to,
             f->number);
    session_reply_text(s, m->counter, "ok", "Forwarding file to master node");
}

void file_outbox_init(struct file_outbox *b, struct local_server *server) {
    memset(b, 0, sizeof *b);
    b->server = server;
    for (size_t i = 0; i < FILES_SENT; i++) {
        b->file[i].all = b;
        b->file[i].fd = -1;
    }
}
