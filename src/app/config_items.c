/* app/config_items.c - cluster.json into struct items and struct intervals.
 *
 * The file is read whole into the start-up memory, so its size is bounded, and parsed there; nothing of it
 * is written back. Folders are judged as strictly as if a stranger had sent them: a bad one would let the
 * synchronisation write outside the tree. */
#include "app/config_items.h"

#include "app/scratch.h"

#include <string.h>

struct reading {
    const char *file;
    struct problems *problems;
    struct json_doc doc;
};

/* Line of a token, for the person who edits the file. */
static uint32_t line_of(const struct reading *r, size_t token) {
    uint32_t line = 1;
    for (uint32_t i = 0; i < r->doc.tokens[token].start; i++)
        line += r->doc.text[i] == '\n';
    return line;
}

static void say(struct reading *r, enum problem_level level, size_t token, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct reading *r, enum problem_level level, size_t token, const char *format, ...) {
    va_list args;
    va_start(args, format);
    problems_vadd(r->problems, level, WAZUH_BAD_ITEMS, r->file, line_of(r, token), format, args);
    va_end(args);
}

static bool is_kind(const struct reading *r, size_t token, enum json_kind kind) {
    return r->doc.tokens[token].kind == kind;
}

/* A JSON string as a C string, or a problem. */
static bool get_str(struct reading *r, size_t token, const char *what, char *out, size_t cap) {
    size_t len;
    if (json_copy_str(&r->doc, token, out, cap, &len) == E_OK && len > 0)
        return true;
    say(r, PROBLEM_ERROR, token, "%s must be a string of 1 to %zu bytes", what, cap - 1);
    return false;
}

static void get_bool(struct reading *r, size_t item, const char *key, bool *out) {
    size_t v = json_find(&r->doc, item, key);
    if (!v)
        return;
    if (is_kind(r, v, JSON_BOOL))
        *out = json_is_true(&r->doc, v);
    else
        say(r, PROBLEM_ERROR, v, "\"%s\" must be true or false", key);
}

/* ---- files ---- */

/* Relative, with a final slash, of plain components: "etc/shared/". */
static bool is_folder(const char *dir) {
    size_t n = strlen(dir);
    if (n < 2 || dir[0] == '/' || dir[n - 1] != '/')
        return false;
    for (const char *at = dir; *at;) {
        size_t part = strcspn(at, "/");
        if (part == 0 || (part == 1 && at[0] == '.') || (part == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += part + 1;
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)dir[i] < 0x20 || dir[i] == 0x7f)
            return false;
    return true;
}

/* Python's int(text, base=0) for what permissions look like: "0o640", or decimal. */
static bool get_mode(const char *text, uint32_t *mode) {
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'O')) {
        size_t n = strlen(text + 2);
        if (n == 0 || n > 4 || strspn(text + 2, "01234567") != n)
            return false;
        *mode = 0;
        for (const char *d = text + 2; *d; d++)
            *mode = *mode * 8 + (uint32_t)(*d - '0');
    } else {
        uint64_t v;
        if ((text[0] == '0' && text[1]) || !text_number(text, strlen(text), 0777, &v))
            return false;
        *mode = (uint32_t)v;
    }
    return *mode <= 0777; /* no set-user-id, no sticky bit */
}

static void read_names(struct reading *r, size_t list, struct item *item) {
    if (!is_kind(r, list, JSON_ARRAY) || r->doc.tokens[list].size == 0) {
        say(r, PROBLEM_ERROR, list, "\"files\" must be a list of names, or [\"all\"]");
        return;
    }
    size_t i = json_first(&r->doc, list);
    for (uint32_t left = r->doc.tokens[list].size; left > 0; left--, i = r->doc.tokens[i].next) {
        if (item->file_count == ITEM_FILES_MAX) {
            say(r, PROBLEM_ERROR, i, "more than %u names in one \"files\"", ITEM_FILES_MAX);
            return;
        }
        char *name = item->files[item->file_count];
        if (!get_str(r, i, "a name in \"files\"", name, sizeof item->files[0]))
            return;
        if (strchr(name, '/'))
            say(r, PROBLEM_ERROR, i, "a name in \"files\" holds a '/'");
        item->file_count++;
    }
    item->all_files = item->file_count == 1 && !strcmp(item->files[0], "all");
    if (item->all_files)
        item->file_count = 0;
}

