/* ossec_conf.c - wazuh.manager.read_ossec_conf: etc/ossec.conf of this node as JSON, whole, one section or
 * one field of it; or its text. The file is read in pieces into a window of the pool
 * (api/ossec_conf_parts.h), and written option by option, so that neither it nor the answer must fit any
 * buffer.
 *
 * The cluster's key is shown only to who may write the configuration (mask_sensitive_config of 4.14.7). */
#include "api/cluster_parts.h"
#include "api/manager_parts.h"
#include "api/ossec_conf_call.h"
#include "api/ossec_conf_parts.h"

#include "base/bytes.h"

#include <string.h>

#define STEP_VALUES 32u
#define VALUES_BYTES (64u << 20)

const struct result_kind api_told_conf = {
    .all_msg = "Configuration was successfully read in specified node",
    .some_msg = "Could not read configuration in some nodes",
    .none_msg = "Could not read configuration in specified node",
};

_Static_assert(sizeof(struct conf_reader) <= BODY_WINDOW_BYTES, "a window holds the reading of ossec.conf");
_Static_assert(sizeof(struct conf_call) <= API_STATE_BYTES, "the state of a call");

void ossec_conf_cancel(struct api_call *c) {
    struct conf_call *s = api_state(c);
    struct role_env *env = c->env->role;
    if (s->fd >= 0)
        env->sys->close(env->sys, s->fd);
    s->fd = -1;
    bytes_wipe(s->mask, sizeof s->mask);
    bytes_wipe(s->carry, sizeof s->carry);
    if (!s->reader)
        return;
    conf_reader_fini(s->reader);
    pool_give(env->shared.windows, s->reader);
    s->reader = NULL;
}

/* Every error of the reading is this node's failed item. */
static void fail(struct api_call *c, int code, const char *extra) {
    api_tell_failed(c, &api_told_conf, WAZUH_ERROR, code, extra);
}

/* ---- what was asked for ---- */

static const char *option_of(const struct conf_reader *r, uint32_t i) {
    return r->names + r->records[i].option;
}

static bool is_mark(const struct conf_reader *r, uint32_t i) {
    return r->records[i].option == CONF_BEGIN;
}

/* The next beginning of the section from i on; record_count: none. */
static uint32_t next_mark(const struct conf_reader *r, uint8_t section, uint32_t i) {
    while (i < r->record_count && !(is_mark(r, i) && r->records[i].section == section))
        i++;
    return i;
}

static uint32_t end_of(const struct conf_reader *r, uint32_t mark) {
    uint32_t i = mark + 1;
    while (i < r->record_count && !is_mark(r, i))
        i++;
    return i;
}

/* The records that belong to the object that begins at mark. */
static void set_range(struct conf_call *s, uint32_t mark) {
    const struct conf_reader *r = s->reader;
    uint8_t section = r->records[mark].section;
    if (conf_section_kind(section) == CONF_LAST)
        for (uint32_t i = mark; i < r->record_count; i = next_mark(r, section, i + 1))
            mark = i;
    s->object = mark;
    s->from = s->option = mark + 1;
    s->to = conf_section_kind(section) == CONF_MERGE ? r->record_count : end_of(r, mark);
}

/* An option of the object, from record i on; s->to: none. */
static uint32_t next_option(const struct conf_call *s, uint8_t section, const char *name, uint32_t i) {
    const struct conf_reader *r = s->reader;
    while (i < s->to && (is_mark(r, i) || r->records[i].section != section ||
                         (name && strcmp(option_of(r, i), name) != 0)))
        i++;
    return i;
}

/* 0, or the error of get_ossec_conf. */
static int check_wish(struct conf_call *s) {
    const struct conf_reader *r = s->reader;
    uint8_t section = conf_section_find(s->section);
    if (!s->section[0])
        return 0;
    if (section == CONF_NO_SECTION)
        return 1102;
    uint32_t mark = next_mark(r, section, 0);
    if (mark == r->record_count)
        return 1106;
    for (; s->field[0] && mark < r->record_count; mark = next_mark(r, section, mark + 1)) {
        set_range(s, mark);
        if (next_option(s, section, s->field, s->from) == s->to)
            return 1103;
        if (conf_section_kind(section) != CONF_DUPLICATE)
            break;
    }
    return 0;
}

/* ---- writing ---- */

static void write_value(struct api_call *c, uint32_t i, struct json_write *w) {
    struct conf_call *s = api_state(c);
    struct conf_reader *r = s->reader;
    size_t n;
    struct error e;
    if (!s->secrets && strcmp(conf_section_name(r->records[i].section), "cluster") == 0 &&
        strcmp(option_of(r, i), "key") == 0) {
        json_str(w, API_MASK);
        return;
    }
    if (blob_read(&r->values, r->records[i].at, (uint8_t *)r->json_room, r->records[i].n, &n, &e) != E_OK)
        n = 0;
    if (n == r->records[i].n)
        json_raw(w, r->json_room, n);
    else
        w->out->cut = true; /* the scratch file cannot be read: no answer is better than half of one */
}

