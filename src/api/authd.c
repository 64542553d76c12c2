/* api/authd.c - registers agents and removes them, as the local socket of wazuh-authd does (src/os_auth of
 * 4.14.7: local-server.c, auth.c). The request comes from a worker's authd or from the API, by way of
 * api/sendsync.c; what it asks for is judged here, and done in one go by store/client_keys_add.c.
 *
 * Four things differ from authd. Everything is judged before anything is done: a registration that is
 * refused removes nobody. A name that is none would be a broken line of client.keys: 9005. The lines of
 * agents that went are not kept as "!name" (<purge>yes</purge>, as Wazuh is installed), whatever `purge`
 * says, but for the highest id's. An agent may be called as the master's host is. Where a request names no
 * force options, authd's own apply (authd-config.c).
 *
 * A registration and its answer: the key is on disk before the answer begins to travel. If the answer is lost
 * then, the agent asks again, and it is the rule for duplicate names that decides, as with authd: it gets a
 * new key once its name is an hour old, or at once with a force that says so. Nothing is taken back when an
 * answer seems lost, for the agent may have it. */
#include "api/authd.h"

#include "base/bytes.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "crypto/sha1.h"
#include "store/strings.h"

#include <string.h>

#define AUTHD_MESSAGE_BYTES 65536u /* OS_MAXSTR: what authd reads */
#define AUTHD_ATTEMPTS 3u          /* when another program changes client.keys in between */

enum {
    AUTHD_INTERNAL = 9001,
    AUTHD_JSON,
    AUTHD_NO_FUNCTION,
    AUTHD_NO_ARGUMENT,
    AUTHD_NO_NAME,
    AUTHD_NO_IP,
    AUTHD_TAKEN_IP,
    AUTHD_TAKEN_NAME,
    AUTHD_BAD_KEY,
    AUTHD_NO_ID,
    AUTHD_NO_AGENT,
    AUTHD_TAKEN_ID,
    AUTHD_FULL,
    AUTHD_BAD_GROUP
};
static const char messages[] = "Internal error\0"
                               "Parsing JSON input\0"
                               "No such function\0"
                               "No such argument\0"
                               "No such name\0"
                               "No such IP\0"
                               "Duplicate IP\0"
                               "Duplicate name\0"
                               "Issue generating key\0"
                               "No such agent ID\0"
                               "Agent ID not found\0"
                               "Duplicate ID\0"
                               "Maximum number of agents reached\0"
                               "Invalid Group(s) Name(s)\0";

/* When may an agent go, whose name, address or id another wants? */
struct force {
    bool enabled, key_mismatch, disconnected_enabled;
    uint64_t disconnected_s, registered_s;
};

struct asked {
    struct embedded *store;
    struct client_keys *keys;
    struct log *log;
    struct json_doc d;
    size_t arguments;
    struct force force;
    char key_hash[2 * SHA1_BYTES + 1]; /* "": none */
    bool has_key_hash;
    bool is_refused, tells; /* and says so in the log */
    uint32_t held;          /* refusals before, of which it said nothing */
};

/* ---- reading ---- */

static const char *text_of(int code) {
    return text_item(messages, (size_t)(code - AUTHD_INTERNAL));
}

static bool is_string(const struct json_doc *d, size_t i) {
    return i && d->tokens[i].kind == JSON_STRING;
}

/* A string argument as a C string: false when it is none, or does not fit. */
static bool read_string(const struct asked *q, const char *key, char *out, size_t cap) {
    size_t i = json_find(&q->d, q->arguments, key), n;
    return is_string(&q->d, i) && json_copy_str(&q->d, i, out, cap, &n) == E_OK;
}

/* What cJSON keeps as valueint: 0 for anything that is neither true nor a number. */
static uint64_t value_int(const struct json_doc *d, size_t i) {
    uint64_t v = 0;
    if (json_is_true(d, i))
        return 1;
    if (d->tokens[i].kind == JSON_NUMBER && !json_get_uint(d, i, INT32_MAX, &v) && json_get_milli(d, i, &v))
        v /= 1000;
    return v;
}