static void read_item(struct reading *r, size_t key, struct items *t) {
    static const char known[] = "permissions\0source\0files\0recursive\0restart\0remove_subdirs_if_empty\0"
                                "extra_valid\0description\0";
    if (t->count == ITEMS_MAX) {
        say(r, PROBLEM_ERROR, key, "more than %u folders in \"files\"", ITEMS_MAX);
        return;
    }
    size_t value = key + 1;
    struct item *item = &t->item[t->count];
    memset(item, 0, sizeof *item);
    if (!get_str(r, key, "a folder in \"files\"", item->dir, sizeof item->dir))
        return;
    if (!is_folder(item->dir))
        say(r, PROBLEM_ERROR, key, "'%s' is no folder below the root with a final '/'", item->dir);
    if (items_find(t, item->dir, strlen(item->dir)) >= 0)
        say(r, PROBLEM_ERROR, key, "'%s' is given twice", item->dir);
    t->count++;
    if (!is_kind(r, value, JSON_OBJECT)) {
        say(r, PROBLEM_ERROR, value, "'%s' must be an object", item->dir);
        return;
    }
    size_t mode = json_find(&r->doc, value, "permissions");
    char text[16];
    if (!mode || !is_kind(r, mode, JSON_STRING) || !get_str(r, mode, "\"permissions\"", text, sizeof text) ||
        !get_mode(text, &item->mode))
        say(r, PROBLEM_ERROR, mode ? mode : key,
            "'%s' needs \"permissions\" such as \"0o660\", at most 0o777", item->dir);
    size_t files = json_find(&r->doc, value, "files");
    if (files)
        read_names(r, files, item);
    else
        say(r, PROBLEM_ERROR, key, "'%s' needs \"files\"", item->dir);
    get_bool(r, value, "recursive", &item->recursive);
    get_bool(r, value, "remove_subdirs_if_empty", &item->remove_empty);
    get_bool(r, value, "extra_valid", &item->extra_valid);
    size_t i = json_first(&r->doc, value);
    for (uint32_t left = r->doc.tokens[value].size; left > 0; left--, i = r->doc.tokens[i + 1].next) {
        char name[64];
        size_t len;
        if (json_copy_str(&r->doc, i, name, sizeof name, &len) != E_OK || text_find(known, name) < 0)
            say(r, PROBLEM_WARNING, i, "'%s' has a member that is not known here and has no effect",
                item->dir);
    }
}

/* A list of names into count rows of width bytes at rows. */
static void read_excludes(struct reading *r, size_t list, char *rows, size_t width, uint8_t *count) {
    *count = 0;
    if (!is_kind(r, list, JSON_ARRAY)) {
        say(r, PROBLEM_ERROR, list, "the excluded names must be a list");
        return;
    }
    size_t i = json_first(&r->doc, list);
    for (uint32_t left = r->doc.tokens[list].size; left > 0; left--, i = r->doc.tokens[i].next) {
        if (*count == EXCLUDES_MAX) {
            say(r, PROBLEM_ERROR, i, "more than %u excluded names in one list", EXCLUDES_MAX);
            return;
        }
        if (!get_str(r, i, "an excluded name", rows + *count * width, width))
            return;
        ++*count;
    }
}

static void read_files(struct reading *r, size_t files, struct items *t) {
    if (!is_kind(r, files, JSON_OBJECT)) {
        say(r, PROBLEM_ERROR, files, "\"files\" must be an object");
        return;
    }
    size_t names = json_find(&r->doc, files, "excluded_files");
    size_t endings = json_find(&r->doc, files, "excluded_extensions");
    if (names)
        read_excludes(r, names, t->excluded_files[0], sizeof t->excluded_files[0], &t->excluded_file_count);
    if (endings)
        read_excludes(r, endings, t->excluded_extensions[0], sizeof t->excluded_extensions[0],
                      &t->excluded_extension_count);
    t->count = 0;
    size_t i = json_first(&r->doc, files);
    for (uint32_t left = r->doc.tokens[files].size; left > 0; left--, i = r->doc.tokens[i + 1].next)
        if ((!names || i + 1 != names) && (!endings || i + 1 != endings))
            read_item(r, i, t);
    if (t->count == 0)
        say(r, PROBLEM_WARNING, files, "\"files\" names no folder: nothing is synchronised");
}

/* ---- intervals ---- */

enum group { WORKER, MASTER, COMMUNICATION, GROUPS };
static const char groups[GROUPS][14] = {"worker", "master", "communication"};

#define SECONDS_MAX 4000000u /* 46 days; in milliseconds it fits 32 bits */

/* Numbers that are seconds in the file and milliseconds here, or plain. Those without a place are known to
 * Wazuh and without meaning for picket. */
