/* store/agents.h - the agents and groups of the embedded store, one call per thing that can be done to them.
 *
 * Rules (reference, section 14): a group_hash is the first 8 hex characters of SHA-256 over the names of an
 * agent's groups, by priority, joined with ","; the global hash is SHA-1 over the texts of all group hashes,
 * by id, without separator. Each call is one statement or a few; whoever wants several to stand or fall
 * together opens a transaction around them (db_begin). Without one each call makes its own.
 *
 * Errors that every call may have besides its own: those of db_step. After one of them within the caller's
 * transaction a part of the call may be done, so that the caller rolls back; what struct agents remembers
 * follows by itself. */
#ifndef PICKET_STORE_AGENTS_H
#define PICKET_STORE_AGENTS_H

#include "base/json_read.h"
#include "base/text.h"
#include "store/db.h"

#include "limits.h"

#define AGENT_NAME_BYTES 129  /* with NUL: 2 to 128 characters of A-Za-z0-9-_. */
#define AGENT_IP_BYTES 64     /* "any", an address, or address/bits */
#define GROUP_NAME_BYTES 256  /* with NUL */
#define GROUPS_PER_AGENT 128u /* MULTIGROUP_LIMIT */
#define GROUPS_CSV_BYTES 65536u
#define GROUPS_HASH_BYTES 41 /* 40 hex digits and the NUL */

/* What a row is to be told to the master about (agent.sync_status); stronger ones come later. */
enum sync_status { SYNCED, SYNCREQ_KEEPALIVE, SYNCREQ_STATUS, SYNCREQ };

/* A set of ids: bit id % AGENT_MARKS. A mark says "may be": two ids that share one are both looked at. */
#define AGENT_MARKS 65536u
struct agent_marks {
    uint32_t count; /* marks that are set */
    uint8_t bits[AGENT_MARKS / 8];
};

struct agents {
    struct db *db;
    struct sys *sys;     /* the wall clock */
    bool is_worker;      /* a group that is missing is made when the master gives it to an agent */
    uint32_t limit;      /* rows there may be: AGENTS_MAX */
    uint32_t count;      /* rows there are, row 0 (the manager itself) not counted */
    bool groups_pending; /* rows with group_sync_status 'syncreq' may exist */
    bool info_pending;   /* rows with a sync_status other than 'synced' may exist */
    bool hash_known;     /* hash holds the global hash */
    bool hash_is_null;
    char hash[GROUPS_HASH_BYTES];
    uint64_t made;    /* rows that came with the master's groups, before their line in client.keys */
    uint64_t changes; /* grows with every change to a row, so that figures shown can be kept until it does */
    /* The rest is their own. Which rows may be pending: the tables have no index over it, and to look through
     * 20,000 wide rows every 10 seconds for the few that are costs more than all other work. A mark is set
     * with the write, and taken away by a reader that finds its rows synchronised. */
    struct agent_marks info_marks, groups_marks;
    /* Rows written while a batch is on its way to the master, or to the workers: they stay pending. */
    bool watching, groups_watching;
    int64_t told_id; /* of groups: marked up to here */
    uint32_t watchers;
    uint8_t touched[AGENT_MARKS / 8], groups_touched[AGENT_MARKS / 8];
    int64_t top_id; /* no row has a larger id */
    /* count as it was when the present transaction first changed it: rolling back restores it */
    uint32_t count_before;
    bool count_moved, count_unknown;
    char scratch[8192]; /* unescaped texts of one row, within one call */
};

/* db: open, and closed later than the last call. a stays where it is. Counts the rows, and looks for those
 * that are pending. */
enum err agents_open(struct agents *a, struct db *db, struct sys *sys, bool is_worker, uint32_t limit,
                     struct error *e);

/* ---- agents ---- */
/* E_DUPLICATE when the id is taken; E_POOL in words when limit rows are there; E_VALUE for a name that is
 * none, or an id outside 1 to INT32_MAX. ip, register_ip, internal_key may be NULL. date_add 0: now. */
