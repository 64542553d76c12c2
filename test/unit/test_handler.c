/* test_handler.c - programs of an administrator in the place of functions: which are trusted, what they are
 * given, what becomes of what they say, and of those that are slow, loud, deaf or dead. */
#include "api/handler.h"

#include "test/harness/faults.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sys sys;
static struct loop loop;
static struct memory_spill spill;
static struct cluster_config config;
static struct role_env role;
static struct api_env env;
static struct api_call call;
static struct blob out, body;
static char small_out[64], small_body[64];
static char logged[2048], answer[1u << 20];
static bool over, called;
static struct wazuh_error refusal;
static int fds_before;

static void write_log(struct log *l, enum log_level level, const char *tag, const char *subtag,
                      const char *text) {
    (void)l, (void)level, (void)tag, (void)subtag;
    snprintf(logged, sizeof logged, "%s", text);
}
static struct log node_log = {.level = LOG_DEBUG2, .write = write_log};

/* ---- what api/call.c does ---- */

static void give_back(void) { /* as api/call.c does */
    api_handler.cancel(&call);
    loop_timer_stop(&loop, &call.timer);
}
void api_call_end(struct api_call *c) {
    struct error e;
    CHECK(!over);
    over = true;
    give_back();
    if (result_finish(&c->result, &e) != E_OK)
        test_fail(__FILE__, __LINE__, "%s", e.what);
}
void api_call_refuse(struct api_call *c, enum wazuh_class class, int code, const char *extra) {
    wazuh_error_set(&refusal, class, code, extra);
    result_exception(&c->result, &refusal, "node01", NULL, NULL);
    api_call_end(c);
}

static int count_fds(void) {
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void forget_call(void) {
    if (!called)
        return;
    result_fini(&call.result);
    blob_reset(&out);
    blob_reset(&body);
    called = false;
}

static void close_all(void *arg) {
    (void)arg;
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* no child left */
    CHECK_INT(loop.io_count, 0);
    CHECK_INT(loop.timer_count, 0);
    forget_call();
    CHECK_INT(spill.open, 0);
    CHECK_INT(count_fds(), fds_before);
    close(role.root);
    close(role.spool.dir);
}

static void open_node(void) {
    static uint8_t scratch[SESSION_SCRATCH_BYTES];
    signal(SIGPIPE, SIG_IGN);
    sys_linux_init(&sys);
    loop_init(&loop, &sys);
    memory_spill_init(&spill, 8u << 20);
    config.handler_s = 20;
    strcpy(config.node_name, "node01");
    strcpy(config.handlers, "etc/handlers");
    role = (struct role_env){.sys = &sys, .loop = &loop, .log = &node_log, .config = &config};
    role.dialect = dialect_find("4.14.7");
    test_write_file("etc/handlers/README", "", 0);
    role.root = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    role.spool.dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    role.shared = (struct session_shared){.sys = &sys,
                                          .windows = test_pool("windows", BODY_WINDOW_BYTES, 2),
                                          .spill = &spill.spill,
                                          .message_bytes = 1u << 20,
                                          .scratch = scratch};
    env = (struct api_env){.role = &role, .root_path = test_dir()};
    fds_before = count_fds();
    test_at_end(close_all, NULL);
}

static void chmod_to(const char *path, mode_t mode) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", test_dir(), path);
    CHECK_INT(chmod(whole, mode), 0);
}

#define NAME "wazuh.syscheck.run"
#define FILE_NAME "etc/handlers/" NAME

static void program(const char *script) {
    char whole[4096];
    int n = snprintf(whole, sizeof whole, "#!/bin/sh\n%s\n", script);
    unlinkat(role.root, FILE_NAME, 0);
    test_write_file(FILE_NAME, whole, (size_t)n);
    chmod_to(FILE_NAME, 0750);
    chmod_to("etc/handlers", 0755);
}

