/* app/log_file.c - lines to the file, standard error and the system's log.
 *
 * Lines come from base/log.c, formatted and without control characters. A line the disk does not take is
 * counted, and said as soon as the disk takes lines again: the log never stops the node. */
#include "app/log_file.h"

#include "app/own_file.h"
#include "base/text.h"
#include "sys/datagram.h"

#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 1400 /* 1,024 of text (base/log.c), date, level and tags */
#define LOG_MODE 0660
#define STDERR_FD 2
#define SYSLOG_DAEMON (3 << 3) /* RFC 3164, section 4.1.1: facility 3 */

static const struct {
    char words[8];
    int severity; /* RFC 3164 */
} levels[] = {
    [LOG_ERROR] = {"ERROR", 3}, [LOG_WARNING] = {"WARNING", 4}, [LOG_INFO] = {"INFO", 6},
    [LOG_CYCLE] = {"INFO", 6},  [LOG_DEBUG] = {"DEBUG", 7},     [LOG_DEBUG2] = {"DEBUG2", 7},
};

/* ---- the file ---- */

static int file_open(struct log_file *l) {
    return own_file_open(l->sys, l->dir_fd, LOG_NAME, O_WRONLY | O_APPEND | O_CREAT, LOG_MODE, l->options.uid,
                         l->options.gid);
}

static void file_use(struct log_file *l, int fd) {
    struct sys_stat st;
    if (l->fd >= 0)
        l->sys->close(l->sys, l->fd);
    l->fd = fd;
    l->size = l->sys->fstat(l->sys, fd, &st) == 0 ? st.size : 0;
    l->torn = false;
}

static void rotated_name(struct text *out, char *buf, size_t cap, uint32_t number) {
    text_init(out, buf, cap);
    text_str(out, LOG_NAME);
    if (number)
        text_format(out, ".%u", number);
}

