/* store/client_keys.h - etc/client.keys: who is an agent. Lines of "id name ip key", divided by single
 * blanks; a name that begins with '!' or '#' is an agent that was removed, a line that begins with '#' or a
 * blank is a comment (OS_ReadKeys of 4.x). There are no escapes.
 *
 * The file is the truth about which agents exist, on both roles (on a worker it comes from the master). The
 * embedded store follows it: rows are added, renamed, changed and removed; row 0, the manager, is nobody's
 * line and never touched. Reading is in steps and never holds the file in memory; writing is atomic (a new
 * file beside it, flushed, renamed over it; owner and mode kept). */
#ifndef PICKET_STORE_CLIENT_KEYS_H
#define PICKET_STORE_CLIENT_KEYS_H

#include "base/stream.h"
#include "store/agents.h"

#define CLIENT_KEYS_PATH "etc/client.keys"
#define AGENT_ID_MAX 99999999 /* 8 digits (OS_IsValidID) */
#define AGENT_ID_BYTES 12     /* an id in words, with NUL: at least 3 digits */
#define AGENT_KEY_CHARS 64
#define AGENT_KEY_BYTES 257  /* of keys that others made, with NUL */
#define KEYS_SPARE_S 300u    /* how long a row without a key may wait for its line */
#define KEYS_LINE_BYTES 512u /* the longest line: 8 + 128 + 63 + 256 and three blanks */

/* One line. */
struct client_key {
    int64_t id; /* 1 to AGENT_ID_MAX; 0: not even the id could be read */
    char id_text[AGENT_ID_BYTES];
    char name[AGENT_NAME_BYTES]; /* as it stands, without the mark of a removed one */
    char ip[AGENT_IP_BYTES];
    char key[AGENT_KEY_BYTES];
    bool removed; /* name, ip and key may then be empty */
};
/* One line without its line break. false: a comment, or not a line of this file; k->id may be there even so.
 */
bool client_key_parse(struct client_key *k, const char *line, size_t n);

/* A file in one state: any change to it changes one of these. All 0: no file. */
struct keys_state {
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
};

/* The lines of an open file, one after the other. */
struct keys_lines {
    uint64_t start, end; /* where in the file the current line begins, and the next one */
    uint32_t number;     /* of the current line, from 1 */
    bool too_long;       /* the current line has more than KEYS_LINE_BYTES - 1 bytes: line is its beginning */
    size_t n;            /* bytes of line, without the line break */
    size_t piece_at, piece_n;
    char line[KEYS_LINE_BYTES];
    char piece[2048];
};

/* ---- following the file ---- */
struct client_keys {
    struct agents *agents;
    struct sys *sys;
    struct log *log;
    int root;
    bool is_master; /* a new agent is given the group "default", to be told to the workers */
    int fd;         /* the file while it is followed, else -1 */
    uint8_t phase;
    struct keys_state followed; /* the store says what this one says */
    struct keys_state doubted;  /* names no agent at all: believed when it is met again */
    struct keys_state now;      /* the one being followed */
    struct keys_lines lines;
    int64_t walk_id; /* rows up to this one were looked at */
    /* What this file brought. */
    uint32_t live, gone, bad_lines, added, renamed, changed, removed, refused, spared;
    uint32_t full_line; /* number of the last line before the first agent that was refused */
    bool full_told;     /* that the store is full was said */
    uint32_t bad_told;  /* number of bad lines that was said last */
    uint64_t again_ms;  /* monotonic: the same file is followed again, because rows were spared, or were made
                         * since; 0: neither */
    uint64_t made;      /* of agents, when it was looked at */
    struct log_brake refusals; /* of registrations, in the log */
    int64_t page;              /* seen tells of the ids page * 65536 to page * 65536 + 65535 */
    uint8_t seen[65536 / 8];
};
/* Also removes what a power cut may have left of a change to the file: it is full of keys. */
void client_keys_init(struct client_keys *k, struct agents *agents, struct sys *sys, struct log *log,
                      int root, bool is_master);
