/* integrity_rig.c - see integrity_rig.h. */
#include "test/harness/integrity_rig.h"

#include "base/bytes.h"
#include "test/harness/harness.h"
#include "test/harness/pools.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t wall(struct sys *s) {
    return RIG_WALL_NS + (int64_t)((struct faults *)s)->now_ns;
}

static void log_write(struct log *log, enum log_level level, const char *tag, const char *subtag,
                      const char *text) {
    static const char *const words[] = {"ERROR", "WARNING", "INFO", "CYCLE", "DEBUG", "DEBUG2"};
    struct rig *r = (struct rig *)((char *)log - offsetof(struct rig, log));
    text_format(&r->lines, "%s [%s] [%s] %s\n", words[level], tag, subtag, text);
}

static int files_open(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void rig_end(void *arg) {
    struct rig *r = arg;
    scanner_stop(&r->scanner);
    CHECK_INT(r->loop.timer_count, 0);
    CHECK(!r->loop.work);
    CHECK_INT(r->spill.open, 0);
    CHECK(!r->env.waiting);
    close(r->root);
    CHECK_INT(files_open(), r->files_open);
}

static void intervals_fill(struct intervals *v) { /* reference, section 8 */
    *v = (struct intervals){.sync_integrity_ms = 9000,
                            .recalculate_integrity_ms = 8000,
                            .max_locked_integrity_time_ms = 1000000,
                            .timeout_cluster_request_ms = 20000,
                            .timeout_receiving_file_ms = 120000,
                            .max_zip_size = 1073741824,
                            .min_zip_size = 31457280,
                            .zip_limit_tolerance_milli = 200,
                            .compress_level = 1};
}

struct rig *rig_new(uint32_t checkers, uint32_t senders) {
    struct rig *r = test_keep(calloc(1, sizeof *r));
    const char *dir = test_dir();
    r->files_open = files_open();
    r->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(r->root >= 0);
    test_at_end(rig_end, r);
    faults_init(&r->faults);
    r->faults.virtual_time = true;
    r->faults.sys.wall_ns = wall;
    peer_clock_init(&r->clock);
    r->clock.now_ms = 1000;
    r->faults.now_ns = 1000 * 1000000u;
    loop_init(&r->loop, &r->faults.sys);
    r->log = (struct log){.level = LOG_DEBUG2, .write = log_write};
    rig_log_clear(r);
    items_defaults(&r->items);
    intervals_fill(&r->intervals);
    memory_spill_init(&r->spill, 64u << 20);
    manifest_init(&r->manifest, 4711);
    scanner_init(&r->scanner, &r->loop, r->root, &r->items, &r->manifest, NULL, "Rig", "Scan", 0);
    r->env =
        (struct integrity_env){.sys = &r->faults.sys,
                               .loop = &r->loop,
                               .log = &r->log,
                               .root = r->root,
                               .items = &r->items,
                               .manifest = &r->manifest,
                               .scanner = &r->scanner,
                               .intervals = &r->intervals,
                               .dialect = dialect_find("4.14.7"),
                               .node_name = "this-node",
                               .tag = "Worker this-node",
                               .unsynced = &r->unsynced,
                               .checkers = test_pool("checkers", sizeof(struct integrity_checker), checkers),
                               .senders = test_pool("senders", sizeof(struct integrity_sender), senders),
                               .windows = test_pool("windows", BODY_WINDOW_BYTES, 2),
                               .spill = &r->spill.spill};
    return r;
}

void rig_work(struct rig *r) {
    for (unsigned i = 0; r->loop.work; i++) {
        CHECK(i < 100000);
        loop_turn(&r->loop, 0);
    }
}

void rig_pass(struct rig *r, uint64_t ms) {
    r->clock.now_ms += ms;
    r->faults.now_ns += ms * 1000000u;
    loop_turn(&r->loop, 0);
    rig_work(r);
}

void rig_scan(struct rig *r) {
    uint64_t before = r->scanner.rounds;
    scanner_start(&r->scanner);
    rig_work(r);
    CHECK(r->scanner.rounds > before);
}

void rig_write_bytes(const char *path, const void *bytes, size_t n, int64_t mtime_ns) {
    char full[2200];
    test_write_file(path, bytes, n);
    snprintf(full, sizeof full, "%s/%s", test_dir(), path);
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                {.tv_sec = mtime_ns / 1000000000, .tv_nsec = (long)(mtime_ns % 1000000000)}};
    CHECK_INT(utimensat(AT_FDCWD, full, times, 0), 0);
}

