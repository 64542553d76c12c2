/* harness.c - runs test cases, each in a forked child; see harness.h.
 *
 * A child that fails prints its line and ends with status 1. The parent tells crashes and timeouts, removes
 * the case's folder, and ends whatever the case left running in its process group. */
#include "test/harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_SECONDS 60

static struct test_case *first, **last = &first;
static const char *running = "";
static char dir[128];
static bool dir_made;

/* Memory and final checks of the running case. */
struct kept {
    struct kept *next;
    void *mem;
};
static struct kept *kept;
static struct {
    void (*fn)(void *);
    void *arg;
} at_end[64];
static size_t at_end_count;

void test_add(struct test_case *c) {
    *last = c;
    last = &c->next;
}

void test_fail(const char *file, int line, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("%s:%d: %s: %s\n", file, line, running, text);
    fflush(stdout);
    _exit(1);
}

void test_equal_int(const char *file, int line, const char *words, long long got, long long want) {
    if (got != want)
        test_fail(file, line, "%s is %lld, want %lld", words, got, want);
}

void test_equal_str(const char *file, int line, const char *words, const char *got, const char *want) {
    if (!got || !want ? got != want : strcmp(got, want) != 0)
        test_fail(file, line, "%s is \"%s\", want \"%s\"", words, got ? got : "(null)",
                  want ? want : "(null)");
}

void test_equal_mem(const char *file, int line, const char *words, const void *got, const void *want,
                    size_t n) {
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < n; i++)
        if (g[i] != w[i])
            test_fail(file, line, "%s differs at byte %zu of %zu: 0x%02x, want 0x%02x", words, i, n, g[i],
                      w[i]);
}

void test_at_end(void (*fn)(void *arg), void *arg) {
    if (at_end_count == sizeof at_end / sizeof *at_end)
        test_fail(__FILE__, __LINE__, "too many test_at_end");
    at_end[at_end_count].fn = fn;
    at_end[at_end_count++].arg = arg;
}

void *test_keep(void *mem) {
    struct kept *k = malloc(sizeof *k);
    if (!mem || !k)
        test_fail(__FILE__, __LINE__, "no memory");
    *k = (struct kept){kept, mem};
    kept = k;
    return mem;
}

uint64_t test_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- pieces against a guard page ---- */

struct guard {
    unsigned char *map, *end; /* the last usable byte is end[-1] */
    size_t map_size;
};

static void guard_open(struct guard *g, size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (n + page - 1) / page * page;
    g->map_size = room + page;
    g->map = mmap(NULL, g->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED || mprotect(g->map + room, page, PROT_NONE))
        test_fail(__FILE__, __LINE__, "no memory for a guard page");
    g->end = g->map + room;
}

struct cuts {
    struct guard guard;
    const unsigned char *vector;
    size_t n;
    void *ctx;
    void (*push)(void *ctx, const uint8_t *bytes, size_t n);
};

static void push_piece(struct cuts *c, size_t from, size_t n) {
    uint8_t *piece = c->guard.end - n;
    if (n)
        memcpy(piece, c->vector + from, n);
    c->push(c->ctx, piece, n);
}

void test_cuts(const void *vector, size_t n, size_t step, void *ctx, void (*reset)(void *ctx),
               void (*push)(void *ctx, const uint8_t *bytes, size_t n), void (*check)(void *ctx)) {
    struct cuts c = {.vector = vector, .n = n, .ctx = ctx, .push = push};
    guard_open(&c.guard, n);
    reset(ctx);
    push_piece(&c, 0, n);
    check(ctx);
    reset(ctx);
    for (size_t i = 0; i < n; i++)
        push_piece(&c, i, 1);
    check(ctx);
    for (size_t cut = 1; cut < n; cut += step) {
        reset(ctx);
        push_piece(&c, 0, cut);
        push_piece(&c, cut, n - cut);
        check(ctx);
    }
    munmap(c.guard.map, c.guard.map_size);
}

/* ---- files ---- */