/* Until the call is over; its answer. */
static const char *run_with(const char *kwargs, const char *user) {
    size_t n;
    forget_call();
    called = true;
    blob_init(&out, (uint8_t *)small_out, sizeof small_out, role.shared.windows, &spill.spill, 4u << 20);
    blob_init(&body, (uint8_t *)small_body, sizeof small_body, role.shared.windows, &spill.spill, 4u << 20);
    if (kwargs)
        CHECK_INT(blob_append(&body, (const uint8_t *)"xyz", 3, NULL), E_OK);
    if (kwargs)
        CHECK_INT(blob_append(&body, (const uint8_t *)kwargs, strlen(kwargs), NULL), E_OK);
    memset(&call, 0, sizeof call);
    call.env = &env;
    call.function = &api_handler;
    call.request.body = &body;
    call.request.f_kwargs.from = kwargs ? 3 : 0;
    call.request.f_kwargs.to = body.size;
    strcpy(call.request.function, NAME);
    strcpy(call.request.current_user, user);
    result_init(&call.result, &out, role.dialect, role.shared.windows, &spill.spill, 1u << 20);
    over = false;
    refusal.code = 0;
    call.running = true;
    api_handler.start(&call);
    while (!over) /* the case itself has its time */
        loop_turn(&loop, 50);
    CHECK(over);
    CHECK_INT(blob_read(&out, 0, (uint8_t *)answer, sizeof answer - 1, &n, NULL), E_OK);
    CHECK_INT(n, out.size);
    answer[n] = '\0';
    return answer;
}

static const char *run(const char *kwargs) {
    return run_with(kwargs, "wazuh");
}

static void refused(int code, const char *words) {
    CHECK_INT(refusal.code, code);
    CHECK_STR(refusal.extra, words);
    CHECK(strstr(answer, "{\"__wazuh_exception__\": "));
}

#define WRAPPED(json)                                                                                        \
    "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"str_priority\": null, "      \
    "\"result\": " json "}}}"

/* ---- finding ---- */

static bool find(const char *name, const char *want) {
    struct wazuh_error why = {.code = 0};
    env.role->handler_brake = (struct log_brake){0};
    bool found = handler_find(&env, name, &why);
    if (want) {
        char words[300];
        CHECK_INT(why.code, 1000);
        snprintf(words, sizeof words, "the handler of %s is not run: %s", name, want);
        CHECK_STR(why.extra, words);
        CHECK_STR(logged, words);
    } else {
        CHECK_INT(why.code, 0);
    }
    return found;
}

