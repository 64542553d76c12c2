/* store/embedded.h - struct store over the embedded database.
 *
 * Jobs are worked off in slices: embedded_step does at most about EMBEDDED_SLICE_ROWS rows in one transaction
 * and returns; what it committed is on disk. Long strings are read from their blob piece by piece. */
#ifndef PICKET_STORE_EMBEDDED_H
#define PICKET_STORE_EMBEDDED_H

#include "store/client_keys.h"
#include "store/store.h"
#include "store/strings.h"
#include "store/wdb_global.h"

#define EMBEDDED_SLICE_ROWS 256u
#define EMBEDDED_LOCKED_MOST 100u /* so often a slice is tried while another program has the file locked */

struct embedded {
    struct store store; /* first: its ops find the rest */
    struct db db;
    struct agents agents;
    struct wdb_global global;
    struct store_texts *texts;
    struct log *log;
    bool info_http, groups_named; /* of the dialect */
    struct store_job *first, *last, *running;
    void (*wake)(void *arg); /* work has come: call embedded_step soon */
    void *wake_arg;
    bool closing;
    bool checked;       /* (writing) the first pass found the whole string well-formed */
    bool first_chunk;   /* (reading) nothing is in the blob yet */
    bool chunk_refused; /* (writing) a row of the present chunk was */
    uint32_t locked;    /* (writing) times in a row that the file was */
    struct strings_reader reader;
    struct agents_read read;
    bool reading; /* rows are watched: a batch is being read, or on its way to the master */
    struct agents_groups_read groups, all_groups;
    bool groups_read; /* groups is a whole round, which may be told */
    struct text chunk;
};

struct embedded_setup {
    struct sys *sys;
    struct log *log;
    int root;
    uint32_t uid, gid;
    bool is_worker;
    bool info_http, groups_named;
    struct store_texts *texts; /* shared with the sockets' server: request, reply and tokens are anybody's
                                * within one call; keep is that of the job which runs */
    void (*wake)(void *arg);
    void *wake_arg;
};

/* db_library_open has been called. Opens the file; errors as db_open, and then nothing is open. b: zeroed, or
 * closed. */
enum err embedded_open(struct embedded *b, const struct embedded_setup *setup, struct error *e);
/* Jobs that are left get done with E_CLOSED; what is submitted from inside those calls is not taken. */
void embedded_close(struct embedded *b);
/* One slice. STEP_AGAIN: more to do; STEP_WAIT: nothing until wake, or, while running is set, another program
 * has the file locked: call again soon. No transaction is open afterwards. */
enum step embedded_step(struct embedded *b);

#endif
