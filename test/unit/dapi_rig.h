/* dapi_rig.h - the distributed API of one node, with real sessions to other nodes whose far ends the case
 * speaks, local programs that only write down what they are given, a store that the case answers, and
 * functions and a merging of the case's own. What somebody hears is a line in his log. */
#ifndef PICKET_DAPI_RIG_H
#define PICKET_DAPI_RIG_H

#include "api/cluster_parts.h"
#include "api/dapi.h"
#include "base/bytes.h"
#include "test/harness/fake_store.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"

#include <stdio.h>
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* no case needs all of this */

#define RIG_NODES 70
#define RIG_PROGRAMS 64

/* Another node. */
struct far {
    struct session *s;
    struct peer *peer; /* of ours; NULL: the master */
    uint32_t counter;
    bool deaf;          /* answers nothing */
    const char *refuse; /* a command that it answers with err */
    struct text log;
    char log_buf[65536];
    char last_id[80]; /* of the last dapi it was sent */
    char string[200000];
    size_t string_n;
    uint32_t string_id; /* that it was given last */
    uint8_t in[300000];
    size_t in_n;
};

/* A local program. */
struct program {
    uint32_t number;
    bool gone;
    uint32_t promises;
    struct local_answer *answer; /* under way */
    struct text log;
    char log_buf[8192];
    struct session session;
};

struct rig {
    struct api api;
    struct sys sys;
    uint64_t now_ms, seed;
    struct loop loop;
    struct role_env env;
    struct cluster_config config;
    struct master master;
    struct worker worker;
    struct memory_spill spill;
    struct fake_store store;
    struct session_shared shared;
    struct pool messages, windows, senders, receivers, strings, slots, calls, sendsyncs;
    struct far *node[RIG_NODES];
    struct far *up; /* the master */
    struct program *program[RIG_PROGRAMS];
    uint32_t node_count, program_count, number;
    uint8_t scratch[SESSION_SCRATCH_BYTES];
    /* of the functions */
    struct api_call *waiting[API_CALLS];
    uint32_t waiting_count, cancelled;
    struct text started; /* their names, and agents they are for */
    char started_buf[4096];
    bool programs_are_slow, no_window_for_merges;
    uint32_t merges;
};
static struct rig *rig;

/* ---- time and chance ---- */

static uint64_t rig_mono(struct sys *s) {
    (void)s;
    return rig->now_ms * 1000000u;
}

static int rig_random(struct sys *s, void *buf, size_t n) {
    uint8_t *out = buf;
    (void)s;
    for (size_t i = 0; i < n; i++) {
        rig->seed = rig->seed * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(rig->seed >> 56);
    }
    return 0;
}

/* ---- doubles of other parts ---- */

static struct program *program_of(uint32_t number) {
    for (uint32_t i = 0; i < rig->program_count; i++)
        if (rig->program[i]->number == number && !rig->program[i]->gone)
            return rig->program[i];
    return NULL;
}

uint32_t local_number(const struct local_client *c) {
    return ((const struct program *)c)->number;
}

void local_promise(struct local_client *c) {
    ((struct program *)c)->promises++;
}

bool local_answer_send(struct local_server *l, uint32_t number, struct local_answer *a) {
    struct program *p = program_of(number);
    (void)l;
    if (!p)
        return false;
    CHECK(!p->answer); /* one program, one question: what all cases here do */
    CHECK(p->promises);
    p->promises--;
    p->answer = a;
    return true;
}

void local_answer_forget(struct local_server *l, struct local_answer *a) {
    (void)l;
    for (uint32_t i = 0; i < rig->program_count; i++)
        if (rig->program[i]->answer == a)
            rig->program[i]->answer = NULL;
}

