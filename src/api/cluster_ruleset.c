/* cluster_ruleset.c - is the custom ruleset of this node the master's? The files of etc/decoders, etc/rules
 * and etc/lists with their hashes, told (get_node_ruleset_integrity) or compared with what the request brings
 * (get_ruleset_sync_status).
 *
 * The master's list may have any length. It is read from the request's body in pieces and compared entry by
 * entry with the manifest; of the node's own files only one bit each is kept. */
#include "api/cluster_parts.h"

#include "base/bytes.h"
#include "base/json_scan.h"

#include <string.h>

#define PIECE_BYTES 2048u
#define STEP_PIECES 32u
#define STEP_SLOTS 256u

const struct result_kind api_told_ruleset = {
    .all_msg = "Nodes ruleset synchronization status was successfully read",
    .some_msg = "Could not read ruleset synchronization status in some nodes",
    .none_msg = "Could not read ruleset synchronization status",
    .sort_casting = "str\0",
};

/* The user's ruleset, as far as it is synchronised at all (4.14.7, cluster.py, get_ruleset_status). */
static bool is_ruleset(const struct role_env *env, uint32_t slot) {
    static const char folders[] = "etc/decoders/\0etc/rules/\0etc/lists/\0";
    return text_find(folders, env->integrity.items->item[env->integrity.manifest->entry[slot].item].dir) >= 0;
}

/* ---- get_node_ruleset_integrity ---- */

struct integrity_call {
    struct json_write *w;
    uint32_t slot;
};
_Static_assert(sizeof(struct integrity_call) <= API_STATE_BYTES, "the state of a call");

static void integrity_step(struct api_call *c) {
    struct integrity_call *s = api_state(c);
    const struct manifest *m = c->env->role->integrity.manifest;
    for (uint32_t k = 0; k < STEP_SLOTS; k++, s->slot++) {
        s->slot = manifest_next(m, s->slot);
        if (s->slot == SLOT_NONE) {
            json_close(s->w, '}');
            result_close_plain(&c->result);
            api_call_end(c);
            return;
        }
        if (!is_ruleset(c->env->role, s->slot))
            continue;
        api_add_file(s->w, m, s->slot, false);
        result_flush(&c->result);
    }
    api_call_step(c, integrity_step);
}

void cluster_ruleset_integrity(struct api_call *c) {
    struct integrity_call *s = api_state(c);
    if (!scanner_is_ready(&c->env->role->scanner)) {
        api_call_refuse(c, WAZUH_ERROR, 3000, API_NOT_SCANNED);
        return;
    }
    s->slot = 0;
    s->w = result_open_plain(&c->result);
    json_open(s->w, '{');
    api_call_step(c, integrity_step);
}

/* ---- get_ruleset_sync_status ---- */

/* Depths in {"master_md5": {"<path>": "<hash>"}}: the members of f_kwargs, and those of the list. */
enum { AT_ARGUMENTS = 1, AT_FILES = 2 };

struct sync_call {
    struct json_scan scan;
    uint64_t at;           /* in the body */
    bool in_list, is_hash; /* within master_md5; the text that is told is a hash, not a path */
    bool unequal;
    bool path_bad; /* a path that no file of ours has: too long, or no C string */
    struct slot_set good;
    uint32_t path_n, hash_n;
    char hash[2 * BLAKE2B_BYTES + 1];
    char path[PATH_MAX_BYTES];
};
_Static_assert(sizeof(struct sync_call) <= API_STATE_BYTES, "the state of a call");

/* One entry of the master's is whole. Of a path that comes twice the last hash counts, as in Python. */
static void compare_file(struct api_call *c, bool is_text) {
    struct sync_call *s = api_state(c);
    const struct manifest *m = c->env->role->integrity.manifest;
    uint8_t hash[BLAKE2B_BYTES];
    char again[2 * BLAKE2B_BYTES + 1];
    uint32_t slot = s->path_bad ? SLOT_NONE : manifest_find(m, s->path, s->path_n);
    if (slot == SLOT_NONE || m->entry[slot].state != MANIFEST_HASHED || !is_ruleset(c->env->role, slot)) {
        s->unequal = true;
        return;
    }
    slot_set_drop(&s->good, slot);
    if (!is_text || s->hash_n != sizeof again - 1 || !hex_decode(hash, s->hash, sizeof hash))
        return;
    hex_encode(again, hash, sizeof hash); /* text is compared: upper case is another hash */
    if (memcmp(hash, m->entry[slot].hash, sizeof hash) == 0 && memcmp(again, s->hash, s->hash_n) == 0)
        slot_set_add(&s->good, slot);
}

