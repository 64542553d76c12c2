/* test_config_picket.c - picket.conf, the internal options, and how all files come together. */
#include "app/config.h"
#include "app/config_internal.h"
#include "app/config_picket.h"
#include "app/help.h"
#include "test/harness/faults.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <sys/stat.h>

static struct sys sys;
static struct problems problems;
static struct cluster_config config;
static char printed[16384];

static int root_open(void) {
    sys_linux_init(&sys);
    problems_init(&problems);
    int fd = sys.openat(&sys, SYS_CWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
    CHECK(fd >= 0);
    return fd;
}

static const char *print(void) {
    struct text t;
    text_init(&t, printed, sizeof printed);
    problems_print(&problems, &t);
    return printed;
}

static const char *load(const char *content) {
    int root = root_open();
    test_write_file("etc/picket.conf", content, strlen(content));
    memset(&config, 0xff, sizeof config);
    config_picket_load(&sys, root, &config, &problems);
    sys.close(&sys, root);
    return print();
}

TEST(picket_defaults) {
    int root = root_open();
    config_picket_load(&sys, root, &config, &problems);
    CHECK_STR(print(), "");
    CHECK_STR(config.announced_version, "4.14.7");
    CHECK_INT(config.store, STORE_AUTO);
    CHECK_INT(config.spool_bytes, 256ll << 20);
    CHECK_INT(config.stage_bytes, 1ll << 30);
    CHECK(!config.log_compat && !config.log_syslog);
    CHECK_INT(config.log_bytes, 10 << 20);
    CHECK_INT(config.log_keep, 4);
    sys.close(&sys, root);
}

TEST(picket_every_key) {
    CHECK_STR(load("# comment\n; comment\n\n  announced_version =4.4.0  # said\nstore = "
                   "wazuh-db\nspool_size=1M\nstage_size = "
                   "1048576\r\n"
                   "compress_always=yes\nlog_compat=yes\nlog_syslog = yes\nlog_size=16K\nlog_keep=0"),
              "");
    CHECK_STR(config.announced_version, "4.4.0");
    CHECK_INT(config.store, STORE_WAZUH_DB);
    CHECK_INT(config.spool_bytes, 1 << 20);
    CHECK_INT(config.stage_bytes, 1 << 20);
    CHECK(config.compress_always && config.log_compat && config.log_syslog);
    CHECK_INT(config.log_bytes, 16 << 10);
    CHECK_INT(config.log_keep, 0);
}

TEST(picket_bad_values) {
    CHECK_STR(load("log_compat = true\nlog_size = 15K\nlog_keep = 100\nspool_size = 65G\nstage_size = x\n"
                   "log_syslog\nnothing = 1\nlog_size = 99999999999999999999G\nlog_keep =\nstore = wazuh\n"),
              "etc/picket.conf:1: log_compat must be yes or no; 'true' is not\n"
              "etc/picket.conf:2: log_size must be 16K to 4G bytes; '15K' is not\n"
              "etc/picket.conf:3: log_keep must be 0 to 99; '100' is not\n"
              "etc/picket.conf:4: spool_size must be 1M to 64G bytes; '65G' is not\n"
              "etc/picket.conf:5: stage_size must be 1M to 64G bytes; 'x' is not\n"
              "etc/picket.conf:6: 'log_syslog' is no `key = value`\n"
              "etc/picket.conf:7: there is no key 'nothing' (picket help config lists them)\n"
              "etc/picket.conf:8: log_size must be 16K to 4G bytes; '99999999999999999999G' is not\n"
              "etc/picket.conf:8: log_size is given on line 2 already\n"
              "etc/picket.conf:9: log_keep must be 0 to 99; '' is not\n"
              "etc/picket.conf:9: log_keep is given on line 3 already\n"
              "etc/picket.conf:10: store must be auto, embedded or wazuh-db; 'wazuh' is not\n");
    CHECK_STR(config.announced_version, "4.14.7");
    CHECK_INT(config.log_bytes, 10 << 20); /* a refused value leaves the default */
}

TEST(picket_versions) {
    static const char *const good[] = {"4.4.0", "4.9.2", "4.12.0", "4.14.7", "4.99.0"};
    static const char *const bad[] = {"4.3.11",  "5.0.0",      "3.13.6", "4.14",
                                      "v4.14.7", "4.14.7-rc1", "",       "4.14.7.1"};
    char text[64];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "announced_version=%s", good[i]);
        CHECK_STR(load(text), "");
        CHECK_STR(config.announced_version, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char want[200];
        snprintf(text, sizeof text, "announced_version=%s", bad[i]);
        snprintf(want, sizeof want,
                 "etc/picket.conf:1: announced_version must be X.Y.Z, from 4.4.0 up to but not including "
                 "5.0.0; '%s' "
                 "is not\n",
                 bad[i]);
        CHECK_STR(load(text), want);
    }
}

