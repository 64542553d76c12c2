/* app/log_cmd.c - lines of logs/cluster.log, from its end, with a window of 4 KiB whatever its size; then, if
 * asked, what is added, across rotations. The lines are Wazuh's: "2026/11/20 10:31:47 INFO: [..] [..] text".
 *
 * A log holds what peers sent: whatever is not plain ASCII is shown as '?'. */
#include "app/log_cmd.h"

#include "app/console.h"
#include "app/watch.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"
#include "sys/process.h"

#include <string.h>

#define LOG_FILE "logs/cluster.log"
#define LEVEL_AT 20u   /* of a line, behind the date */
#define HEAD_BYTES 32u /* enough of a line to know its level */
#define WINDOW_BYTES 4096u
#define LOOK_MS 500u

/* From the least to the worst; a level asked for stands for itself and all worse ones. */
static const char levels[] = "DEBUG2\0DEBUG\0INFO\0WARNING\0ERROR\0CRITICAL\0";

struct log_view {
    struct sys *sys;
    int fd;
    uint64_t at, ino;
    ptrdiff_t least; /* level shown; -1: all */
    char head[HEAD_BYTES];
    size_t head_n;
    bool in_line, shown; /* behind the head of a line; it is being shown */
};

/* Is a line with this beginning to be shown? One without a level goes on with what the line before said. */
static bool wanted(const struct log_view *l, const char *head, size_t n, bool otherwise) {
    char word[12];
    if (l->least < 0)
        return true;
    const char *end = n > LEVEL_AT ? memchr(head + LEVEL_AT, ':', n - LEVEL_AT) : NULL;
    if (!end || !text_copy(word, sizeof word, head + LEVEL_AT, (size_t)(end - head) - LEVEL_AT) || !word[0])
        return otherwise;
    ptrdiff_t level = text_find(levels, word);
    return level < 0 ? otherwise : level >= l->least;
}

/* Where the last `lines` lines to be shown begin: goes back from the end, window by window. */
static uint64_t find_start(struct log_view *l, uint64_t size, uint32_t lines) {
    char window[WINDOW_BYTES + HEAD_BYTES];
    uint64_t end = size, start = size;
    while (end > 0 && lines > 0) {
        uint64_t from = end > WINDOW_BYTES ? end - WINDOW_BYTES : 0;
        size_t mine = (size_t)(end - from);
        ptrdiff_t n = l->sys->pread(l->sys, l->fd, window, mine + HEAD_BYTES, from);
        if (n < (ptrdiff_t)mine)
            break;
        for (size_t i = mine; i-- > 0 && lines > 0;) {
            bool first = from + i == 0;
            if (!first && (window[i] != '\n' || from + i + 1 == size))
                continue;
            size_t begin = first && window[i] != '\n' ? i : i + 1;
            if (!wanted(l, window + begin, min_size((size_t)n - begin, HEAD_BYTES), false))
                continue;
            start = from + begin;
            lines--;
        }
        end = from;
    }
    return start;
}

static void show(struct log_view *l, char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((bytes[i] < 0x20 || bytes[i] >= 0x7f) && bytes[i] != '\n')
            bytes[i] = '?';
    if (l->shown)
        print_bytes(bytes, n);
}

/* The next bytes of the file: a line is judged by its head, then shown or passed over. */
static void take(struct log_view *l, char *bytes, size_t n) {
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t piece = end ? (size_t)(end - bytes) + 1 : n;
        if (l->in_line) {
            show(l, bytes, piece);
        } else {
            piece = min_size(piece, HEAD_BYTES - l->head_n);
            memcpy(l->head + l->head_n, bytes, piece);
            l->head_n += piece;
        }
        bool over = bytes[piece - 1] == '\n';
        if (!l->in_line && (over || l->head_n == HEAD_BYTES)) {
            l->shown = wanted(l, l->head, l->head_n, l->shown);
            show(l, l->head, l->head_n);
            l->head_n = 0;
            l->in_line = true;
        }
        if (over)
            l->in_line = false;
        bytes += piece;
        n -= piece;
    }
}

/* The file is over for good: a last line without an end that is shorter than its head. */
static void finish(struct log_view *l) {
    if (!l->head_n)
        return;
    l->shown = wanted(l, l->head, l->head_n, l->shown);
    show(l, l->head, l->head_n);
    l->head_n = 0;
}

static int drain(struct log_view *l) {
    char window[WINDOW_BYTES];
    ptrdiff_t n;
    while ((n = l->sys->pread(l->sys, l->fd, window, sizeof window, l->at)) > 0) {
        l->at += (uint64_t)n;
        take(l, window, (size_t)n);
    }
    return (int)n;
}

static int open_log(struct log_view *l, uint64_t *size) {
    struct sys_stat st;
    int fd = l->sys->openat(l->sys, SYS_CWD, LOG_FILE, O_RDONLY | O_NONBLOCK, 0);
    int r = fd < 0 ? fd : l->sys->fstat(l->sys, fd, &st);
    if (r < 0) {
        if (fd >= 0)
            l->sys->close(l->sys, fd);
        return r;
    }
    if (l->fd >= 0)
        l->sys->close(l->sys, l->fd);
    l->fd = fd;
    l->ino = st.ino;
    *size = st.size;
    return 0;
}

/* The file at the name is another one, or shorter than what was read of it: it was rotated. */
static void follow_rotation(struct log_view *l) {
    struct sys_stat st;
    uint64_t size;
    if (l->sys->lstatat(l->sys, SYS_CWD, LOG_FILE, &st) < 0)
        return;
    if (st.ino != l->ino) {
        drain(l); /* what was still written into the old one */
        if (open_log(l, &size) == 0)
            l->at = 0;
    } else if (st.size < l->at) {
        l->at = 0;
    }
}

static int follow(struct log_view *l) {
    struct watch w;
    int r = watch_open(&w, l->sys);
    if (r < 0)
        return r;
    while (console_flush() && watch_wait(&w, LOOK_MS)) {
        r = drain(l);
        if (r < 0)
            break;
        follow_rotation(l);
    }
    watch_close(&w);
    return r;
}

int log_command(struct sys *sys, const struct options *o) {
    struct log_view l = {.sys = sys, .fd = -1, .least = -1};
    uint64_t size;
    if (o->level) {
        char upper[12] = "";
        size_t n = strlen(o->level);
        for (size_t i = 0; i < n && n < sizeof upper; i++)
            upper[i] = (char)(o->level[i] >= 'a' && o->level[i] <= 'z' ? o->level[i] - 32 : o->level[i]);
        l.least = text_find(levels, upper);
        if (l.least < 0) {
            complain("picket: log: there is no level '%s': debug2, debug, info, warning, error\n", o->level);
            return 2;
        }
    }
    int r = process_chdir(o->root);
    if (r == 0)
        r = open_log(&l, &size);
    if (r == 0) {
        l.at = find_start(&l, size, o->lines);
        r = drain(&l);
        if (r == 0 && o->follow)
            r = follow(&l);
        finish(&l);
        sys->close(sys, l.fd);
    }
    console_flush();
    if (r == 0)
        return 0;
    complain("picket: %s/" LOG_FILE ": %s%s\n", o->root, err_os_words(-r),
             r == -ENOENT   ? " (no node has run here, or --root is wrong)"
             : r == -EACCES ? " (run as root or wazuh)"
                            : "");
    return 1;
}
