/* store/wdb_global.h - wazuh-db's text commands on the embedded store: "global insert-agent {...}" and its
 * kin (reference, section 14.1; the full list with each command's arguments is the table in
 * src/store/wdb_global.c).
 *
 * One call, one reply. Replies, paging and error texts are those of wazuh-db 4.14.7. A command that is not in
 * the table answers err and says so. Nothing here knows sockets. */
#ifndef PICKET_STORE_WDB_GLOBAL_H
#define PICKET_STORE_WDB_GLOBAL_H

#include "store/agents.h"
#include "store/strings.h"

/* One command or one reply with its NUL, bytes. A reply that has no pages of its own is cut at 65,536 bytes:
 * that very length is how Wazuh's API recognises it, and asks again for less. */
#define WDB_TEXT_BYTES 65537u
#define WDB_REPLY_MOST 65024u /* most bytes of a reply that is paged (reference, section 14) */

struct wdb_global {
    struct agents *agents;
    struct store_texts *texts; /* command_keep and tokens, within one call */
    struct log *log;
    int64_t info_last_id; /* wazuh-db's own static cursor of sync-agent-info-get */
    uint64_t served, refused;
    bool locked; /* the last command failed because another program has the file locked: nothing is done of it
                  */
};

void wdb_global_init(struct wdb_global *w, struct agents *agents, struct store_texts *texts, struct log *log);

/* Answers one command of n bytes (NUL-terminated as well, and the callee's to write in). reply->buf gets the
 * whole reply, "ok ...", "due ..." or "err ..."; its cap should be WDB_TEXT_BYTES, and it does not lie in the
 * command. What "ok" answers is on disk; "err" has changed nothing, but for set-agent-groups, where it
 * leaves out the agents that are wrong. */
void wdb_global(struct wdb_global *w, char *command, size_t n, struct text *reply);

#endif
