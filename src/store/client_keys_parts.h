/* client_keys_parts.h - inside store/: what reading, following and changing etc/client.keys share. */
#ifndef PICKET_STORE_CLIENT_KEYS_PARTS_H
#define PICKET_STORE_CLIENT_KEYS_PARTS_H

#include "store/client_keys.h"

#define KEYS_NEW_PATH                                                                                        \
    "etc/.client.keys.new" /* the file while it is written; no cluster item has this name                    \
                            */

/* Gives up following in the middle; the next step looks again. */
void keys_stop(struct client_keys *k);
/* The row of an agent that is new to the store, in the transaction that is open. */
enum err keys_insert_row(struct client_keys *k, const struct client_key *line, struct error *e);

void keys_lines_rewind(struct keys_lines *l);
/* Goes on to the next line; *more false at the end of the file. The last line may lack its line break. A read
 * error: E_SYS. */
enum err keys_lines_next(struct keys_lines *l, struct sys *sys, int fd, bool *more, struct error *e);
bool keys_line_is_comment(const struct keys_lines *l);
/* client_key_parse of the current line; one that is too long is none. */
bool keys_line_parse(struct client_key *k, const struct keys_lines *l);

struct keys_state keys_state_of(const struct sys_stat *st);
bool keys_state_equal(const struct keys_state *a, const struct keys_state *b);
/* The state of the open file; E_PATH when it is no plain file. */
enum err keys_state_get(struct keys_state *s, struct sys *sys, int fd, struct error *e);

/* ---- one change to the file (client_keys_change.c) ---- */

struct keys_change {
    struct client_keys *c;
    int fd; /* the file; -1: there is none yet */
    struct keys_state before;
    struct sys_stat stat;
    /* once it is read */
    int64_t highest; /* id in any line */
    int64_t spare;   /* set before: an id; 0 afterwards: a line has it */
    uint32_t agents; /* lines of agents that are not removed */
};
/* A line that goes: bytes start to end - 1, its name at name. mark: it stays, as that of a removed one. */
struct keys_place {
    uint64_t start, name, end;
    bool mark;
};

/* E_DENIED: not a master. What succeeded must be closed. */
enum err keys_change_open(struct keys_change *x, struct client_keys *c, struct error *e);
void keys_change_close(struct keys_change *x);
/* visit is called for each line of an agent that is not removed; an error of it ends the reading. */
typedef enum err keys_visit_fn(void *arg, const struct client_key *line, const struct keys_place *at,
                               struct error *e);
enum err keys_change_read(struct keys_change *x, keys_visit_fn *visit, void *arg, struct error *e);
/* Writes the file anew with count lines gone, in the order of the file, and text after the last one. E_OK: on
 * disk. E_CHANGED: another program was quicker, and nothing was done. */
enum err keys_change_write(struct keys_change *x, const struct keys_place *at, size_t count, const char *text,
                           size_t n, struct error *e);
/* If the store had followed the file as it was, it follows the new one: nothing has to be read again. */
void keys_change_follow(struct keys_change *x);
/* The message counter of an agent that is no more would lock out the next one of this id. */
void keys_drop_counter(struct client_keys *c, int64_t id);

#endif