/* Seconds: a number, or "90", "30s", "5m", "1h", "2d". */
static bool read_seconds(const struct json_doc *d, size_t i, uint64_t *out) {
    char words[24];
    size_t n;
    if (i && d->tokens[i].kind == JSON_NUMBER) {
        *out = value_int(d, i);
        return true;
    }
    if (!is_string(d, i) || json_copy_str(d, i, words, sizeof words, &n) != E_OK)
        return false;
    size_t digits = strspn(words, "0123456789");
    static const char units[] = "smhd";
    static const uint32_t seconds[] = {1, 60, 3600, 86400};
    const char *unit = digits < n ? strchr(units, words[digits]) : units;
    if (!unit || !text_number(words, digits, UINT32_MAX, out))
        return false;
    *out *= seconds[unit - units];
    return true;
}

/* false: a part is missing that must be there. */
static bool read_force(struct asked *q) {
    const struct json_doc *d = &q->d;
    size_t force = json_find(d, q->arguments, "force");
    q->force = (struct force){true, true, true, 3600, 3600};
    if (!force)
        return true;
    size_t enabled = json_find(d, force, "enabled"), mismatch = json_find(d, force, "key_mismatch");
    size_t time = json_find(d, force, "disconnected_time");
    size_t time_enabled = time ? json_find(d, time, "enabled") : 0;
    if (!enabled || !mismatch || !time_enabled)
        return false;
    q->force.enabled = value_int(d, enabled) != 0;
    q->force.key_mismatch = value_int(d, mismatch) != 0;
    q->force.disconnected_enabled = value_int(d, time_enabled) != 0;
    return read_seconds(d, json_find(d, time, "value"), &q->force.disconnected_s) &&
           read_seconds(d, json_find(d, force, "after_registration_time"), &q->force.registered_s);
}

/* An id's digits; 0: it is none. */
static int64_t read_id(const char *words) {
    uint64_t id;
    size_t n = strlen(words);
    return n <= 8 && text_number(words, n, AGENT_ID_MAX, &id) ? (int64_t)id : 0;
}

/* ---- groups ---- */

static bool is_group(const struct asked *q, const char *name) {
    char path[sizeof "etc/shared/" + GROUP_NAME_BYTES];
    struct text t;
    struct sys *sys = q->keys->sys;
    if (!group_name_is_valid(name)) /* nor is it a way out of the folder */
        return false;
    text_init(&t, path, sizeof path);
    text_format(&t, "etc/shared/%s", name);
    int fd = sys->open_beneath(sys, q->keys->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0)
        sys->close(sys, fd);
    return fd >= 0;
}

static bool is_listed(const struct keys_wish *w, const char *name) {
    for (size_t i = 0; i < w->group_count; i++)
        if (!strcmp(w->groups[i], name))
            return true;
    return false;
}

/* The names of "a,b", each once and a group's, kept in the store's long buffer. */
static bool read_groups(struct asked *q, const char *names[GROUPS_PER_AGENT], struct keys_wish *w) {
    char *at = q->store->texts->request;
    w->groups = names;
    if (!json_find(&q->d, q->arguments, "groups"))
        return true;
    if (!read_string(q, "groups", at, STORE_TEXT_BYTES))
        return false;
    for (char *end = at; *at; at = end) {
        end = at + strcspn(at, ",");
        if (*end)
            *end++ = '\0';
        if (!*at || is_listed(w, at))
            continue;
        if (w->group_count == GROUPS_PER_AGENT || !is_group(q, at))
            return false;
        names[w->group_count++] = at;
    }
    return true;
}

/* ---- replacing ---- */

/* Anybody may be refused as often as he likes: once a second is told. */
static bool tells_refusal(struct asked *q) {
    if (!q->is_refused)
        q->tells = log_brake_pass(&q->keys->refusals, sys_mono_ms(q->keys->sys), 1000, &q->held);
    q->is_refused = true;
    return q->tells;
}

/* w_get_key_hash: of the id, the name and the key, one after the other. */
static bool has_key(const struct asked *q, const struct client_key *old) {
    struct sha1 h;
    uint8_t digest[SHA1_BYTES];
    char words[2 * SHA1_BYTES + 1];
    sha1_init(&h);
    sha1_push(&h, old->id_text, strlen(old->id_text));
    sha1_push(&h, old->name, strlen(old->name));
    sha1_push(&h, old->key, strlen(old->key));
    sha1_out(&h, digest);
    hex_encode(words, digest, sizeof digest);
    return !strcmp(words, q->key_hash);
}

