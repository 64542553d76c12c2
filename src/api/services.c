/* api/services.c - reads var/run and bin below the root, and /proc for the processes that pid files name.
 * Knows nothing of requests; who must wait for what is api/dapi_run.c's affair. */
#include "api/services.h"

#include <string.h>

#define RUN_FOLDER "var/run"

static bool exists(const struct api_env *env, int dir, const char *path) {
    struct sys_stat st;
    return env->role->sys->lstatat(env->role->sys, dir, path, &st) >= 0;
}

/* The number in "<daemon>-<pid>.pid"; 0 for any other name. */
static uint64_t pid_of(const char *name, const char *daemon) {
    uint64_t pid = 0;
    size_t n = strlen(name), d = strlen(daemon);
    if (n < d + 6 || strncmp(name, daemon, d) != 0 || name[d] != '-' || strcmp(name + n - 4, ".pid") != 0)
        return 0;
    return text_number(name + d + 1, n - d - 5, UINT32_MAX, &pid) ? pid : 0;
}

static bool lives(const struct api_env *env, uint64_t pid) {
    char path[32];
    struct text t;
    text_init(&t, path, sizeof path);
    text_format(&t, "/proc/%llu", (unsigned long long)pid);
    return exists(env, SYS_CWD, path);
}

/* What one name in var/run says. A daemon that crashed leaves its pid file behind, beside that of the one
 * started after it. */
static void add_file(const struct api_env *env, const char *name, struct services *s) {
    uint32_t bit = 1;
    s->restart |= strcmp(name, ".restart") == 0;
    for (const char *daemon = API_DAEMONS; *daemon; daemon += strlen(daemon) + 1, bit <<= 1) {
        size_t n = strlen(daemon);
        uint64_t pid;
        if (strncmp(name, daemon, n) != 0)
            continue;
        if (strcmp(name + n, ".failed") == 0)
            s->failed |= bit;
        else if (strcmp(name + n, ".start") == 0)
            s->start |= bit;
        else if (!(s->lives & bit) && (pid = pid_of(name, daemon)) != 0)
            *(lives(env, pid) ? &s->lives : &s->named) |= bit;
    }
}

void services_look(const struct api_env *env, struct services *s) {
    _Alignas(8) char buf[2048];
    struct sys *sys = env->role->sys;
    ptrdiff_t n;
    *s = (struct services){0};
    int fd = sys->openat(sys, env->role->root, RUN_FOLDER, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return;
    while ((n = sys->getdents(sys, fd, buf, sizeof buf)) > 0) {
        struct sys_dirent entry;
        for (size_t at = 0; sys_dirent_next(buf, (size_t)n, &at, &entry);)
            add_file(env, entry.name, s);
    }
    sys->close(sys, fd);
}

enum service_status services_status(const struct services *s, size_t daemon) {
    uint32_t bit = 1u << daemon;
    if (s->failed & bit)
        return SERVICE_FAILED;
    if (s->restart)
        return SERVICE_RESTARTING;
    if (s->start & bit)
        return SERVICE_STARTING;
    return s->lives & bit ? SERVICE_RUNNING : s->named & bit ? SERVICE_FAILED : SERVICE_STOPPED;
}

const char *services_words(enum service_status s) {
    return text_item("stopped\0running\0failed\0restarting\0starting\0", s);
}

/* ---- who is waited for ---- */

/* Is word among those that commas divide? */
static bool is_listed(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

static bool is_wanted(const struct api_env *env, const char *daemon) {
    const char *services = env->role->config->services;
    char path[64];
    struct text t;
    if (*services && strcmp(services, "auto") != 0)
        return is_listed(services, daemon);
    text_init(&t, path, sizeof path);
    text_format(&t, "bin/%s", daemon);
    return exists(env, env->role->root, path);
}

void services_not_ready(const struct api_env *env, uint32_t daemons, struct text *out) {
    const char *before = "";
    struct services now;
    if (strcmp(env->role->config->services, "none") == 0)
        return;
    services_look(env, &now);
    for (size_t i = 0; daemons >> i; i++) {
        const char *daemon = text_item(API_DAEMONS, i);
        if (!(daemons >> i & 1) || !is_wanted(env, daemon))
            continue;
        enum service_status s = services_status(&now, i);
        if (s == SERVICE_RUNNING || s == SERVICE_STARTING)
            continue;
        text_format(out, "%s%s->%s", before, daemon, services_words(s));
        before = ", ";
    }
}
