/* app/daemon.c - one process, once: the lock is the truth about that; pid files are for others to look at.
 *
 * Everything in var/run is opened through its own descriptor and app/own_file.h, since the unprivileged user
 * may write there. Lines go to the log; failures go back to main. */
#include "app/daemon.h"

#include "app/own_file.h"
#include "base/text.h"
#include "sys/process.h"
#include "sys/signals.h"

#include <string.h>

#define LOCK_NAME DAEMON_NAME ".lock"
#define PID_MODE 0640
#define LOCK_MODE 0660
#define CMDLINE_BYTES 1024 /* of /proc/<pid>/cmdline that are looked at */

enum err daemon_init(struct daemon *d, struct sys *sys, struct log *log, const char *root, int root_fd,
                     bool foreground, bool stay_root, struct error *e) {
    *d = (struct daemon){.sys = sys,
                         .log = log,
                         .root = root,
                         .foreground = foreground,
                         .root_fd = root_fd,
                         .run_fd = -1,
                         .lock_fd = -1,
                         .ready_fd = -1,
                         .signal_fd = -1,
                         .pid = process_id(),
                         .uid = OWNER_KEEP,
                         .gid = OWNER_KEEP};
    if (process_uid() != 0)
        return E_OK;
    int r = process_ids(DAEMON_USER, DAEMON_USER, &d->uid, &d->gid);
    d->drop = !stay_root;
    if (r == 0)
        return E_OK;
    d->uid = d->gid = OWNER_KEEP;
    if (d->drop)
        return error_set(e, E_GONE, 0, "there is no user and group '%s' to become (-r would stay root)",
                         DAEMON_USER);
    return E_OK;
}

/* ---- one instance ---- */

/* "4711\n" in a small file; 0 when it holds no number. */
static int read_pid(struct daemon *d, int fd) {
    char text[16];
    uint64_t pid;
    ptrdiff_t n = d->sys->pread(d->sys, fd, text, sizeof text, 0);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    return n > 0 && text_number(text, (size_t)n, INT32_MAX, &pid) ? (int)pid : 0;
}

static int write_pid(struct daemon *d, int fd) {
    char text[16];
    struct text t;
    text_init(&t, text, sizeof text);
    text_format(&t, "%d\n", d->pid);
    int r = d->sys->ftruncate(d->sys, fd, 0);
    if (r < 0)
        return r;
    ptrdiff_t n = d->sys->pwrite(d->sys, fd, text, t.len, 0);
    return n < 0 ? (int)n : 0;
}

static enum err take_lock(struct daemon *d, struct error *e) {
    d->lock_fd = own_file_open(d->sys, d->run_fd, LOCK_NAME, O_RDWR | O_CREAT, LOCK_MODE, d->uid, d->gid);
    if (d->lock_fd < 0)
        return error_os(e, d->lock_fd, "%s/var/run/" LOCK_NAME, d->root);
    int r = d->sys->lock(d->sys, d->lock_fd);
    if (r == -EAGAIN)
        return error_set(e, E_DUPLICATE, 0,
                         "it runs already, process %d (%s/var/run/" LOCK_NAME " is locked)",
                         read_pid(d, d->lock_fd), d->root);
    if (r < 0)
        return error_set(e, E_SYS, -r, "locking %s/var/run/" LOCK_NAME, d->root);
    return E_OK;
}

/* ---- what dead instances left ---- */

/* The number in "wazuh-clusterd-<pid>.pid" or "wazuh-clusterd_<word>-<pid>.pid", 0 for any other name. */
static int pid_of_name(const char *name, bool *child) {
    const size_t prefix = sizeof DAEMON_NAME - 1;
    const char *dash = strrchr(name, '-');
    size_t n = strlen(name);
    uint64_t pid;
    if (strncmp(name, DAEMON_NAME, prefix) || n < 4 || strcmp(name + n - 4, ".pid") || !dash ||
        dash < name + prefix)
        return 0;
    *child = dash > name + prefix;
    if (*child && name[prefix] != '_')
        return 0;
    return text_number(dash + 1, n - 4 - (size_t)(dash + 1 - name), INT32_MAX, &pid) ? (int)pid : 0;
}