enum err agents_insert(struct agents *a, int64_t id, const char *name, const char *ip,
                       const char *register_ip, const char *internal_key, int64_t date_add, struct error *e);
enum err agents_rename(struct agents *a, int64_t id, const char *name,
                       struct error *e); /* no row: E_OK, as Wazuh */
/* With belongs and labels (cascade). *found may be NULL. Row 0, the manager itself, is never deleted. */
enum err agents_delete(struct agents *a, int64_t id, bool *found, struct error *e);
/* name (AGENT_NAME_BYTES) and ip (AGENT_IP_BYTES) may be NULL. E_GONE: no such row. */
enum err agents_find(struct agents *a, int64_t id, char *name, char *ip, struct error *e);
/* What decides whether another agent may take its place. */
struct agent_standing {
    int64_t date_add, disconnection_time; /* seconds since 1970; 0: none */
    bool never_connected, disconnected;
};
enum err agents_standing(struct agents *a, int64_t id, struct agent_standing *out, struct error *e);
/* The next id after `after`, with its name and ip; *id = -1 at the end. For walking all in steps. */
enum err agents_next(struct agents *a, int64_t after, int64_t *id, char name[AGENT_NAME_BYTES],
                     char ip[AGENT_IP_BYTES], struct error *e);

/* ---- groups ---- */
enum err groups_insert(struct agents *a, const char *name,
                       struct error *e); /* E_OK when it is there already; E_LIMIT: GROUPS_MAX are */
/* Its agents lose it; who has no group left gets "default" (E_UNKNOWN, and nothing is done, when that one is
 * missing). On a master their groups are to be told to the workers. No such group: E_OK, as Wazuh. */
enum err groups_delete(struct agents *a, const char *name, struct error *e);
bool group_name_is_valid(
    const char *name); /* Wazuh's rule: letters, digits, _-. and at most 255; not "." ".." */

enum groups_mode { GROUPS_OVERRIDE, GROUPS_APPEND, GROUPS_EMPTY_ONLY, GROUPS_REMOVE };
/* As wazuh-db's set-agent-groups (reference, section 14.1). syncreq: what group_sync_status becomes. A name
 * that comes twice, or is appended though it is there, moves to the later place. GROUPS_EMPTY_ONLY: nothing
 * is done when there is a group already. GROUPS_REMOVE: who has none left gets "default".
 * E_GONE: no such agent. E_VALUE: a name that is none, or more than GROUPS_PER_AGENT; nothing is done.
 * E_UNKNOWN: a group is missing; the other names are done all the same, which is the end of a good call (the
 * transaction, if it was the call's own, is committed). On a worker a missing group is made instead: the
 * master's word is the truth, and the group's folder may come later (E_LIMIT, as E_UNKNOWN, if it cannot). */
enum err agents_set_groups(struct agents *a, int64_t id, enum groups_mode mode, const char *const *names,
                           size_t count, bool syncreq, struct error *e);
/* The same for an element of set-agent-groups' data, {"id":1,"groups":["a"],"name":"x"}. GROUPS_OVERRIDE with
 * a name: an agent that is missing is made (0.0.0.0, never connected), as 4.13 and later do: it is in the
 * master's client.keys, ours comes later (E_LIMIT: there is no room). E_VALUE also for another shape. */
enum err agents_apply_groups(struct agents *a, enum groups_mode mode, bool syncreq, const struct json_doc *d,
                             size_t obj, struct error *e);
/* Of every row; the global hash is counted anew. */
enum err agents_recalculate_hashes(struct agents *a, struct error *e);
/* The global hash into a->hash; a->hash_is_null when no agent has a group. */
enum err agents_global_hash(struct agents *a, struct error *e);

/* ---- agent information, worker to master ---- */

/* Reading without marking. One round: begin, then next until *done, then the batch goes to the master; when
 * it has confirmed, agents_confirm with the same text. Whatever is written to a row between begin and confirm
 * stays unconfirmed, so nothing newer is lost. */
