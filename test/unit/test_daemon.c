/* test_daemon.c - one instance, pid files, signals and readiness, with real processes. */
#include "app/daemon.h"
#include "app/own_file.h"
#include "test/harness/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sys sys;
static char said[4096];
static int root;

static void collect(struct log *l, enum log_level level, const char *tag, const char *subtag,
                    const char *text) {
    (void)l, (void)level;
    snprintf(said + strlen(said), sizeof said - strlen(said), "[%s] [%s] %s\n", tag, subtag, text);
}
static struct log logger = {LOG_DEBUG2, collect};

/* As if started by an ordinary user: nobody is changed into. */
static void begin(struct daemon *d) {
    struct error e;
    said[0] = '\0';
    CHECK_INT(daemon_init(d, &sys, &logger, test_dir(), root, true, true, &e), E_OK);
    d->uid = d->gid = OWNER_KEEP;
}

static void make_root(void) {
    char path[256];
    sys_linux_init(&sys);
    snprintf(path, sizeof path, "%s/var", test_dir());
    mkdir(path, 0700);
    strcat(path, "/run");
    mkdir(path, 0700);
    root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(root >= 0);
}

static bool exists(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/var/run/%s", test_dir(), name);
    return access(path, F_OK) == 0;
}

TEST(daemon_one_instance) {
    struct daemon first, second;
    struct error e;
    char words[64];
    make_root();
    begin(&first);
    begin(&second);
    CHECK_INT(daemon_claim(&first, &e), E_OK);
    CHECK_INT(daemon_settle(&first, 16, &e), E_OK);
    snprintf(words, sizeof words, "it runs already, process %d (", getpid());
    CHECK_INT(daemon_claim(&second, &e), E_DUPLICATE);
    CHECK(!strncmp(e.what, words, strlen(words)));
    daemon_end(&second, ASK_NOTHING); /* lets go of nothing that is the first one's */
    begin(&second);
    CHECK_INT(daemon_claim(&second, &e), E_DUPLICATE);
    daemon_end(&second, ASK_NOTHING);
    daemon_end(&first, ASK_NOTHING);
    begin(&second);
    CHECK_INT(daemon_claim(&second, &e), E_OK);
    daemon_end(&second, ASK_NOTHING);
}

TEST(daemon_pid_file) {
    struct daemon d;
    struct error e;
    char name[64], path[128], want[16];
    size_t n;
    make_root();
    begin(&d);
    CHECK_INT(daemon_claim(&d, &e), E_OK);
    CHECK_INT(daemon_settle(&d, 16, &e), E_OK);
    snprintf(name, sizeof name, "wazuh-clusterd-%d.pid", getpid());
    snprintf(path, sizeof path, "var/run/%s", name);
    snprintf(want, sizeof want, "%d\n", getpid());
    CHECK_STR(test_read_file(path, &n), want);
    struct sys_stat st;
    CHECK(!sys.lstatat(&sys, root, path, &st));
    CHECK_INT(st.mode & 07777, 0640);
    daemon_tick(&d);
    CHECK_STR(said, "");
    CHECK(!unlink(path)); /* the working folder is the root */
    daemon_tick(&d);
    CHECK_STR(test_read_file(path, &n), want);
    CHECK(strstr(said, "written again"));
    daemon_end(&d, ASK_NOTHING);
    CHECK(!exists(name));
}

/* Names of pid files that dead daemons left, and names that only look like them. */
TEST(daemon_clears_what_is_dead) {
    static const char *const dead[] = {"wazuh-clusterd-999999.pid", "wazuh-clusterd_child_0-999998.pid"};
    static const char *const others[] = {"wazuh-clusterd.failed",  "wazuh-clusterd-.pid",
                                         "wazuh-clusterd-12x.pid", "wazuh-modulesd-12345.pid",
                                         "wazuh-clusterdx-1.pid",  "wazuh-clusterd-12.pidx"};
    struct daemon d;
    struct error e;
    make_root();
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "var/run/%s", dead[i]);
        test_write_file(path, "x", 1);
    }
    for (int i = 0; i < 6; i++) {
        char path[128];
        snprintf(path, sizeof path, "var/run/%s", others[i]);
        test_write_file(path, "x", 1);
    }
    begin(&d);
    CHECK_INT(daemon_claim(&d, &e), E_OK);
    for (int i = 0; i < 2; i++)
        CHECK(!exists(dead[i]));
    for (int i = 0; i < 6; i++)
        CHECK(exists(others[i]));
    char words[256];
    snprintf(words, sizeof words,
             "[Cluster] [Main] wazuh-clusterd: Non existent process 999999, removing from %s/var/run...\n",
             test_dir());
    CHECK(strstr(said, words));
    daemon_end(&d, ASK_NOTHING);
}