/* Is the process of that number a cluster daemon? Numbers are used again, so the name alone says nothing. */
static bool is_clusterd(struct daemon *d, int pid) {
    char path[32], cmdline[CMDLINE_BYTES];
    struct text t;
    if (pid == d->pid || !process_is_alive(pid))
        return false;
    text_init(&t, path, sizeof path);
    text_format(&t, "/proc/%d/cmdline", pid);
    int fd = d->sys->openat(d->sys, SYS_CWD, path, O_RDONLY, 0);
    if (fd < 0)
        return false;
    ptrdiff_t n = d->sys->read(d->sys, fd, cmdline, sizeof cmdline);
    d->sys->close(d->sys, fd);
    return n > 0 &&
           (text_has(cmdline, (size_t)n, "wazuh-clusterd") || text_has(cmdline, (size_t)n, "wazuh_clusterd"));
}

/* One pid file of this or Wazuh's own daemon (framework/wazuh/core/utils.py clean_pid_files). Holding the
 * lock, no picket of this root is alive; Wazuh's own knows no lock and is looked for by its number. */
static enum err clean_one(struct daemon *d, const char *name, struct error *e) {
    bool child;
    int pid = pid_of_name(name, &child);
    if (!pid)
        return E_OK;
    bool alive = is_clusterd(d, pid);
    if (alive && !child)
        return error_set(e, E_DUPLICATE, 0, "Wazuh's own daemon runs, process %d: stop it first", pid);
    if (alive && process_signal(pid, SIGKILL) == 0)
        log_line(d->log, LOG_INFO, "Cluster", "Main", DAEMON_NAME ": Orphan child process %d was terminated.",
                 pid);
    else
        log_line(d->log, LOG_INFO, "Cluster", "Main",
                 DAEMON_NAME ": Non existent process %d, removing from %s/var/run...", pid, d->root);
    int r = d->sys->unlinkat(d->sys, d->run_fd, name, false);
    if (r < 0 && r != -ENOENT)
        log_line(d->log, LOG_WARNING, "Cluster", "Main", "var/run/%s could not be removed: %s", name,
                 err_os_words(-r));
    return E_OK;
}

static enum err clean_pid_files(struct daemon *d, struct error *e) {
    _Alignas(8) char buf[2048];
    ptrdiff_t n;
    d->sys->lseek(d->sys, d->run_fd, 0, 0);
    while ((n = d->sys->getdents(d->sys, d->run_fd, buf, sizeof buf)) > 0) {
        struct sys_dirent entry;
        for (size_t at = 0; sys_dirent_next(buf, (size_t)n, &at, &entry);) {
            enum err err = clean_one(d, entry.name, e);
            if (err)
                return err;
        }
    }
    return n < 0 ? error_os(e, n, "%s/var/run", d->root) : E_OK;
}

enum err daemon_claim(struct daemon *d, struct error *e) {
    int r = process_chdir(d->root);
    if (r < 0)
        return error_os(e, r, "%s", d->root);
    d->run_fd = d->sys->openat(d->sys, d->root_fd, "var/run", O_RDONLY | O_DIRECTORY, 0);
    if (d->run_fd < 0)
        return error_os(e, d->run_fd, "%s/var/run", d->root);
    enum err err = take_lock(d, e);
    return err ? err : clean_pid_files(d, e);
}

/* ---- becoming the daemon ---- */

enum err daemon_split(struct daemon *d, struct error *e) {
    if (!d->foreground) {
        int r = process_daemonize(&d->ready_fd); /* the lock goes with the open file, so with the child */
        if (r < 0)
            return error_set(e, E_SYS, -r, "splitting off the daemon");
    }
    d->pid = process_id();
    return E_OK;
}