/* NULL: it may go. */
static const char *why_not(const struct asked *q, const struct client_key *old) {
    const struct force *f = &q->force;
    struct agent_standing s;
    int64_t now = q->keys->sys->wall_ns(q->keys->sys) / 1000000000;
    if (!f->enabled)
        return "won't be removed because the force option is disabled";
    if (agents_standing(q->keys->agents, old->id, &s, NULL) != E_OK)
        return "is not in the store yet";
    if (f->disconnected_enabled && !s.never_connected) {
        if (s.disconnected && s.disconnection_time > 0 &&
            now - s.disconnection_time < (int64_t)f->disconnected_s)
            return "has not been disconnected long enough to be replaced";
        if (s.disconnection_time == 0)
            return "can't be replaced since it is not disconnected";
    }
    if (f->registered_s > 0 && now - s.date_add < (int64_t)f->registered_s)
        return "doesn't comply with the registration time to be removed";
    if (q->has_key_hash && f->key_mismatch && has_key(q, old))
        return "has this key already";
    return NULL;
}

static bool may_replace(void *arg, const struct client_key *old, enum keys_part part) {
    struct asked *q = arg;
    const char *why = why_not(q, old);
    const char *what = part == KEYS_ID ? "ID" : part == KEYS_IP ? "IP" : "name";
    if (why && tells_refusal(q))
        log_line(q->log, LOG_WARNING, "Master", "Authd",
                 "Duplicate %s, rejecting enrollment. Agent '%s' (%s) %s.", what, old->name, old->id_text,
                 why);
    else if (!why)
        log_line(q->log, LOG_INFO, "Master", "Authd", "Duplicate %s. Removing old agent '%s' (id '%s').",
                 what, old->name, old->id_text);
    return !why;
}

/* ---- answering ---- */

static int code_of(enum err err, enum keys_part trouble) {
    static const int bad[] = {[KEYS_NOTHING] = AUTHD_INTERNAL,
                              [KEYS_ID] = AUTHD_NO_ID,
                              [KEYS_NAME] = AUTHD_NO_NAME,
                              [KEYS_IP] = AUTHD_NO_IP,
                              [KEYS_KEY] = AUTHD_BAD_KEY};
    if (err == E_DUPLICATE)
        return trouble == KEYS_ID ? AUTHD_TAKEN_ID : trouble == KEYS_IP ? AUTHD_TAKEN_IP : AUTHD_TAKEN_NAME;
    return err == E_POOL ? AUTHD_FULL : err == E_VALUE ? bad[trouble] : AUTHD_INTERNAL;
}

/* cJSON_PrintUnformatted's spelling. */
static void member(struct text *out, const char *key, const char *value) {
    text_format(out, "\"%s\":", key);
    json_escape(out, value, strlen(value));
}

static void tell_key(struct text *out, const struct client_key *k) {
    text_str(out, "{\"error\":0,\"data\":{");
    member(out, "id", k->id_text);
    text_char(out, ',');
    member(out, "name", k->name);
    text_char(out, ',');
    member(out, "ip", k->ip);
    text_char(out, ',');
    member(out, "key", k->key);
    text_str(out, "}}");
}