static void add_text(struct sync_call *s, const char *bytes, size_t n) {
    char *to = s->is_hash ? s->hash : s->path;
    uint32_t *at = s->is_hash ? &s->hash_n : &s->path_n;
    size_t cap = s->is_hash ? sizeof s->hash - 1 : sizeof s->path;
    if (n > cap - *at) {
        s->path_bad = s->path_bad || !s->is_hash;
        *at = s->is_hash ? 0 : *at;
        s->unequal = true;
        return;
    }
    memcpy(to + *at, bytes, n);
    *at += (uint32_t)n;
}

static void begin_value(struct sync_call *s) {
    if (s->scan.depth - (s->scan.kind <= JSON_ARRAY) == AT_ARGUMENTS) {
        s->in_list = s->path_n == 10 && memcmp(s->path, "master_md5", 10) == 0 && !s->path_bad;
        if (s->in_list) /* given twice: the last counts */
            slot_set_clear(&s->good);
        if (s->in_list)
            s->unequal = s->scan.kind != JSON_OBJECT;
    }
    s->is_hash = s->in_list && s->scan.kind == JSON_STRING;
    s->scan.tell_text = s->is_hash;
    s->hash_n = 0;
}

static void end_value(struct api_call *c) {
    struct sync_call *s = api_state(c);
    if (s->scan.depth == AT_FILES && s->in_list)
        compare_file(c, s->scan.kind == JSON_STRING);
    if (s->scan.depth == AT_ARGUMENTS)
        s->in_list = false;
    s->is_hash = false;
}

/* false: this is no JSON, which cannot be, since the request was read before. */
static bool take_piece(struct api_call *c, const char *bytes, size_t n) {
    struct sync_call *s = api_state(c);
    const char *text;
    size_t text_n;
    json_scan_piece(&s->scan, bytes, n);
    for (;;) {
        enum json_part part = json_scan_next(&s->scan);
        switch (part) {
        case JSON_PART_NONE:
            return true;
        case JSON_PART_KEY:
            s->path_n = 0;
            s->is_hash = s->path_bad = false;
            break;
        case JSON_PART_BEGIN:
            begin_value(s);
            break;
        case JSON_PART_END:
            end_value(c);
            break;
        case JSON_PART_WRONG:
            return false;
        default:
            if (json_scan_text(&s->scan, part, &text, &text_n) == E_OK)
                add_text(s, text, text_n);
            else
                s->path_bad = s->unequal = true;
        }
    }
}

/* Are the node's files exactly those the master named with the right hash? */
static bool all_good(struct api_call *c) {
    const struct sync_call *s = api_state(c);
    const struct role_env *env = c->env->role;
    uint32_t own = 0;
    for (uint32_t i = 0; (i = manifest_next(env->integrity.manifest, i)) != SLOT_NONE; i++) {
        bool is_own = is_ruleset(env, i);
        own += is_own;
        if (is_own && !slot_set_has(&s->good, i))
            return false;
    }
    return !s->unequal && own == s->good.count;
}

static void answer_sync(struct api_call *c) {
    const struct role_env *env = c->env->role;
    struct wazuh_error why;
    result_open_items(&c->result, &api_told_ruleset);
    if (scanner_is_ready(&env->scanner)) {
        struct json_write *w = result_item(&c->result);
        json_open(w, '{');
        json_key_str(w, "name", env->config->node_name);
        json_key_bool(w, "synced", all_good(c));
        json_close(w, '}');
        result_item_end(&c->result);
    } else {
        wazuh_error_set(&why, WAZUH_ERROR, 3000, API_NOT_SCANNED);
        result_failed(&c->result, env->config->node_name, &why);
    }
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

static void sync_step(struct api_call *c) {
    struct sync_call *s = api_state(c);
    const struct api_range *range = &c->request.f_kwargs;
    uint8_t piece[PIECE_BYTES];
    struct error e;
    size_t n;
    for (uint32_t k = 0; k < STEP_PIECES; k++) {
        if (s->at >= range->to) {
            answer_sync(c);
            return;
        }
        size_t want = (size_t)(range->to - s->at < sizeof piece ? range->to - s->at : sizeof piece);
        if (blob_read(c->request.body, s->at, piece, want, &n, &e) != E_OK || !n ||
            !take_piece(c, (const char *)piece, n)) {
            api_call_refuse(c, WAZUH_INTERNAL_ERROR, 3036, NULL);
            return;
        }
        s->at += n;
    }
    api_call_step(c, sync_step);
}

void cluster_ruleset_sync(struct api_call *c) {
    struct sync_call *s = api_state(c);
    memset(s, 0, sizeof *s);
    json_scan_init(&s->scan, AT_FILES);
    slot_set_clear(&s->good);
    s->unequal = true; /* until there is a list */
    s->at = c->request.f_kwargs.from;
    sync_step(c);
}
