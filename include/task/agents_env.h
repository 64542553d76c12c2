/* task/agents_env.h - what the tasks of agent information and agent groups work with: one struct per node. */
#ifndef PICKET_TASK_AGENTS_ENV_H
#define PICKET_TASK_AGENTS_ENV_H

#include "base/intervals.h"
#include "base/log.h"
#include "net/loop.h"
#include "store/store.h"
#include "wire/session.h"

struct agents_env {
    struct sys *sys;
    struct loop *loop;
    struct log *log;
    struct store *store; /* never NULL; may be down */
    const struct intervals *intervals;
    const struct dialect *dialect;
    struct pool *windows; /* for blobs: those of session_shared */
    struct spill *spill;
    uint64_t string_bytes; /* most that one string may have, bytes */
    const char *tag;       /* "Worker w1" or "Master" */
};

/* The blob of a task: windows and spill of env, no small memory. */
static inline void agents_blob_init(struct blob *b, const struct agents_env *env) {
    blob_init(b, NULL, 0, env->windows, env->spill, env->string_bytes);
}

#endif