TEST(picket_long_line) {
    static char text[2048];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "log_keep = ", 11);
    CHECK_STR(load(text), "etc/picket.conf:1: the line is longer than 511 bytes\n");
}

/* What help prints is a picket.conf with all keys: without the signs it must be one, and change nothing. */
TEST(picket_words_are_a_file) {
    static char words[8192], file[8192];
    struct text w, f;
    text_init(&w, words, sizeof words);
    text_init(&f, file, sizeof file);
    config_picket_words(&w);
    CHECK(!w.cut);
    unsigned keys = 0;
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, "\n");
        CHECK(n <= 80);
        if (at[0] == '#' && at[1] != ' ') {
            text_add(&f, at + 1, n - 1);
            text_char(&f, '\n');
            keys++;
        }
        at += n + (at[n] == '\n');
    }
    CHECK_INT(keys, 14);
    CHECK_STR(load(file), "");
    struct cluster_config defaults;
    memset(&defaults, 0xff, sizeof defaults);
    config_picket_defaults(&defaults);
    CHECK_MEM(&config, &defaults, sizeof config);
}

TEST(internal_options) {
    int root = root_open();
    CHECK_INT(config_internal_debug(&sys, root, &problems), 0);
    test_write_file("etc/internal_options.conf", "# x\nwazuh_clusterd.debug=1\nremoted.debug=2\n", 43);
    CHECK_INT(config_internal_debug(&sys, root, &problems), 1);
    test_write_file("etc/local_internal_options.conf", "wazuh_clusterd.debug = 2", 24);
    CHECK_INT(config_internal_debug(&sys, root, &problems), 2);
    CHECK_STR(print(), "");
    test_write_file("etc/local_internal_options.conf", "\nwazuh_clusterd.debug=3\n", 24);
    config_internal_debug(&sys, root, &problems);
    CHECK_STR(print(), "etc/local_internal_options.conf:2: wazuh_clusterd.debug must be 0, 1 or 2\n");
    sys.close(&sys, root);
}

static const char ossec[] = "<ossec_config><cluster><key>0123456789abcdef0123456789abcdef</key>"
                            "<nodes><node>10.0.0.1</node></nodes></cluster></ossec_config>";