static const struct interval {
    uint8_t group;
    char name[35];
    uint16_t min;
    uint32_t max;
    int16_t place; /* offset in struct intervals, or -1 */
    bool seconds;
    bool wide; /* 64 bits, and no maximum */
} table[] = {
#define MS(group, name, field, min)                                                                          \
    { group, name, min, SECONDS_MAX, offsetof(struct intervals, field), true, false }
#define UNUSED(group, name)                                                                                  \
    { group, name, 0, UINT32_MAX, -1, false, false }
    MS(WORKER, "sync_integrity", sync_integrity_ms, 1),
    MS(WORKER, "sync_agent_info", sync_agent_info_ms, 1),
    UNUSED(WORKER, "sync_agent_groups"),
    MS(WORKER, "timeout_agent_groups", timeout_agent_groups_ms, 1),
    MS(WORKER, "keep_alive", keep_alive_ms, 1),
    MS(WORKER, "connection_retry", connection_retry_ms, 1),
    {WORKER, "max_failed_keepalive_attempts", 1, 1000,
     offsetof(struct intervals, max_failed_keepalive_attempts), false, false},
    {WORKER, "agent_groups_mismatch_limit", 1, 1000, offsetof(struct intervals, agent_groups_mismatch_limit),
     false, false},
    UNUSED(MASTER, "process_pool_size"),
    MS(MASTER, "sync_agent_groups", sync_agent_groups_ms, 1),
    UNUSED(MASTER, "timeout_extra_valid"),
    MS(MASTER, "recalculate_integrity", recalculate_integrity_ms, 1),
    MS(MASTER, "timeout_agent_info", timeout_agent_info_ms, 1),
    MS(MASTER, "agent_group_start_delay", agent_group_start_delay_ms, 0),
    MS(MASTER, "check_worker_lastkeepalive", check_worker_lastkeepalive_ms, 1),
    MS(MASTER, "max_allowed_time_without_keepalive", max_allowed_time_without_keepalive_ms, 1),
    MS(MASTER, "max_locked_integrity_time", max_locked_integrity_time_ms, 1),
    MS(COMMUNICATION, "timeout_cluster_request", timeout_cluster_request_ms, 1),
    MS(COMMUNICATION, "timeout_dapi_request", timeout_dapi_request_ms, 1),
    MS(COMMUNICATION, "timeout_receiving_file", timeout_receiving_file_ms, 1),
    {COMMUNICATION, "max_zip_size", 1024, 0, offsetof(struct intervals, max_zip_size), false, true},
    {COMMUNICATION, "min_zip_size", 1024, 0, offsetof(struct intervals, min_zip_size), false, true},
#undef MS
#undef UNUSED
};

void intervals_defaults(struct intervals *i) {
    *i = (struct intervals){
        .sync_integrity_ms = 9000,
        .sync_agent_info_ms = 10000,
        .keep_alive_ms = 60000,
        .connection_retry_ms = 10000,
        .max_failed_keepalive_attempts = 2,
        .timeout_agent_groups_ms = 40000,
        .agent_groups_mismatch_limit = 5,
        .recalculate_integrity_ms = 8000,
        .check_worker_lastkeepalive_ms = 60000,
        .max_allowed_time_without_keepalive_ms = 120000,
        .max_locked_integrity_time_ms = 1000000,
        .sync_agent_groups_ms = 10000,
        .agent_group_start_delay_ms = 30000,
        .timeout_agent_info_ms = 40000,
        .timeout_cluster_request_ms = 20000,
        .timeout_dapi_request_ms = 200000,
        .timeout_receiving_file_ms = 120000,
        .max_zip_size = 1073741824,
        .min_zip_size = 31457280,
        .zip_limit_tolerance_milli = 200,
        .compress_level = 1,
    };
}

