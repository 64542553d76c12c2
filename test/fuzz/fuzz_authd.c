/* fuzz_authd.c - any message for authd: the answer is one of its two shapes, and client.keys stays a file of
 * whole lines, in which an agent is if and only if its key was told. */
#include "api/authd.h"

#include "src/store/client_keys_parts.h"
#include "store/strings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static const char lines[] = "001 web 10.0.0.1 " KEY "\n002 db any " KEY "\n";

static struct sys sys;
static int root;
static struct db db;
static struct agents agents;
static struct client_keys keys;
static struct embedded store;
static struct store_texts texts;
static _Alignas(16) unsigned char arena[STORE_ARENA_BYTES];

static void must(int holds) {
    if (!holds)
        abort();
}

static int no_fsync(struct sys *s, int fd) {
    (void)s, (void)fd;
    return 0;
}

static void clean_up(void) {
    static const char *const files[] = {CLIENT_KEYS_PATH, DB_PATH, DB_PATH "-journal"};
    static const char *const folders[] = {"etc/shared/web", "etc/shared", "etc", "queue/db", "queue"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        sys.unlinkat(&sys, root, files[i], false);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        sys.unlinkat(&sys, root, folders[i], true);
}

static void begin_anew(void) {
    int fd = sys.openat(&sys, root, CLIENT_KEYS_PATH, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && sys_write_all(&sys, fd, lines, sizeof lines - 1) == 0);
    sys.close(&sys, fd);
    client_keys_init(&keys, &agents, &sys, NULL, root, true);
    while (client_keys_step(&keys, NULL) == STEP_AGAIN)
        ;
}

static char folder[] = "/tmp/fuzz_authd.XXXXXX";

static void leave(void) {
    clean_up();
    sys.unlinkat(&sys, SYS_CWD, folder, true);
}

static void once(void) {
    static bool done;
    struct error e;
    if (done)
        return;
    done = true;
    sys_linux_init(&sys);
    sys.fsync = no_fsync;
    must(mkdtemp(folder) != NULL);
    root = sys.openat(&sys, SYS_CWD, folder, O_RDONLY | O_DIRECTORY, 0);
    must(sys.mkdirat(&sys, root, "etc", 0700) == 0 && sys.mkdirat(&sys, root, "etc/shared", 0700) == 0 &&
         sys.mkdirat(&sys, root, "etc/shared/web", 0700) == 0);
    must(db_library_open(arena, sizeof arena, &e) == E_OK);
    must(db_open(&db, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e) == E_OK);
    must(agents_open(&agents, &db, &sys, false, 100, &e) == E_OK);
    store.texts = &texts;
    atexit(leave);
    begin_anew();
}

/* Is there a whole line of this id with this key? */
static bool is_in_file(const char *id, const char *key) {
    static struct keys_lines l;
    struct client_key k;
    bool more = true, found = false;
    int fd = sys.openat(&sys, root, CLIENT_KEYS_PATH, O_RDONLY, 0);
    must(fd >= 0);
    keys_lines_rewind(&l);
    while (keys_lines_next(&l, &sys, fd, &more, NULL) == E_OK && more) {
        must(keys_line_parse(&k, &l)); /* nobody gets a line of his own into it */
        found |= !k.removed && !strcmp(k.id_text, id) && !strcmp(k.key, key);
    }
    sys.close(&sys, fd);
    return found;
}

static void check(const char *answer, size_t n) {
    struct json_token tokens[32];
    struct json_doc d;
    uint64_t code;
    char id[AGENT_ID_BYTES], key[AGENT_KEY_BYTES];
    size_t len;
    must(json_parse(&d, answer, n, tokens, 32, NULL) == E_OK);
    must(json_get_uint(&d, json_find(&d, 0, "error"), 9015, &code));
    if (code) {
        must(code > 9000 && json_find(&d, 0, "message"));
        must(is_in_file("001", KEY) && is_in_file("002", KEY));
        return;
    }
    size_t data = json_find(&d, 0, "data");
    if (json_find(&d, data, "key")) {
        must(json_copy_str(&d, json_find(&d, data, "id"), id, sizeof id, &len) == E_OK);
        must(json_copy_str(&d, json_find(&d, data, "key"), key, sizeof key, &len) == E_OK);
        must(is_in_file(id, key) && agents_find(&agents, strtol(id, NULL, 10), NULL, NULL, NULL) == E_OK);
    }
    begin_anew();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char room[1024];
    struct text out;
    once();
    text_init(&out, room, sizeof room);
    authd_answer(&store, &keys, NULL, (const char *)data, size, &out);
    must(!out.cut && out.len && !db_in_transaction(&db));
    check(out.buf, out.len);
    return 0;
}
