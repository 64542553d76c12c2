/* app/main.c - the program: one command line, one command. What is static here is all there is of it. */
#include "app/agents_cmd.h"
#include "app/api_cmd.h"
#include "app/config.h"
#include "app/config_picket.h"
#include "app/console.h"
#include "app/control.h"
#include "app/daemon.h"
#include "app/files_cmd.h"
#include "app/hash_cmd.h"
#include "app/help.h"
#include "app/log_cmd.h"
#include "app/log_file.h"
#include "app/nodes_cmd.h"
#include "app/options.h"
#include "app/own_file.h"
#include "app/problems.h"
#include "app/run.h"
#include "app/sealed_malloc.h"
#include "app/send_cmd.h"
#include "app/status.h"
#include "app/watch.h"
#include "base/bytes.h"
#include "sys/process.h"

#define WORDS_BYTES HELP_BYTES /* also room for every problem's line */

static struct sys sys;
static struct options options;
static struct cluster_config config;
static struct config_report report;
static struct problems problems;
static struct log_file log_file;
static struct daemon process;
static char words[WORDS_BYTES];

static struct text words_begin(void) {
    struct text t;
    text_init(&t, words, sizeof words);
    return t;
}

static void say(int fd, const struct text *t) {
    process_write(fd, t->buf, t->len);
}

/* "picket: what is wrong", for whoever waits at the terminal. */
static int fail(const char *what) {
    struct text t = words_begin();
    text_format(&t, "%s: %s\n", options.as_clusterd ? DAEMON_NAME : "picket", what);
    say(STDERR_FD, &t);
    return 1;
}

static int bad_command_line(const struct error *e) {
    if (options.command == COMMAND_CHECK) /* monitoring takes 2 for a node in trouble */
        return check_usage(e->what);
    struct text t = words_begin();
    if (options.as_clusterd) { /* in argparse's shape */
        help_clusterd(&t, true);
        text_format(&t, DAEMON_NAME ": error: %s\n", e->what);
    } else {
        text_format(&t, "picket: %s (picket help)\n", e->what);
    }
    say(STDERR_FD, &t);
    return 2;
}

/* ---- help, version ---- */

static int command_help(void) {
    struct text t = words_begin();
    if (options.as_clusterd) {
        help_clusterd(&t, false);
    } else if (!help_words(&t, options.topic)) {
        text_format(&t, "picket: there is no help on '%s' (picket help)\n", options.topic);
        say(STDERR_FD, &t);
        return 2;
    }
    say(STDOUT_FD, &t);
    return 0;
}

/* The version announced is picket.conf's, when it can be read. */
static int command_version(void) {
    int root_fd = sys.openat(&sys, SYS_CWD, options.root, O_RDONLY | O_DIRECTORY, 0);
    config_picket_defaults(&config);
    if (root_fd >= 0)
        config_picket_load(&sys, root_fd, &config, &problems);
    struct text t = words_begin();
    help_version(&t, options.as_clusterd, config.announced_version);
    say(STDOUT_FD, &t);
    return 0;
}

/* ---- run ---- */

static void print_problems(void) {
    struct text t = words_begin();
    problems_print(&problems, &t);
    say(STDERR_FD, &t);
}

/* check-config says what is in effect; `run -t` keeps to what is wrong, because wazuh-control runs it. */
static int test_config(void) {
    print_problems();
    if (problems.errors)
        return 1;
    if (options.command == COMMAND_CHECK_CONFIG) {
        struct text t = words_begin();
        config_words(&config, &report, &t);
        say(STDOUT_FD, &t);
    }
    return 0;
}

static void log_begin(void) {
    struct log_options o = {.debug = config.debug,
                            .compat = config.log_compat,
                            .to_stderr = options.foreground,
                            .syslog_path = config.log_syslog ? "/dev/log" : NULL,
                            .max_bytes = config.log_bytes,
                            .keep = config.log_keep,
                            .uid = process.uid,
                            .gid = process.gid};
    log_file_init(&log_file, &sys, &o);
    log_file.pid = process.pid;
}

