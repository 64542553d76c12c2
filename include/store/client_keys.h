/* store/client_keys.h - etc/client.keys: who is an agent. Lines of "id name ip key"; a name that begins with
 * '!' or '#' is an agent that was removed, a line that begins with '#' or a blank is a comment.
 *
 * The file is the truth about which agents exist, on both roles (on a worker it comes from the master). The
 * embedded store follows it: rows are added, renamed and removed. Reading is in steps and never holds the
 * file in memory; writing is atomic (a new file beside it, flushed, renamed over it; owner and mode kept). */
#ifndef PICKET_STORE_CLIENT_KEYS_H
#define PICKET_STORE_CLIENT_KEYS_H

#include "store/agents.h"

#define CLIENT_KEYS_PATH "etc/client.keys"
#define AGENT_KEY_CHARS 64

/* One line. name and ip unescaped as they stand. */
struct client_key {
    int64_t id;
    char id_text[12];
    char name[AGENT_NAME_BYTES];
    char ip[AGENT_IP_BYTES];
    char key[257];
    bool removed;
};
/* One line without its line break. false: a comment, or not a line of this file. */
bool client_key_parse(struct client_key *k, const char *line, size_t n);

/* ---- following the file ---- */
struct client_keys {
    struct agents *agents;
    struct sys *sys;
    struct log *log;
    int root;
    bool is_master; /* a new agent is given the group "default", to be told to the workers */
    int fd;
    uint8_t phase;
    uint64_t mtime_ns, size, ino; /* of the file that was followed last; all 0: none */
    uint64_t now_mtime_ns, now_size, now_ino;
    uint64_t at; /* bytes read */
    int64_t walk_id;
    char line[512];
    size_t line_n;
    bool line_long;
    uint32_t line_number, bad_lines, added, renamed, removed, refused;
    uint8_t seen[65536 / 8]; /* ids of the file, by id % 65536; a clash is looked up in the file again */
    char piece[2048];
};
void client_keys_init(struct client_keys *k, struct agents *agents, struct sys *sys, struct log *log,
                      int root, bool is_master);
/* Looks whether the file has changed (one fstat), and if so takes one step of following it: at most about 256
 * lines or rows, in one transaction. STEP_DONE: nothing to do or all done; STEP_AGAIN: more; STEP_FAILED: *e,
 * and the next call tries again. A missing file changes nothing (an empty one removes every agent: that is
 * what it says; a file that shrinks to nothing while rows exist is only believed when it stays so for two
 * looks). */
enum step client_keys_step(struct client_keys *k, struct error *e);
void client_keys_fini(struct client_keys *k);

/* ---- changing the file: the master alone ---- */
/* Adds an agent: the next free id when id is 0 (the highest ever used and one more, as authd), a new random
 * key. Fills *k. E_DUPLICATE: name or ip (other than "any") is taken, in words; E_VALUE: a bad name, ip or
 * id; E_POOL: limit agents are there. On E_OK the file is on disk and the row is in the store. */
enum err client_keys_add(struct client_keys *c, struct client_key *k, const char *name, const char *ip,
                         int64_t id, struct error *e);
/* Takes an agent out of the file (its line is removed) and of the store. E_GONE: no such agent. */
enum err client_keys_remove(struct client_keys *c, int64_t id, struct error *e);

/* ---- groups are the folders of etc/shared ---- */
/* Rows of `group` follow the folders below etc/shared ("default" always exists); a group whose folder is gone
 * is deleted on a master. At most once per call, all folders (bounded by GROUPS_MAX). */
enum err group_folders_follow(struct agents *a, struct sys *sys, struct log *log, int root, bool is_master,
                              struct error *e);

#endif
