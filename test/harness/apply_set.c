/* apply_set.c - see apply_set.h. */
#include "test/harness/apply_set.h"

#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_refused(void *arg, const char *path, const struct error *why) {
    struct set *s = arg;
    CHECK(s->refusals < SET_FILES_MAX);
    snprintf(s->refused[s->refusals], sizeof s->refused[0], "%s", path);
    memcpy(s->words[s->refusals], why->what, sizeof why->what);
    s->why[s->refusals++] = why->code;
}

static struct apply_refusal refusal(struct set *s) {
    return (struct apply_refusal){s, on_refused};
}

struct set *set_new(struct sys *sys) {
    struct set *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->sys = sys;
    s->root = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(s->root >= 0);
    items_defaults(&s->items);
    stage_init(&s->stage, sys, s->root, &s->items, UINT32_MAX, UINT32_MAX, 1 << 20, 4711);
    apply_init(&s->apply, &s->stage, NULL);
    return s;
}

void set_free(struct set *s) {
    stage_close(&s->stage);
    close(s->root);
    free(s);
}

enum err set_stage(struct set *s, const struct set_file *files, size_t n) {
    s->refusals = 0;
    enum err code = stage_open(&s->stage, NULL);
    for (size_t i = 0; code == E_OK && i < n; i++) {
        const char *content = files[i].content;
        if (!content || stage_begin(&s->stage, files[i].path, strlen(files[i].path), NULL) != E_OK)
            continue;
        size_t half = strlen(content) / 2;
        if (stage_write(&s->stage, (const uint8_t *)content, half, NULL) == E_OK &&
            stage_write(&s->stage, (const uint8_t *)content + half, strlen(content) - half, NULL) == E_OK)
            stage_end(&s->stage, NULL);
    }
    return code;
}

enum err set_members(struct set *s, const struct set_file *files, size_t n) {
    struct apply_refusal r = refusal(s);
    apply_init(&s->apply, &s->stage, &r);
    enum err code = E_OK;
    for (size_t i = 0; code == E_OK && i < n; i++) {
        const struct set_file *f = &files[i];
        struct manifest_member m = {.section = f->section, .path = f->path, .path_len = strlen(f->path)};
        uint8_t item = 0;
        m.item_key = f->item_key;
        if (!m.item_key)
            m.item_key = items_judge(&s->items, f->path, m.path_len, &item, NULL) == E_OK
                             ? s->items.item[item].dir
                             : "etc/";
        m.item_key_len = strlen(m.item_key);
        m.merged = f->merged;
        m.has_hash = !f->no_hash && f->section != SECTION_EXTRA;
        struct blake2b h;
        blake2b_init(&h, BLAKE2B_BYTES);
        blake2b_push(&h, f->content ? f->content : "", f->content ? strlen(f->content) : 0);
        blake2b_finish(&h, m.hash);
        m.hash[5] ^= f->wrong_hash;
        code = apply_member(&s->apply, &m, NULL);
    }
    return code;
}

enum step set_run(struct set *s, const struct set_file *files, size_t n) {
    enum step step = STEP_FAILED;
    if (set_stage(s, files, n) == E_OK) {
        set_members(s, files, n);
        while ((step = apply_step(&s->apply)) == STEP_AGAIN || step == STEP_WAIT) {
            struct sys_poll drain = {.fd = s->apply.drain_fd, .events = SYS_POLLIN};
            if (step == STEP_WAIT)
                s->sys->poll(s->sys, &drain, 1, 10000);
        }
        s->report = s->apply.report;
    }
    return step;
}

enum err set_recover(struct set *s, struct error *e) {
    struct apply_refusal r = refusal(s);
    s->refusals = 0;
    stage_close(&s->stage);
    stage_init(&s->stage, s->sys, s->root, &s->items, UINT32_MAX, UINT32_MAX, 1 << 20, 99);
    return apply_recover(&s->stage, &s->report, &r, e);
}

enum err set_why(const struct set *s, const char *path) {
    for (uint32_t i = 0; i < s->refusals; i++)
        if (strcmp(s->refused[i], path) == 0)
            return s->why[i];
    return E_OK;
}

static bool is_there(const char *relative) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), relative);
    return access(path, F_OK) == 0;
}

bool set_is_clean(void) {
    struct items t;
    char path[NAME_MAX_BYTES + 16];
    items_defaults(&t);
    for (uint8_t i = 0; i < t.count; i++) {
        snprintf(path, sizeof path, "%s.picket", t.item[i].dir);
        if (is_there(path))
            return false;
    }
    return !is_there("queue/cluster/.stage") && !is_there("queue/cluster/" STAGE_JOURNAL);
}