struct agents_read {
    int64_t last_id;
    uint8_t list;      /* which of the three lists (dialect F) */
    uint8_t seen;      /* bit s: a row with enum sync_status s was among those looked at */
    uint64_t rows;     /* told so far */
    uint64_t too_long; /* rows that no piece has room for, left out: they stay pending */
    bool in_list;
};
/* Each begin has its end. */
void agents_read_begin(struct agents *a, struct agents_read *r);
/* Dialect E: one chunk, "[{...},{...}]" of at most out->cap - 1 bytes: every pending row with all its
 * members, as wazuh-db up to 4.12 has it (sync-agent-info-get; 4.13 and later tell an old master too little).
 * An empty "[]" and *done after the last. out: empty. Labels are told as far as STRING_AGENT_BYTES go. */
enum err agents_read_chunk(struct agents *a, struct agents_read *r, struct text *out, bool *done,
                           struct error *e);
/* Dialect F: the next piece of {"syncreq":[..],"syncreq_keepalive":[..],"syncreq_status":[..]}, at most
 * out->cap - 1 bytes; empty members and empty lists are left out as the real serializer does. *done: this was
 * the last piece. out: empty. */
enum err agents_read_lists(struct agents *a, struct agents_read *r, struct text *out, bool *done,
                           struct error *e);
/* The round is over without a confirmation (or after it): rows are not watched any more. */
void agents_read_end(struct agents *a);
/* The row id was in a batch that the master has: it is 'synced' now, unless it was written to since begin, or
 * its state is a stronger one than was sent. */
enum err agents_confirm(struct agents *a, int64_t id, enum sync_status sent, struct error *e);

/* Applying on the master. One agent object of a list or chunk (parsed JSON; obj: token index). Only agents
 * that exist are written. *known (may be NULL): the row exists. E_VALUE: no id, or a member of the wrong
 * kind, or one that is missing and must not be (name, ip apart). E_LIMIT: more escaped text than a row has.
 * SYNCREQ (also dialect E) carries the whole row: a member that is missing becomes NULL (disconnection_time,
 * status_code: 0), and labels are replaced; none is how either serializer spells that there are none left.
 *
 * Nothing older overwrites something newer. An agent can move from one worker to another, and what the first
 * one still has of it may come later. So a row with an older last_keepalive than ours is left out, unless it
 * names the node that ours names: one node's messages come in order, and its keepalives have been stamped by
 * our clock (SYNCREQ_KEEPALIVE says only "now"), so that there last_keepalive alone keeps the later time.
 * A time of ours that is to come yet is no time: whatever comes is newer. */
enum err agents_apply(struct agents *a, enum sync_status list, const struct json_doc *d, size_t obj,
                      bool *known, struct error *e);

/* ---- what is told of a group change, master to workers ---- */
/* One chunk as sync-agent-groups-get: [{"data":[{"id":1,"name":"a","groups":["default"]},..],"hash":..}], at
 * most out->cap - 1 bytes (out: empty). pending: only rows with group_sync_status 'syncreq'. named: entries
 * have "name" (4.13 and later). with_hash: the hash on the last chunk. *more: call again; last_id goes on.
 * The rows are marked by agents_groups_told, not here.
 *
 * One reader at a time may come to agents_groups_told; others, whose chunk is all they will ever ask, say
 * once. */
struct agents_groups_read {
    bool pending, named, with_hash;
    bool once;         /* nothing will be told later */
    bool mark;         /* (with once) rows are 'synced' with the chunk that tells them: set_synced */
    int64_t last_id;   /* 0 at first */
    int64_t before;    /* only agents registered before this second; 0: all */
    uint64_t rows;     /* told so far */
    uint64_t too_long; /* rows that no chunk has room for, left out */
};
enum err agents_groups_chunk(struct agents *a, struct agents_groups_read *r, struct text *out, bool *more,
                             struct error *e);
/* Every row up to r->last_id that was pending when it was read is 'synced'. Called when the data is kept for
 * all workers; what changes in between becomes pending again. A transaction of 256 rows at most: to be called
 * again until groups_watching is false. */
enum err agents_groups_told(struct agents *a, const struct agents_groups_read *r, struct error *e);

#endif
