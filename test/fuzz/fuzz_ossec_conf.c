/* fuzz_ossec_conf.c - any file as etc/ossec.conf, read by wazuh.manager.read_ossec_conf. The first byte says
 * what is asked for, the second how many bytes each read gives; the rest is the file. Whatever it holds,
 * there is one answer, it is JSON, it is the same however the file is cut, and nothing is kept. */
#include "api/dapi_parts.h"

#include <string.h>

#define WINDOWS 6u

static _Alignas(16) unsigned char memory[WINDOWS * POOL_SLOT(BODY_WINDOW_BYTES)];
static uint32_t links[WINDOWS];
static struct pool windows;
static struct sys sys;
static struct loop loop;
static struct role_env role;
static struct cluster_config config;
static struct api_env env;
static struct api_call call;
static struct blob body, out;
static const uint8_t *file;
static size_t file_n, piece;
static bool ended;
static uint8_t first[BODY_WINDOW_BYTES];

static void require(bool holds) {
    if (!holds)
        __builtin_trap();
}

/* ---- the file ---- */

static int open_file(struct sys *s, int dirfd, const char *path, int flags, uint32_t mode) {
    (void)s, (void)dirfd, (void)path, (void)flags, (void)mode;
    return 7;
}

static int close_file(struct sys *s, int fd) {
    (void)s;
    require(fd == 7);
    return 0;
}

static int stat_file(struct sys *s, int fd, struct sys_stat *st) {
    (void)s, (void)fd;
    *st = (struct sys_stat){.mode = 0100644, .size = file_n};
    return 0;
}

static ptrdiff_t read_file(struct sys *s, int fd, void *buf, size_t n, uint64_t offset) {
    (void)s, (void)fd;
    size_t left = offset < file_n ? file_n - (size_t)offset : 0;
    n = n < left ? n : left;
    n = n < piece ? n : piece;
    memcpy(buf, file + offset, n);
    return (ptrdiff_t)n;
}

static uint64_t mono(struct sys *s) {
    (void)s;
    return 1000000000;
}

static int no_poll(struct sys *s, struct sys_poll *fds, size_t n, int timeout_ms) {
    (void)s, (void)fds, (void)n, (void)timeout_ms;
    return 0;
}

/* ---- the call ---- */

static void on_ended(struct api_call *c) {
    (void)c;
    require(!ended);
    ended = true;
}

static void ask(const char *rest) {
    static const char f[] =
        "{\"f\": {\"__callable__\": {\"__name__\": \"read_ossec_conf\", \"__module__\": \"wazuh.manager\", "
        "\"__qualname__\": \"read_ossec_conf\", \"__type__\": \"function\"}}, \"f_kwargs\": ";
    struct wazuh_error why;
    struct error e;
    blob_init(&body, NULL, 0, &windows, NULL, 4096);
    blob_init(&out, NULL, 0, &windows, NULL, BODY_WINDOW_BYTES);
    require(blob_append(&body, (const uint8_t *)f, sizeof f - 1, &e) == E_OK);
    require(blob_append(&body, (const uint8_t *)rest, strlen(rest), &e) == E_OK);
    ended = false;
    api_call_init(&call, &env, &out, on_ended, NULL);
    api_request_init(&call.request, &body, 0, &windows, NULL, 4096);
    while (api_request_find_function(&call.request, &why) == STEP_AGAIN)
        ;
    call.function = api_function_find(call.request.function);
    while (api_request_read(&call.request, call.function->actions, &why) == STEP_AGAIN)
        ;
    call.running = true;
    call.function->start(&call);
    for (unsigned i = 0; !ended; i++) {
        require(i < 100000);
        loop_turn(&loop, 0);
    }
}

static void check_json(void) {
    struct json_scan s;
    json_scan_init(&s, -1);
    require(blob_bytes(&out) != NULL);
    json_scan_piece(&s, (const char *)blob_bytes(&out), (size_t)out.size);
    require(json_scan_next(&s) == JSON_PART_NONE && json_scan_finish(&s) == NULL);
}

static void forget(void) {
    api_call_fini(&call);
    blob_reset(&body);
    blob_reset(&out);
    require(windows.used == 0);
}

static void init(void) {
    pool_init(&windows, "windows", "", memory, links, BODY_WINDOW_BYTES, WINDOWS);
    sys.mono_ns = mono;
    sys.poll = no_poll;
    sys.openat = open_file;
    sys.close = close_file;
    sys.fstat = stat_file;
    sys.pread = read_file;
    loop_init(&loop, &sys);
    role.sys = &sys;
    role.loop = &loop;
    role.config = &config;
    role.dialect = dialect_find("4.14.7");
    role.shared.windows = &windows;
    role.shared.message_bytes = BODY_WINDOW_BYTES;
    memcpy(config.node_name, "n", 2);
    env.role = &role;
    env.root_path = env.root_name = "/r";
}

#define SEES                                                                                                 \
    "{}, \"rbac_permissions\": {\"rbac_mode\": \"black\", \"cluster:update_config\": {\"*:*:*\": "           \
    "\"allow\"}}}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const asked[] = {
        "{}}",
        "{\"raw\": true}}",
        "{\"section\": \"cluster\", \"field\": \"key\"}}",
        "{\"section\": \"ruleset\", \"field\": \"rule_dir\", \"distinct\": true}}",
        SEES,
        "{\"section\": \"localfile\"}}",
    };
    if (n < 2)
        return 0;
    if (!role.sys)
        init();
    const char *rest = asked[data[0] % (sizeof asked / sizeof *asked)];
    file = data + 2;
    file_n = n - 2;
    piece = data[1] + (size_t)1;
    ask(rest);
    check_json();
    size_t first_n = (size_t)out.size;
    memcpy(first, blob_bytes(&out), first_n);
    forget();
    piece = SIZE_MAX;
    ask(rest);
    require(out.size == first_n && memcmp(blob_bytes(&out), first, first_n) == 0);
    forget();
    return 0;
}