/* A process whose command line is that of Wazuh's own daemon. */
static pid_t impostor(void) {
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "sleep 30; :", "/var/ossec/framework/scripts/wazuh_clusterd.py",
              (char *)NULL);
        _exit(1);
    }
    usleep(200000); /* until the exec is done */
    return pid;
}

TEST(daemon_refuses_beside_wazuhs_own) {
    struct daemon d;
    struct error e;
    char path[128];
    make_root();
    pid_t pid = impostor();
    snprintf(path, sizeof path, "var/run/wazuh-clusterd-%d.pid", (int)pid);
    test_write_file(path, "x", 1);
    begin(&d);
    CHECK_INT(daemon_claim(&d, &e), E_DUPLICATE);
    CHECK(strstr(e.what, "stop it first"));
    CHECK(kill(pid, 0) == 0);
    daemon_end(&d, ASK_NOTHING);
    kill(pid, SIGKILL);
}

/* Only Wazuh's own orphans are ended, as its daemon does at its start; a number used again is spared. */
TEST(daemon_ends_orphans_only) {
    struct daemon d;
    struct error e;
    char path[128];
    int status;
    make_root();
    pid_t orphan = impostor(), stranger = fork();
    if (stranger == 0) {
        execl("/bin/sleep", "sleep", "30", (char *)NULL);
        _exit(1);
    }
    usleep(200000);
    snprintf(path, sizeof path, "var/run/wazuh-clusterd_child_0-%d.pid", (int)orphan);
    test_write_file(path, "x", 1);
    snprintf(path, sizeof path, "var/run/wazuh-clusterd-%d.pid", (int)stranger);
    test_write_file(path, "x", 1);
    begin(&d);
    CHECK_INT(daemon_claim(&d, &e), E_OK);
    CHECK(waitpid(orphan, &status, 0) == orphan && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(strstr(said, "Orphan child process"));
    CHECK(kill(stranger, 0) == 0 && waitpid(stranger, &status, WNOHANG) == 0);
    daemon_end(&d, ASK_NOTHING);
    kill(stranger, SIGKILL);
}

TEST(daemon_signals) {
    struct daemon d;
    struct error e;
    make_root();
    begin(&d);
    CHECK_INT(daemon_claim(&d, &e), E_OK);
    CHECK_INT(daemon_settle(&d, 16, &e), E_OK);
    CHECK_INT(daemon_asked(&d), ASK_NOTHING);
    raise(SIGHUP);
    raise(SIGHUP);
    CHECK_INT(daemon_asked(&d), ASK_REOPEN);
    CHECK_INT(daemon_asked(&d), ASK_NOTHING);
    CHECK_STR(said, "");
    raise(SIGINT);
    CHECK_INT(daemon_asked(&d), ASK_INTERRUPT);
    CHECK_STR(said, "[Cluster] [Main] SIGINT received. Bye!\n");
    said[0] = '\0';
    raise(SIGTERM);
    raise(SIGHUP);
    raise(SIGINT);
    CHECK_INT(daemon_asked(&d), ASK_TERMINATE);
    CHECK_STR(said, "[Cluster] [Main] SIGNAL [(15)-(SIGTERM)] received. Exit...\n");
    daemon_end(&d, ASK_NOTHING);
}

/* After SIGTERM the process dies by it, as a supervisor expects. */
TEST(daemon_ends_by_sigterm) {
    make_root();
    pid_t pid = fork();
    if (pid == 0) {
        struct daemon d;
        struct error e;
        begin(&d);
        if (daemon_claim(&d, &e) || daemon_settle(&d, 16, &e))
            _exit(2);
        raise(SIGTERM);
        daemon_end(&d, daemon_asked(&d));
        _exit(3);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* The starter's status is what became of the daemon: 0 only after daemon_ready. */
TEST(daemon_readiness) {
    for (int ready = 0; ready < 2; ready++) {
        make_root();
        pid_t starter = fork();
        if (starter == 0) {
            struct daemon d;
            struct error e;
            begin(&d);
            d.foreground = false;
            if (daemon_claim(&d, &e) || daemon_split(&d, &e))
                _exit(2);
            if (ready && daemon_settle(&d, 16, &e) == E_OK) {
                daemon_ready(&d);
                daemon_ready(&d);
            }
            daemon_end(&d, ASK_NOTHING);
            _exit(0);
        }
        int status;
        CHECK(waitpid(starter, &status, 0) == starter);
        CHECK(WIFEXITED(status));
        CHECK_INT(WEXITSTATUS(status), ready ? 0 : 1);
    }
}

TEST(daemon_no_folder) {
    struct daemon d;
    struct error e;
    sys_linux_init(&sys);
    mkdir(test_dir(), 0700);
    root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    begin(&d);
    CHECK_INT(daemon_claim(&d, &e), E_GONE);
    CHECK(strstr(e.what, "/var/run: No such file or directory"));
    daemon_end(&d, ASK_NOTHING);
}