/* sendsync is not what is tested here: only that it is told. */
void sendsyncs_open(struct sendsyncs *q, const struct api_env *env, struct pool *pool) {
    q->env = env;
    q->pool = pool;
}
void sendsyncs_close(struct sendsyncs *q) {
    q->env = NULL;
}
void sendsync_from_peer(struct sendsyncs *q, struct peer *p, const struct message *m) {
    (void)q;
    session_reply_text(&p->link.session, m->counter, "ok", "sendsync of a worker");
}
void sendsync_from_local(struct sendsyncs *q, struct local_client *c, struct session *s,
                         const struct message *m) {
    (void)q, (void)c;
    session_reply_text(s, m->counter, "ok", "sendsync of a program");
}
void sendsync_from_master(struct sendsyncs *q, struct session *s, const struct message *m) {
    (void)q;
    session_reply_text(s, m->counter, "ok", "sendsync of the master");
}
void sendsync_peer_gone(struct sendsyncs *q, struct peer *p) {
    (void)q, (void)p;
}
void sendsync_local_gone(struct sendsyncs *q, uint32_t number) {
    (void)q, (void)number;
}
void sendsync_master_gone(struct sendsyncs *q) {
    (void)q;
}

const struct result_kind api_told_nodes = {.all_msg = "all", .some_msg = "some", .none_msg = "none"};

/* The merging writes down what it was given, in one step and another: "limit,offset|node=answer|node!code".
 */
struct merge {
    struct merge_setup setup;
    bool again;
};
enum err merge_begin(struct merge **m, const struct merge_setup *setup, struct error *e) {
    *m = rig->no_window_for_merges ? NULL : pool_take(setup->windows);
    if (!*m)
        return error_set(e, E_POOL, 0, "none");
    (*m)->setup = *setup;
    (*m)->again = true;
    return E_OK;
}
enum step merge_step(struct merge *m, struct error *e) {
    char line[400];
    if (m->again) {
        m->again = false;
        return STEP_AGAIN;
    }
    CHECK_INT(m->setup.out->size, 0);
    if (rig->spill.fail_with)
        return error_set(e, rig->spill.fail_with, 0, "the spool") ? STEP_FAILED : STEP_DONE;
    CHECK_INT(blob_append(m->setup.out, (const uint8_t *)"merged", 6, e), E_OK);
    for (uint32_t i = 0; i < m->setup.count; i++) {
        const struct merge_input *in = &m->setup.inputs[i];
        if (!in->answer &&
            in->error.code == 3032) /* one that went away: it must not hide the others' answers */
            CHECK_INT(in->error.class, WAZUH_ERROR);
        if (in->answer)
            snprintf(line, sizeof line, "|%s=%.300s", in->node, fake_store_blob(in->answer, NULL));
        else
            snprintf(line, sizeof line, "|%s!%d", in->node, in->error.code);
        CHECK_INT(blob_append(m->setup.out, (uint8_t *)line, strlen(line), e), E_OK);
    }
    return STEP_DONE;
}
void merge_end(struct merge *m) {
    if (!m)
        return;
    rig->merges++;
    pool_give(&rig->windows, m);
}

/* ---- functions ---- */

static void note_start(struct api_call *c) {
    char id[API_ID_BYTES];
    uint64_t at = 0;
    text_format(&rig->started, "%s", strrchr(c->request.function, '.') + 1);
    while (c->request.agents == API_AGENTS_LISTED && api_request_next_id(&c->request, &at, id))
        text_format(&rig->started, " %s", id);
    text_char(&rig->started, '\n');
}

static void end_plain(struct api_call *c) {
    struct json_write *w = result_open_plain(&c->result);
    json_open(w, '{');
    json_key_str(w, "by", c->env->role->config->node_name);
    json_close(w, '}');
    result_close_plain(&c->result);
    api_call_end(c);
}

static void start_now(struct api_call *c) {
    note_start(c);
    end_plain(c);
}

static void start_step(struct api_call *c) {
    note_start(c);
    api_call_step(c, end_plain);
}

static void start_wait(struct api_call *c) {
    note_start(c);
    *(uint32_t *)api_state(c) = 0x600dca11;
    CHECK(rig->waiting_count < API_CALLS);
    rig->waiting[rig->waiting_count++] = c;
}

