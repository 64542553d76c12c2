/* answer_hash.c - get_hash: the user's rules, decoders and lists of this node with their hashes, as the last
 * scan found them (4.14.7, cluster.py, get_ruleset_status). May be megabytes: it is written into a blob, some
 * files per turn. When files change meanwhile it is begun anew, so that it is the state of one moment. */
#include "role/answers.h"

#include "base/bytes.h"

#define STEP_FILES 256u
#define BEGIN_MOST 5u /* on a node whose files change all the time, the fifth list is given as it is */
#define BYTES_MOST (FILES_PATH_BYTES * 6ull + FILES_MAX * 160ull) /* every byte of a path as \uXXXX */

/* Room in env->answer for one file more. */
#define FILE_ROOM (PATH_MAX_BYTES * 6u + 160u)
_Static_assert(ANSWER_BYTES >= 2u * FILE_ROOM, "one file fits an answer's memory");

void answer_hash_init(struct answer_hash *h) {
    h->under_way = false;
}

bool answer_hash_is_under_way(const struct answer_hash *h) {
    return h->under_way;
}

void answer_hash_end(struct answer_hash *h) {
    if (h->under_way)
        blob_reset(&h->body);
    h->under_way = false;
}

static void begin(struct answer_hash *h, const struct manifest *m) {
    blob_reset(&h->body);
    h->slot = 0;
    h->version = m->version;
    h->begun++;
}

bool answer_hash_start(struct answer_hash *h, struct role_env *env, struct session *s, uint32_t counter) {
    const struct session_shared *shared = &env->shared;
    if (h->under_way) {
        role_not_served(s, counter, "one get_hash at a time");
        return false;
    }
    if (!scanner_is_ready(&env->scanner)) {
        role_not_served(s, counter, "the files of this node are being read for the first time");
        return false;
    }
    blob_init(&h->body, NULL, 0, shared->windows, shared->spill, BYTES_MOST);
    h->counter = counter;
    h->begun = 0;
    h->under_way = true;
    begin(h, env->integrity.manifest);
    return true;
}

static bool is_ruleset(const struct role_env *env, const struct manifest_entry *f) {
    static const char folders[] = "etc/decoders/\0etc/rules/\0etc/lists/\0";
    return text_find(folders, env->integrity.items->item[f->item].dir) >= 0;
}

/* Some files more; *more: there may be others. */
static enum err add_files(struct answer_hash *h, struct role_env *env, bool *more, struct error *e) {
    const struct manifest *m = env->integrity.manifest;
    char hex[2 * BLAKE2B_BYTES + 1];
    struct text t;
    text_init(&t, env->answer, sizeof env->answer);
    *more = true;
    for (unsigned n = 0; n < STEP_FILES && *more && t.len + FILE_ROOM < sizeof env->answer; n++) {
        uint32_t slot = manifest_next(m, h->slot);
        *more = slot != SLOT_NONE;
        if (!*more)
            break;
        h->slot = slot + 1;
        if (!is_ruleset(env, &m->entry[slot]))
            continue;
        text_str(&t, h->body.size || t.len ? ", " : "{");
        json_escape(&t, manifest_path(m, slot), m->entry[slot].path_len);
        hex_encode(hex, m->entry[slot].hash, BLAKE2B_BYTES);
        text_format(&t, ": \"%s\"", hex);
    }
    if (!*more)
        text_str(&t, h->body.size || t.len ? "}" : "{}");
    return t.len ? blob_append(&h->body, (const uint8_t *)t.buf, t.len, e) : E_OK;
}

bool answer_hash_step(struct answer_hash *h, struct role_env *env, struct session *s) {
    const struct manifest *m = env->integrity.manifest;
    struct error e;
    bool more;
    if (h->version != m->version && h->begun < BEGIN_MOST)
        begin(h, m);
    enum err err = add_files(h, env, &more, &e);
    if (err == E_OK && more)
        return true;
    if (err == E_OK)
        err = session_reply_blob(s, h->counter, "ok", &h->body, &e);
    if (err == E_SPACE && s->queue_count) /* long answers wait to be read: this one comes after them */
        return false;
    if (err != E_OK && err != E_CLOSED)
        role_not_served(s, h->counter, e.what);
    answer_hash_end(h);
    return false;
}