TEST(a_handler_is_found_and_nothing_else) {
    open_node();
    CHECK(!find(NAME, NULL));
    program("exit 0");
    CHECK(find(NAME, NULL));
    CHECK(!find("wazuh.syscheck", NULL));
    static const char *const names[] = {
        "", ".", "..", "../handlers/" NAME, "etc/x", ".hidden", "a..b", "a b", "a\nb", "a;b", "/bin/sh"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(!find(names[i], NULL));
    config.handlers[0] = '\0';
    CHECK(!find(NAME, NULL));
    strcpy(config.handlers, "etc/nowhere");
    CHECK(!find(NAME, NULL));
}

TEST(what_is_not_to_be_trusted) {
    open_node();
    program("exit 0");
    chmod_to(FILE_NAME, 0770);
    CHECK(!find(NAME, "it may be written to by others"));
    chmod_to(FILE_NAME, 0757);
    CHECK(!find(NAME, "it may be written to by others"));
    chmod_to(FILE_NAME, 04750);
    CHECK(!find(NAME, "it would run with the rights of another user"));
    chmod_to(FILE_NAME, 02750);
    CHECK(!find(NAME, "it would run with the rights of another user"));
    chmod_to(FILE_NAME, 0640);
    CHECK(!find(NAME, "it is not executable"));
    chmod_to(FILE_NAME, 0750);
    chmod_to("etc/handlers", 0775);
    CHECK(!find(NAME, "its folder may be written to by others"));
    chmod_to("etc/handlers", 0755);
    CHECK(find(NAME, NULL));
    CHECK_INT(unlinkat(role.root, FILE_NAME, 0), 0);
    CHECK_INT(symlinkat("/bin/sh", role.root, FILE_NAME), 0);
    CHECK(!find(NAME, "it is a symbolic link"));
    CHECK_INT(unlinkat(role.root, FILE_NAME, 0), 0);
    CHECK_INT(mkdirat(role.root, FILE_NAME, 0750), 0);
    CHECK(!find(NAME, "it is no plain file"));
    CHECK_INT(unlinkat(role.root, FILE_NAME, AT_REMOVEDIR), 0);
    if (geteuid() == 0) {
        program("exit 0");
        CHECK_INT(fchownat(role.root, FILE_NAME, 12345, 0, 0), 0);
        CHECK(!find(NAME, "it belongs to another user than root or picket's"));
        CHECK_INT(fchownat(role.root, FILE_NAME, 0, 0, 0), 0);
        CHECK_INT(fchownat(role.root, "etc/handlers", 12345, 0, 0), 0);
        CHECK(!find(NAME, "its folder belongs to another user than root or picket's"));
    }
}

/* ---- what it is given, and what it says ---- */

TEST(an_object_becomes_a_result) {
    open_node();
    program("cat");
    CHECK_STR(run("{\"a\": [1, \"\\u00e9\"]}"), WRAPPED("{\"a\": [1, \"\\u00e9\"]}"));
    CHECK_STR(run(NULL), WRAPPED("{}")); /* no arguments */
    program("echo ' {} '");
    CHECK_STR(run("{}"), WRAPPED(" {} \n"));
}

TEST(what_a_program_sees) {
    char want[600];
    open_node();
    program("exec 2>&1; printf '{\"env\": \"%s\", \"args\": %s, \"dir\": \"%s\", \"fds\": \"%s\"}' "
            "\"$PATH|$PICKET_FUNCTION|$PICKET_USER|$PICKET_NODE|$HOME|$SECRET\" $# \"$(pwd -P)\" "
            "\"$(cd /proc/$$/fd; echo [0-9])\"");
    setenv("SECRET", "key", 1);
    snprintf(want, sizeof want,
             WRAPPED("{\"env\": \"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|" NAME
                     "|ann.b-c@d_1|node01||\", \"args\": 0, \"dir\": \"%s\", \"fds\": \"%s\"}"),
             test_dir(), "@");
    const char *got = run_with("{}", "ann.b-c@d_1");
    CHECK(!strncmp(got, want, strlen(want) - strlen("@\"}}}}")));
    program("printf '{\"user\": \"%s\"}' \"$PICKET_USER\"");
    CHECK_STR(run_with("{}", "ann\nLD_PRELOAD=x"), WRAPPED("{\"user\": \"\"}"));
    CHECK_STR(run_with("{}", "$(id)"), WRAPPED("{\"user\": \"\"}"));
}

TEST(results_of_a_nodes_own_kind_pass_as_they_are) {
    static const char *const good[] = {
        "{\"__wazuh_result__\": {\"__class__\": \"AffectedItemsWazuhResult\", \"__object__\": "
        "{\"affected_items\": "
        "[{\"x\": 1}], \"sort_fields\": null, \"sort_casting\": [\"int\", \"str\", \"float\", \"bool\"], "
        "\"sort_ascending\": [true], "
        "\"failed_items_keys\": [{\"__object__\": {\"code\": 1701}, \"__class__\": "
        "\"WazuhResourceNotFound\"}]}}}",
        "{\"__wazuh_result__\": {\"__object__\": {\"result\": {}}, \"__class__\": \"WazuhResult\"}}",
        "{\"__wazuh_exception__\": {\"__class__\": \"WazuhError\", \"__object__\": {\"code\": 1000}}}"};
    char script[2000];
    open_node();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(script, sizeof script, "printf '%%s' '%s'", good[i]);
        program(script);
        CHECK_STR(run("{}"), good[i]);
    }
}