/* However it ends: also after release, which does not count as cancelled. */
static void cancel_wait(struct api_call *c) {
    uint32_t i = 0;
    while (i < rig->waiting_count && rig->waiting[i] != c)
        i++;
    CHECK(i < rig->waiting_count);
    CHECK_INT(*(uint32_t *)api_state(c), 0x600dca11);
    memmove(rig->waiting + i, rig->waiting + i + 1, (--rig->waiting_count - i) * sizeof *rig->waiting);
    rig->cancelled++;
}

static void start_refuse(struct api_call *c) {
    note_start(c);
    api_call_refuse(c, WAZUH_ERROR, 1730, "no");
}

static void start_long(struct api_call *c) {
    struct json_write *w = result_open_plain(&c->result);
    json_open(w, '{');
    for (unsigned i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        json_key_str(w, key, "0123456789012345678901234567890123456789012345678901234567890123456789");
        result_flush(&c->result);
    }
    json_close(w, '}');
    result_close_plain(&c->result);
    api_call_end(c);
}

static const struct result_kind kind = {.all_msg = "all", .some_msg = "some", .none_msg = "none"};
static const struct api_function functions[] = {
    {.name = "wazuh.t.now", .arguments = "a\0agent_list\0", .actions = "", .start = start_now},
    {.name = "wazuh.t.body", .arguments = "a\0b\0", .from_body = "b", .actions = "", .start = start_now},
    {.name = "wazuh.t.step", .arguments = "", .actions = "", .start = start_step},
    {.name = "wazuh.t.wait",
     .arguments = "agent_list\0",
     .actions = "",
     .start = start_wait,
     .cancel = cancel_wait},
    {.name = "wazuh.t.refuse", .arguments = "", .actions = "", .start = start_refuse},
    {.name = "wazuh.t.long", .arguments = "", .actions = "", .start = start_long},
    {.name = "wazuh.t.node",
     .arguments = "",
     .actions = "x:read\0y:read\0",
     .resource = API_ON_NODE,
     .kind = &kind,
     .start = start_now},
    {.name = "wazuh.t.nothing",
     .arguments = "",
     .actions = "x:read\0",
     .resource = API_ON_NOTHING,
     .start = start_now},
    {.name = "wazuh.t.items",
     .arguments = "",
     .actions = "x:read\0",
     .resource = API_ON_ITEMS,
     .start = start_now},
    {.name = "wazuh.core.manager.status", .arguments = "", .actions = "", .start = start_now},
};
const struct api_function *api_function_find(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}
const struct api_function api_handler = {
    .name = "a handler", .actions = "", .resource = API_ON_ITEMS, .start = start_wait, .cancel = cancel_wait};
bool handler_find(const struct api_env *env, const char *function, struct wazuh_error *why) {
    (void)env;
    if (strcmp(function, "wazuh.handler.open") == 0)
        wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, "anybody may write to it");
    return strcmp(function, "wazuh.handler.slow") == 0;
}

/* The first that waits goes on. */
static void release(void) {
    CHECK(rig->waiting_count);
    rig->cancelled--;
    end_plain(rig->waiting[0]);
}

/* ---- the rig ---- */

static void make_pool(struct pool *p, const char *name, size_t size, uint32_t count) {
    void *mem = test_keep(aligned_alloc(16, POOL_SLOT(size) * count));
    pool_init(p, name, name, mem, test_keep(calloc(count, sizeof(uint32_t))), size, count);
}

static void make_pools(void) {
    make_pool(&rig->messages, "messages", sizeof(struct message), 80);
    make_pool(&rig->windows, "windows", BODY_WINDOW_BYTES, 3);
    make_pool(&rig->senders, "senders", sizeof(struct xfer_tx), 3);
    make_pool(&rig->receivers, "receivers", sizeof(struct xfer_rx), 1);
    make_pool(&rig->strings, "strings", sizeof(struct xfer_string), 80);
    make_pool(&rig->slots, "slots", sizeof(struct api_slot), API_REQUESTS_MAX);
    make_pool(&rig->calls, "calls", sizeof(struct api_call), API_CALLS);
    make_pool(&rig->sendsyncs, "sendsyncs", 16, 1);
}

