/* manager_api_conf.c - wazuh.manager.get_api_config: the configuration of Wazuh's API on this node. That is
 * its defaults (api/configuration.py of 4.14.7) with what api/configuration/api.yaml says otherwise.
 *
 * Of YAML this reads what that file is written in: keys and values, keys within keys by their blanks, lists
 * in brackets or with dashes, quotes, comments. Whatever else stands there, or a key that the API does not
 * have (it would refuse to start), is told with its line instead of an answer. */
#include "api/manager_parts.h"

#include "base/bytes.h"

#include <string.h>

#define YAML_PATH "api/configuration/api.yaml"
#define YAML_BYTES 32768u /* longest file */
#define YAML_DEPTH 6u
#define VALUE_BYTES 8192u /* of all values that are not the default, as JSON */
#define LEAVES 40u

const struct result_kind api_told_api_conf = {
    .all_msg = "API configuration was successfully read in all specified nodes",
    .some_msg = "Not all API configurations could be read",
    .none_msg = "Could not read API configuration in any node",
    .sort_casting = "str\0",
};

/* Path and default of every value, in the order of Wazuh's. */
static const char leaves[] = "host\0[\"0.0.0.0\", \"::\"]\0"
                             "port\0"
                             "55000\0"
                             "drop_privileges\0true\0"
                             "experimental_features\0false\0"
                             "max_upload_size\0"
                             "10485760\0"
                             "authentication_pool_size\0"
                             "2\0"
                             "intervals.request_timeout\0"
                             "10\0"
                             "https.enabled\0true\0"
                             "https.key\0\"server.key\"\0"
                             "https.cert\0\"server.crt\"\0"
                             "https.use_ca\0false\0"
                             "https.ca\0\"ca.crt\"\0"
                             "https.ssl_protocol\0\"auto\"\0"
                             "https.ssl_ciphers\0\"\"\0"
                             "logs.level\0\"info\"\0"
                             "logs.format\0\"plain\"\0"
                             "logs.max_size.enabled\0false\0"
                             "logs.max_size.size\0\"1M\"\0"
                             "cors.enabled\0false\0"
                             "cors.source_route\0\"*\"\0"
                             "cors.expose_headers\0\"*\"\0"
                             "cors.allow_headers\0\"*\"\0"
                             "cors.allow_credentials\0false\0"
                             "access.max_login_attempts\0"
                             "50\0"
                             "access.block_time\0"
                             "300\0"
                             "access.max_request_per_minute\0"
                             "300\0"
                             "upload_configuration.remote_commands.localfile.allow\0true\0"
                             "upload_configuration.remote_commands.localfile.exceptions\0[]\0"
                             "upload_configuration.remote_commands.wodle_command.allow\0true\0"
                             "upload_configuration.remote_commands.wodle_command.exceptions\0[]\0"
                             "upload_configuration.limits.eps.allow\0true\0"
                             "upload_configuration.agents.allow_higher_versions.allow\0true\0"
                             "upload_configuration.indexer.allow\0true\0"
                             "upload_configuration.integrations.virustotal.public_key.allow\0true\0"
                             "upload_configuration.integrations.virustotal.public_key.minimum_quota\0"
                             "240\0";

/* In a window. */
struct yaml {
    uint32_t line;
    uint32_t depth;
    struct {
        uint32_t blanks;
        size_t path_n; /* of the path with this key */
    } open[YAML_DEPTH];
    ptrdiff_t list; /* the leaf whose items come with dashes; -1: none */
    struct text path, values;
    struct json_write w;
    uint16_t value[LEAVES]; /* where a value begins in values, + 1; 0: the default */
    char path_room[160];
    char values_room[VALUE_BYTES];
    char file[YAML_BYTES + 1];
};
_Static_assert(sizeof(struct yaml) <= BODY_WINDOW_BYTES, "a window holds api.yaml");

/* File names: they keep their capital letters, and are told with the folder they are in. */
static const char files[] = "https.key\0https.cert\0https.ca\0";
#define FILES_FOLDER "api/configuration/ssl/"

