/* api/logs_parts.h - ossec.log as src/api/logs*.c read it: the last lines of a file of any length, found from
 * its end, and what one line says. */
#ifndef PICKET_API_LOGS_PARTS_H
#define PICKET_API_LOGS_PARTS_H

#include "base/stream.h"
#include "limits.h"
#include "sys/sys.h"

#include <stdbool.h>

#if BODY_WINDOW_BYTES >= (128u << 10)
#define LOG_LINES 2000u      /* lines that real nodes look at (core/manager.py, get_ossec_logs) */
#define LOG_LINE_BYTES 6144u /* of one line are read, the rest of a longer one is passed over */
#else
#define LOG_LINES 250u
#define LOG_LINE_BYTES 2048u
#endif
#define LOG_TAIL_BYTES (16u << 20) /* the last lines are looked for in so many bytes at the end */
#define LOG_PIECE_BYTES 4096u      /* read at once */
#define LOG_STEP_PIECES 32u        /* in one step */

/* What a line says. The texts lie in the line, or in room. */
struct log_entry {
    char timestamp[24]; /* 2026-11-20T10:31:47Z */
    const char *tag, *description;
    size_t tag_n, description_n;
    char level[12]; /* in small letters */
};
/* Reads one line without its end (no NUL needed), in the shape of ossec.log or of ossec.json. false: it is no
 * entry, as the second and later lines of a long message are not: real nodes pass them over too. Bytes that
 * are not UTF-8 are left out of a plain line, which is changed for that. room: at least n bytes. */
bool log_line_read(char *line, size_t n, bool is_json, char *room, struct log_entry *e);

/* The last lines of an open file. */
struct log_tail {
    struct sys *sys;
    int fd;      /* the owner's */
    uint64_t at; /* going back: everything from here on was looked at; going forward: read so far */
    uint64_t end;
    uint32_t ends;      /* line ends found so far */
    bool forward, skip; /* skip: the rest of too long a line */
    uint32_t n;         /* of line */
    char line[LOG_LINE_BYTES];
    char piece[LOG_PIECE_BYTES];
};
void log_tail_init(struct log_tail *t, struct sys *sys, int fd, uint64_t size);
/* A bounded piece of work: first back to the beginning of the last LOG_LINES lines, then forward through
 * them. line is called for each; an error of it ends the reading. A file that shrinks meanwhile is over where
 * it ends; what is written meanwhile is not read. STEP_AGAIN, STEP_DONE, STEP_FAILED (*e). */
enum step log_tail_step(struct log_tail *t,
                        enum err (*line)(void *arg, char *text, size_t n, struct error *e), void *arg,
                        struct error *e);

#endif