/* cluster.log.1 becomes .2 and so on; what would be beyond keep is overwritten. */
static int shift_files(struct log_file *l) {
    char from[40], to[40];
    struct text f, t;
    for (uint32_t i = l->options.keep; i > 0; i--) {
        rotated_name(&f, from, sizeof from, i - 1);
        rotated_name(&t, to, sizeof to, i);
        int r = l->sys->renameat(l->sys, l->dir_fd, from, l->dir_fd, to);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

/* The bound on what the log takes of the disk holds even where files cannot be renamed: then the file is
 * emptied. */
static void rotate(struct log_file *l) {
    if (l->options.keep && shift_files(l) == 0) {
        int fd = file_open(l);
        if (fd >= 0) {
            file_use(l, fd);
            return;
        }
    }
    if (l->sys->ftruncate(l->sys, l->fd, 0) == 0)
        l->torn = false;
    l->size = 0; /* also when it failed: the next try comes a file's size later, not at each line */
}

static bool file_write(struct log_file *l, const char *line, size_t n) {
    if (l->size && l->size + n > l->options.max_bytes)
        rotate(l);
    if (l->torn && l->sys->write(l->sys, l->fd, "\n", 1) == 1)
        l->torn = false;
    ptrdiff_t done = l->sys->write(l->sys, l->fd, line, n);
    if (done > 0) {
        l->size += (uint64_t)done;
        l->torn = (size_t)done < n;
    }
    return done == (ptrdiff_t)n;
}

/* ---- the system's log ---- */

static void syslog_write(struct log_file *l, enum log_level level, const struct tm *tm, const char *text) {
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char line[LINE_MAX_BYTES];
    struct text t;
    text_init(&t, line, sizeof line);
    text_format(&t, "<%d>%s %2d %02d:%02d:%02d wazuh-clusterd[%d]: %s",
                SYSLOG_DAEMON | levels[level].severity, months[tm->tm_mon % 12], tm->tm_mday, tm->tm_hour,
                tm->tm_min, tm->tm_sec, l->pid, text);
    for (int attempt = 0; attempt < 2; attempt++) { /* the system's log may have been restarted */
        if (l->syslog_fd < 0)
            l->syslog_fd = datagram_connect(l->options.syslog_path);
        if (l->syslog_fd < 0)
            return;
        ptrdiff_t r = l->sys->send(l->sys, l->syslog_fd, line, t.len);
        if (r >= 0 || r == -EAGAIN) /* its queue is full: the line is in the file */
            return;
        l->sys->close(l->sys, l->syslog_fd);
        l->syslog_fd = -1;
    }
}

/* ---- lines ---- */

static void local_time(int64_t wall_ns, struct tm *tm) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    if (!localtime_r(&seconds, tm))
        memset(tm, 0, sizeof *tm);
}

/* False when the file did not take the line. */
static bool emit(struct log_file *l, enum log_level level, const char *tag, const char *subtag,
                 const char *words) {
    struct tm tm;
    local_time(l->sys->wall_ns(l->sys), &tm);
    char line[LINE_MAX_BYTES];
    struct text t;
    text_init(&t, line, sizeof line - 1); /* room for the newline whatever happens */
    text_format(&t, "%04d/%02d/%02d %02d:%02d:%02d %s: ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                tm.tm_hour, tm.tm_min, tm.tm_sec, levels[level].words);
    size_t body = t.len;
    text_format(&t, "[%s] [%s] %s", tag, subtag, words);
    text_show(line, t.len); /* tags carry names of nodes */
    if (l->options.syslog_path)
        syslog_write(l, level, &tm, line + body);
    line[t.len++] = '\n';
    if (l->options.to_stderr)
        (void)l->sys->write(l->sys, STDERR_FD, line, t.len);
    return l->fd < 0 || file_write(l, line, t.len);
}

static void write_line(struct log_file *l, enum log_level level, const char *tag, const char *subtag,
                       const char *words) {
    if (!emit(l, level, tag, subtag, words)) {
        l->lost++;
        return;
    }
    if (l->lost == 0)
        return;
    char text[64];
    struct text t;
    text_init(&t, text, sizeof text);
    text_format(&t, "%u lines could not be written to this log", l->lost);
    if (emit(l, LOG_WARNING, "Cluster", "Main", text))
        l->lost = 0;
}

/* ---- cycles ---- */

static void cycle_summary(struct log_file *l, struct log_cycle *c) {
    struct tm tm;
    char text[200];
    struct text t;
    local_time(c->since_wall_ns, &tm);
    text_init(&t, text, sizeof text);
    text_format(&t, "Nothing new since %02d:%02d:%02d, %u lines left out; the last: %s", tm.tm_hour,
                tm.tm_min, tm.tm_sec, c->count, c->last);
    c->count = 0;
    write_line(l, LOG_INFO, c->tag, c->subtag, text);
}

/* The entry of a tag and subtag; a free one if there is none; else the oldest, summed up before its time. */
static struct log_cycle *cycle_entry(struct log_file *l, const char *tag, const char *subtag) {
    struct log_cycle *found = &l->cycles[0];
    for (size_t i = 0; i < LOG_CYCLES_MAX; i++) {
        struct log_cycle *c = &l->cycles[i];
        if (c->count && !strcmp(c->tag, tag) && !strcmp(c->subtag, subtag))
            return c;
        if (found->count && (!c->count || c->since_ms < found->since_ms))
            found = c;
    }
    if (found->count)
        cycle_summary(l, found);
    return found;
}

/* A bounded copy that may cut. */
static void copy_cut(char *out, size_t cap, const char *s) {
    struct text t;
    text_init(&t, out, cap);
    text_str(&t, s);
}

static void cycle_count(struct log_file *l, const char *tag, const char *subtag, const char *words) {
    char t[sizeof l->cycles[0].tag], s[sizeof l->cycles[0].subtag]; /* as an entry would have them */
    copy_cut(t, sizeof t, tag);
    copy_cut(s, sizeof s, subtag);
    uint64_t now_ms = sys_mono_ms(l->sys);
    struct log_cycle *c = cycle_entry(l, t, s);
    if (c->count == 0) {
        c->since_ms = now_ms;
        c->since_wall_ns = l->sys->wall_ns(l->sys);
        memcpy(c->tag, t, sizeof t);
        memcpy(c->subtag, s, sizeof s);
    }
    c->count++;
    copy_cut(c->last, sizeof c->last, words);
    if (now_ms - c->since_ms >= LOG_SUMMARY_MS)
        cycle_summary(l, c);
}

static void on_write(struct log *log, enum log_level level, const char *tag, const char *subtag,
                     const char *text) {
    struct log_file *l = (struct log_file *)log;
    if (level == LOG_CYCLE && !l->options.compat && log->level < LOG_DEBUG)
        cycle_count(l, tag, subtag, text);
    else
        write_line(l, level, tag, subtag, text);
}

void log_file_tick(struct log_file *l) {
    uint64_t now_ms = sys_mono_ms(l->sys);
    for (size_t i = 0; i < LOG_CYCLES_MAX; i++)
        if (l->cycles[i].count && now_ms - l->cycles[i].since_ms >= LOG_SUMMARY_MS)
            cycle_summary(l, &l->cycles[i]);
}

/* ---- opening and closing ---- */

void log_file_init(struct log_file *l, struct sys *sys, const struct log_options *o) {
    static const enum log_level by_debug[] = {LOG_CYCLE, LOG_DEBUG, LOG_DEBUG2};
    memset(l, 0, sizeof *l);
    l->log.level = by_debug[o->debug > 2 ? 2 : o->debug];
    l->log.write = on_write;
    l->sys = sys;
    l->options = *o;
    l->dir_fd = l->fd = l->syslog_fd = -1;
    tzset(); /* reads the time zone's file, and takes memory for it, before the allocator is sealed */
}

enum err log_file_open(struct log_file *l, int root_fd, struct error *e) {
    l->dir_fd = l->sys->openat(l->sys, root_fd, "logs", O_RDONLY | O_DIRECTORY, 0);
    if (l->dir_fd < 0)
        return error_os(e, l->dir_fd, "logs");
    int fd = file_open(l);
    if (fd < 0)
        return error_os(e, fd, "logs/" LOG_NAME);
    file_use(l, fd);
    return E_OK;
}

void log_file_reopen(struct log_file *l) {
    int fd = l->dir_fd < 0 ? -EBADF : file_open(l);
    if (fd >= 0)
        file_use(l, fd);
    else
        log_line(&l->log, LOG_WARNING, "Cluster", "Main", "logs/" LOG_NAME " could not be opened again: %s",
                 err_os_words(-fd));
}

static void close_one(struct log_file *l, int *fd) {
    if (*fd >= 0)
        l->sys->close(l->sys, *fd);
    *fd = -1;
}

void log_file_close(struct log_file *l) {
    for (size_t i = 0; i < LOG_CYCLES_MAX; i++)
        if (l->cycles[i].count)
            cycle_summary(l, &l->cycles[i]);
    close_one(l, &l->fd);
    close_one(l, &l->dir_fd);
    close_one(l, &l->syslog_fd);
}
