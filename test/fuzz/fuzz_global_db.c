/* fuzz_global_db.c - a global.db that others left: a good one, of 4.14, with bytes changed and rows that no
 * Wazuh writes. It is refused, or everything that is done to agents works on it or says why not.
 *
 * The input: a byte below 0x80, where and what: that byte of the file is changed (3 bytes in all); else a
 * number of rows[] that is executed before the bytes are changed. */
#include "limits.h"
#include "src/store/agents_parts.h"
#include "store/client_keys.h"
#include "store/group_folders.h"
#include "store/wdb_global.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sys sys;
static struct db db;
static struct agents agents;
static struct wdb_global global;
static struct store_texts texts;
static struct client_keys keys;
static _Alignas(16) unsigned char arena[STORE_ARENA_BYTES];
static char command[WDB_TEXT_BYTES], reply[WDB_TEXT_BYTES], root_path[64];
static uint8_t image[1 << 17];
static size_t image_n;
static int root;

static const char *const rows[] = {
    "update agent set name = 7",
    "update agent set name = zeroblob(300)",
    "update agent set name = cast(x'ff00fe20' as text), ip = x'00', os_name = cast(x'c3' as text) where id = "
    "2",
    "update agent set name = replace(hex(zeroblob(500)), '0', 'n') where id = 1",
    "update agent set ip = replace(hex(zeroblob(40000)), '0', 'i'), register_ip = ip where id = 1",
    "update agent set os_name = replace(hex(zeroblob(200000)), '0', 'o') where id = 2",
    "update agent set internal_key = hex(zeroblob(9000)), version = x'ff' where id = 2",
    "update agent set id = 9223372036854775807 where id = 2",
    "update agent set id = -9223372036854775808 where id = 1",
    "delete from agent where id = 0",
    "insert into agent (id, name, date_add) values (-7, 'below', 1), (99999999999, 'above', 1)",
    "update agent set date_add = -9223372036854775808",
    "update agent set date_add = 'never', last_keepalive = 'ever', disconnection_time = x'00'",
    "update agent set last_keepalive = 9223372036854775807, status_code = -9223372036854775808",
    "update agent set last_keepalive = 1e300, date_add = 1e300",
    "update agent set group_hash = zeroblob(100), `group` = x'2c2c'",
    "update agent set group_hash = 'x', `group` = ''",
    "update agent set `group` = replace(hex(zeroblob(40000)), '0', ',')",
    "update agent set group_sync_status = 'syncreq', sync_status = 'syncreq_status'",
    "update belongs set priority = 9223372036854775807",
    "update belongs set priority = 'first', id_group = id_group",
    "update belongs set priority = -9223372036854775808",
    "update `group` set name = null",
    "update `group` set name = zeroblob(400)",
    "update `group` set name = '../../etc' where name = 'web'",
    "update `group` set id = 9223372036854775807 where name = 'web'",
    "update sqlite_sequence set seq = 9223372036854775807",
    "update labels set key = x'00', value = replace(hex(zeroblob(40000)), '0', 'v')",
    "insert into labels values (1, 7, 7.5), (1, x'', x'')",
    "insert into metadata values ('x', 'y'); update metadata set value = 6",
    "update metadata set value = '7 and more'",
    "pragma foreign_keys = off; insert into belongs values (77, 77, 0), (1, 77, 9); delete from `group`",
    "pragma ignore_check_constraints = on; update agent set sync_status = 'soon', connection_status = 'dead'",
    "drop index agent_name; drop index belongs_id_agent; create index x on agent (os_name)",
    "drop table labels; create table labels (id, key, value); insert into labels values (1, 'a', 'b'), (1, "
    "'a', 'c')",
    "drop table info; create table more (x); create trigger t after update on agent begin delete from agent; "
    "end",
    "pragma user_version = 5",
    "pragma application_id = 77; pragma encoding = 'UTF-16'",
    "pragma journal_mode = wal; update agent set name = 'walled' where id = 1",
    "update belongs set priority = 9223372036854775807 where id_group = (select min(id) from `group`)",
};
#define ROWS (sizeof rows / sizeof *rows)

static void must(int holds) {
    if (!holds)
        abort();
}

static int no_fsync(struct sys *s, int fd) {
    (void)s, (void)fd;
    return 0;
}

