/* client_keys_add.c - adds an agent to etc/client.keys and to the store, for it those that it takes the place
 * of go: one change to the file, one transaction of the store around it.
 *
 * The row is written first and committed last, when the file is on disk: whatever fails before leaves both as
 * they were. After the rename the file is the truth; should the commit fail, the store follows it. */
#include "base/bytes.h"
#include "crypto/random.h"
#include "src/store/client_keys_parts.h"

#include <string.h>

/* Id, address, name: in the order in which authd asks. */
enum { CLASHES = 3 };
static const enum keys_part parts[CLASHES] = {KEYS_ID, KEYS_IP, KEYS_NAME};

struct adding {
    struct keys_change x;
    struct keys_wish *wish;
    struct client_key *key;
    /* The first line that has what is wanted, of each kind; its id 0: there is none. */
    struct client_key old[CLASHES];
    struct keys_place old_at[CLASHES];
    /* those that go, in the order of the file */
    struct keys_place gone_at[CLASHES];
    int64_t gone[CLASHES];
    uint32_t gone_count;
};

/* ---- what may be in a line ---- */

/* OS_IsValidName: one rule more than the store has. */
static bool name_is_good(const char *name) {
    size_t n = strlen(name);
    return n >= 2 && n < AGENT_NAME_BYTES && name[0] != '.' && strspn(name, TEXT_WORD_CHARS "-.") == n;
}

/* The address of "address" or "address/bits"; *bits -1 without any. */
static bool read_address(const char *ip, struct sys_addr *a, int *bits) {
    char host[AGENT_IP_BYTES];
    size_t n = strcspn(ip, "/");
    uint64_t v;
    *bits = -1;
    /* The brackets of "[::1]" are no part of an address in this file. */
    if (ip[0] == '[' || !text_copy(host, sizeof host, ip, n) || !sys_addr_parse(a, host, 0))
        return false;
    if (!ip[n])
        return true;
    ip += n + 1;
    if (!text_number(ip, strlen(ip), strchr(host, ':') ? 128 : 32, &v) || strlen(ip) > 3)
        return false;
    *bits = (int)v;
    return true;
}

static bool ip_is_good(const char *ip) {
    struct sys_addr a;
    int bits;
    return strlen(ip) < AGENT_IP_BYTES && (!strcmp(ip, "any") || read_address(ip, &a, &bits));
}

/* Two lines may share a network and "any", but not an address, whatever its notation. */
static bool same_address(const char *want, const char *line) {
    struct sys_addr a, b;
    int bits_a, bits_b;
    if (!read_address(want, &a, &bits_a) || bits_a >= 0)
        return false;
    return read_address(line, &b, &bits_b) && sys_addr_same_host(&a, &b);
}

/* A key of others: one word, as the line is divided by blanks. */
static bool key_is_good(const char *key) {
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return n > 0 && n < AGENT_KEY_BYTES;
}

static enum err bad(struct keys_wish *w, enum keys_part part, struct error *e, const char *words) {
    w->trouble = part;
    return error_set(e, E_VALUE, 0, "%s", words);
}

static void name_id(struct client_key *k) {
    struct text t;
    text_init(&t, k->id_text, sizeof k->id_text);
    text_format(&t, "%03lld", (long long)k->id);
}

static enum err fill_in(struct client_key *k, struct keys_wish *w, struct error *e) {
    const char *ip = w->ip ? w->ip : "any";
    *k = (struct client_key){.id = w->id};
    w->trouble = KEYS_NOTHING;
    if (!name_is_good(w->name))
        return bad(w, KEYS_NAME, e,
                   "the name of an agent is 2 to 128 of A-Z a-z 0-9 - _ . and begins with no dot");
    if (!ip_is_good(ip))
        return bad(w, KEYS_IP, e,
                   "the address of an agent is any, an IPv4 or IPv6 address, or one with /bits");
    if (w->id < 0 || w->id > AGENT_ID_MAX)
        return bad(w, KEYS_ID, e, "the id of an agent is 1 to 99999999");
    if (w->key && !key_is_good(w->key))
        return bad(w, KEYS_KEY, e, "the key of an agent is 1 to 256 characters without blanks");
    memcpy(k->name, w->name, strlen(w->name) + 1);
    memcpy(k->ip, ip, strlen(ip) + 1);
    if (w->key)
        memcpy(k->key, w->key, strlen(w->key) + 1);
    if (k->id)
        name_id(k);
    return E_OK;
}