/* remote's protocol is a list that is replaced by nothing, but appended to as a whole: ["a", ["b"]]. */
static void write_chain(struct api_call *c, uint32_t first, struct json_write *w) {
    struct conf_call *s = api_state(c);
    struct conf_reader *r = s->reader;
    size_t n;
    struct error e;
    if (blob_read(&r->values, r->records[first].at, (uint8_t *)r->json_room, r->records[first].n, &n, &e) !=
            E_OK ||
        n != r->records[first].n) {
        w->out->cut = true;
        return;
    }
    json_raw(w, r->json_room, n - 1); /* without its bracket */
    for (uint32_t i = first + 1;
         (i = next_option(s, r->records[first].section, option_of(r, first), i)) < s->to; i++) {
        text_str(w->out, ", ");
        if (blob_read(&r->values, r->records[i].at, (uint8_t *)r->json_room, r->records[i].n, &n, &e) == E_OK)
            text_add(w->out, r->json_room, n);
    }
    text_char(w->out, ']');
}

static bool came_before(const struct conf_call *s, uint32_t first, uint32_t i) {
    const struct conf_record *r = s->reader->records;
    for (uint32_t k = first; k < i; k++)
        if (r[k].section == r[i].section && r[k].option == r[i].option && r[k].n == r[i].n &&
            r[k].hash == r[i].hash)
            return true;
    return false;
}

static bool drops_doubles(const struct conf_call *s, const char *option) {
    return s->distinct && s->field[0] && strcmp(s->section, "ruleset") == 0 &&
           (strcmp(option, "decoder_dir") == 0 || strcmp(option, "rule_dir") == 0);
}

/* The option whose first record is at s->option: its key, and all of it that is no list. */
static void write_option(struct api_call *c, struct json_write *w) {
    struct conf_call *s = api_state(c);
    const struct conf_reader *r = s->reader;
    uint8_t section = r->records[s->option].section;
    const char *name = option_of(r, s->option);
    if (conf_is_list(section, name)) {
        json_key_open(w, name, '[');
        s->value = s->option;
        s->phase = IN_LIST;
        return;
    }
    json_key(w, name);
    if (strcmp(conf_section_name(section), "remote") == 0 && strcmp(name, "protocol") == 0) {
        write_chain(c, s->option, w);
    } else {
        uint32_t last = s->option;
        for (uint32_t i = last; (i = next_option(s, section, name, i)) < s->to; i++)
            last = i;
        write_value(c, last, w);
    }
    s->option++;
}

static void step_list(struct api_call *c, struct json_write *w) {
    struct conf_call *s = api_state(c);
    const struct conf_reader *r = s->reader;
    const char *name = option_of(r, s->option);
    s->value = next_option(s, r->records[s->option].section, name, s->value);
    if (s->value < s->to) {
        if (!drops_doubles(s, name) || !came_before(s, s->option, s->value))
            write_value(c, s->value, w);
        s->value++;
        return;
    }
    json_close(w, ']');
    s->option++;
    s->phase = NEXT_OPTION;
}

/* The next option that was not written before in this object; without one the object is over. */
static void step_option(struct api_call *c, struct json_write *w) {
    struct conf_call *s = api_state(c);
    const struct conf_reader *r = s->reader;
    uint8_t section = r->records[s->object].section;
    const char *field = s->field[0] ? s->field : NULL;
    for (;; s->option++) {
        s->option = next_option(s, section, field, s->option);
        if (s->option >= s->to)
            break;
        if (next_option(s, section, option_of(r, s->option), s->from) == s->option) {
            write_option(c, w);
            return;
        }
    }
    json_close(w, '}');
    s->phase = NEXT_OBJECT;
}

static void begin_object(struct conf_call *s, uint32_t mark, struct json_write *w) {
    json_open(w, '{');
    set_range(s, mark);
    s->phase = NEXT_OPTION;
}

static void step_object(struct conf_call *s, struct json_write *w) {
    const struct conf_reader *r = s->reader;
    uint8_t section = r->records[s->mark].section;
    bool is_list = conf_section_kind(section) == CONF_DUPLICATE;
    uint32_t next = is_list ? next_mark(r, section, s->object + 1) : r->record_count;
    if (next < r->record_count) {
        begin_object(s, next, w);
        return;
    }
    if (is_list)
        json_close(w, ']');
    s->mark++;
    s->phase = NEXT_SECTION;
}