/* The even items of the list are paths. */
static ptrdiff_t leaf_find(const char *path) {
    const char *at = leaves;
    for (ptrdiff_t i = 0; *at; i++) {
        if (strcmp(at, path) == 0)
            return i;
        at += strlen(at) + 1;
        at += strlen(at) + 1;
    }
    return -1;
}

/* Do keys begin with this path? */
static bool is_branch(const char *path, size_t n) {
    for (const char *at = leaves; *at;) {
        if (strncmp(at, path, n) == 0 && at[n] == '.')
            return true;
        at += strlen(at) + 1;
        at += strlen(at) + 1;
    }
    return false;
}

/* ---- values ---- */

static bool is_word(const char *s, size_t n, const char *words) {
    char low[8];
    if (n >= sizeof low)
        return false;
    for (size_t i = 0; i < n; i++)
        low[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
    low[n] = 0;
    return n && text_find(words, low) >= 0;
}

/* Strings become small letters, but for file names and for what stands in a list (dict_to_lowercase). */
static void put_string(struct yaml *y, const char *s, size_t n, bool in_list) {
    char low[512];
    if (!in_list && is_word(s, n, "yes\0no\0")) {
        json_bool(&y->w, n == 3);
        return;
    }
    bool as_is = in_list || text_find(files, y->path.buf) >= 0;
    n = min_size(n, sizeof low);
    for (size_t i = 0; i < n; i++)
        low[i] = !as_is && s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
    json_str_n(&y->w, low, n);
}

/* One value that is no list. NULL, or what is wrong with it. */
static const char *put_scalar(struct yaml *y, const char *s, size_t n, bool in_list) {
    uint64_t v;
    if (n > 512)
        return "a value is longer than 512 bytes";
    if (n && (*s == '"' || *s == '\'')) {
        if (n < 2 || s[n - 1] != *s || memchr(s + 1, *s, n - 2) || memchr(s, '\\', n))
            return "quotes within quotes are not read here";
        put_string(y, s + 1, n - 2, in_list);
    } else if (!n || is_word(s, n, "null\0~\0")) {
        json_null(&y->w);
    } else if (is_word(s, n, "yes\0true\0on\0")) {
        json_bool(&y->w, true);
    } else if (is_word(s, n, "no\0false\0off\0")) {
        json_bool(&y->w, false);
    } else if (text_number(s, n, INT64_MAX, &v) && (n == 1 || *s != '0')) {
        json_uint(&y->w, v);
    } else if (strchr("&*!|>{}[]%@`,?", *s) || memchr(s, '{', n) || (n > 1 && *s == '-' && s[1] == ' ')) {
        return "this kind of YAML is not read here";
    } else {
        put_string(y, s, n, in_list);
    }
    return NULL;
}

static const char *put_list(struct yaml *y, const char *s, size_t n) {
    const char *why = NULL;
    if (n < 2 || s[n - 1] != ']')
        return "a list over several lines is not read here";
    json_open(&y->w, '[');
    for (size_t at = 1; at < n - 1 && !why;) {
        const char *comma = memchr(s + at, ',', n - 1 - at);
        size_t from = at, to = comma ? (size_t)(comma - s) : n - 1;
        at = to + 1;
        while (from < to && s[from] == ' ')
            from++;
        while (to > from && s[to - 1] == ' ')
            to--;
        if (to > from || comma)
            why = put_scalar(y, s + from, to - from, true);
    }
    json_close(&y->w, ']');
    return why;
}

/* The value of a leaf begins. */
static const char *begin_value(struct yaml *y, ptrdiff_t leaf) {
    if (y->value[leaf])
        return "a key is there twice";
    y->value[leaf] = (uint16_t)(y->values.len + 1);
    json_write_init(&y->w, &y->values);
    return NULL;
}

/* What a JSON value is, as far as defaults differ in it. */
static char kind_of(const char *json) {
    return *json == '[' || *json == '"'   ? *json
           : *json == 't' || *json == 'f' ? 't'
           : *json == 'n'                 ? 'n'
                                          : '0';
}

static const char *end_value(struct yaml *y, ptrdiff_t leaf) {
    const char *otherwise = text_item(leaves, 2 * (size_t)leaf + 1);
    text_char(&y->values, 0); /* each is a C string */
    if (y->values.cut)
        return "the values of the file are longer than this node reads";
    return kind_of(y->values_room + y->value[leaf] - 1) == kind_of(otherwise)
               ? NULL
               : "the value is not of its kind";
}

/* ---- lines ---- */

static const char *end_list(struct yaml *y) {
    if (y->list < 0)
        return NULL;
    ptrdiff_t leaf = y->list;
    y->list = -1;
    json_close(&y->w, ']');
    return end_value(y, leaf);
}

static const char *read_item(struct yaml *y, const char *s, size_t n) {
    if (y->list < 0) {
        ptrdiff_t leaf = leaf_find(y->path.buf);
        const char *why = leaf < 0 ? "a list where none belongs" : begin_value(y, leaf);
        if (why)
            return why;
        y->list = leaf;
        json_open(&y->w, '[');
    }
    while (n && *s == ' ')
        s++, n--;
    return put_scalar(y, s, n, true);
}

/* "key: value" or "key:" with so many blanks before it. */
static const char *read_key(struct yaml *y, const char *s, size_t n, uint32_t blanks) {
    const char *colon = memchr(s, ':', n);
    size_t key_n = colon ? (size_t)(colon - s) : 0;
    if (!key_n || strspn(s, TEXT_WORD_CHARS) != key_n || (key_n + 1 < n && colon[1] != ' '))
        return "neither a key nor an item of a list";
    while (y->depth && y->open[y->depth - 1].blanks >= blanks)
        y->depth--;
    y->path.len = y->depth ? y->open[y->depth - 1].path_n : 0;
    y->path.buf[y->path.len] = 0;
    if (y->depth == YAML_DEPTH)
        return "keys within too many others";
    text_str(&y->path, y->path.len ? "." : "");
    text_add(&y->path, s, key_n);
    y->open[y->depth].blanks = blanks;
    y->open[y->depth++].path_n = y->path.len;
    for (s = colon + 1, n -= key_n + 1; n && *s == ' '; n--)
        s++;
    ptrdiff_t leaf = y->path.cut ? -1 : leaf_find(y->path.buf);
    if (leaf < 0)
        return !n && is_branch(y->path.buf, y->path.len) ? NULL : "the API has no such key";
    if (!n)
        return NULL; /* its items may follow */
    const char *why = begin_value(y, leaf);
    if (!why)
        why = *s == '[' ? put_list(y, s, n) : put_scalar(y, s, n, false);
    return why ? why : end_value(y, leaf);
}

/* Where a comment begins: a '#' outside of quotes, at the beginning or behind a blank. */
static size_t without_comment(const char *s, size_t n) {
    char quote = 0;
    for (size_t i = 0; i < n; i++) {
        if (quote)
            quote = s[i] == quote ? 0 : quote;
        else if (s[i] == '"' || s[i] == '\'')
            quote = s[i];
        else if (s[i] == '#' && (i == 0 || s[i - 1] == ' '))
            return i;
    }
    return n;
}

static const char *read_line(struct yaml *y, const char *s, size_t n) {
    uint32_t blanks = 0;
    n = without_comment(s, n);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\r'))
        n--;
    while (blanks < n && s[blanks] == ' ')
        blanks++;
    s += blanks;
    n -= blanks;
    if (!n || (n == 3 && memcmp(s, "---", 3) == 0))
        return NULL;
    if (memchr(s, '\t', n))
        return "a tabulator";
    if (*s == '-' && n > 1 && s[1] == ' ' && y->depth && blanks >= y->open[y->depth - 1].blanks)
        return read_item(y, s + 1, n - 1);
    const char *why = end_list(y);
    return why ? why : read_key(y, s, n, blanks);
}

static const char *read_yaml(struct yaml *y, size_t n) {
    const char *why = NULL;
    for (size_t at = 0; at < n && !why; y->line++) {
        const char *end = memchr(y->file + at, '\n', n - at);
        size_t len = end ? (size_t)(end - y->file) - at : n - at;
        y->file[at + len] = 0;
        why = strlen(y->file + at) == len ? read_line(y, y->file + at, len) : "no text";
        at += len + 1;
    }
    return why ? why : end_list(y);
}

/* ---- the answer ---- */

static void put_own(struct json_write *w, const char *root_path, const char *path, const char *json) {
    char room[1536];
    struct text t;
    if (text_find(files, path) < 0 || json[1] == '/') {
        json_raw(w, json, strlen(json));
        return;
    }
    text_init(&t, room, sizeof room);
    json_escape(&t, root_path, strlen(root_path));
    t.len -= 1; /* its last quote */
    text_str(&t, "/" FILES_FOLDER);
    text_str(&t, json + 1);
    json_raw(w, t.buf, t.len);
}

/* Leaves become objects within objects: those that the next path does not go on with are closed. */
static void write_leaves(const struct yaml *y, const char *root_path, struct json_write *w) {
    const char *last = "";
    size_t open_n = 0; /* bytes of last that are open objects, the '.' included */
    uint32_t i = 0;
    for (const char *path = leaves; *path; i++) {
        const char *value = path + strlen(path) + 1, *dot;
        size_t same = 0;
        for (size_t k = 0; k < open_n && last[k] == path[k]; k++)
            same = path[k] == '.' ? k + 1 : same;
        for (size_t k = same; k < open_n; k++)
            if (last[k] == '.')
                json_close(w, '}');
        const char *key = path + same;
        for (; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
            json_key_n(w, key, (size_t)(dot - key));
            json_open(w, '{');
        }
        json_key(w, key);
        put_own(w, root_path, path, y->value[i] ? y->values_room + y->value[i] - 1 : value);
        last = path;
        open_n = (size_t)(key - path);
        path = value + strlen(value) + 1;
    }
    for (size_t k = 0; k < open_n; k++)
        if (last[k] == '.')
            json_close(w, '}');
}

static void tell(struct api_call *c, const struct yaml *y) {
    result_open_items(&c->result, &api_told_api_conf);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{');
    json_key_str(w, "node_name", c->env->role->config->node_name);
    json_key_open(w, "node_api_config", '{');
    write_leaves(y, c->env->root_name, w);
    json_close(w, '}');
    json_close(w, '}');
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

/* The file's bytes; -ENOENT: there is none, which is how Wazuh comes. */
static ptrdiff_t read_file(const struct api_call *c, struct yaml *y) {
    struct sys *sys = c->env->role->sys;
    ptrdiff_t n = 1;
    size_t have = 0;
    int fd = sys->openat(sys, c->env->role->root, YAML_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    for (; n > 0 && have<YAML_BYTES; have += n> 0 ? (size_t)n : 0)
        n = sys->pread(sys, fd, y->file + have, YAML_BYTES - have, have);
    sys->close(sys, fd);
    return n < 0 ? n : have == YAML_BYTES ? -EFBIG : (ptrdiff_t)have;
}

void manager_api_conf(struct api_call *c) {
    struct pool *windows = c->env->role->shared.windows;
    struct yaml *y = pool_take(windows);
    char words[160];
    struct text t;
    if (!y) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                        "this node has no room for reading api.yaml at present");
        return;
    }
    memset(y, 0, offsetof(struct yaml, path_room));
    y->line = 1;
    y->list = -1;
    text_init(&y->path, y->path_room, sizeof y->path_room);
    text_init(&y->values, y->values_room, sizeof y->values_room);
    text_init(&t, words, sizeof words);
    ptrdiff_t n = read_file(c, y);
    const char *why = n > 0 ? read_yaml(y, (size_t)n) : NULL;
    if (why)
        text_format(&t, YAML_PATH ", line %u: %s", y->line - 1, why);
    else if (n < 0 && n != -ENOENT)
        text_format(&t, YAML_PATH ": %s", err_os_words((int)-n));
    if (t.len)
        api_tell_failed(c, &api_told_api_conf, WAZUH_ERROR, 1000, words);
    else
        tell(c, y);
    pool_give(windows, y);
}