static void open_rig(bool is_master) {
    rig = test_keep(calloc(1, sizeof *rig));
    rig->now_ms = 1000;
    sys_linux_init(&rig->sys);
    rig->sys.mono_ns = rig_mono;
    rig->sys.random = rig_random;
    memory_spill_init(&rig->spill, 64u << 20);
    fake_store_init(&rig->store);
    make_pools();
    loop_init(&rig->loop, &rig->sys);
    rig->config.type = is_master ? NODE_MASTER : NODE_WORKER;
    snprintf(rig->config.node_name, sizeof rig->config.node_name, "%s", is_master ? "master" : "worker1");
    snprintf(rig->config.services, sizeof rig->config.services, "none");
    rig->config.intervals.timeout_dapi_request_ms = 200000;
    rig->shared = (struct session_shared){.sys = &rig->sys,
                                          .dialect = dialect_find("4.14.7"),
                                          .messages = &rig->messages,
                                          .windows = &rig->windows,
                                          .senders = &rig->senders,
                                          .receivers = &rig->receivers,
                                          .strings = &rig->strings,
                                          .spill = &rig->spill.spill,
                                          .message_bytes = 64u << 20,
                                          .request_ms = 20000,
                                          .scratch = rig->scratch};
    rig->env.sys = &rig->sys;
    rig->env.loop = &rig->loop;
    rig->env.root = -1;
    rig->env.config = &rig->config;
    rig->env.dialect = rig->shared.dialect;
    rig->env.shared = rig->shared;
    rig->env.agents_env.store = &rig->store.store;
    rig->master.env = rig->worker.env = &rig->env;
    rig->worker.link.fd = -1;
    text_init(&rig->started, rig->started_buf, sizeof rig->started_buf);
    struct api_setup setup = {.role = &rig->env,
                              .master = is_master ? &rig->master : NULL,
                              .worker = is_master ? NULL : &rig->worker,
                              .root_path = "/nowhere",
                              .root_name = "/nowhere",
                              .slots = &rig->slots,
                              .calls = &rig->calls,
                              .sendsyncs = &rig->sendsyncs};
    api_open(&rig->api, &setup);
    CHECK(rig->env.requests == &rig->api.requests);
}

static void no_work(void *arg) {
    (void)arg;
}

static void far_request(void *owner, struct session *s, const struct message *m) {
    struct far *f = owner;
    const struct requests *q = rig->env.requests;
    if (f->peer)
        q->peer(q->arg, f->peer, m);
    else
        q->master(q->arg, s, m);
}

static enum err no_file(void *owner, struct session *s, const char *path, struct sink **sink,
                        struct error *e) {
    (void)owner, (void)s, (void)path, (void)sink;
    return error_set(e, E_UNKNOWN, 0, "no");
}
static void no_file_end(void *owner, struct session *s, const char *path, bool good) {
    (void)owner, (void)s, (void)path, (void)good;
}
static void not_cancelled(void *owner, struct session *s, const char *id, const struct wazuh_error *why) {
    (void)owner, (void)s, (void)id, (void)why;
}
static const struct session_events far_events = {
    .request = far_request, .file_begin = no_file, .file_end = no_file_end, .cancelled = not_cancelled};

static struct far *far_open(struct link *link, unsigned to) {
    struct far *f = test_keep(calloc(1, sizeof *f));
    f->s = &link->session;
    f->counter = 5000;
    text_init(&f->log, f->log_buf, sizeof f->log_buf);
    link->loop = &rig->loop;
    link->doomed = false;
    loop_work_init(&link->work, no_work, NULL);
    session_init(f->s, &rig->env.shared, &far_events, f, to, true, 100000);
    return f;
}

static struct far *node(const char *name) {
    struct peer *p = test_keep(calloc(1, sizeof *p));
    struct far *f = far_open(&p->link, TO_MASTER);
    struct peer **last = &rig->master.peers;
    snprintf(p->name, sizeof p->name, "%s", name);
    p->master = &rig->master;
    f->peer = p;
    while (*last)
        last = &(*last)->next;
    *last = p;
    rig->node[rig->node_count++] = f;
    rig->env.requests->peer_came(rig->env.requests->arg, p);
    return f;
}

