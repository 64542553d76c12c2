/* power.c - see power.h. */
#include "test/harness/power.h"

#include "test/harness/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u

struct power_change {
    struct power_change *next;
    bool is_size; /* a truncation to at */
    uint64_t at;
    size_t n;
    uint8_t bytes[];
};

static struct power *of(struct sys *s) {
    return (struct power *)s;
}

/* Counts a call that changes the disk; true when the machine stops at it, or has stopped. */
static bool stops(struct power *p) {
    if (!p->cut && ++p->calls == p->cut_at)
        p->cut = true;
    return p->cut;
}

static struct power_file *file_of(struct power *p, int fd) {
    return fd >= 0 && fd < POWER_FDS && p->fd_of[fd] ? &p->file[p->fd_of[fd] - 1] : NULL;
}

static struct power_file *find_name(struct power *p, const char *name) {
    for (int i = 0; i < p->count; i++)
        if (!p->file[i].gone && strcmp(p->file[i].name, name) == 0)
            return &p->file[i];
    return NULL;
}

/* A place for a file that is seen for the first time; one that left nothing behind is used again. */
static struct power_file *add(struct power *p, const char *name) {
    int i = 0;
    while (i < p->count && (!p->file[i].gone || p->file[i].named || p->file[i].unnamed))
        i++;
    CHECK(i < POWER_FILES && strlen(name) < sizeof p->file[i].name);
    if (i == p->count)
        p->count++;
    free(p->file[i].bytes);
    memset(&p->file[i], 0, sizeof p->file[i]);
    strcpy(p->file[i].name, name);
    return &p->file[i];
}