static void put(const char *path, const void *bytes, size_t n) {
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static void leave(void) {
    for (const char *const *f =
             (const char *const[]){DB_PATH, DB_PATH "-journal", DB_PATH "-wal", CLIENT_KEYS_PATH, NULL};
         *f; f++)
        unlinkat(root, *f, 0);
    for (const char *const *d =
             (const char *const[]){"queue/db", "queue", "etc/shared/default", "etc/shared", "etc", NULL};
         *d; d++)
        unlinkat(root, *d, AT_REMOVEDIR);
    rmdir(root_path);
}

/* ---- a good file ---- */

static void run(const char *text) {
    struct text t;
    size_t n = strlen(text);
    memcpy(command, text, n + 1);
    text_init(&t, reply, sizeof reply);
    wdb_global(&global, command, n, &t);
    must(t.len == strlen(reply));
}

static bool open_all(void) {
    struct error e;
    if (db_open(&db, &sys, root, UINT32_MAX, UINT32_MAX, NULL, &e) != E_OK)
        return false;
    if (agents_open(&agents, &db, &sys, true, 500, &e) != E_OK) {
        db_close(&db);
        return false;
    }
    wdb_global_init(&global, &agents, &texts, NULL);
    return true;
}

static const char *const good[] = {
    "global insert-agent-group default",
    "global insert-agent-group web",
    "global insert-agent {\"id\":1,\"name\":\"a1\",\"ip\":\"any\",\"date_add\":1}",
    "global insert-agent "
    "{\"id\":2,\"name\":\"a2\",\"ip\":\"any\",\"register_ip\":\"10.0.0.1\",\"date_add\":1}",
    "global insert-agent {\"id\":65538,\"name\":\"a3\",\"date_add\":1}",
    "global set-agent-groups "
    "{\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":1,\"groups\":["
    "\"default\",\"web\"]},{\"id\":65538,\"groups\":[\"default\"]}]}",
    "global update-agent-data {\"id\":1,\"os_name\":\"x\",\"labels\":\"k:v\",\"sync_status\":\"syncreq\","
    "\"connection_status\":\"active\",\"group_config_status\":\"synced\"}"};

static void once(void) {
    struct error e;
    sys_linux_init(&sys);
    sys.fsync = no_fsync;
    snprintf(root_path, sizeof root_path, "%s/fuzz_global_db.XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    must(mkdtemp(root_path) != NULL);
    root = open(root_path, O_RDONLY | O_DIRECTORY);
    must(root >= 0 && !mkdirat(root, "etc", 0755) && !mkdirat(root, "etc/shared", 0755) &&
         !mkdirat(root, "etc/shared/default", 0755));
    static const char lines[] = "001 a1 any 0123456789\n002 other 10.0.0.1 9876543210\n070 new any 5\n";
    put(CLIENT_KEYS_PATH, lines, sizeof lines - 1);
    atexit(leave);
    must(db_library_open(arena, sizeof arena, &e) == E_OK);
    must(open_all());
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        run(good[i]);
        must(strcmp(reply, "ok") == 0);
    }
    db_close(&db);
    int fd = openat(root, DB_PATH, O_RDONLY);
    ssize_t n = read(fd, image, sizeof image);
    must(fd >= 0 && n > 0 && (size_t)n < sizeof image);
    close(fd);
    image_n = (size_t)n;
}

/* ---- what is done to it ---- */

static void say_all(void) {
    static const char *const asked[] = {
        "get-all-agents last_id -1",
        "get-all-agents context",
        "get-agent-info 1",
        "get-agent-info 0",
        "get-labels 1",
        "select-agent-name 1",
        "select-agent-group 1",
        "find-agent {\"name\":\"a2\",\"ip\":\"10.0.0.1\"}",
        "select-groups",
        "select-group-belong 1",
        "get-group-agents default last_id 0",
        "get-distinct-groups",
        "get-groups-integrity 23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262",
        "sync-agent-info-get ",
        "sync-agent-groups-get {\"condition\":\"all\",\"get_global_hash\":true}",
        "sql select * from agent",
        "get-agents-by-connection-status 0 active",
        "update-keepalive {\"id\":1,\"connection_status\":\"active\","
        "\"sync_status\":\"syncreq_keepalive\"}",
        "disconnect-agents 0 9999999999 syncreq",
        "set-labels 1 a:b\nc:d",
        "set-agent-groups "
        "{\"mode\":\"append\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":1,\"groups\":[\"default\"]},"
        "{\"id\":2,\"groups\":[\"web\",\"default\"]},{\"id\":65538,\"groups\":[\"web\"]}]}",
        "set-agent-groups {\"mode\":\"remove\",\"data\":[{\"id\":1,\"groups\":[\"web\"]}]}",
        "recalculate-agent-group-hashes",
        "sync-agent-info-set [{\"id\":1,\"name\":\"a1\",\"last_keepalive\":5,"
        "\"connection_status\":\"active\",\"group_config_status\":\"synced\",\"labels\":[{\"key\":\"a\","
        "\"value\":\"b\"}]}]",
        "reset-agents-connection synced",
        "delete-group web",
        "insert-agent {\"id\":3,\"name\":\"a3\",\"date_add\":1}"};
    char text[1024];
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        snprintf(text, sizeof text, "global %s", asked[i]);
        run(text);
        must(strncmp(reply, "ok", 2) == 0 || strncmp(reply, "due ", 4) == 0 ||
             strncmp(reply, "err ", 4) == 0);
        must(!db_in_transaction(&db));
    }
}