/* Looks whether the file has changed (one stat), and if so takes one step of following it: at most about 256
 * rows, in one transaction, or 1,024 lines. STEP_DONE: nothing to do or all done; STEP_AGAIN: more;
 * STEP_FAILED: *e, and the next call begins anew.
 *
 * First the file is read for its ids, then rows without a line are deleted, then rows are added and changed
 * (so a store that is full has room for those who take the others' places). Which ids there are is kept in
 * one bit each for 65,536 of them at a time; the file is read once more for each further 65,536 ids among
 * which the store has rows. So there are no clashes, and the usual file is read twice.
 *
 * What is not believed at once: a missing file changes nothing. A file without a line of any agent, not even
 * a removed one (power cuts leave such), is only believed at the second look that finds it unchanged; if it
 * has lines that are none, it is damaged and not believed at all. A line that is damaged keeps its agent as
 * it is if its id can be read. A file that changes while it is being read is followed from the next look on.
 *
 * A row without a key is one that the file never had: the master named the agent with its groups, and its
 * line comes later, with the files. It is spared for KEYS_SPARE_S after it was made: what was already written
 * to it would be lost with it. But not in the place of an agent that the file names; and after that time the
 * file is followed again: for an agent that was removed while its groups were on their way no line comes.
 *
 * A line whose name and key both differ from the row's is another agent: the row begins anew. An id that
 * occurs twice: the last line stands. New agents beyond the limit are refused, one ERROR line says so. */
enum step client_keys_step(struct client_keys *k, struct error *e);
void client_keys_fini(struct client_keys *k);

/* ---- changing the file: the master alone ---- */
/* Both read the file through and write it anew at once, 2 MB for 20,000 agents. E_CHANGED: another program
 * changed it meanwhile, nothing was done (it is looked at again right before the rename; what happens between
 * that look and the rename is lost, as with authd and manage_agents). E_DENIED: not a master. */

/* A part of a line. */
enum keys_part { KEYS_NOTHING, KEYS_ID, KEYS_NAME, KEYS_IP, KEYS_KEY };

/* An agent that is to be added. */
struct keys_wish {
    const char *name;
    const char *ip;            /* NULL: "any" */
    int64_t id;                /* 0: the highest in the file and one more, removed ones included, as authd;
                                  if that is AGENT_ID_MAX, any that is free */
    const char *key;           /* NULL: a new one, 64 hexadecimal digits of random numbers */
    const char *const *groups; /* its groups, which are made when they are missing; */
    size_t group_count;        /* 0: "default" */
    /* May the agent in the line old go, as the new one wants its id, address or name (part)? NULL: none may.
     */
    bool (*may_replace)(void *arg, const struct client_key *old, enum keys_part part);
    void *arg;
    enum keys_part trouble; /* the answer: what E_VALUE or E_DUPLICATE is about */
};
/* Adds it and fills *k: one change to the file, in which those it replaces go, and one transaction of the
 * store. On E_OK the file is on disk, and the row and its groups are in the store. On an error nothing was
 * done, but for one of the commit, which says that the file is ahead. E_VALUE: a bad name (2 to 128 of A-Z
 * a-z 0-9 - _ . and no '.' first), ip ("any", an address, or address/bits), id or key (1 to 256 characters
 * without blanks); E_DUPLICATE: id, name or ip (other than "any" or a network) is taken, in words; E_POOL:
 * limit agents are there. */
enum err client_keys_register(struct client_keys *c, struct client_key *k, struct keys_wish *w,
                              struct error *e);
/* The same for a new agent with a new key that replaces nobody. */
enum err client_keys_add(struct client_keys *c, struct client_key *k, const char *name, const char *ip,
                         int64_t id, struct error *e);
/* Takes an agent out of the file and of the store. Its line is removed; that of the highest id stays, marked
 * as removed, so that no later agent gets the same id. E_GONE: no such agent. */
enum err client_keys_remove(struct client_keys *c, int64_t id, struct error *e);

#endif
