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

#endif