static int add(struct asked *q, struct text *out) {
    const char *names[GROUPS_PER_AGENT];
    char name[AGENT_NAME_BYTES], ip[AGENT_IP_BYTES], id[AGENT_ID_BYTES], key[AGENT_KEY_BYTES];
    struct keys_wish w = {.name = name, .ip = ip, .may_replace = may_replace, .arg = q};
    struct client_key k;
    struct error e;
    enum err err;
    if (!read_string(q, "name", name, sizeof name))
        return AUTHD_NO_NAME;
    if (!read_string(q, "ip", ip, sizeof ip))
        return AUTHD_NO_IP;
    if (!read_groups(q, names, &w))
        return AUTHD_BAD_GROUP;
    if (is_string(&q->d, json_find(&q->d, q->arguments, "id")) &&
        (!read_string(q, "id", id, sizeof id) || (w.id = read_id(id)) == 0))
        return AUTHD_NO_ID;
    if (is_string(&q->d, json_find(&q->d, q->arguments, "key"))) {
        if (!read_string(q, "key", key, sizeof key))
            return AUTHD_BAD_KEY;
        w.key = key;
    }
    q->has_key_hash = is_string(&q->d, json_find(&q->d, q->arguments, "key_hash"));
    if (!read_string(q, "key_hash", q->key_hash, sizeof q->key_hash))
        q->key_hash[0] = '\0'; /* too long to be one: nobody's */
    if (!read_force(q))
        return AUTHD_JSON;
    for (unsigned i = 0; (err = client_keys_register(q->keys, &k, &w, &e)) == E_CHANGED;)
        if (++i == AUTHD_ATTEMPTS)
            break;
    if (err == E_OK) {
        tell_key(out, &k);
        log_line(q->log, LOG_INFO, "Master", "Authd", "Agent key generated for agent '%s' (%s)", k.name,
                 k.id_text);
    } else if (tells_refusal(q)) {
        log_line(q->log, LOG_WARNING, "Master", "Authd",
                 "Agent '%s' is not registered: %s (%u more refused before)", name, e.what, q->held);
    }
    bytes_wipe(key, sizeof key);
    bytes_wipe(&k, sizeof k);
    return err == E_OK ? 0 : code_of(err, w.trouble);
}

static int remove_one(struct asked *q, struct text *out) {
    char words[AGENT_ID_BYTES];
    struct error e;
    enum err err;
    if (!json_find(&q->d, q->arguments, "id"))
        return AUTHD_NO_ID;
    int64_t id = read_string(q, "id", words, sizeof words) ? read_id(words) : 0;
    if (!id)
        return AUTHD_NO_AGENT;
    for (unsigned i = 0; (err = client_keys_remove(q->keys, id, &e)) == E_CHANGED;)
        if (++i == AUTHD_ATTEMPTS)
            break;
    if (err == E_GONE)
        return AUTHD_NO_AGENT;
    if (err != E_OK) {
        log_line(q->log, LOG_ERROR, "Master", "Authd", "Agent '%s' is not removed: %s", words, e.what);
        return AUTHD_INTERNAL;
    }
    log_line(q->log, LOG_INFO, "Master", "Authd", "Agent '%s' deleted", words);
    text_str(out, "{\"error\":0,\"data\":\"Agent deleted successfully.\"}");
    return 0;
}

static int answer(struct asked *q, const char *message, size_t n, struct text *out) {
    char function[16];
    size_t i, len;
    if (n > AUTHD_MESSAGE_BYTES ||
        json_parse(&q->d, message, n, q->store->texts->tokens, STRING_TOKENS, NULL) != E_OK ||
        q->d.tokens[0].kind != JSON_OBJECT)
        return AUTHD_JSON;
    i = json_find(&q->d, 0, "function");
    if (!is_string(&q->d, i))
        return AUTHD_NO_FUNCTION;
    if (json_copy_str(&q->d, i, function, sizeof function, &len) != E_OK)
        function[0] = '\0';
    bool adds = !strcmp(function, "add");
    if (!adds && strcmp(function, "remove") != 0)
        return AUTHD_INTERNAL; /* authd's answer to a function it does not know */
    q->arguments = json_find(&q->d, 0, "arguments");
    if (!q->arguments)
        return AUTHD_NO_ARGUMENT;
    return adds ? add(q, out) : remove_one(q, out);
}

void authd_answer(struct embedded *store, struct client_keys *keys, struct log *log, const char *message,
                  size_t n, struct text *out) {
    struct asked q = {.store = store, .keys = keys, .log = log};
    int code = answer(&q, message, n, out);
    store->store.changes = keys->agents->changes; /* no job of the store's did this */
    if (!code)
        return;
    log_line(log, LOG_DEBUG, "Master", "Authd", "ERROR %d: %s.", code, text_of(code));
    text_format(out, "{\"error\":%d,\"message\":\"%s\"}", code, text_of(code));
}