void rig_write(const char *path, const char *text, int64_t mtime_ns) {
    rig_write_bytes(path, text, strlen(text), mtime_ns);
}

void rig_remove(const char *path) {
    char full[2200];
    snprintf(full, sizeof full, "%s/%s", test_dir(), path);
    CHECK_INT(remove(full), 0);
}

bool rig_log_has(const struct rig *r, const char *text) {
    return strstr(r->log_buf, text) != NULL;
}

void rig_log_clear(struct rig *r) {
    text_init(&r->lines, r->log_buf, sizeof r->log_buf);
}

uint32_t rig_slot(const struct rig *r, const char *path) {
    uint32_t slot = manifest_find(&r->manifest, path, strlen(path));
    if (slot == SLOT_NONE)
        test_fail(__FILE__, __LINE__, "%s is not in the manifest", path);
    return slot;
}

/* ---- packages ---- */

struct list_feed {
    struct package_feed feed;
    const char *const *at;
    size_t given;
};

static enum err list_next(struct package_feed *feed, char *name, size_t cap, bool *more, struct error *e) {
    struct list_feed *f = (struct list_feed *)feed;
    (void)e;
    *more = f->at[0] != NULL;
    if (*more)
        CHECK((size_t)snprintf(name, cap, "%s", f->at[0]) < cap);
    return E_OK;
}

static enum err list_read(struct package_feed *feed, uint8_t *buf, size_t cap, size_t *n, struct error *e) {
    struct list_feed *f = (struct list_feed *)feed;
    (void)e;
    *n = min_size(cap, strlen(f->at[1]) - f->given);
    memcpy(buf, f->at[1] + f->given, *n);
    f->given += *n;
    return E_OK;
}

static void list_done(struct package_feed *feed, uint64_t plain, uint64_t deflated, bool whole) {
    struct list_feed *f = (struct list_feed *)feed;
    (void)plain, (void)deflated;
    CHECK(whole);
    f->at += 2;
    f->given = 0;
}

uint8_t *rig_package(size_t *n, const char *const *members) {
    struct list_feed feed = {{.next = list_next, .read = list_read, .done = list_done}, members, 0};
    struct error e = {.what = ""};
    void *mem = aligned_alloc(16, POOL_SLOT(PACKAGE_ENC_BYTES));
    CHECK(mem);
    struct source *s = package_enc_source(package_enc_init(mem, &feed.feed, 1));
    size_t cap = 1u << 16, got = 0;
    uint8_t *out = malloc(cap);
    CHECK(out);
    *n = 0;
    do {
        if (cap - *n < 4096)
            CHECK((out = realloc(out, cap *= 2)) != NULL);
        if (s->read(s, out + *n, cap - *n, &got, &e) != E_OK)
            test_fail(__FILE__, __LINE__, "package: %s", e.what);
        *n += got;
    } while (got);
    free(mem);
    return test_keep(out);
}

struct finder {
    const char *name;
    bool in, found;
    char *bytes;
    size_t n;
};

static enum err find_begin(void *arg, const char *name, size_t len, struct error *e) {
    struct finder *f = arg;
    (void)len, (void)e;
    f->in = strcmp(name, f->name) == 0;
    if (f->in)
        CHECK(!f->found);
    f->found |= f->in;
    return E_OK;
}

static enum err find_data(void *arg, const uint8_t *bytes, size_t n, struct error *e) {
    struct finder *f = arg;
    (void)e;
    if (f->in) {
        CHECK((f->bytes = realloc(f->bytes, f->n + n + 1)) != NULL);
        memcpy(f->bytes + f->n, bytes, n);
        f->n += n;
    }
    return E_OK;
}

static enum err find_end(void *arg, struct error *e) {
    (void)arg, (void)e;
    return E_OK;
}