static void node_gone(struct far *f) {
    struct peer **at = &rig->master.peers;
    while (*at != f->peer)
        at = &(*at)->next;
    *at = f->peer->next;
    session_fini(f->s);
    loop_work_cancel(&rig->loop, &f->peer->link.work);
    if (rig->env.requests)
        rig->env.requests->peer_gone(rig->env.requests->arg, f->peer);
    memset(f->peer, 0xa5, sizeof *f->peer); /* its slot is given back */
    f->peer = NULL;
    f->s = NULL;
}

static void join(void) {
    rig->up = far_open(&rig->worker.link, TO_WORKER);
    rig->worker.state = WORKER_JOINED;
    rig->worker.link_up = true;
    rig->env.requests->master_came(rig->env.requests->arg, rig->up->s);
}

static void leave(void) {
    session_fini(rig->up->s);
    loop_work_cancel(&rig->loop, &rig->worker.link.work);
    rig->worker.state = WORKER_WAITING;
    rig->worker.link_up = false;
    rig->up->s = NULL;
    if (rig->env.requests)
        rig->env.requests->master_gone(rig->env.requests->arg);
}

static struct program *program(void) {
    static const struct session_events none = {.request = NULL};
    struct program *p = test_keep(calloc(1, sizeof *p));
    p->number = ++rig->number;
    text_init(&p->log, p->log_buf, sizeof p->log_buf);
    session_init(&p->session, &rig->env.shared, &none, p, TO_LOCAL, true, 0);
    rig->program[rig->program_count++] = p;
    return p;
}

static void program_gone(struct program *p) {
    p->gone = true;
    if (p->answer) { /* role/local tells who brought it */
        struct local_answer *a = p->answer;
        p->answer = NULL;
        a->done(a->arg, false);
    }
    rig->env.requests->local_gone(rig->env.requests->arg, p->number);
}

/* ---- what they say and hear ---- */

static void far_frame(struct far *f, uint32_t counter, const char *command, const void *payload, size_t n) {
    uint8_t head[FRAME_HEADER_BYTES];
    const uint8_t *bytes[2] = {head, payload};
    size_t left[2] = {FRAME_HEADER_BYTES, n};
    frame_header_write(head, counter, (uint32_t)n, command, false);
    for (int i = 0; i < 2; i++)
        while (left[i]) {
            size_t want = session_rx_want(f->s);
            for (int k = 0; !want && k < 1000; k++) {
                session_step(f->s);
                want = session_rx_want(f->s);
            }
            CHECK(want);
            want = min_size(want, left[i]);
            CHECK_INT(session_rx(f->s, bytes[i], want), E_OK);
            bytes[i] += want;
            left[i] -= want;
        }
    for (int k = 0; k < 1000 && session_step(f->s) == STEP_AGAIN; k++)
        ;
}

static void far_says(struct far *f, const char *command, const void *payload, size_t n) {
    far_frame(f, f->counter++, command, payload, n);
}

static void far_says_text(struct far *f, const char *command, const char *text) {
    far_says(f, command, text, strlen(text));
}