/* ---- who is in the way ---- */

static enum err compare(void *arg, const struct client_key *line, const struct keys_place *at,
                        struct error *e) {
    struct adding *a = arg;
    const bool same[CLASHES] = {line->id == a->key->id, same_address(a->key->ip, line->ip),
                                !strcmp(line->name, a->key->name)};
    (void)e;
    for (int i = 0; i < CLASHES; i++) {
        if (same[i] && !a->old[i].id) {
            a->old[i] = *line;
            a->old_at[i] = *at;
        }
    }
    return E_OK;
}

static bool is_going(const struct adding *a, int64_t id) {
    for (uint32_t i = 0; i < a->gone_count; i++)
        if (a->gone[i] == id)
            return true;
    return false;
}

static void let_go(struct adding *a, int64_t id, const struct keys_place *at) {
    uint32_t i = a->gone_count++;
    for (; i > 0 && a->gone_at[i - 1].start > at->start; i--) {
        a->gone_at[i] = a->gone_at[i - 1];
        a->gone[i] = a->gone[i - 1];
    }
    a->gone_at[i] = *at;
    a->gone[i] = id;
}

static enum err taken(const struct client_key *want, const struct client_key *old, enum keys_part part,
                      struct error *e) {
    switch (part) {
    case KEYS_ID:
        return error_set(e, E_DUPLICATE, 0, "the id %s is taken, by agent %s: leave it out, or take another",
                         want->id_text, old->name);
    case KEYS_IP:
        return error_set(e, E_DUPLICATE, 0,
                         "the address %s is taken, by agent %s (%s): take any or another, or remove that one",
                         want->ip, old->id_text, old->name);
    default:
        return error_set(e, E_DUPLICATE, 0,
                         "the name %s is taken, by agent %s: take another, or remove that one", want->name,
                         old->id_text);
    }
}

/* The manager's own name is nobody else's. */
static bool is_own_name(struct adding *a) {
    char own[AGENT_NAME_BYTES];
    return agents_find(a->x.c->agents, 0, own, NULL, NULL) == E_OK && !strcmp(own, a->key->name);
}

static enum err judge(struct adding *a, struct error *e) {
    struct keys_wish *w = a->wish;
    for (int i = 0; i < CLASHES; i++) {
        const struct client_key *old = &a->old[i];
        w->trouble = parts[i];
        if (parts[i] == KEYS_NAME && is_own_name(a))
            return error_set(e, E_DUPLICATE, 0, "the name %s is this manager's own: take another",
                             a->key->name);
        if (!old->id || is_going(a, old->id))
            continue;
        if (!w->may_replace || !w->may_replace(w->arg, old, parts[i]))
            return taken(a->key, old, parts[i], e);
        let_go(a, old->id, &a->old_at[i]);
    }
    w->trouble = KEYS_NOTHING;
    return E_OK;
}

static enum err has_room(const struct adding *a, struct error *e) {
    const struct agents *rows = a->x.c->agents;
    uint32_t left = a->x.agents - a->gone_count;
    uint32_t rows_left = rows->count > a->gone_count ? rows->count - a->gone_count : 0;
    if (left < rows->limit && rows_left < rows->limit)
        return E_OK;
    return error_set(e, E_POOL, 0, "%u agents are there, and this board's limit is %u: remove some first",
                     a->x.agents, rows->limit);
}

/* ---- both changes ---- */