TEST(output_that_is_not_passed_on) {
    static const struct {
        const char *says, *words;
    } bad[] = {
        {"", "it said nothing"},
        {"[1]", "the output is no JSON object"},
        {"7", "the output is no JSON object"},
        {"{\"a\": ", NULL},
        {"{\"a\": 1} {}", NULL},
        {"{\"a\": 1,}", NULL},
        {"{\"a\": {\"b\": [{\"__callable__\": {}}]}}", "the output names a function or an unknown exception"},
        {"{\"__callable__\": {}}", "the output names a function or an unknown exception"},
        {"{\"__unhandled_exc__\": {}}", "the output names a function or an unknown exception"},
        {"{\"a\": {\"__wazuh_result__\": {}}}", "a result in Wazuh's encoding within an object"},
        {"{\"a\": 1, \"__wazuh_exception__\": {}}", "a result in Wazuh's encoding within an object"},
        {"{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {}}, \"b\": {}}",
         "a result in Wazuh's encoding is the only member of its object"},
        {"{\"__wazuh_result__\": 5}", "a result in Wazuh's encoding is the only member of its object"},
        {"{\"__wazuh_result__\": {\"__object__\": {}}}", "the output has no class"},
        {"{\"__wazuh_result__\": {\"__class__\": 5}}", "a class without a name"},
        {"{\"__wazuh_result__\": {\"__class__\": \"os\"}}", "the output has a class of an unknown name"},
        {"{\"__wazuh_result__\": {\"__class__\": \"\"}}", "the output has a class of an unknown name"},
        {"{\"__wazuh_result__\": {\"__class__\": \"WazuhError\"}}",
         "the output has a class of an unknown name"},
        {"{\"__wazuh_exception__\": {\"__class__\": \"WazuhResult\"}}",
         "the output has a class of an unknown name"},
        {"{\"__wazuh_exception__\": {\"__class__\": "
         "\"WazuhErrorWithANameThatIsLongerThanAnyOfThoseThereAreInWazuh\"}}",
         "the output has a class of an unknown name"},
        {"{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"a\": [{\"__class__\": "
         "\"eval\"}]}}}",
         "the output has a class of an unknown name"},
        {"{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"sort_casting\": "
         "[\"eval\"]}}}",
         "an unknown type in sort_casting"},
        {"{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"sort_casting\": "
         "[[\"int\"]]}}}",
         "sort_casting is a list of names"},
        {"{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"sort_casting\": "
         "\"int\"}}}",
         "sort_casting is no list"}};
    char script[2000], words[400];
    open_node();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(script, sizeof script, "printf '%%s' '%s'", bad[i].says);
        program(script);
        run("{}");
        if (bad[i].words) {
            snprintf(words, sizeof words, "the handler of " NAME " gave no answer: %s", bad[i].words);
            refused(1000, words);
        } else {
            CHECK_INT(refusal.code, 1000);
            CHECK(strstr(refusal.extra, "gave no answer: its output is no JSON: "));
        }
        CHECK(!strstr(answer, "__wazuh_result__"));
    }
}

TEST(long_arguments_and_long_output) {
    static char kwargs[700000], want[800000];
    open_node();
    config.handler_s = 60;
    memset(kwargs, 'k', sizeof kwargs - 1);
    memcpy(kwargs, "{\"a\":\"", 6);
    memcpy(kwargs + sizeof kwargs - 3, "\"}", 2);
    program("printf '{\"bytes\": %d}' $(wc -c)");
    CHECK_STR(run(kwargs), WRAPPED("{\"bytes\": 699999}"));
    /* a quarter of the spool is what it may say: 256 KiB here */
    kwargs[200000 - 2] = '"';
    kwargs[200000 - 1] = '}';
    kwargs[200000] = '\0';
    program("cat");
    snprintf(want, sizeof want, WRAPPED("%s"), kwargs);
    CHECK(!strcmp(run(kwargs), want));
    program("cat; yes '   '");
    run(kwargs);
    refused(1000, "the handler of " NAME " gave no answer: its output has more than 262144 bytes");
}

/* ---- the hostile ---- */

TEST(programs_that_fail) {
    open_node();
    program("echo 'first: \"line\"' >&2; echo second >&2; printf '{}'; exit 3");
    run("{}");
    refused(1000, "the handler of " NAME " ended with status 3: first: \"line\"");
    program("exit 1");
    run("{}");
    refused(1000, "the handler of " NAME " ended with status 1");
    program("kill -SEGV $$");
    run("{}");
    refused(1000, "the handler of " NAME " was ended by signal 11");
    program("head -c 10000000 /dev/zero | tr '\\0' w >&2; exit 1"); /* a line without an end */
    run("{}");
    CHECK_INT(refusal.code, 1000);
    CHECK_INT(strlen(refusal.extra), strlen("the handler of " NAME " ended with status 1: ") + 160);
    test_write_file(FILE_NAME, "no program", 10);
    run("{}");
    refused(1000, "the handler of " NAME " ended with status 127: cannot be started: Exec format error");
}

