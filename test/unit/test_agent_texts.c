/* test_agent_texts.c - verdicts of agent information and agent groups, ours and the peer's. What real nodes
 * send is from the transcript of 4.14.7; lists of messages as Python's json writes and shows them. Strings
 * and our own verdicts are also in test_agent_info_master. */
#include "task/agent_texts.h"
#include "test/harness/harness.h"
#include "test/harness/pools.h"

#include <stdio.h>
#include <stdlib.h>

static struct message message;

/* A message whose payload lies in a window or in a plain piece of memory. */
static const struct message *payload(const char *text, size_t n) {
    uint8_t *memory = test_keep(malloc(n + 1));
    memcpy(memory, text, n);
    memset(&message, 0, sizeof message);
    blob_init(&message.body, memory, n + 1, NULL, NULL, n);
    message.body.size = n;
    return &message;
}

static enum err read_result(struct agent_result *r, const char *text) {
    struct error e;
    return agent_result_read(r, payload(text, strlen(text)), &e);
}

TEST(a_result_of_a_real_node) {
    struct agent_result r;
    CHECK_INT(read_result(
                  &r, "{\"updated_chunks\": 3, \"error_messages\": [], \"time_spent\": 0.0348216270000421}"),
              E_OK);
    CHECK_INT(r.updated, 3);
    CHECK_INT(r.errors, 0);
    CHECK_STR(r.words, "[]");
}

TEST(a_result_with_errors) {
    struct agent_result r;
    CHECK_INT(read_result(&r,
                          "{\"time_spent\":1e-3,\"error_messages\":[\"Error 2003 - Error in wazuhdb request: "
                          "\\u00e9\",\"two\"], \"updated_chunks\":0, \"more\": {\"updated_chunks\": 7}}"),
              E_OK);
    CHECK_INT(r.updated, 0);
    CHECK_INT(r.errors, 2);
    CHECK_STR(r.words, "['Error 2003 - Error in wazuhdb request: \xc3\xa9', 'two']");
    CHECK_INT(read_result(&r, "{\"updated_chunks\": 1, \"error_messages\": [null, [\"x\"], \"y\"]}"), E_OK);
    CHECK_INT(r.errors, 3);
    CHECK_STR(r.words, "[, , 'y']");
}

/* Counted to the last, shown as far as there is room. */
TEST(more_errors_than_there_is_room_for) {
    struct agent_result r;
    size_t cap = 65536, n;
    char *text = test_keep(malloc(cap));
    n = (size_t)snprintf(text, cap, "{\"updated_chunks\": 5, \"error_messages\": [\"first\"");
    for (unsigned i = 0; i < 999; i++)
        n += (size_t)snprintf(text + n, cap - n, ", \"FOREIGN KEY constraint failed %u\"", i);
    n += (size_t)snprintf(text + n, cap - n, "]}");
    CHECK(n < cap);
    struct error e;
    CHECK_INT(agent_result_read(&r, payload(text, n), &e), E_OK);
    CHECK_INT(r.updated, 5);
    CHECK_INT(r.errors, 1000);
    CHECK_INT(strlen(r.words), sizeof r.words - 1);
    CHECK(strncmp(r.words, "['first', 'FOREIGN KEY constraint failed 0', '", 46) == 0);
}

TEST(what_is_no_result) {
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "3",
        "null",
        "[\"updated_chunks\"]",
        "[3]",
        "[[3]]",
        "{\"updated_chunks\": 3}",
        "{\"error_messages\": []}",
        "{\"updated_chunks\": \"3\", \"error_messages\": []}",
        "{\"updated_chunks\": -3, \"error_messages\": []}",
        "{\"updated_chunks\": 1.5, \"error_messages\": []}",
        "{\"updated_chunks\": 99999999999999999999999999, \"error_messages\": []}",
        "{\"updated_chunks\": 3, \"error_messages\": \"none\"}",
        "{\"updated_chunks\": 3, \"error_messages\": []",
        "{\"updated_chunks\": 3, \"error_messages\": []} x"};
    struct agent_result r;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (read_result(&r, texts[i]) == E_OK)
            test_fail(__FILE__, __LINE__, "taken for a result: %s", texts[i]);
}

/* ---- the log ---- */

static char lines[4096];

static void keep(struct log *l, enum log_level level, const char *tag, const char *subtag, const char *text) {
    (void)l;
    size_t n = strlen(lines);
    snprintf(lines + n, sizeof lines - n, "%d %s|%s|%s\n", level, tag, subtag, text);
}

static struct log log_ = {.level = LOG_DEBUG2, .write = keep};

#define LINES(want) (CHECK_STR(lines, want), (void)(lines[0] = '\0'))

TEST(results_in_the_log) {
    struct agent_result r = {.updated = 3, .words = "[]"};
    agent_result_log(&log_, LOG_CYCLE, "Worker w1", AGENT_GROUPS_SEND_TAG, &r, 0.0354);
    LINES("3 Worker w1|Agent-groups send|Finished in 0.035s. Updated 3 chunks.\n");
    r = (struct agent_result){.updated = 1, .errors = 2, .words = "['a', 'b']"};
    agent_result_log(&log_, LOG_CYCLE, "w", AGENT_INFO_TAG, &r, 2);
    LINES("0 w|Agent-info sync|Finished in 2.000s. Updated 1 chunks. There were 2 chunks with errors: ['a', "
          "'b']\n");
    agent_error_log(&log_, "w", AGENT_GROUPS_RECV_FULL_TAG, AGENT_GROUPS, payload("it\nfails", 8));
    LINES("0 w|Agent-groups recv full|There was an error while processing agent-groups on the peer: "
          "it?fails\n");
    char *much = test_keep(malloc(60000));
    memset(much, 'x', 60000);
    agent_error_log(&log_, "w", AGENT_INFO_TAG, AGENT_INFO, payload(much, 60000));
    CHECK(strlen(lines) < 700);
}

TEST(our_verdicts_in_the_log) {
    struct store_job j = {.parts = 3, .parts_in_all = 3, .errors = "[]"};
    agent_verdict_log(&log_, "w", AGENT_INFO_TAG, &j, AGENT_INFO, 0.5);
    LINES("4 w|Agent-info sync|3/3 chunks updated in wazuh-db in 0.500s.\n");
}