TEST(config_whole) {
    struct config_report report;
    int root = root_open();
    struct config_source from = {.root_fd = root, .root = "/r", .debug = 5};
    config_load(&sys, &from, &config, &report, &problems);
    CHECK_STR(print(), "etc/ossec.conf: cannot be read: No such file or directory\n");
    problems_init(&problems);
    test_write_file("etc/ossec.conf", ossec, sizeof ossec - 1);
    CHECK(sys.chmodat(&sys, root, "etc/ossec.conf", 0640) == 0);
    config_load(&sys, &from, &config, &report, &problems);
    CHECK_STR(print(), "");
    CHECK(!config.disabled && report.has_section && !report.items_file);
    CHECK_INT(config.debug, 2);
    CHECK_INT(config.items.count, 6);
    struct text t;
    text_init(&t, printed, sizeof printed);
    config_words(&config, &report, &t);
    CHECK(strstr(printed, "etc/shared/") && !strstr(printed, "0123456789abcdef"));
    /* the file's debug level goes before -d, but for 0 */
    test_write_file("etc/internal_options.conf", "wazuh_clusterd.debug=1", 22);
    config_load(&sys, &from, &config, &report, &problems);
    CHECK_INT(config.debug, 1);
    /* -c */
    char path[256];
    snprintf(path, sizeof path, "%s/other.conf", test_dir());
    test_write_file("other.conf", "<ossec_config></ossec_config>", 29);
    from.file = path;
    config_load(&sys, &from, &config, &report, &problems);
    CHECK(config.disabled && !report.has_section);
    CHECK_STR(print(), "");
    sys.close(&sys, root);
}

TEST(config_world_readable_names_the_command) {
    struct config_report report;
    int root = root_open();
    struct config_source from = {.root_fd = root, .root = "/var/ossec"};
    test_write_file("etc/ossec.conf", ossec, sizeof ossec - 1);
    CHECK(sys.chmodat(&sys, root, "etc/ossec.conf", 0664) == 0);
    config_load(&sys, &from, &config, &report, &problems);
    CHECK_STR(print(),
              "etc/ossec.conf:1: the file is open to every user and holds the cluster's key: run chmod o= "
              "'/var/ossec/etc/ossec.conf'\n");
    sys.close(&sys, root);
}

/* Whatever call fails while the files are read: a problem is named, or the file it concerned was optional and
 * the result is that of its absence; never a crash, never a configuration without its key. */
static struct sys *fault_sys;
static int fault_root;
static void load_with_faults(void *ctx, struct faults *f) {
    (void)ctx;
    struct config_report report;
    struct config_source from = {.root_fd = fault_root, .root = "/r"};
    problems_init(&problems);
    fault_sys = &f->sys;
    config_load(fault_sys, &from, &config, &report, &problems);
}
static void check_faults(void *ctx, struct faults *f) {
    (void)ctx;
    if (f->fired)
        CHECK(problems.errors > 0);
    else
        CHECK(!problems.errors && !config.disabled && strlen(config.key) == 32);
}

TEST(config_every_call_fails_once) {
    fault_root = root_open();
    test_write_file("etc/ossec.conf", ossec, sizeof ossec - 1);
    CHECK(sys.chmodat(&sys, fault_root, "etc/ossec.conf", 0640) == 0);
    test_write_file("etc/picket.conf", "log_keep=1\n", 11);
    test_write_file("etc/internal_options.conf", "x=1\n", 4);
    test_write_file("etc/local_internal_options.conf", "x=1\n", 4);
    test_write_file("etc/cluster.json", "{}", 2);
    CHECK(faults_sweep(EIO, false, NULL, load_with_faults, check_faults) > 10);
    sys.close(&sys, fault_root);
}

TEST(help_fits_a_terminal) {
    static const char *const topics[] = {NULL, "run", "status", "config"};
    static char words[HELP_BYTES];
    for (size_t i = 0; i < 4; i++) {
        struct text t;
        text_init(&t, words, sizeof words);
        CHECK(help_words(&t, topics[i]));
        CHECK(!t.cut);
        for (const char *at = words; *at; at += strcspn(at, "\n") + 1)
            CHECK(strcspn(at, "\n") <= 80);
    }
    struct text t;
    text_init(&t, words, sizeof words);
    CHECK(!help_words(&t, "nonsense"));
}

/* wazuh_clusterd.py: f"\n{name} {version} - {author}\n\n" and more, which is our own. */
TEST(help_version_lines) {
    char words[1024];
    struct text t;
    text_init(&t, words, sizeof words);
    help_version(&t, true, "4.12.0");
    CHECK(!strncmp(words, "\nWazuh 4.12.0 - Wazuh Inc\n\n", 27));
}