static void read_all(void) {
    struct error e;
    bool done = false, more = true;
    struct text t;
    for (int form = 0; form < 2; form++) {
        struct agents_read r;
        agents_read_begin(&agents, &r);
        for (unsigned n = 0; !done; n++) {
            must(n < 1000);
            text_init(&t, texts.reply, WDB_REPLY_MOST + 1);
            if ((form ? agents_read_chunk : agents_read_lists)(&agents, &r, &t, &done, &e) != E_OK)
                break;
        }
        agents_confirm(&agents, r.last_id, SYNCREQ, &e);
        agents_read_end(&agents);
    }
    struct agents_groups_read g = {.pending = true, .named = true, .with_hash = true};
    for (unsigned n = 0; more; n++) {
        must(n < 1000);
        text_init(&t, texts.reply, WDB_REPLY_MOST + 1);
        if (agents_groups_chunk(&agents, &g, &t, &more, &e) != E_OK)
            return;
    }
    for (unsigned n = 0; n < 100 && agents_groups_told(&agents, &g, &e) == E_OK && agents.groups_watching;
         n++) {
    }
}

static void follow_all(void) {
    struct error e;
    client_keys_init(&keys, &agents, &sys, NULL, root, false);
    enum step step = STEP_AGAIN;
    for (unsigned n = 0; step == STEP_AGAIN; n++) {
        must(n < 10000);
        step = client_keys_step(&keys, &e);
    }
    client_keys_fini(&keys);
    must(!db_in_transaction(&db));
    group_folders_follow(&agents, &sys, NULL, root, true, &e);
    must(!db_in_transaction(&db));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct stat st;
    if (!image_n)
        once();
    if (size > 300)
        return 0;
    unlinkat(root, DB_PATH "-journal", 0);
    unlinkat(root, DB_PATH "-wal", 0);
    put(DB_PATH, image, image_n);
    must(open_all());
    for (size_t i = 0; i < size; i += data[i] < 0x80 ? 3 : 1)
        if (data[i] >= 0x80)
            sqlite3_exec(db.sql, rows[(data[i] & 0x7f) % ROWS], NULL, NULL, NULL);
    db_close(&db);
    int fd = openat(root, DB_PATH, O_RDWR);
    must(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0);
    for (size_t i = 0; i + 2 < size; i += data[i] < 0x80 ? 3 : 1) {
        off_t at =
            ((off_t)data[i] << 8 | data[i + 1]) * (st.st_size > 65536 && data[i] & 0x40 ? 7 : 1) % st.st_size;
        if (data[i] < 0x80)
            must(pwrite(fd, &data[i + 2], 1, at) == 1);
    }
    close(fd);
    if (open_all()) {
        read_all();
        follow_all();
        say_all();
        read_all();
        follow_all();
        db_close(&db);
    }
    must(sqlite3_memory_used() == 0);
    return 0;
}