/* A bad configuration is said where Wazuh says it, in the log, and at the terminal; the exit code is 1. */
static int refuse_config(int root_fd) {
    struct error e;
    if (log_file_open(&log_file, root_fd, &e))
        fail(e.what);
    problems_log(&problems, &log_file.log);
    log_file_close(&log_file);
    if (!options.foreground) /* there the log has said it on standard error */
        print_problems();
    return 1;
}

static void say_foreground(void) {
    struct text t = words_begin();
    text_format(&t, "Starting cluster in foreground (pid: %d)\n", process.pid);
    say(STDOUT_FD, &t);
}

/* From the claimed root to the end of the node. */
static enum err serve(int root_fd, enum daemon_ask *why, struct error *e) {
    enum err err = log_file_open(&log_file, root_fd, e);
    if (!err)
        err = daemon_claim(&process, e);
    if (err)
        return err;
    problems_log(&problems, &log_file.log); /* warnings */
    err = daemon_split(&process, e);
    log_file.pid = process.pid;
    if (!err)
        err = daemon_settle(&process, RUN_FILES, e);
    if (err)
        return err;
    if (options.foreground)
        say_foreground();
    struct run_setup setup = {.sys = &sys,
                              .daemon = &process,
                              .log = &log_file,
                              .options = &options,
                              .config = &config,
                              .root_fd = root_fd};
    return run_node(&setup, why, e);
}

static int start(int root_fd) {
    struct error e;
    enum daemon_ask why = ASK_NOTHING;
    enum err err = serve(root_fd, &why, &e);
    if (err) {
        log_line(&log_file.log, LOG_ERROR, "Cluster", "Main", "%s", e.what);
        if (!options.foreground)
            fail(e.what);
    }
    bytes_wipe(config.key, sizeof config.key);
    log_file_close(&log_file);
    daemon_end(&process, why);
    return err ? 1 : 0;
}

static int command_run(void) {
    struct error e;
    process_close_from(3);
    int root_fd = sys.openat(&sys, SYS_CWD, options.root, O_RDONLY | O_DIRECTORY, 0);
    if (root_fd < 0) {
        error_os(&e, root_fd, "%s", options.root);
        return fail(e.what);
    }
    struct config_source from = {
        .root_fd = root_fd, .root = options.root, .file = options.config_file, .debug = options.debug};
    config_load(&sys, &from, &config, &report, &problems);
    if (options.test || options.command == COMMAND_CHECK_CONFIG)
        return test_config();
    enum err err = daemon_init(&process, &sys, &log_file.log, options.root, root_fd, options.foreground,
                               options.stay_root, &e);
    log_begin();
    if (problems.errors)
        return refuse_config(root_fd);
    if (config.disabled)
        return 0;
    return err ? fail(e.what) : start(root_fd);
}

int main(int argc, char *argv[]) {
    struct error e;
    if (process_stdio_open() < 0)
        return 1;
    sys_linux_init(&sys);
    problems_init(&problems);
    enum err err = options_parse(&options, argc, argv, &e);
    if (err)
        return bad_command_line(&e);
    process_umask(0027);
    switch (options.command) {
    case COMMAND_HELP:
        return command_help();
    case COMMAND_VERSION:
        return command_version();
    case COMMAND_CONTROL:
        return control_command(&sys, &options);
    case COMMAND_STATUS:
        return watch_command(&sys, &options, status_command);
    case COMMAND_NODES:
        return watch_command(&sys, &options, nodes_command);
    case COMMAND_HEALTH:
        return watch_command(&sys, &options, health_command);
    case COMMAND_AGENTS:
        return watch_command(&sys, &options, agents_command);
    case COMMAND_CHECK:
        return check_command(&sys, &options);
    case COMMAND_FILES:
        return watch_command(&sys, &options, files_command);
    case COMMAND_HASH:
        return watch_command(&sys, &options, hash_command);
    case COMMAND_WAIT_SYNC:
        return wait_sync_command(&sys, &options);
    case COMMAND_API:
        return api_command(&sys, &options);
    case COMMAND_SEND_FILE:
        return send_command(&sys, &options);
    case COMMAND_LOG:
        return log_command(&sys, &options);
    case COMMAND_CHECK_CONFIG:
    case COMMAND_RUN:
        return command_run();
    }
    return 2;
}
