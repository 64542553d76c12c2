/* app/log_file.h - where the log's lines go: logs/cluster.log in Wazuh's format, and on wish standard error
 * and the system's log.
 *
 *   2026/11/20 10:31:47 INFO: [Worker w1] [Integrity check] Finished in 0.012s. ...
 *
 * Local time; one write per line; the file is rotated by size to cluster.log.1 .. cluster.log.<keep>. Lines
 * of cycles in which nothing changed (LOG_CYCLE) are counted per tag and subtag and summed up in one line an
 * hour, unless log_compat or a debug level asks for each. */
#ifndef PICKET_APP_LOG_FILE_H
#define PICKET_APP_LOG_FILE_H

#include "base/err.h"
#include "base/log.h"
#include "limits.h"
#include "sys/sys.h"

#define LOG_NAME "cluster.log"
#define LOG_CYCLES_MAX (WORKERS_MAX * 2u + 8u) /* kinds of cycle lines counted at once */
#define LOG_SUMMARY_MS 3600000u

struct log_options {
    uint8_t debug;           /* 0, 1, 2 */
    bool compat;             /* write cycle lines like any other */
    bool to_stderr;          /* the foreground's second copy */
    const char *syslog_path; /* "/dev/log", or NULL: no system log; must outlive the log */
    uint64_t max_bytes;      /* size at which the file is rotated */
    uint32_t keep;           /* rotated files kept, 0: the full file is emptied */
    uint32_t uid, gid;       /* owner of the file, or OWNER_KEEP (app/own_file.h) */
};

/* Cycle lines of one tag and subtag since the last summary. */
struct log_cycle {
    uint32_t count; /* 0: entry is free */
    uint64_t since_ms;
    int64_t since_wall_ns;
    char tag[NODE_NAME_BYTES + 16];
    char subtag[32];
    char last[96]; /* beginning of the last of them */
};

struct log_file {
    struct log log; /* first: what the other layers are given */
    struct sys *sys;
    struct log_options options;
    int dir_fd, fd, syslog_fd; /* -1: none */
    int pid;                   /* for the system log; whoever forks sets it anew */
    uint64_t size;             /* of the file */
    uint32_t lost;             /* lines the disk did not take since the last it took */
    bool torn;                 /* the file ends in the middle of a line */
    struct log_cycle cycles[LOG_CYCLES_MAX];
};

/* Writes only to standard error (if it is asked for) until log_file_open. */
void log_file_init(struct log_file *l, struct sys *sys, const struct log_options *o);

/* Opens ROOT/logs/cluster.log (0660) for appending, making it if need be. Call before the user is changed. */
enum err log_file_open(struct log_file *l, int root_fd, struct error *e);

/* Opens the file anew by its name, for a log rotation by others. On failure the old file stays in use. */
void log_file_reopen(struct log_file *l);

/* Writes the summaries that are due; call now and then (each minute will do). */
void log_file_tick(struct log_file *l);

/* Writes all summaries and closes. */
void log_file_close(struct log_file *l);

#endif