static void put(struct intervals *out, const struct interval *row, uint64_t v) {
    if (row->place < 0)
        return;
    unsigned char *at = (unsigned char *)out + row->place;
    uint32_t narrow = (uint32_t)(row->seconds ? v * 1000 : v);
    if (row->wide)
        memcpy(at, &v, sizeof v);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static void read_number(struct reading *r, size_t v, const struct interval *row, struct intervals *out) {
    uint64_t n, max = row->wide ? UINT64_MAX : row->max;
    if (!json_get_uint(&r->doc, v, max, &n) || n < row->min)
        say(r, PROBLEM_ERROR, v, "\"%s\" must be a whole number from %llu to %llu%s", row->name,
            (unsigned long long)row->min, (unsigned long long)max, row->seconds ? " (seconds)" : "");
    else
        put(out, row, n);
}

/* The two that are no whole number in 32 bits. */
static bool read_special(struct reading *r, size_t v, const char *name, struct intervals *out) {
    uint64_t n;
    if (!strcmp(name, "compress_level")) {
        if (json_get_uint(&r->doc, v, 9, &n))
            out->compress_level = (uint8_t)n;
        else
            say(r, PROBLEM_ERROR, v, "\"compress_level\" must be a whole number from 0 to 9");
        return true;
    }
    if (!strcmp(name, "zip_limit_tolerance")) {
        if (json_get_milli(&r->doc, v, &n) && n < 1000)
            out->zip_limit_tolerance_milli = (uint32_t)n;
        else
            say(r, PROBLEM_ERROR, v, "\"zip_limit_tolerance\" must be a number from 0 to 0.999");
        return true;
    }
    return false;
}

static void read_group(struct reading *r, size_t object, enum group group, struct intervals *out) {
    if (!is_kind(r, object, JSON_OBJECT)) {
        say(r, PROBLEM_ERROR, object, "\"%s\" must be an object", groups[group]);
        return;
    }
    size_t i = json_first(&r->doc, object);
    for (uint32_t left = r->doc.tokens[object].size; left > 0; left--, i = r->doc.tokens[i + 1].next) {
        char name[64];
        size_t len, k = 0;
        const size_t rows = sizeof table / sizeof *table;
        if (json_copy_str(&r->doc, i, name, sizeof name, &len))
            name[0] = '\0';
        while (k < rows && (table[k].group != group || strcmp(table[k].name, name)))
            k++;
        if (k < rows)
            read_number(r, i + 1, &table[k], out);
        else if (group != COMMUNICATION || !read_special(r, i + 1, name, out))
            say(r, PROBLEM_WARNING, i, "\"%s\" in \"%s\" is not known here and has no effect", name,
                groups[group]);
    }
}

static void read_intervals(struct reading *r, size_t intervals, struct intervals *out) {
    if (!is_kind(r, intervals, JSON_OBJECT)) {
        say(r, PROBLEM_ERROR, intervals, "\"intervals\" must be an object");
        return;
    }
    for (int i = 0; i < GROUPS; i++) {
        size_t object = json_find(&r->doc, intervals, groups[i]);
        if (object)
            read_group(r, object, (enum group)i, out);
    }
    if (out->min_zip_size > out->max_zip_size)
        say(r, PROBLEM_ERROR, intervals, "\"min_zip_size\" is larger than \"max_zip_size\"");
}

/* ---- the file ---- */

void config_items_parse(const char *file, const char *text, size_t n, struct cluster_config *c,
                        struct problems *p) {
    struct reading r = {.file = file, .problems = p};
    struct error e;
    if (json_parse(&r.doc, text, n, scratch()->tokens, SCRATCH_TOKENS, &e)) {
        problems_add(p, PROBLEM_ERROR, WAZUH_BAD_ITEMS, file, 0, "%s", e.what);
        return;
    }
    if (!is_kind(&r, 0, JSON_OBJECT)) {
        say(&r, PROBLEM_ERROR, 0, "the file must be a JSON object");
        return;
    }
    size_t files = json_find(&r.doc, 0, "files");
    size_t intervals = json_find(&r.doc, 0, "intervals");
    if (files)
        read_files(&r, files, &c->items);
    if (intervals)
        read_intervals(&r, intervals, &c->intervals);
}

/* False when there is no such file. */
static bool load(struct sys *sys, int root_fd, const char *file, struct cluster_config *c,
                 struct problems *p) {
    int fd = sys->openat(sys, root_fd, file, O_RDONLY, 0);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return false;
    if (fd < 0) {
        problems_add(p, PROBLEM_ERROR, WAZUH_BAD_ITEMS, file, 0, "cannot be read: %s", err_os_words(-fd));
        return true;
    }
    char *text = scratch()->text;
    size_t have = 0;
    ptrdiff_t n;
    while (have <= CLUSTER_JSON_BYTES &&
           (n = sys->read(sys, fd, text + have, CLUSTER_JSON_BYTES + 1 - have)) > 0)
        have += (size_t)n;
    sys->close(sys, fd);
    if (have > CLUSTER_JSON_BYTES)
        problems_add(p, PROBLEM_ERROR, WAZUH_BAD_ITEMS, file, 0, "is larger than %u bytes",
                     CLUSTER_JSON_BYTES);
    else if (n < 0)
        problems_add(p, PROBLEM_ERROR, WAZUH_BAD_ITEMS, file, 0, "cannot be read: %s", err_os_words((int)-n));
    else
        config_items_parse(file, text, have, c, p);
    return true;
}

const char *config_items_load(struct sys *sys, int root_fd, struct cluster_config *c, struct problems *p) {
    static const char files[][46] = {"etc/cluster.json", "framework/wazuh/core/cluster/cluster.json"};
    items_defaults(&c->items);
    intervals_defaults(&c->intervals);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (load(sys, root_fd, files[i], c, p))
            return files[i];
    return NULL;
}
