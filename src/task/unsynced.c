/* unsynced.c - a small table of paths and reasons; linear, because a node with many of them has one reason.
 */
#include "task/unsynced.h"

#include "base/text.h"

#include <string.h>

static struct unsynced_file *find(struct unsynced *u, const char *path) {
    for (uint32_t i = 0; i < u->count; i++)
        if (strcmp(u->file[i].path, path) == 0)
            return &u->file[i];
    return NULL;
}

bool unsynced_mark(struct unsynced *u, const char *path, const char *why, uint64_t now_ms) {
    size_t len = strlen(path);
    if (len >= UNSYNCED_PATH_BYTES)
        path += len - (UNSYNCED_PATH_BYTES - 1);
    struct unsynced_file *f = find(u, path);
    bool is_new = !f;
    if (is_new && u->count == UNSYNCED_MAX) {
        u->untold++;
        return false;
    }
    struct text t;
    if (is_new) {
        f = &u->file[u->count++];
        f->since_ms = now_ms;
        text_init(&t, f->path, sizeof f->path);
        text_str(&t, path);
    }
    text_init(&t, f->why, sizeof f->why);
    text_str(&t, why);
    f->seen_ms = now_ms;
    return is_new;
}

void unsynced_expire(struct unsynced *u, uint64_t now_ms, uint64_t age_ms) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < u->count; i++)
        if (now_ms - u->file[i].seen_ms <= age_ms)
            u->file[kept++] = u->file[i];
    u->count = kept;
}