/* false: there is none left. */
static bool step_section(struct conf_call *s, struct json_write *w) {
    const struct conf_reader *r = s->reader;
    for (; s->mark < r->record_count; s->mark++) {
        uint8_t section = r->records[s->mark].section;
        const char *name = conf_section_name(section);
        if (!is_mark(r, s->mark) || next_mark(r, section, 0) != s->mark ||
            (s->section[0] && strcmp(s->section, name) != 0))
            continue;
        json_key(w, name);
        if (conf_section_kind(section) == CONF_DUPLICATE)
            json_open(w, '[');
        begin_object(s, s->mark, w);
        return true;
    }
    return false;
}

static void write_step(struct api_call *c) {
    struct conf_call *s = api_state(c);
    struct json_write *w = &c->result.w;
    for (uint32_t k = 0; k < STEP_VALUES; k++) {
        switch (s->phase) {
        case NEXT_SECTION:
            if (step_section(s, w))
                break;
            json_close(w, '}');
            result_item_end(&c->result);
            result_close_items(&c->result, UINT64_MAX, NULL);
            api_call_end(c);
            return;
        case NEXT_OBJECT:
            step_object(s, w);
            break;
        case NEXT_OPTION:
            step_option(c, w);
            break;
        case IN_LIST:
            step_list(c, w);
            break;
        }
        result_flush(&c->result);
    }
    api_call_step(c, write_step);
}

static void begin_writing(struct api_call *c) {
    struct conf_call *s = api_state(c);
    int code = check_wish(s);
    if (code) {
        fail(c, code, code == 1103 ? NULL : s->section);
        return;
    }
    result_open_items(&c->result, &api_told_conf);
    json_open(result_item(&c->result), '{');
    s->mark = 0;
    s->phase = NEXT_SECTION;
    api_call_step(c, write_step);
}

/* ---- reading ---- */

static void read_step(struct api_call *c) {
    struct conf_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    char piece[CONF_PIECE_BYTES];
    struct error e;
    for (uint32_t k = 0; k < CONF_STEP_PIECES; k++) {
        ptrdiff_t n = sys->pread(sys, s->fd, piece, sizeof piece, s->at);
        enum err err = n < 0    ? error_os(&e, n, CONF_PATH)
                       : n == 0 ? conf_reader_finish(s->reader, &e)
                                : conf_reader_push(s->reader, piece, (size_t)n, &e);
        if (err != E_OK) {
            fail(c, 1101, e.what);
            return;
        }
        if (n == 0) {
            begin_writing(c);
            return;
        }
        s->at += (uint64_t)n;
    }
    api_call_step(c, read_step);
}

/* ---- the call ---- */

/* Opens the file; fd < 0: what Python would say of it is in t. */
static int open_conf(const struct api_call *c, struct text *t) {
    struct sys *sys = c->env->role->sys;
    struct sys_stat st;
    int fd = sys->openat(sys, c->env->role->root, CONF_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    int r = fd < 0 ? fd : sys->fstat(sys, fd, &st);
    if (r >= 0 && !sys_is_file(&st))
        r = -EISDIR;
    if (r >= 0)
        return fd;
    if (fd >= 0)
        sys->close(sys, fd);
    text_format(t, "[Errno %d] %s: '%s/" CONF_PATH "'", -r, err_os_words(-r), c->env->root_name);
    return r;
}

static bool read_name(struct api_call *c, const char *key, char out[CONF_NAME_BYTES]) {
    struct wazuh_error why;
    enum err err = api_argument_text(&c->request, key, out, CONF_NAME_BYTES, &why);
    if (err == E_GONE)
        out[0] = 0;
    if (err == E_OK || err == E_GONE)
        return true;
    api_call_fail(c, &why);
    return false;
}

void ossec_conf_start(struct api_call *c) {
    struct conf_call *s = api_state(c);
    struct session_shared *shared = &c->env->role->shared;
    char words[ERROR_WHAT_BYTES];
    struct text t;
    memset(s, 0, sizeof *s);
    s->fd = -1;
    text_init(&t, words, sizeof words);
    if (!rbac_allows(&c->request, "cluster:read", "node:id", c->env->role->config->node_name, NULL)) {
        api_denied_here(c);
        return;
    }
    if (!read_name(c, "section", s->section) || !read_name(c, "field", s->field))
        return;
    if (!s->section[0]) /* a field of no section is no wish */
        s->field[0] = 0;
    bool raw = api_argument_is_true(&c->request, "raw");
    s->distinct = api_argument_is_true(&c->request, "distinct");
    s->secrets = api_may_see_secrets(c);
    s->fd = open_conf(c, &t);
    if (s->fd < 0 && raw) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, words);
    } else if (s->fd < 0) {
        fail(c, 1101, words);
    } else if (raw) {
        ossec_conf_raw(c);
    } else if ((s->reader = pool_take(shared->windows)) == NULL) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                        "this node has no room for reading ossec.conf at present");
    } else {
        conf_reader_init(s->reader, shared->windows, shared->spill, VALUES_BYTES);
        read_step(c);
    }
}
