/* test_cmd.c - the tables of commands and dialects. */
#include "test/harness/harness.h"
#include "wire/cmd.h"
#include "wire/dialect.h"

TEST(cmd_names_lead_to_ids_and_back) {
    for (int id = CMD_UNKNOWN + 1; id < CMD_COUNT; id++) {
        const char *text = cmd_text((enum cmd_id)id);
        CHECK(strlen(text) >= 1 && strlen(text) <= 11);
        CHECK_INT(cmd_find(text), id); /* also: no name is there twice */
        CHECK(cmd_least((enum cmd_id)id) <= cmd_most((enum cmd_id)id));
        CHECK(cmd_allowed((enum cmd_id)id, TO_MASTER | TO_WORKER | TO_LOCAL));
    }
}

TEST(cmd_unknown_names) {
    static const char *const names[] = {"", "ok", "err", "hell", "hello2", "HELLO", "sync_i_w_m", "dapi_"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_INT(cmd_find(names[i]), CMD_UNKNOWN);
    CHECK(!cmd_allowed(CMD_UNKNOWN, TO_MASTER | TO_WORKER | TO_LOCAL));
}

/* Directions of the reference, section 4. */
TEST(cmd_directions) {
    CHECK(cmd_allowed(CMD_HELLO, TO_MASTER));
    CHECK(!cmd_allowed(CMD_HELLO, TO_WORKER));
    CHECK(!cmd_allowed(CMD_HELLO, TO_LOCAL));
    CHECK(cmd_allowed(CMD_ECHO_C, TO_MASTER) && !cmd_allowed(CMD_ECHO_C, TO_WORKER));
    CHECK(cmd_allowed(CMD_ECHO_M, TO_WORKER) && !cmd_allowed(CMD_ECHO_M, TO_MASTER));
    CHECK(cmd_allowed(CMD_NEW_FILE, TO_MASTER) && cmd_allowed(CMD_NEW_FILE, TO_WORKER));
    CHECK(cmd_allowed(CMD_SYN_I_W_M_P, TO_MASTER) && !cmd_allowed(CMD_SYN_I_W_M_P, TO_WORKER));
    CHECK(cmd_allowed(CMD_SYN_M_C_OK, TO_WORKER) && !cmd_allowed(CMD_SYN_M_C_OK, TO_MASTER));
    CHECK(cmd_allowed(CMD_GET_STATUS, TO_LOCAL) && !cmd_allowed(CMD_GET_STATUS, TO_MASTER));
}

TEST(cmd_payload_bounds) {
    CHECK_INT(cmd_least(CMD_HELLO), 7); /* four words of one character */
    CHECK_INT(cmd_most(CMD_HELLO), 512);
    CHECK_INT(cmd_least(CMD_FILE_END), 34); /* "/", space, digest */
    CHECK_INT(cmd_most(CMD_FILE_UPD), 0xffffffffu);
}

static const struct dialect *need(const char *version) {
    const struct dialect *d = dialect_find(version);
    CHECK(d != NULL);
    return d;
}

/* The matrix of the reference, section 0. */
TEST(dialect_boundaries) {
    static const struct {
        const char *version, *name;
        bool ids, rule, http, named, health, big;
    } want[] = {
        {"4.4.0", "E", 1, 0, 0, 0, 0, 0},    {"4.4.255", "E", 1, 0, 0, 0, 0, 0},
        {"4.5.0", "E", 1, 0, 0, 0, 1, 0},    {"4.5.4", "E", 1, 0, 0, 0, 1, 0},
        {"4.6.0", "E", 0, 0, 0, 0, 1, 0},    {"4.12.0", "E", 0, 0, 0, 0, 1, 0},
        {"4.12.255", "E", 0, 0, 0, 0, 1, 0}, {"4.13.0", "F", 0, 0, 1, 1, 1, 0},
        {"4.14.4", "F", 0, 0, 1, 1, 1, 0},   {"4.14.5", "F", 0, 0, 1, 1, 1, 1},
        {"4.14.6", "F", 0, 1, 1, 1, 1, 1},   {"4.14.7", "F", 0, 1, 1, 1, 1, 1},
        {"4.15.0", "F", 0, 1, 1, 1, 1, 1},   {"4.255.255", "F", 0, 1, 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct dialect *d = need(want[i].version);
        CHECK_STR(d->name, want[i].name);
        CHECK_INT(d->cluster_error_ids, want[i].ids);
        CHECK_INT(d->name_rule, want[i].rule);
        CHECK_INT(d->agent_info_http, want[i].http);
        CHECK_INT(d->groups_named, want[i].named);
        CHECK_INT(d->health_groups, want[i].health);
        CHECK_INT(d->big_string_error, want[i].big);
    }
    static const char *const none[] = {"3.13.6", "4.3.11", "4.3.255", "5.0.0", "0.0.0", "255.255.255", ""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK(dialect_find(none[i]) == NULL);
}

TEST(dialect_version_is_strict) {
    uint32_t v = 0;
    CHECK(dialect_version("4.14.7", &v));
    CHECK_INT(v, 4 << 16 | 14 << 8 | 7);
    CHECK(dialect_version("0.0.0", &v));
    CHECK_INT(v, 0);
    CHECK(dialect_version("255.255.255", &v));
    CHECK_INT(v, 0xffffff);
    static const char *const bad[] = {
        "",        "4",       "4.14",    "4.14.",  "4.14.7.",   "4.14.7.1",
        "v4.14.7", " 4.1.0",  "4.14.7 ", "4..7",   ".14.7",     "4.14.256",
        "4.14.07", "04.14.7", "4.+1.7",  "4.-1.7", "4.14.7-rc", "4.14.99999999999999999999",
        "4.14,7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!dialect_version(bad[i], &v));
}
