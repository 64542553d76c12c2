/* test_dapi_chaos.c - many askers at once, nodes and programs that come, answer wrongly or late, and go, a
 * spool and a store that fail now and then, by chance: everyone who is still there has his answer in the end,
 * once, and every pool is at its baseline. */
#include "test/unit/dapi_rig.h"

static uint64_t chance;

static uint32_t dice(uint32_t sides) {
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance >> 33) % sides;
}

static uint32_t names, asked;

static const char *any_request(void) {
    static const char *const functions_[] = {"wazuh.t.now",       "wazuh.t.step", "wazuh.t.wait",
                                             "wazuh.t.long",      "wazuh.t.node", "wazuh.t.far",
                                             "wazuh.handler.slow"};
    static const char *const types[] = {"local_any", "local_master", "distributed_master",
                                        "distributed_master"};
    static const char *const kwargs[] = {"{}",
                                         "{\"node_list\": [\"n1\", \"n2\", \"master\"]}",
                                         "{\"node_id\": \"n1\"}",
                                         "{\"agent_list\": [\"001\", \"002\", \"007\"]}",
                                         "{\"agent_list\": \"*\"}",
                                         "{\"node_list\": \"*\"}"};
    static const char *const more[] = {"", ", \"broadcasting\": true", ", \"wait_for_complete\": true",
                                       ", \"from_cluster\": true"};
    return request_json(functions_[dice(7)], types[dice(4)], kwargs[dice(6)], more[dice(4)]);
}

static struct far *any_node(void) {
    struct far *f = rig->node_count ? rig->node[dice(rig->node_count)] : NULL;
    return f && f->s ? f : NULL;
}

static struct program *any_program(void) {
    struct program *p = rig->program_count ? rig->program[dice(rig->program_count)] : NULL;
    return p && !p->gone ? p : NULL;
}

static void ask_from_program(void) {
    char *text = test_keep(malloc(3000));
    struct program *p;
    if (rig->program_count == RIG_PROGRAMS)
        return;
    p = program();
    if (rig->config.type == NODE_MASTER && dice(3) == 0) {
        snprintf(text, 3000, "%s %s", dice(3) ? "n1" : "fw_all_nodes", any_request());
        program_says(p, CMD_DAPI_FWD, text);
    } else {
        program_says(p, CMD_DAPI, any_request());
    }
}

static void ask_from_node(struct far *f) {
    char text[3000];
    if (!f || f->deaf)
        return;
    snprintf(text, sizeof text, "q%u %s", asked++, any_request());
    far_says_text(f, "dapi", text);
}

/* Of one of the requests that it has, or had. */
static void answer(struct far *f) {
    char text[200];
    if (!f || !f->last_id[0])
        return;
    if (dice(4)) {
        far_answers(f, f->last_id, "an answer");
        return;
    }
    snprintf(text, sizeof text, "%s %u", f->last_id, dice(100));
    if (f->s)
        far_says_text(f, dice(2) ? "dapi_err" : "dapi_res", text);
}

static void answer_store(void) {
    static const char *const replies[] = {"ok []", "ok [{\"a\":1,\"b\":\"n1\"},{\"a\":2,\"b\":\"n3\"}]",
                                          "err no", "ok [{\"b\":\"n2\"},{\"b\":\"master\"}]"};
    if (rig->store.count) /* rows only once: another page would come for ever */
        fake_store_answer(&rig->store, STORE_TEXT, FAKE(.reply = replies[dice(4)]));
}

static void come(void) {
    char name[16];
    if (rig->config.type != NODE_MASTER || rig->node_count == RIG_NODES)
        return;
    snprintf(name, sizeof name, "n%u", dice(4));
    for (struct peer *p = rig->master.peers; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            return;
    names++;
    node(name)->counter = 5000;
}

static void act(void) {
    struct far *f = any_node() ? any_node() : rig->up && rig->up->s ? rig->up : NULL;
    struct program *p = any_program();
    switch (dice(12)) {
    case 0:
    case 1:
    case 2:
        ask_from_program();
        break;
    case 3:
        ask_from_node(f);
        break;
    case 4:
    case 5:
        answer(f);
        break;
    case 6:
        answer_store();
        break;
    case 7:
        if (rig->waiting_count)
            release();
        break;
    case 8:
        if (f && dice(4) == 0) {
            if (f->peer)
                node_gone(f);
            else
                leave();
        } else if (rig->config.type != NODE_MASTER && !(rig->up && rig->up->s)) {
            join();
        } else {
            come();
        }
        break;
    case 9:
        if (p && dice(3) == 0)
            program_gone(p);
        break;
    case 10:
        rig->spill.fail_with = dice(6) ? E_OK : E_SPACE;
        rig->programs_are_slow = !dice(4);
        if (f)
            f->deaf = !dice(8);
        break;
    default:
        if (dice(3) == 0) { /* nobody who is asked to wait so long would be told */
            rig->spill.fail_with = E_OK;
            rig->programs_are_slow = false;
            run();
            pass(dice(30000));
        }
        pass(dice(300));
    }
    for (uint32_t turns = dice(6); turns; turns--)
        turn();
}

/* How often the words stand in the text. */
static uint32_t count(const char *text, const char *words) {
    uint32_t n = 0;
    for (; (text = strstr(text, words)) != NULL; text++)
        n++;
    return n;
}

static void settle_down(void) {
    rig->spill.fail_with = E_OK;
    rig->programs_are_slow = false;
    for (uint32_t i = 0; i < rig->node_count; i++)
        rig->node[i]->deaf = false;
    if (rig->up)
        rig->up->deaf = false;
    for (int i = 0; i < 60; i++) {
        run();
        while (rig->store.count) {
            fake_store_answer(&rig->store, STORE_TEXT, FAKE(.err = E_SYS));
            run();
        }
        while (rig->waiting_count) {
            release();
            run();
        }
        pass(30000);
    }
}

static void storm(uint64_t seed, bool is_master) {
    chance = seed * 7919 + 1;
    open_rig(is_master);
    for (int i = 0; i < 400; i++)
        act();
    settle_down();
    check_baseline();
    for (uint32_t i = 0; i < rig->program_count; i++) {
        const struct program *p = rig->program[i];
        uint32_t answers = count(p->log_buf, "dapi_res: ") + count(p->log_buf, "dapi_err: ");
        bool was_refused = strncmp(p->log_buf, "err ", 4) == 0;
        CHECK_INT(p->promises, p->gone && !answers && !was_refused ? p->promises : 0);
        if (!p->gone && answers + was_refused != 1)
            test_fail(__FILE__, __LINE__, "seed %llu: program %u heard: %s", (unsigned long long)seed,
                      p->number, p->log_buf);
    }
    close_rig();
}

TEST(a_master_in_a_storm) {
    for (uint64_t seed = 1; seed <= 40; seed++)
        storm(seed, true);
}

TEST(a_worker_in_a_storm) {
    for (uint64_t seed = 1; seed <= 40; seed++)
        storm(seed, false);
}