static void drop_changes(struct power_file *f) {
    for (struct power_change *c = f->change, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    f->change = NULL;
}

static void remember(struct power_file *f, bool is_size, uint64_t at, const void *bytes, size_t n) {
    struct power_change *c = malloc(sizeof *c + n), **last = &f->change;
    CHECK(c);
    *c = (struct power_change){.is_size = is_size, .at = at, .n = n};
    if (n)
        memcpy(c->bytes, bytes, n);
    while (*last)
        last = &(*last)->next;
    *last = c;
}

static void resize(struct power_file *f, size_t n) {
    uint8_t *bytes = realloc(f->bytes, n + 1);
    CHECK(bytes);
    if (n > f->n)
        memset(bytes + f->n, 0, n - f->n);
    f->bytes = bytes;
    f->n = n;
}

/* luck NULL: all of it reached the disk. */
static void apply(struct power_file *f, const struct power_change *c, uint64_t *luck) {
    if (c->is_size) {
        if (!luck || test_random(luck) & 1)
            resize(f, (size_t)c->at);
        return;
    }
    for (size_t done = 0, n; done < c->n; done += n) {
        size_t at = (size_t)c->at + done;
        n = SECTOR - at % SECTOR;
        n = n < c->n - done ? n : c->n - done;
        if (luck && test_random(luck) & 1)
            continue;
        if (f->n < at + n)
            resize(f, at + n);
        memcpy(f->bytes + at, c->bytes + done, n);
    }
}

/* ---- the calls ---- */

static bool is_in_folder(struct power *p, int dirfd, const char *path) {
    struct sys_stat st;
    return !strchr(path, '/') && strcmp(path, ".") != 0 && p->real.fstat(&p->real, dirfd, &st) == 0 &&
           st.ino == p->folder_ino;
}

static int power_openat(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode) {
    struct power *p = of(s);
    struct sys_stat st;
    bool is_watched = is_in_folder(p, dirfd, path);
    if (p->cut || (is_watched && (flags & O_CREAT) && !find_name(p, path) && stops(p)))
        return -EIO;
    int fd = p->real.openat(&p->real, dirfd, path, flags, mode);
    if (fd < 0 || fd >= POWER_FDS)
        return fd;
    p->fd_of[fd] = 0;
    if (is_watched) {
        struct power_file *f = find_name(p, path);
        if (!f) {
            CHECK_INT(p->real.fstat(&p->real, fd, &st), 0);
            f = add(p, path);
            f->ino = st.ino;
        }
        p->fd_of[fd] = (int)(f - p->file) + 1;
    }
    return fd;
}

static int power_open_beneath(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode) {
    struct power *p = of(s);
    int fd = p->cut ? -EIO : p->real.open_beneath(&p->real, dirfd, path, flags, mode);
    if (fd >= 0 && fd < POWER_FDS)
        p->fd_of[fd] = 0;
    return fd;
}

static int power_close(struct sys *s, int fd) {
    struct power *p = of(s);
    if (fd >= 0 && fd < POWER_FDS)
        p->fd_of[fd] = 0;
    return p->real.close(&p->real, fd);
}

static ptrdiff_t power_pread(struct sys *s, int fd, void *buf, size_t n, uint64_t at) {
    struct power *p = of(s);
    return p->cut ? -EIO : p->real.pread(&p->real, fd, buf, n, at);
}

/* The write at which the machine stops may have reached the disk in parts. */
static ptrdiff_t power_pwrite(struct sys *s, int fd, const void *buf, size_t n, uint64_t at) {
    struct power *p = of(s);
    struct power_file *f = file_of(p, fd);
    if (p->cut)
        return -EIO;
    if (f) {
        remember(f, false, at, buf, n);
        if (stops(p))
            return -EIO;
    }
    ptrdiff_t done = p->real.pwrite(&p->real, fd, buf, n, at);
    CHECK(!f || done == (ptrdiff_t)n);
    return done;
}

static int power_ftruncate(struct sys *s, int fd, uint64_t size) {
    struct power *p = of(s);
    struct power_file *f = file_of(p, fd);
    if (p->cut)
        return -EIO;
    if (f) {
        remember(f, true, size, NULL, 0);
        if (stops(p))
            return -EIO;
    }
    return p->real.ftruncate(&p->real, fd, size);
}

static int power_fsync(struct sys *s, int fd) {
    struct power *p = of(s);
    struct power_file *f = file_of(p, fd);
    struct sys_stat st;
    if (stops(p))
        return -EIO;
    if (f) {
        for (struct power_change *c = f->change; c; c = c->next)
            apply(f, c, NULL);
        drop_changes(f);
        return 0;
    }
    CHECK_INT(p->real.fstat(&p->real, fd, &st), 0);
    for (int i = 0; st.ino == p->folder_ino && i < p->count; i++) {
        p->file[i].named = !p->file[i].gone;
        p->file[i].unnamed = false;
    }
    return 0;
}

static int power_unlinkat(struct sys *s, int dirfd, const char *path, bool dir) {
    struct power *p = of(s);
    struct power_file *f = is_in_folder(p, dirfd, path) ? find_name(p, path) : NULL;
    if (p->cut || (f && stops(p)))
        return -EIO;
    if (f) {
        f->gone = true;
        f->unnamed = f->named;
    }
    return p->real.unlinkat(&p->real, dirfd, path, dir);
}

static int power_fstat(struct sys *s, int fd, struct sys_stat *out) {
    struct power *p = of(s);
    return p->cut ? -EIO : p->real.fstat(&p->real, fd, out);
}

static int power_lstatat(struct sys *s, int dirfd, const char *path, struct sys_stat *out) {
    struct power *p = of(s);
    return p->cut ? -EIO : p->real.lstatat(&p->real, dirfd, path, out);
}

/* ---- before and after ---- */

static void full(const struct power *p, const char *name, char out[400]) {
    snprintf(out, 400, "%s/%s", p->folder, name);
}

static void each_name(struct power *p, void (*fn)(struct power *p, const char *name)) {
    DIR *d = opendir(p->folder);
    CHECK(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            fn(p, e->d_name);
    closedir(d);
}

static void read_in(struct power *p, const char *name) {
    char path[400];
    struct stat st;
    full(p, name, path);
    FILE *in = fopen(path, "rb");
    CHECK(in && fstat(fileno(in), &st) == 0);
    struct power_file *f = add(p, name);
    f->named = true;
    f->ino = st.st_ino;
    resize(f, (size_t)st.st_size);
    CHECK_INT(fread(f->bytes, 1, f->n, in), f->n);
    fclose(in);
}

static void remove_it(struct power *p, const char *name) {
    char path[400];
    full(p, name, path);
    CHECK_INT(unlink(path), 0);
}

void power_init_over(struct power *p, const struct sys *real, const char *folder, uint64_t seed) {
    struct stat st;
    memset(p, 0, sizeof *p);
    p->seed = seed;
    p->luck = POWER_LOSES_SOME;
    snprintf(p->folder, sizeof p->folder, "%s", folder);
    CHECK_INT(stat(folder, &st), 0);
    p->folder_ino = st.st_ino;
    p->real = *real;
    p->sys = p->real; /* what is not replaced does not depend on which table it is called with */
    p->sys.openat = power_openat;
    p->sys.open_beneath = power_open_beneath;
    p->sys.close = power_close;
    p->sys.pread = power_pread;
    p->sys.pwrite = power_pwrite;
    p->sys.ftruncate = power_ftruncate;
    p->sys.fsync = power_fsync;
    p->sys.unlinkat = power_unlinkat;
    p->sys.fstat = power_fstat;
    p->sys.lstatat = power_lstatat;
    each_name(p, read_in);
}

void power_init(struct power *p, const char *folder, uint64_t seed) {
    struct sys linux_sys;
    sys_linux_init(&linux_sys);
    power_init_over(p, &linux_sys, folder, seed);
}

/* A name that was made or removed without a flush of the folder is there or not, as chance has it. */
void power_restore(struct power *p) {
    each_name(p, remove_it);
    for (int i = 0; i < p->count; i++) {
        struct power_file *f = &p->file[i];
        bool is_there = f->named;
        if (p->luck == POWER_LOSES_SOME && f->named == f->gone && (f->unnamed || !f->gone))
            is_there = test_random(&p->seed) & 1;
        if (p->luck == POWER_LOSES_SOME)
            for (struct power_change *c = f->change; c; c = c->next)
                apply(f, c, &p->seed);
        drop_changes(f);
        if (!is_there)
            continue;
        char path[400];
        full(p, f->name, path);
        FILE *out = fopen(path, "wb");
        CHECK(out && (!f->n || fwrite(f->bytes, 1, f->n, out) == f->n));
        CHECK_INT(fclose(out), 0);
    }
}

void power_fini(struct power *p) {
    for (int i = 0; i < p->count; i++) {
        drop_changes(&p->file[i]);
        free(p->file[i].bytes);
        p->file[i].bytes = NULL;
    }
    p->count = 0;
}
