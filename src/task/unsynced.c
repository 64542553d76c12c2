/* unsynced.c - a small table of paths and reasons; linear, because a node with many of them has one reason.
 */
#include "task/unsynced.h"

#include "base/text.h"

#include <string.h>

void unsynced_begin(struct unsynced *u) {
    u->round++;
    u->more = 0;
}

bool unsynced_mark(struct unsynced *u, const char *path, const char *why) {
    struct unsynced_file *f = NULL;
    size_t len = strlen(path);
    if (len >= UNSYNCED_PATH_BYTES)
        path += len - (UNSYNCED_PATH_BYTES - 1);
    for (uint32_t i = 0; i < u->count && !f; i++)
        if (strcmp(u->file[i].path, path) == 0)
            f = &u->file[i];
    bool is_new = !f;
    if (is_new && u->count == UNSYNCED_MAX) {
        u->more++;
        return false;
    }
    if (is_new)
        f = &u->file[u->count++];
    struct text t;
    text_init(&t, f->path, sizeof f->path);
    text_str(&t, path);
    text_init(&t, f->why, sizeof f->why);
    text_str(&t, why);
    f->round = u->round;
    return is_new;
}

void unsynced_finish(struct unsynced *u) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < u->count; i++)
        if (u->file[i].round == u->round)
            u->file[kept++] = u->file[i];
    u->count = kept;
}