char *rig_member(const uint8_t *package, size_t package_n, const char *name, size_t *n) {
    struct finder f = {.name = name};
    struct package_events events = {&f, find_begin, find_data, find_end};
    struct error e = {.what = ""};
    void *mem = aligned_alloc(16, POOL_SLOT(PACKAGE_DEC_BYTES));
    CHECK(mem);
    struct package_dec *d = package_dec_init(mem, &events, UINT64_MAX);
    if (package_dec_push(d, package, package_n, &e) != E_OK || package_dec_finish(d, &e) != E_OK)
        test_fail(__FILE__, __LINE__, "the package does not decode: %s", e.what);
    free(mem);
    if (!f.found)
        return NULL;
    CHECK((f.bytes = realloc(f.bytes, f.n + 1)) != NULL);
    f.bytes[f.n] = '\0';
    if (n)
        *n = f.n;
    return test_keep(f.bytes);
}

/* ---- files over a session ---- */

void rig_settle(struct rig *r, struct peer *p) {
    enum step step;
    do {
        step = session_step(&p->s);
        CHECK(step != STEP_FAILED);
        rig_work(r);
    } while (step == STEP_AGAIN || peer_drain(p, SIZE_MAX));
}

void rig_send_file(struct rig *r, struct peer *p, const char *path, const void *bytes, size_t n, bool good) {
    static uint32_t counter = 90000;
    size_t path_n = strlen(path);
    uint8_t *buf = malloc(path_n + 1 + n + SHA256_BYTES);
    struct sha256 h;
    CHECK(buf);
    memcpy(buf, path, path_n);
    CHECK_INT(peer_say(p, counter, "new_file", buf, path_n), E_OK);
    EXPECT(p, counter++, "ok  --------", "Ready to receive new file");
    buf[path_n] = ' ';
    memcpy(buf + path_n + 1, bytes, n);
    CHECK_INT(peer_say(p, counter, "file_upd", buf, path_n + 1 + n), E_OK);
    EXPECT(p, counter++, "ok ---------", "File updated");
    sha256_init(&h);
    sha256_push(&h, bytes, n);
    sha256_out(&h, buf + path_n + 1);
    buf[path_n + 1] ^= !good;
    CHECK_INT(peer_say(p, counter, "file_end", buf, path_n + 1 + SHA256_BYTES), E_OK);
    struct peer_seen seen;
    CHECK(peer_next(p, &seen));
    CHECK_INT(seen.counter, counter++);
    if (good && strncmp(seen.field, "ok ", 3) != 0)
        test_fail(__FILE__, __LINE__, "file_end is answered with %.*s", (int)seen.n, (char *)seen.clear);
    if (!good)
        CHECK(strncmp(seen.field, "err ", 4) == 0);
    free(buf);
    rig_settle(r, p);
}

uint8_t *rig_receive_file(struct rig *r, struct peer *p, char path[XFER_PATH_BYTES], size_t *n) {
    struct peer_seen seen;
    struct sha256 h;
    uint8_t *out = NULL, own[SHA256_BYTES];
    size_t path_n;
    *n = 0;
    rig_settle(r, p);
    CHECK(peer_next(p, &seen));
    CHECK_STR(seen.field, "new_file ---");
    path_n = seen.n;
    CHECK(text_copy(path, XFER_PATH_BYTES, (char *)seen.clear, seen.n));
    peer_say_text(p, seen.counter, "ok ", "Ready to receive new file");
    sha256_init(&h);
    for (;;) {
        rig_settle(r, p);
        CHECK(peer_next(p, &seen));
        CHECK(seen.n > path_n && memcmp(seen.clear, path, path_n) == 0 && seen.clear[path_n] == ' ');
        const uint8_t *data = seen.clear + path_n + 1;
        size_t data_n = seen.n - path_n - 1;
        if (strcmp(seen.field, "file_upd ---") != 0) {
            CHECK_STR(seen.field, "file_end ---");
            sha256_out(&h, own);
            CHECK_INT(data_n, SHA256_BYTES);
            CHECK_MEM(data, own, SHA256_BYTES);
            break;
        }
        CHECK((out = realloc(out, *n + data_n)) != NULL);
        memcpy(out + *n, data, data_n);
        *n += data_n;
        sha256_push(&h, data, data_n);
        peer_say_text(p, seen.counter, "ok", "File updated");
    }
    peer_say_text(p, seen.counter, "ok", "File received correctly");
    rig_settle(r, p);
    return test_keep(out);
}