const char *test_dir(void) {
    if (!dir_made) {
        if (mkdir(dir, 0700) && errno != EEXIST) /* a child of the case may have made it */
            test_fail(__FILE__, __LINE__, "cannot make %s: %s", dir, strerror(errno));
        dir_made = true;
    }
    return dir;
}

static void below_dir(char *out, size_t cap, const char *relative) {
    int n = snprintf(out, cap, "%s/%s", test_dir(), relative);
    if (n < 0 || (size_t)n >= cap)
        test_fail(__FILE__, __LINE__, "the path %s is too long", relative);
}

void test_write_file(const char *relative, const void *bytes, size_t n) {
    char path[4096];
    below_dir(path, sizeof path, relative);
    for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            test_fail(__FILE__, __LINE__, "cannot make %s: %s", path, strerror(errno));
        *p = '/';
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
        test_fail(__FILE__, __LINE__, "cannot write %s: %s", path, strerror(errno));
}

/* The whole file in memory that lives until the case ends; NULL when it cannot be opened. */
static uint8_t *slurp(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t cap = 4096, len = 0;
    uint8_t *mem = malloc(cap);
    while (mem) {
        len += fread(mem + len, 1, cap - 1 - len, f);
        if (len < cap - 1)
            break;
        cap *= 2;
        mem = realloc(mem, cap);
    }
    fclose(f);
    test_keep(mem);
    mem[len] = 0;
    *n = len;
    return mem;
}

char *test_read_file(const char *relative, size_t *n) {
    char path[4096];
    size_t len = 0;
    below_dir(path, sizeof path, relative);
    char *mem = (char *)slurp(path, &len);
    if (n)
        *n = len;
    return mem;
}

uint8_t *test_vector(const char *name, size_t *n) {
    const char *base = getenv("TEST_VECTORS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", base ? base : "test/vectors", name);
    uint8_t *mem = slurp(path, n);
    if (!mem)
        test_fail(__FILE__, __LINE__, "the vector %s is missing", path);
    return mem;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int open_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)ftw;
    return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

static void remove_dir(void) {
    if (access(dir, F_OK))
        return;
    nftw(dir, open_one, 16, FTW_PHYS); /* cases take rights away from folders */
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- running ---- */

static void child(const struct test_case *c) {
    setpgid(0, 0);
    alarm(CASE_SECONDS);
    c->run();
    while (at_end_count)
        at_end_count--, at_end[at_end_count].fn(at_end[at_end_count].arg);
    while (kept) {
        struct kept *next = kept->next;
        free(kept->mem);
        free(kept);
        kept = next;
    }
    exit(0); /* not _exit: LeakSanitizer looks now */
}

static bool run(const struct test_case *c, unsigned number) {
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%.80s/picket-test-%ld-%u", tmp && *tmp ? tmp : "/tmp", (long)getpid(), number);
    running = c->name;
    remove_dir(); /* of a run that was killed */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(c);
    int status = 0;
    while (pid < 0 || (waitpid(pid, &status, 0) < 0 && errno == EINTR))
        if (pid < 0) {
            printf("%s: cannot fork\n", c->name);
            return false;
        }
    kill(-pid, SIGKILL); /* what the case itself started and left */
    remove_dir();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("%s: still running after %d s\n", c->name, CASE_SECONDS);
    else if (WIFSIGNALED(status))
        printf("%s: killed by signal %d\n", c->name, WTERMSIG(status));
    else if (WEXITSTATUS(status) > 1)
        printf("%s: ended with status %d\n", c->name, WEXITSTATUS(status));
    return status == 0;
}

static bool chosen(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i]))
            return true;
    return argc < 2;
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    unsigned passed = 0, failed = 0;
    for (struct test_case *c = first; c; c = c->next)
        if (chosen(c->name, argc, argv)) {
            if (run(c, passed + failed))
                passed++;
            else
                failed++;
        }
    printf("%s: %u passed, %u failed\n", slash ? slash + 1 : argv[0], passed, failed);
    return failed || !passed;
}
