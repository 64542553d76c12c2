/* test_api_stats.c - wazuh.stats.totals, hourly and weekly: answers are those of core/stats.py of 4.14.7, run
 * on the same files. */
#include "test/unit/manager_rig.h"

#define DAY "stats/totals/2026/Nov/ossec-totals-05.log"
#define DATE "{\"date\": {\"__wazuh_datetime__\": \"2026-11-05\"}}"

static const char *ask(const char *function, const char *kwargs) {
    return rig_ask(&api_stats_functions, function, kwargs, RIG_BLACK);
}

static const char *totals(const char *text) {
    test_write_file(DAY, text, strlen(text));
    return ask("wazuh.stats.totals", DATE);
}

TEST(a_day) {
    rig_open(NODE_WORKER);
    for (int i = 0; i < 2; i++) {
        rig_faults.short_io = i;
        CHECK_STR(
            rig_items_of(totals("0-5715-3-2\n0-502-3-1\n0--3--1483--1257--0\n\n1--0--2--3--4\n2-1-2-3\n")),
            "{\"hour\": 0, \"alerts\": [{\"sigid\": 5715, \"level\": 3, \"times\": 2}, {\"sigid\": 502, "
            "\"level\": 3, \"times\": 1}], \"totalAlerts\": 3, \"events\": 1483, \"syscheck\": 1257, "
            "\"firewall\": 0}, {\"hour\": 1, \"alerts\": [], \"totalAlerts\": 0, \"events\": 2, "
            "\"syscheck\": 3, \"firewall\": 4}");
        CHECK_STR(rig_items_of(totals("")), "");
        CHECK_STR(rig_items_of(totals("abc\n")), "");
        CHECK_STR(rig_items_of(totals("0-1-2\n")), "");
        CHECK_STR(
            rig_items_of(totals("5- 7 -3- 1 \n5--1--2--3--04\n")),
            "{\"hour\": 5, \"alerts\": [{\"sigid\": 7, \"level\": 3, \"times\": 1}], \"totalAlerts\": 1, "
            "\"events\": 2, \"syscheck\": 3, \"firewall\": 4}");
    }
}

TEST(a_damaged_day) {
    static const char *const damaged[] = {"1--2\n", "0--1--2--3--4--5\n", "0-1-2-3\n0--1--2--3--4\n1--2"};
    static const char *const no_number[] = {"0-a-3-2\n", "---\n", "0--1--2--3--x\n",
                                            "0-1-2-99999999999999999999\n"};
    rig_open(NODE_WORKER);
    for (size_t i = 0; i < 3; i++)
        CHECK_STR(rig_part(totals(damaged[i]), "\"code\": ", ", \"extra_remediation\""),
                  "1309, \"extra_message\": null");
    for (size_t i = 0; i < 4; i++)
        CHECK_STR(rig_part(totals(no_number[i]), "\"code\": ", ","), "1000");
}

TEST(a_day_that_is_not_there) {
    char want[500];
    rig_open(NODE_MASTER);
    snprintf(want, sizeof want,
             "\"WazuhError\", \"__object__\": {\"type\": \"about:blank\", \"title\": \"Bad Request\", "
             "\"code\": 1308, \"extra_message\": \"%s/" DAY "\"",
             rig_root_path);
    CHECK(strstr(ask("wazuh.stats.totals", DATE), want));
    test_write_file(DAY "/x", "", 0);
    CHECK(strstr(ask("wazuh.stats.totals", DATE), want));
    CHECK(strstr(ask("wazuh.stats.totals", "{}"), "\"code\": 1308")); /* today */
    static const char *const wrong[] = {"{\"date\": 7}",
                                        "{\"date\": \"2026\"}",
                                        "{\"date\": \"2026-13-01\"}",
                                        "{\"date\": \"2026-00-01\"}",
                                        "{\"date\": \"../../../etc\"}",
                                        "{\"date\": {\"__wazuh_datetime__\": 1}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_STR(rig_part(ask("wazuh.stats.totals", wrong[i]), "\"code\": ", ","), "1000");
}

/* An hour whose alerts fill many steps and more than one item's room. */
TEST(a_long_day) {
    enum { ALERTS = 3000 };
    char *text = test_keep(malloc(ALERTS * 40)), *want = test_keep(malloc(ALERTS * 80));
    char *at = text, *w = want + sprintf(want, "{\"hour\": 7, \"alerts\": [");
    rig_open(NODE_MASTER);
    for (int i = 0; i < ALERTS; i++) {
        at += sprintf(at, "7-%d-3-%d\n", i, i * 2);
        w += sprintf(w, "%s{\"sigid\": %d, \"level\": 3, \"times\": %d}", i ? ", " : "", i, i * 2);
    }
    sprintf(at, "7--1--2--3--4\n");
    sprintf(w, "], \"totalAlerts\": 1, \"events\": 2, \"syscheck\": 3, \"firewall\": 4}");
    CHECK_STR(rig_items_of(totals(text)), want);
}

static void write_hours(const char *folder) {
    char path[80], text[20];
    for (int h = 0; h < 25; h++) {
        snprintf(path, sizeof path, "stats/%s/%d", folder, h);
        snprintf(text, sizeof text, "%d\n", h * 7);
        if (h % 3)
            test_write_file(path, text, strlen(text));
    }
}
#define HOURS                                                                                                \
    "[0, 7, 14, 0, 28, 35, 0, 49, 56, 0, 70, 77, 0, 91, 98, 0, 112, 119, 0, 133, 140, 0, 154, 161], "        \
    "\"interactions\": "
#define NONE "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], \"interactions\": 0}}"

TEST(averages) {
    rig_open(NODE_MASTER);
    write_hours("hourly-average");
    write_hours("weekly-average/1");
    CHECK_STR(rig_items_of(ask("wazuh.stats.hourly", "{}")), "{\"averages\": " HOURS "0}");
    CHECK_STR(rig_items_of(ask("wazuh.stats.weekly", "{}")),
              "{\"Sun\": {\"hours\": " NONE ", {\"Mon\": {\"hours\": " HOURS
              "0}}, {\"Tue\": {\"hours\": " NONE ", {\"Wed\": {\"hours\": " NONE
              ", {\"Thu\": {\"hours\": " NONE ", {\"Fri\": {\"hours\": " NONE
              ", {\"Sat\": {\"hours\": " NONE);
    test_write_file("stats/hourly-average/24", " +12\n", 5);
    CHECK_STR(rig_items_of(ask("wazuh.stats.hourly", "{}")), "{\"averages\": " HOURS "12}");
    test_write_file("stats/hourly-average/5", "x", 1);
    CHECK(strstr(ask("wazuh.stats.hourly", "{}"), "stats/hourly-average/5 holds no number"));
    test_write_file("stats/weekly-average/6/23", "", 0);
    CHECK(strstr(ask("wazuh.stats.weekly", "{}"), "stats/weekly-average/6/23 holds no number"));
}

TEST(cancelled) {
    rig_open(NODE_MASTER);
    test_write_file(DAY, "0--1--2--3--4\n", 14);
    rig_faults.calls = 0;
    rig_begin(&api_stats_functions, "wazuh.stats.weekly", "{}", RIG_BLACK);
    api_call_fini(&rig_call);
    blob_reset(&rig_body);
    blob_reset(&rig_out);
    loop_turn(&rig_loop, 0);
    CHECK(!rig_ended);
}