TEST(one_that_never_ends) {
    open_node();
    config.handler_s = 1;
    program("printf '{}'; exec sleep 1000");
    run("{}");
    refused(3021, "the handler of " NAME " took too long");
    program("exec >&- 2>&-; sleep 1000 & wait");
    run("{}");
    refused(3021, "the handler of " NAME " took too long");
    program("while :; do :; done"); /* processor time: whichever limit is first */
    run("{}");
    CHECK(refusal.code == 3021 || refusal.code == 1000);
}

TEST(one_that_writes_for_ever) {
    open_node();
    program("yes '\"'");
    run("{}");
    CHECK_INT(refusal.code, 1000);
    program("yes ''"); /* blanks */
    run("{}");
    refused(1000, "the handler of " NAME " gave no answer: its output begins with too many blanks");
    config.handler_s = 1;
    program("exec yes >&2");
    run("{}");
    CHECK_INT(refusal.code, 3021);
}

/* What it leaves behind holds its pipes open, and is killed. */
TEST(one_that_leaves_children) {
    open_node();
    program("sleep 1000 & printf '{\"a\": 1}'");
    CHECK_STR(run("{}"), WRAPPED("{\"a\": 1}"));
    CHECK_INT(refusal.code, 0);
}

TEST(one_that_closes_its_input_at_once) {
    static char kwargs[300000];
    open_node();
    memset(kwargs, ' ', sizeof kwargs - 1);
    program("exec <&-; sleep 0.2; printf '{}'");
    CHECK_STR(run(kwargs), WRAPPED("{}"));
    program("sleep 0.2; printf '{}'"); /* nor does it read it */
    CHECK_STR(run(kwargs), WRAPPED("{}"));
}

TEST(one_that_wants_more_memory) {
    open_node();
    program("ulimit -v >&2; exit 1");
    run("{}");
#ifdef PICKET_EMULATED /* qemu-user sets no limit of memory: it would be one of its own */
    refused(1000, "the handler of " NAME " ended with status 1: unlimited");
#else
    refused(1000, "the handler of " NAME " ended with status 1: 262144");
#endif
}

TEST(nobody_wants_the_answer_any_more) {
    open_node();
    config.handler_s = 1;
    program("sleep 1000");
    called = true;
    memset(&call, 0, sizeof call);
    call.env = &env;
    blob_init(&out, (uint8_t *)small_out, sizeof small_out, role.shared.windows, &spill.spill, 4u << 20);
    blob_init(&body, (uint8_t *)small_body, sizeof small_body, role.shared.windows, &spill.spill, 4u << 20);
    call.request.body = &body;
    strcpy(call.request.function, NAME);
    result_init(&call.result, &out, role.dialect, role.shared.windows, &spill.spill, 1u << 20);
    api_handler.start(&call);
    for (int i = 0; i < 3; i++)
        loop_turn(&loop, 10);
    give_back();
    CHECK(!over);
}

static int no_spawn(struct sys *s, const struct sys_program *p, struct sys_child *c) {
    (void)s, (void)p;
    *c = (struct sys_child){-1, -1, -1, -1};
    return -EAGAIN;
}

TEST(no_process_is_to_be_had) {
    open_node();
    sys.spawn = no_spawn;
    program("exit 0");
    run("{}");
    CHECK_INT(refusal.code, 1000);
}

/* Whichever call fails: there is one end, a result or an exception. */
TEST(every_call_fails) {
    static struct faults f;
    uint64_t n = 0;
    open_node();
    config.handler_s = 2;
    program("read x; echo \"$x\" >&2; printf '{\"a\": 1}'");
    role.sys = &f.sys;
    do {
        faults_init(&f);
        f.os = EIO;
        f.fail_at = ++n;
        run("{}\n");
        CHECK(refusal.code ? strstr(answer, "__wazuh_exception__") != NULL
                           : strcmp(answer, WRAPPED("{\"a\": 1}")) == 0);
        CHECK(f.fired || !refusal.code);
    } while (f.fired);
    CHECK(n > 4);
    role.sys = &sys;
}
