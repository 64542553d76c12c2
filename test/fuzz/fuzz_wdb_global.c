/* fuzz_wdb_global.c - commands of any bytes, NUL between them, to the embedded store; the first byte says
 * whose. What is answered must be a reply, and JSON where it says so; what is remembered of the rows must be
 * so. All of an input is one transaction that is rolled back, so that each begins with the same rows. */
#include "src/store/agents_parts.h"
#include "test/fuzz/wdb_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const rows[] = {
    "global insert-agent-group default",
    "global insert-agent-group web",
    "global insert-agent {\"id\":1,\"name\":\"a1\",\"ip\":\"any\",\"date_add\":1}",
    "global insert-agent "
    "{\"id\":2,\"name\":\"a2\",\"ip\":\"any\",\"register_ip\":\"10.0.0.1\",\"date_add\":1}",
    "global insert-agent {\"id\":65538,\"name\":\"a3\",\"date_add\":1}",
    "global set-agent-groups {\"mode\":\"override\",\"sync_status\":\"syncreq\",\"data\":[{\"id\":1,"
    "\"groups\":[\"default\",\"web\"]},{\"id\":65538,\"groups\":[\"default\"]}]}",
    "global update-agent-data {\"id\":1,\"os_name\":\"x\",\"labels\":\"k:v\",\"sync_status\":\"syncreq\","
    "\"connection_status\":\"active\",\"group_config_status\":\"synced\"}"};

static void check_reply(void) {
    static const struct json_stream_events none = {.value = NULL};
    struct json_stream s;
    struct error e;
    size_t skip = memcmp(reply, "ok ", 3) == 0 ? 3 : memcmp(reply, "due ", 4) == 0 ? 4 : 0;
    must(skip || strcmp(reply, "ok") == 0 || memcmp(reply, "err ", 4) == 0);
    if (!skip || strlen(reply) == sizeof reply - 1) /* cut */
        return;
    json_stream_init(&s, &none, NULL, NULL, 0);
    must(json_stream_push(&s, reply + skip, strlen(reply + skip), &e) == E_OK);
    must(json_stream_finish(&s, &e) == E_OK);
}

static void check_remembered(void) {
    struct error e;
    bool row;
    uint32_t count = agents.count;
    struct sqlite3_stmt *q = db_stmt(&db, SQL_AGENT_MARKS);
    while (db_step(&db, q, &row, &e) == E_OK && row) {
        must(!strcmp(db_text(q, 1, NULL), "synced") || marks_has(agents.info_marks.bits, db_int(q, 0)));
        must(!strcmp(db_text(q, 2, NULL), "synced") || marks_has(agents.groups_marks.bits, db_int(q, 0)));
    }
    agents.count_unknown = true;
    must(agents_settle(&agents, &e) == E_OK && agents.count == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error e;
    once(rows, sizeof rows / sizeof *rows);
    if (size < 2 || size > 60000)
        return 0;
    must(agents_open(&agents, &db, &sys, data[0] & 1, 6, &e) == E_OK);
    must(db_begin(&db, &e) == E_OK);
    for (size_t at = 1, n; at < size && !db.spoiled; at += n + 1) {
        static char one[60001];
        n = strnlen((const char *)data + at, size - at);
        memcpy(one, data + at, n);
        one[n] = '\0';
        run(one);
        check_reply();
    }
    if (!db.spoiled)
        check_remembered();
    db_rollback(&db);
    return 0;
}
