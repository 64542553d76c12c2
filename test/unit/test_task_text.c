/* test_task_text.c - ids, package names and error payloads of tasks. Shapes are those of the transcripts of
 * 4.14.7 (reference, sections 3, 4.2, 5.3). */
#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "wire/task_text.h"

#include <ctype.h>
#include <stdio.h>

static struct faults f;
static uint8_t next_byte;
static bool no_random;

static int counting(struct sys *s, void *buf, size_t n) {
    uint8_t *out = buf;
    (void)s;
    if (no_random)
        return -EIO;
    while (n--)
        *out++ = next_byte++;
    return 0;
}

static int64_t wall_ns;
static int64_t wall(struct sys *s) {
    (void)s;
    return wall_ns;
}

static void begin(void) {
    faults_init(&f);
    f.sys.random = counting;
    f.sys.wall_ns = wall;
    wall_ns = 1795170639138526000; /* worker1-1795170639.138526-... */
}

/* A UUID of version 4 (RFC 4122, section 4.4): the peer takes it as one word, Wazuh's tools as a UUID. */
TEST(a_task_id_is_a_uuid) {
    char id[OWN_TASK_ID_BYTES], other[OWN_TASK_ID_BYTES];
    struct error e;
    begin();
    CHECK_INT(task_id_new(&f.sys, id, &e), E_OK);
    CHECK_STR(id, "00010203-0405-4607-8809-0a0b0c0d0e0f");
    CHECK_INT(task_id_new(&f.sys, other, &e), E_OK);
    CHECK(strcmp(id, other) != 0);
    no_random = true;
    CHECK(task_id_new(&f.sys, id, &e) != E_OK);
}

TEST(the_name_of_a_package) {
    char path[XFER_PATH_BYTES], name[NODE_NAME_BYTES];
    struct error e;
    begin();
    CHECK_INT(package_path(&f.sys, path, "worker1", "master-node", &e), E_OK);
    CHECK_STR(path, "/queue/cluster/worker1/"
                    "master-node-1795170639.138526-000102030405060708090a0b0c0d0e0f.zip");
    wall_ns = 1795170639000014999; /* fractions keep their zeros */
    CHECK_INT(package_path(&f.sys, path, "w", "w", &e), E_OK);
    CHECK_STR(path, "/queue/cluster/w/w-1795170639.000014-101112131415161718191a1b1c1d1e1f.zip");
    memset(name, 'n', sizeof name - 1); /* the longest that names may be */
    name[sizeof name - 1] = '\0';
    wall_ns = INT64_MAX;
    CHECK_INT(package_path(&f.sys, path, name, name, &e), E_OK);
    CHECK_STR(path + strlen(path) - 5, "f.zip");
    CHECK(same_package_path(path, strlen(path), path));
    no_random = true;
    CHECK(package_path(&f.sys, path, "w", "w", &e) != E_OK);
}

TEST(a_task_id_and_the_rest) {
    static const struct {
        const char *text, *id, *rest; /* id NULL: it is refused */
    } cases[] = {
        {"5bf2125c-929f-424c-8ea5-77fcbfbabd9d queue/cluster/worker1/a.zip",
         "5bf2125c-929f-424c-8ea5-77fcbfbabd9d", "queue/cluster/worker1/a.zip"},
        {"None {\"a\": 1}", "None", "{\"a\": 1}"},
        {"id two words", "id", "two words"}, /* once only */
        {"id ", "id", ""},
        {" rest", "", "rest"},
        {"1234567 x", "1234567", "x"},
        {"12345678 x", NULL, NULL}, /* does not fit */
        {"word", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[8] = "before";
        char long_id[64];
        const char *rest = NULL;
        size_t rest_n = 99, n = strlen(cases[i].text);
        bool wide = cases[i].id && strlen(cases[i].id) >= sizeof id;
        bool good = task_and_rest(cases[i].text, n, wide ? long_id : id, wide ? sizeof long_id : sizeof id,
                                  &rest, &rest_n);
        CHECK_INT(good, cases[i].id != NULL);
        if (!good)
            continue;
        CHECK_STR(wide ? long_id : id, cases[i].id);
        CHECK_INT(rest_n, strlen(cases[i].rest));
        CHECK_MEM(rest, cases[i].rest, rest_n);
        CHECK(rest + rest_n == cases[i].text + n);
    }
    char id[8];
    const char *rest;
    size_t n;
    CHECK(!task_and_rest(NULL, 0, id, sizeof id, &rest, &n)); /* a payload that does not lie in memory */
    CHECK(!task_and_rest("a\0b rest", 8, id, sizeof id, &rest, &n));
}

TEST(an_error_payload) {
    static char out[WAZUH_ERROR_JSON_BYTES + 80];
    struct wazuh_error w;
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 3039, NULL);
    size_t n = task_error_payload(out, "07dddcec-49ce-4b68-9fa1-8055d140aed2", &w, dialect_find("4.14.7"));
    CHECK_STR(out, "07dddcec-49ce-4b68-9fa1-8055d140aed2 "
                   "{\"__wazuh_exception__\": {\"__class__\": \"WazuhClusterError\", \"__object__\": "
                   "{\"type\": \"about:blank\", \"title\": \"Wazuh Cluster Error\", \"code\": 3039, "
                   "\"extra_message\": null, \"extra_remediation\": null, \"cmd_error\": false, "
                   "\"dapi_errors\": {}}}}");
    CHECK_INT(n, strlen(out));
    n = task_error_payload(out, NULL, &w, dialect_find("4.4.0")); /* no task; "ids" until 4.5 */
    CHECK(strncmp(out, "None {\"__wazuh_exception__\"", 27) == 0);
    CHECK_STR(out + n - 16, "{}, \"ids\": []}}}");
    /* The longest id and the longest text, each byte of it escaped. */
    char id[TASK_ID_BYTES], extra[WAZUH_EXTRA_BYTES];
    memset(id, 'i', sizeof id - 1), id[sizeof id - 1] = '\0';
    memset(extra, '\xff', sizeof extra - 1), extra[sizeof extra - 1] = '\0';
    wazuh_error_set(&w, WAZUH_CLUSTER_ERROR, 1000, extra);
    n = task_error_payload(out, id, &w, dialect_find("4.4.0"));
    CHECK_STR(out + n - 3, "}}}");
}

TEST(the_path_of_the_end_is_that_of_the_file) {
    const char *of = "/queue/cluster/w/p.zip";
    CHECK(same_package_path("queue/cluster/w/p.zip", 21, of));  /* 4.0 and later */
    CHECK(same_package_path("/queue/cluster/w/p.zip", 22, of)); /* 3.x; costs nothing */
    CHECK(!same_package_path("queue/cluster/w/p.zip", 20, of));
    CHECK(!same_package_path("queue/cluster/w/q.zip", 21, of));
    CHECK(!same_package_path("queue/cluster/w/p.zipp", 22, of));
    CHECK(!same_package_path("//queue/cluster/w/p.zip", 23, of));
    CHECK(!same_package_path("", 0, of));
    CHECK(!same_package_path("/", 1, of));
    CHECK(!same_package_path("queue/cluster/w/p.zip\0", 22, of));
}