/* What our session says to it. */
static void far_hears(struct far *f, uint32_t counter, const char *command, const uint8_t *bytes, size_t n) {
    char answer[16] = "";
    if (counter >= 5000 && counter < 100000) { /* a reply to something that it said */
        uint64_t id;
        if (text_number((const char *)bytes, n, UINT32_MAX, &id))
            f->string_id = (uint32_t)id;
        else if (n != 14 || memcmp(bytes, "String updated", 14) != 0)
            text_format(&f->log, "%s %.*s\n", command, (int)min_size(n, 400), bytes);
        return;
    }
    if (strcmp(command, "new_str") == 0) {
        f->string_n = 0;
        strcpy(answer, "7");
    } else if (strcmp(command, "str_upd") == 0) {
        CHECK(n > 2 && memcmp(bytes, "7 ", 2) == 0 && f->string_n + n - 2 < sizeof f->string);
        memcpy(f->string + f->string_n, bytes + 2, n - 2);
        f->string_n += n - 2;
        f->string[f->string_n] = '\0';
    } else if (strcmp(command, "dapi") == 0) {
        size_t id_n = (size_t)((const uint8_t *)memchr(bytes, ' ', n) - bytes);
        CHECK(text_copy(f->last_id, sizeof f->last_id, (const char *)bytes, id_n));
        text_format(&f->log, "dapi %.*s\n", (int)min_size(n - id_n - 1, 3000), bytes + id_n + 1);
    } else if (strcmp(command, "dapi_res") == 0) {
        CHECK(n > 2 && memcmp(bytes + n - 2, " 7", 2) == 0);
        text_format(&f->log, "dapi_res %.*s: %.3000s\n", (int)n - 2, bytes, f->string);
    } else if (strcmp(command, "err_str") != 0) {
        text_format(&f->log, "%s %.*s\n", command, (int)min_size(n, 3000), bytes);
    }
    if (f->deaf)
        return;
    if (f->refuse && strcmp(f->refuse, command) == 0)
        far_frame(f, counter, "err", "no", 2);
    else
        far_frame(f, counter, "ok", answer, strlen(answer));
}

/* true: it heard something. */
static bool far_reads(struct far *f) {
    const uint8_t *bytes;
    bool heard = false;
    size_t n;
    if (!f->s)
        return false;
    session_step(f->s);
    while ((n = session_tx_buf(f->s, &bytes)) != 0) {
        CHECK(f->in_n + n <= sizeof f->in);
        memcpy(f->in + f->in_n, bytes, n);
        f->in_n += n;
        session_tx_ack(f->s, n);
    }
    while (f->s && f->in_n >= FRAME_HEADER_BYTES) {
        size_t length = be32_load(f->in + 4);
        char command[COMMAND_BYTES + 1] = "";
        if (f->in_n < FRAME_HEADER_BYTES + length)
            break;
        memcpy(command, f->in + 8, COMMAND_BYTES);
        command[strcspn(command, " ")] = '\0';
        uint8_t *payload = test_keep(malloc(length + 1));
        uint32_t counter = be32_load(f->in);
        memcpy(payload, f->in + FRAME_HEADER_BYTES, length);
        f->in_n -= FRAME_HEADER_BYTES + length;
        memmove(f->in, f->in + FRAME_HEADER_BYTES + length, f->in_n);
        far_hears(f, counter, command, payload, length);
        heard = true;
    }
    return heard;
}

static bool program_reads(struct program *p) {
    struct local_answer *a = p->answer;
    if (!a || rig->programs_are_slow || rig->spill.fail_with)
        return false;
    p->answer = NULL;
    CHECK(!a->as_string || a->body->size);
    text_format(&p->log, "%s: %.3000s\n", a->command, fake_store_blob(a->body, NULL));
    a->done(a->arg, true);
    return true;
}

static bool turn(void) {
    bool more = rig->loop.work != NULL;
    loop_turn(&rig->loop, 0);
    for (uint32_t i = 0; i < rig->node_count; i++)
        more |= far_reads(rig->node[i]);
    if (rig->up)
        more |= far_reads(rig->up);
    for (uint32_t i = 0; i < rig->program_count; i++)
        more |= program_reads(rig->program[i]);
    return more;
}

static void run(void) {
    for (int i = 0, quiet = 0; quiet < 3; i++) {
        CHECK(i < 20000);
        quiet = turn() ? 0 : quiet + 1;
    }
}

static void tick_all(void) {
    for (uint32_t i = 0; i < rig->node_count; i++)
        if (rig->node[i]->s)
            session_tick(rig->node[i]->s, rig->now_ms);
    if (rig->up && rig->up->s)
        session_tick(rig->up->s, rig->now_ms);
}

static void pass(uint64_t ms) {
    rig->now_ms += ms;
    tick_all();
    run();
}

