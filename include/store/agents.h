/* store/agents.h - the agents and groups of the embedded store, one call per thing that can be done to them.
 *
 * Rules (reference, section 14): a group_hash is the first 8 hex characters of SHA-256 over the names of an
 * agent's groups, by priority, joined with ","; the global hash is SHA-1 over the texts of all group hashes,
 * by id, without separator. Each call is one statement or a few; whoever wants several to stand or fall
 * together opens a transaction around them (db_begin). Without one each call makes its own. */
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
    uint64_t changes; /* grows with every change to a row, so that figures shown can be kept until it does */
    /* Rows written while a batch is on its way to the master (agents_touched_*): bit id % 65536. */
    bool watching;
    uint8_t touched[65536 / 8];
};

/* db: open. Counts the rows. */
enum err agents_open(struct agents *a, struct db *db, struct sys *sys, bool is_worker, uint32_t limit,
                     struct error *e);

/* ---- agents ---- */
/* E_DUPLICATE when the id is taken; E_POOL in words when limit rows are there; E_VALUE for a name that is
 * none. ip, register_ip, internal_key may be NULL. date_add 0: now. */
enum err agents_insert(struct agents *a, int64_t id, const char *name, const char *ip,
                       const char *register_ip, const char *internal_key, int64_t date_add, struct error *e);
enum err agents_rename(struct agents *a, int64_t id, const char *name,
                       struct error *e); /* no row: E_OK, as Wazuh */
/* With belongs and labels (cascade). *found may be NULL. */
enum err agents_delete(struct agents *a, int64_t id, bool *found, struct error *e);
/* name (AGENT_NAME_BYTES) and ip (AGENT_IP_BYTES) may be NULL. E_GONE: no such row. */
enum err agents_find(struct agents *a, int64_t id, char *name, char *ip, struct error *e);
/* The next id after `after`, with its name and ip; *id = -1 at the end. For walking all in steps. */
enum err agents_next(struct agents *a, int64_t after, int64_t *id, char name[AGENT_NAME_BYTES],
                     char ip[AGENT_IP_BYTES], struct error *e);

/* ---- groups ---- */
enum err groups_insert(struct agents *a, const char *name,
                       struct error *e); /* E_OK when it is there already */
enum err groups_delete(struct agents *a, const char *name, struct error *e);
bool group_name_is_valid(
    const char *name); /* Wazuh's rule: letters, digits, _-. and at most 255; not "." ".." */

enum groups_mode { GROUPS_OVERRIDE, GROUPS_APPEND, GROUPS_EMPTY_ONLY, GROUPS_REMOVE };
/* names: items of one list, "a\0b\0". sync_status: what group_sync_status becomes. E_GONE: no such agent. */
enum err agents_set_groups(struct agents *a, int64_t id, enum groups_mode mode, const char *const *names,
                           size_t count, bool syncreq, struct error *e);
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
    uint8_t list;  /* which of the three lists (dialect F) */
    uint64_t rows; /* told so far */
};
void agents_read_begin(struct agents *a, struct agents_read *r);
/* Dialect E: one chunk, "[{...},{...}]" of at most out->cap - 1 bytes, as wazuh-db's sync-agent-info-get; an
 * empty
 * "[]" and *done at the end. */
enum err agents_read_chunk(struct agents *a, struct agents_read *r, struct text *out, bool *done,
                           struct error *e);
/* Dialect F: the next piece of {"syncreq":[..],"syncreq_keepalive":[..],"syncreq_status":[..]}, at most
 * out->cap - 1 bytes; empty members and empty lists are left out as the real serializer does. */
enum err agents_read_lists(struct agents *a, struct agents_read *r, struct text *out, bool *done,
                           struct error *e);
/* The round is over without a confirmation (or after it): rows are not watched any more. */
void agents_read_end(struct agents *a);
/* The row id was in a batch that the master has: it is 'synced' now, unless it was written to since begin, or
 * its state is another than was sent. */
enum err agents_confirm(struct agents *a, int64_t id, enum sync_status sent, struct error *e);

/* Applying on the master. One agent object of a list or chunk (parsed JSON; obj: token index). Only agents
 * that exist are written; a row whose last_keepalive is newer than the one that comes keeps it, and with it
 * its connection state (nothing older overwrites something newer). *known (may be NULL): the row exists.
 * E_VALUE: no id, or a member of the wrong kind. The SYNCREQ forms: section 14.2; dialect E is SYNCREQ. */
enum err agents_apply(struct agents *a, enum sync_status list, const struct json_doc *d, size_t obj,
                      bool *known, struct error *e);

/* ---- what is told of a group change, master to workers ---- */
/* One chunk as sync-agent-groups-get: [{"data":[{"id":1,"name":"a","groups":["default"]},..],"hash":..}], at
 * most out->cap - 1 bytes. pending: only rows with group_sync_status 'syncreq', which become 'synced' with
 * the chunk that tells them (set_synced). named: entries have "name" (4.13 and later). with_hash: the hash on
 * the last chunk. *more: call again; *last_id goes on. The rows are marked by agents_groups_told, not here.
 */
struct agents_groups_read {
    bool pending, named, with_hash;
    int64_t last_id; /* 0 at first */
    uint64_t rows;
};
enum err agents_groups_chunk(struct agents *a, struct agents_groups_read *r, struct text *out, bool *more,
                             struct error *e);
/* Every row up to r->last_id that was pending when it was read is 'synced'. Called when the data is kept for
 * all workers; what changes in between becomes pending again. */
enum err agents_groups_told(struct agents *a, const struct agents_groups_read *r, struct error *e);

#endif
