/* test_services.c - var/run read as get_manager_status of 4.14.7 reads it, and picket.conf's `services`. */
#include "api/services.h"
#include "test/harness/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct sys sys;
static struct role_env role;
static struct cluster_config config;
static struct api_env env;

static void begin(const char *services) {
    sys_linux_init(&sys);
    snprintf(config.services, sizeof config.services, "%s", services);
    test_write_file("var/run/other", "", 0);
    role.sys = &sys;
    role.config = &config;
    role.root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    env.role = &role;
}

static void end(void) {
    close(role.root);
}

static void put(const char *name) {
    char path[100];
    snprintf(path, sizeof path, "var/run/%s", name);
    test_write_file(path, "", 0);
}

static void take_away(const char *name) {
    char path[600];
    snprintf(path, sizeof path, "%s/var/run/%s", test_dir(), name);
    CHECK_INT(unlink(path), 0);
}

static const char *status(const char *daemon) {
    struct services now;
    services_look(&env, &now);
    return services_words(services_status(&now, (size_t)text_find(API_DAEMONS, daemon)));
}

TEST(a_daemon_is_what_its_files_say) {
    char mine[64];
    begin("auto");
    CHECK_STR(status("wazuh-db"), "stopped");
    put("wazuh-dbd-1.pid"); /* another daemon's */
    put("wazuh-db-1.pidx");
    put("wazuh-db-.pid");
    put("wazuh-db-x1.pid");
    CHECK_STR(status("wazuh-db"), "stopped");
    put("wazuh-db-4194305.pid"); /* more than there can be */
    CHECK_STR(status("wazuh-db"), "failed");
    snprintf(mine, sizeof mine, "wazuh-db-%d.pid", (int)getpid());
    put(mine);
    CHECK_STR(status("wazuh-db"), "running");
    put("wazuh-db.start");
    CHECK_STR(status("wazuh-db"), "starting");
    put(".restart");
    CHECK_STR(status("wazuh-db"), "restarting");
    CHECK_STR(status("wazuh-remoted"), "restarting");
    put("wazuh-db.failed");
    CHECK_STR(status("wazuh-db"), "failed");
    take_away("wazuh-db.failed");
    CHECK_STR(status("wazuh-db"), "restarting");
    end();
}

TEST(many_files) {
    begin("auto");
    for (int i = 0; i < 300; i++) {
        char name[64];
        snprintf(name, sizeof name, "some-daemon-with-a-long-name-%d.pid", i);
        put(name);
    }
    put("wazuh-db-1.pid"); /* init */
    CHECK_STR(status("wazuh-db"), "running");
    end();
}

TEST(no_folder) {
    begin("auto");
    role.root = -1;
    CHECK_STR(status("wazuh-db"), "stopped");
}

static uint32_t bit(const char *daemon) {
    return 1u << text_find(API_DAEMONS, daemon);
}

static void not_ready(uint32_t daemons, const char *want) {
    char words[400];
    struct text t;
    text_init(&t, words, sizeof words);
    services_not_ready(&env, daemons, &t);
    CHECK_STR(words, want);
}

TEST(who_is_waited_for) {
    uint32_t all = bit("wazuh-db") | bit("wazuh-remoted") | bit("wazuh-apid") | bit("wazuh-agentlessd");
    begin("auto");
    not_ready(all, "");
    test_write_file("bin/wazuh-db", "", 0);
    not_ready(all, "wazuh-db->stopped");
    put("wazuh-db.failed");
    test_write_file("bin/wazuh-remoted", "", 0);
    not_ready(all, "wazuh-remoted->stopped, wazuh-db->failed");
    not_ready(bit("wazuh-db"), "wazuh-db->failed");
    not_ready(0, "");
    put("wazuh-remoted.start");
    not_ready(all, "wazuh-db->failed");
    take_away("wazuh-db.failed");
    put("wazuh-db-1.pid");
    not_ready(all, "");
    take_away("wazuh-db-1.pid");
    snprintf(config.services, sizeof config.services, "none");
    not_ready(all, "");
    snprintf(config.services, sizeof config.services, "wazuh-apid,wazuh-dbd");
    not_ready(all, "wazuh-apid->stopped");
    snprintf(config.services, sizeof config.services, "wazuh-agentlessd,wazuh-apid");
    not_ready(all, "wazuh-agentlessd->stopped, wazuh-apid->stopped");
    end();
}