/* new_str and str_upd, then the command with the string's id. */
static void far_answers(struct far *f, const char *id, const char *text) {
    char line[200];
    char *piece = test_keep(malloc(strlen(text) + 40));
    snprintf(line, sizeof line, "%zu", strlen(text));
    far_says_text(f, "new_str", line);
    run();
    far_says(f, "str_upd", piece, (size_t)sprintf(piece, "%u %s", f->string_id, text));
    snprintf(line, sizeof line, "%s %u", id, f->string_id);
    far_says_text(f, "dapi_res", line);
}

/* A program's command; how it is answered at once stands in its log. */
static void program_says(struct program *p, enum cmd_id cmd, const char *text) {
    struct message m = {.counter = 1, .cmd = cmd};
    const uint8_t *bytes;
    size_t n;
    blob_init(&m.body, m.small, sizeof m.small - 1, &rig->windows, &rig->spill.spill, 64u << 20);
    CHECK_INT(blob_append(&m.body, (const uint8_t *)text, strlen(text), NULL), E_OK);
    p->session.owed++;
    rig->env.requests->local(rig->env.requests->arg, (struct local_client *)p, &p->session, &m);
    blob_reset(&m.body);
    while ((n = session_tx_buf(&p->session, &bytes)) != 0) {
        text_format(&p->log, "%.*s %.*s\n", (int)strcspn((const char *)bytes + 8, " "), bytes + 8,
                    (int)(n - 20), bytes + 20);
        session_tx_ack(&p->session, n);
    }
}

static char *request_json(const char *function, const char *type, const char *kwargs, const char *more) {
    const char *dot = strrchr(function, '.');
    size_t room = strlen(kwargs) + strlen(more) + 1000;
    char *out = test_keep(malloc(room));
    snprintf(out, room,
             "{\"f\": {\"__callable__\": {\"__name__\": \"%s\", \"__module__\": \"%.*s\", \"__qualname__\": "
             "\"%s\", \"__type__\": \"function\"}}, \"f_kwargs\": %s, \"request_type\": \"%s\"%s}",
             dot + 1, (int)(dot - function), function, dot + 1, kwargs, type, more);
    return out;
}

/* Everything is back where it was. */
static void check_baseline(void) {
    CHECK_INT(rig->slots.used, 0);
    CHECK_INT(rig->calls.used, 0);
    CHECK_INT(rig->windows.used, 0);
    CHECK_INT(rig->spill.open, 0);
    CHECK_INT(rig->waiting_count, 0);
    CHECK_INT(rig->store.count, 0);
    CHECK(!rig->api.first);
    CHECK(!rig->api.building);
    CHECK_INT(rig->api.slot_count, 0);
    for (uint32_t i = 0; i < API_PARTS; i++)
        CHECK(!rig->api.parts[i].slot);
}

static void close_rig(void) {
    api_close(&rig->api);
    check_baseline();
    CHECK(!rig->env.requests);
    for (uint32_t i = 0; i < rig->node_count; i++)
        if (rig->node[i]->s)
            node_gone(rig->node[i]);
    if (rig->up && rig->up->s)
        leave();
    for (uint32_t i = 0; i < rig->program_count; i++)
        session_fini(&rig->program[i]->session);
    CHECK_INT(rig->messages.used, 0);
    CHECK_INT(rig->strings.used, 0);
    CHECK_INT(rig->senders.used, 0);
    CHECK_INT(rig->spill.open, 0);
    CHECK(!rig->loop.work);
    CHECK_INT(rig->loop.timer_count, 0);
}

#define HEARD(x, want) (CHECK_STR((x)->log_buf, want), text_init(&(x)->log, (x)->log_buf, sizeof(x)->log_buf))
#define STARTED(want) (CHECK_STR(rig->started_buf, want), text_init(&rig->started, rig->started_buf, 4096))
#define HAS(x, part)                                                                                         \
    (strstr((x)->log_buf, part) ? (void)0                                                                    \
                                : test_fail(__FILE__, __LINE__, "'%s' is not in: %s", part, (x)->log_buf))
#define FORGET(x) text_init(&(x)->log, (x)->log_buf, sizeof(x)->log_buf)
#define PLAIN(node)                                                                                          \
    "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", \"__object__\": {\"str_priority\": null, "      \
    "\"result\": {\"by\": \"" node "\"}}}}"

#endif