static enum err complete(struct adding *a, struct error *e) {
    struct client_key *k = a->key;
    uint8_t secret[AGENT_KEY_CHARS / 2];
    if (!k->id)
        k->id = a->x.highest < AGENT_ID_MAX ? a->x.highest + 1 : a->x.spare;
    if (!k->id)
        return bad(a->wish, KEYS_ID, e, "the highest id is taken: choose a free one, or ask again");
    name_id(k);
    for (uint32_t i = 0; i < a->gone_count; i++) /* no id is given twice */
        a->gone_at[i].mark = a->gone[i] == a->x.highest && k->id < a->x.highest;
    if (k->key[0])
        return E_OK;
    enum err err = random_bytes(a->x.c->sys, secret, sizeof secret, e);
    if (err != E_OK)
        return err;
    hex_encode(k->key, secret, sizeof secret);
    bytes_wipe(secret, sizeof secret);
    return E_OK;
}

static enum err write_rows(struct adding *a, struct error *e) {
    struct agents *rows = a->x.c->agents;
    const struct keys_wish *w = a->wish;
    enum err err = agents_delete(rows, a->key->id, NULL, e); /* a row that the file does not know yet */
    for (uint32_t i = 0; i < a->gone_count && err == E_OK; i++)
        err = agents_delete(rows, a->gone[i], NULL, e);
    if (err == E_OK)
        err = keys_insert_row(a->x.c, a->key, e);
    for (size_t i = 0; i < w->group_count && err == E_OK; i++)
        err = groups_insert(rows, w->groups[i], e);
    if (err == E_OK && w->group_count)
        err = agents_set_groups(rows, a->key->id, GROUPS_OVERRIDE, w->groups, w->group_count, true, e);
    return err;
}

static enum err write_file(struct adding *a, struct error *e) {
    const struct client_key *k = a->key;
    char line[KEYS_LINE_BYTES];
    struct text t;
    text_init(&t, line, sizeof line);
    text_format(&t, "%s %s %s %s\n", k->id_text, k->name, k->ip, k->key);
    enum err err = t.cut ? error_set(e, E_LIMIT, 0, "the line of agent %s is too long", k->id_text)
                         : keys_change_write(&a->x, a->gone_at, a->gone_count, t.buf, t.len, e);
    bytes_wipe(line, sizeof line);
    return err;
}

static enum err write_both(struct adding *a, struct error *e) {
    struct client_keys *c = a->x.c;
    struct db *db = c->agents->db;
    enum err err = db_begin_alone(db, e);
    if (err == E_OK)
        err = write_rows(a, e);
    if (err == E_OK)
        err = write_file(a, e);
    if (err != E_OK) {
        db_rollback(db);
        return err;
    }
    keys_change_follow(&a->x);
    err = db_commit(db, e);
    if (err != E_OK) {
        db_rollback(db);
        c->followed = (struct keys_state){0}; /* the file is the truth: the store follows at the next look */
        error_prefix(e, "agent %s is in " CLIENT_KEYS_PATH ", and in the store soon", a->key->id_text);
    }
    for (uint32_t i = 0; i < a->gone_count; i++)
        keys_drop_counter(c, a->gone[i]);
    return err;
}

enum err client_keys_register(struct client_keys *c, struct client_key *k, struct keys_wish *w,
                              struct error *e) {
    struct adding a = {.wish = w, .key = k};
    uint32_t any = 0;
    enum err err = fill_in(k, w, e);
    if (err == E_OK)
        err = random_u32(c->sys, &any, e);
    if (err == E_OK)
        err = keys_change_open(&a.x, c, e);
    if (err != E_OK)
        return err;
    /* One agent that asked for the highest id must not be the last one for ever. */
    a.x.spare = 1 + any % AGENT_ID_MAX;
    err = keys_change_read(&a.x, compare, &a, e);
    if (err == E_OK)
        err = judge(&a, e);
    if (err == E_OK)
        err = has_room(&a, e);
    if (err == E_OK)
        err = complete(&a, e);
    if (err == E_OK)
        err = write_both(&a, e);
    keys_change_close(&a.x);
    bytes_wipe(a.old, sizeof a.old);
    return err;
}

enum err client_keys_add(struct client_keys *c, struct client_key *k, const char *name, const char *ip,
                         int64_t id, struct error *e) {
    struct keys_wish wish = {.name = name, .ip = ip, .id = id};
    return client_keys_register(c, k, &wish, e);
}