static int pid_file_write(struct daemon *d) {
    int fd =
        own_file_open(d->sys, d->run_fd, d->pid_name, O_WRONLY | O_CREAT, PID_MODE, OWNER_KEEP, OWNER_KEEP);
    if (fd < 0)
        return fd;
    int r = write_pid(d, fd);
    d->sys->close(d->sys, fd);
    return r;
}

enum err daemon_settle(struct daemon *d, uint32_t files, struct error *e) {
    int r = process_files_limit(files); /* while root may still raise it */
    if (r >= 0 && (uint32_t)r < files)
        log_line(d->log, LOG_WARNING, "Cluster", "Main",
                 "only %d files may be open at once, %u would be needed", r, files);
    if (d->drop && (r = process_become(d->uid, d->gid)) < 0)
        return error_os(e, r, "becoming user %s", DAEMON_USER);
    if ((r = process_harden()) < 0)
        return error_os(e, r, "closing the process to others");
    if ((r = signals_open(d->sys, &d->signal_fd)) < 0)
        return error_os(e, r, "catching signals");
    struct text name;
    text_init(&name, d->pid_name, sizeof d->pid_name);
    text_format(&name, DAEMON_NAME "-%d.pid", d->pid);
    r = pid_file_write(d);
    if (r < 0) {
        error_os(e, r, "%s/var/run/%s", d->root, d->pid_name);
        d->pid_name[0] = '\0';
        return e ? e->code : err_of_os(-r);
    }
    write_pid(d, d->lock_fd); /* only for the words of the next one who finds it locked */
    return E_OK;
}

void daemon_ready(struct daemon *d) {
    if (d->ready_fd < 0)
        return;
    process_stdio_null();
    process_ready(d->ready_fd, 0);
    d->ready_fd = -1;
}

void daemon_tick(struct daemon *d) {
    struct sys_stat st;
    if (!d->pid_name[0] || d->sys->lstatat(d->sys, d->run_fd, d->pid_name, &st) != -ENOENT)
        return;
    if (pid_file_write(d) == 0)
        log_line(d->log, LOG_WARNING, "Cluster", "Main", "somebody removed var/run/%s; it is written again",
                 d->pid_name);
}

/* ---- the end ---- */

enum daemon_ask daemon_asked(struct daemon *d) {
    unsigned char numbers[32];
    enum daemon_ask ask = ASK_NOTHING;
    ptrdiff_t n;
    while ((n = d->sys->read(d->sys, d->signal_fd, numbers, sizeof numbers)) > 0)
        for (ptrdiff_t i = 0; i < n; i++) {
            if (numbers[i] == SIGTERM)
                ask = ASK_TERMINATE;
            else if (numbers[i] == SIGINT && ask != ASK_TERMINATE)
                ask = ASK_INTERRUPT;
            else if ((numbers[i] == SIGHUP || numbers[i] == SIGUSR1) && ask == ASK_NOTHING)
                ask = ASK_REOPEN;
        }
    /* wazuh_clusterd.py, exit_handler and main */
    if (ask == ASK_TERMINATE)
        log_line(d->log, LOG_INFO, "Cluster", "Main", "SIGNAL [(15)-(SIGTERM)] received. Exit...");
    else if (ask == ASK_INTERRUPT)
        log_line(d->log, LOG_INFO, "Cluster", "Main", "SIGINT received. Bye!");
    return ask;
}

static void close_one(struct daemon *d, int *fd) {
    if (*fd >= 0)
        d->sys->close(d->sys, *fd);
    *fd = -1;
}

void daemon_end(struct daemon *d, enum daemon_ask why) {
    if (d->pid_name[0])
        d->sys->unlinkat(d->sys, d->run_fd, d->pid_name, false);
    d->pid_name[0] = '\0';
    close_one(d, &d->lock_fd);
    close_one(d, &d->run_fd);
    if (d->signal_fd >= 0)
        signals_close(d->sys);
    d->signal_fd = -1;
    if (why == ASK_TERMINATE)
        process_signal(process_id(), SIGTERM);
}
