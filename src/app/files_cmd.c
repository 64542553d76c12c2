/* app/files_cmd.c - what a node tells of files that are not in sync, and on a worker the comparison that its
 * next check would make: the master's list of files and hashes against its own.
 *
 * Either list may have as many entries as a node can hold, in any order. Of one at a time only 16 bytes per
 * entry are kept (64 bits of a hash of the path, 64 of the content's), sorted; the other is read past them as
 * it comes. Names are known of the list that is being read: so the local list is read twice, first to be
 * kept, then for what the master has not. */
#include "app/files_cmd.h"

#include "app/api_ask.h"
#include "app/console.h"
#include "app/scratch.h"
#include "app/status_screen.h"
#include "app/words.h"
#include "base/bytes.h"
#include "crypto/blake2b.h"

#include <string.h>

#define BEHIND 1
#define ASK_MS 60000u
#define HASH_HEX 128u

enum change { CREATE, UPDATE, DELETE, CHANGES };
static const char change_words[] = "create\0update\0delete\0";

/* ---- a list of files ---- */

/* Finds the pairs of path and hash in {"path": .., "hash": ..} as well as in {path: hash}: a string that
 * comes before a colon, and the one after it. What is not 128 hex digits is no hash. */
struct pairs {
    enum { BETWEEN, IN_STRING, AFTER_BACKSLASH } state;
    bool is_value; /* a key was complete, and ':' seen */
    size_t n;
    char text[PATH_MAX_BYTES * 6 + 2]; /* as JSON has it: "\u00e4" is one byte of a path */
    char key[PATH_MAX_BYTES], path[PATH_MAX_BYTES];
    void (*found)(void *arg, const char *path, uint64_t content);
    void *arg;
    uint64_t count;
};

static bool content_of(const char *hex, size_t n, uint64_t *out) {
    uint64_t v = 0;
    if (n != HASH_HEX || strspn(hex, "0123456789abcdef") != n)
        return false;
    for (size_t i = 0; i < 16; i++)
        v = v << 4 | (uint64_t)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
    *out = v;
    return true;
}

static void string_over(struct pairs *p) {
    char *to = p->is_value ? NULL : p->key;
    char value[PATH_MAX_BYTES];
    size_t len;
    uint64_t content;
    if (json_unescape(p->text, p->n, to ? to : value, PATH_MAX_BYTES, &len) != E_OK) {
        if (to)
            to[0] = '\0';
        return;
    }
    if (to)
        return;
    if (!strcmp(p->key, "path")) {
        memcpy(p->path, value, len + 1);
    } else if (content_of(value, len, &content)) {
        p->count++;
        p->found(p->arg, strcmp(p->key, "hash") ? p->key : p->path, content);
    }
}

static enum err pairs_take(void *arg, const char *bytes, size_t n, struct error *e) {
    struct pairs *p = arg;
    (void)e;
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];
        if (p->state == BETWEEN) {
            if (c == '"')
                p->state = IN_STRING, p->n = 0;
            else if (c == ':')
                p->is_value = true;
            else if (c != ' ')
                p->is_value = false;
            continue;
        }
        if (p->state == IN_STRING && c == '"') {
            p->text[p->n] = '\0';
            string_over(p);
            p->state = BETWEEN;
            p->is_value = false;
            continue;
        }
        if (p->n < sizeof p->text - 1)
            p->text[p->n++] = c;
        p->state = p->state == IN_STRING && c == '\\' ? AFTER_BACKSLASH : IN_STRING;
    }
    return E_OK;
}

/* Both lists may be asked for in two ways; a real Wazuh knows only the second, of rules, decoders and lists.
 */
struct source {
    struct pairs pairs;
    struct answer answer;
};

static enum err take_both(void *arg, const char *bytes, size_t n, struct error *e) {
    struct source *s = arg;
    pairs_take(&s->pairs, bytes, n, e);
    return answer_take(&s->answer, bytes, n, e);
}

static enum err no_item(void *arg, const char *json, size_t n, struct error *e) {
    (void)arg, (void)json, (void)n, (void)e;
    return E_OK;
}

static enum err ask_list(struct visit *v, struct source *s, bool of_master, bool ruleset,
                         void (*found)(void *arg, const char *path, uint64_t content), void *arg) {
    static const struct answer_events nothing = {.item = no_item};
    struct api_question q = {.function = "picket.node.get_manifest",
                             .type = of_master ? "local_master" : "local_any"};
    if (ruleset) {
        q.function = "wazuh.core.cluster.control.get_node_ruleset_integrity";
        q.is_async = true;
        q.local_client_arg = "lc";
    }
    char buf[768], words[1024];
    struct text t;
    struct json_write w;
    memset(&s->pairs, 0, sizeof s->pairs);
    s->pairs.found = found;
    s->pairs.arg = arg;
    v->ask.deadline_ms = sys_mono_ms(v->ask.sys) + ASK_MS;
    if (ruleset && !of_master) {
        struct ask_sink direct = {.take = pairs_take, .arg = &s->pairs, .direct = true};
        return ask_string(&v->ask, "get_hash", "", &direct, words, sizeof words, &v->e);
    }
    text_init(&t, buf, sizeof buf);
    json_write_init(&w, &t);
    api_question_open(&w, &q);
    api_question_close(&w);
    answer_init(&s->answer, &nothing, NULL);
    struct ask_sink sink = {.take = take_both, .arg = s};
    enum err err = ask_string(&v->ask, "dapi", buf, &sink, words, sizeof words, &v->e);
    if (!err)
        err = answer_finish(&s->answer, &v->e);
    if (err == E_PEER)
        wazuh_error_read(&s->answer.error, words, strlen(words));
    else if (err || s->answer.kind != ANSWER_EXCEPTION)
        return err;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, &s->answer.error);
    return error_set(&v->e, E_PEER, 0, "%s", words);
}

/* ---- the comparison ---- */

struct compare {
    uint32_t count; /* marks kept, sorted; the lowest bit of a path's mark: it was seen in the other list */
    bool too_many, json;
    uint64_t changes[CHANGES];
    struct text lines; /* those that are shown below the verdict */
    uint64_t shown;
    char room[12288];
};

static uint64_t path_mark(const char *path) {
    struct blake2b b;
    uint8_t out[8];
    blake2b_init(&b, sizeof out);
    blake2b_push(&b, path, strlen(path));
    blake2b_finish(&b, out);
    return (uint64_t)be32_load(out) << 32 | (be32_load(out + 4) & ~1u);
}

static void keep_mark(void *arg, const char *path, uint64_t content) {
    struct compare *c = arg;
    if (c->count == SCRATCH_MARKS) {
        c->too_many = true;
        return;
    }
    uint64_t *m = scratch()->marks[c->count++];
    m[0] = path_mark(path);
    m[1] = content;
}

/* Shell's, with Ciura's gaps and their like: 20,000 marks in a few milliseconds, and no recursion. */
static void sort_marks(uint32_t count) {
    static const uint32_t gaps[] = {15679, 6968, 3097, 1376, 701, 301, 132, 57, 23, 10, 4, 1};
    uint64_t(*m)[2] = scratch()->marks;
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint64_t path = m[i][0], content = m[i][1];
            uint32_t at = i;
            for (; at >= gaps[g] && m[at - gaps[g]][0] > path; at -= gaps[g])
                memcpy(m[at], m[at - gaps[g]], sizeof m[0]);
            m[at][0] = path;
            m[at][1] = content;
        }
}

static uint64_t *find_mark(const struct compare *c, const char *path) {
    uint64_t want = path_mark(path);
    uint32_t from = 0, to = c->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if ((scratch()->marks[middle][0] & ~1ull) < want)
            from = middle + 1;
        else
            to = middle;
    }
    uint64_t *m = scratch()->marks[from < c->count ? from : 0];
    return c->count && (m[0] & ~1ull) == want ? m : NULL;
}

static void tell(struct compare *c, enum change change, const char *path) {
    c->changes[change]++;
    if (c->json) {
        static char buf[PATH_MAX_BYTES * 6 + 64];
        struct text t;
        struct json_write w;
        text_init(&t, buf, sizeof buf);
        json_write_init(&w, &t);
        json_open(&w, '{');
        json_key_str(&w, "path", path);
        json_key_str(&w, "change", text_item(change_words, change));
        json_close(&w, '}');
        print("%s", c->shown++ ? ", " : "");
        print_bytes(t.buf, t.len);
        return;
    }
    if (c->lines.cap - c->lines.len < PATH_MAX_BYTES + 16)
        return;
    text_format(&c->lines, "  %s  ", text_item(change_words, change));
    plain_words(&c->lines, path, strlen(path), 0);
    text_char(&c->lines, '\n');
    c->shown++;
}

static void judge_masters(void *arg, const char *path, uint64_t content) {
    struct compare *c = arg;
    uint64_t *mine = find_mark(c, path);
    if (!mine) {
        tell(c, CREATE, path);
        return;
    }
    mine[0] |= 1;
    if (mine[1] != content)
        tell(c, UPDATE, path);
}

/* A file that came between the two readings is not among the marks: the next check will tell. */
static void judge_mine(void *arg, const char *path, uint64_t content) {
    struct compare *c = arg;
    const uint64_t *mine = find_mark(c, path);
    (void)content;
    if (mine && !(mine[0] & 1))
        tell(c, DELETE, path);
}

static enum err compare_all(struct visit *v, struct source *s, struct compare *c, bool ruleset) {
    c->count = 0;
    enum err err = ask_list(v, s, false, ruleset, keep_mark, c);
    if (err)
        return err;
    if (c->too_many)
        return error_set(&v->e, E_LIMIT, 0, "more than %u files", SCRATCH_MARKS);
    sort_marks(c->count);
    err = ask_list(v, s, true, ruleset, judge_masters, c);
    /* A master that told of no file at all would have everything deleted: that is no answer to go by. */
    if (!err && !s->pairs.count && c->count)
        err = error_set(&v->e, E_VALUE, 0, "the master names no files");
    return err ? err : ask_list(v, s, false, ruleset, judge_mine, c);
}

static int fail_compare(const struct visit *v, enum err err) {
    char why[ERROR_WHAT_BYTES];
    struct text t;
    text_init(&t, why, sizeof why);
    plain_words(&t, v->e.what, strlen(v->e.what), 0);
    complain("UNKNOWN: the files cannot be compared: %s%s\n", why,
             err == E_TIME ? " (the master does not answer; see picket status)" : "");
    return STATUS_UNKNOWN;
}

static int dry_run(struct visit *v, const struct options *o) {
    static struct source source;
    static struct compare c;
    memset(&c, 0, sizeof c);
    c.json = o->json;
    text_init(&c.lines, c.room, sizeof c.room);
    print("%s", o->json ? "{\"changes\": [" : "");
    enum err err = compare_all(v, &source, &c, false);
    bool ruleset = err == E_PEER; /* one of the two does not know the question */
    if (ruleset)
        err = compare_all(v, &source, &c, true);
    if (err)
        return fail_compare(v, err);
    const unsigned long long n[CHANGES] = {c.changes[CREATE], c.changes[UPDATE], c.changes[DELETE]};
    unsigned long long all = n[CREATE] + n[UPDATE] + n[DELETE];
    if (o->json) {
        print("], \"compared\": \"%s\", \"create\": %llu, \"update\": %llu, \"delete\": %llu}\n",
              ruleset ? "ruleset" : "all", n[CREATE], n[UPDATE], n[DELETE]);
        return all ? BEHIND : STATUS_OK;
    }
    char line[200];
    struct text t;
    text_init(&t, line, sizeof line);
    if (all)
        text_format(&t, "WOULD CHANGE: %llu to create, %llu to update, %llu to delete\n", n[CREATE],
                    n[UPDATE], n[DELETE]);
    else
        text_format(&t, "OK: nothing would change; %u files compared\n", c.count);
    print_screen(all ? MOOD_BAD : MOOD_GOOD, t.buf, t.len);
    if (ruleset)
        print("Only rules, decoders and lists could be compared: a node of Wazuh tells no more.\n");
    print_bytes(c.lines.buf, c.lines.len);
    if (all > c.shown)
        print("  ... and %llu more (--json has all)\n", all - c.shown);
    return all ? BEHIND : STATUS_OK;
}

/* ---- what the node tells ---- */

static void print_workers(const struct status_view *view) {
    bool heading = false;
    for (uint32_t i = 0; i < view->node_count; i++) {
        const struct view_node *n = &view->nodes[i];
        char name[NODE_NAME_BYTES];
        struct text t;
        if (!strcmp(n->type, "master") || n->missing == VIEW_UNKNOWN)
            continue;
        if (!heading)
            print("%-20s %-10s %8s %8s %8s   (last time)\n", "WORKER", "STATE", "CREATED", "UPDATED",
                  "DELETED");
        heading = true;
        text_init(&t, name, sizeof name);
        plain_words(&t, n->name, strlen(n->name), 20);
        print("%s %-10s %8llu %8llu %8llu\n", name,
              n->state[0]       ? n->state
              : !n->has_checked ? "unknown"
              : n->in_sync      ? "in sync"
                                : "behind",
              (unsigned long long)n->missing, (unsigned long long)n->shared, (unsigned long long)n->extra);
    }
}

static void print_unsynced(const struct json_doc *d, size_t list) {
    size_t at = json_first(d, list);
    for (uint32_t left = d->tokens[list].size; left > 0; left--, at = d->tokens[at].next) {
        char path[64], why[96];
        cell_words(path, sizeof path - 1, d, at, "path");
        cell_words(why, 78 - strlen(path) > sizeof why - 1 ? sizeof why - 1 : 78 - strlen(path), d, at,
                   "why");
        print("%s: %s\n", path, why);
    }
}

static int show_json(struct visit *v) {
    static const char members[] = "node\0type\0in_sync\0behind\0files\0unsynced\0unsynced_untold\0workers\0";
    const struct json_doc *d = &v->doc;
    bool first = true;
    print("{");
    for (const char *m = members; *m; m += strlen(m) + 1) {
        size_t i = json_find(d, 0, m);
        if (!i)
            continue;
        bool quotes = d->tokens[i].kind == JSON_STRING;
        print("%s\"%s\": %s", first ? "" : ", ", m, quotes ? "\"" : "");
        print_bytes(d->text + d->tokens[i].start, d->tokens[i].end - d->tokens[i].start);
        print("%s", quotes ? "\"" : "");
        first = false;
    }
    print("}\n");
    return 0;
}

static int show(struct visit *v, const struct options *o) {
    const struct status_view *view = status_look(v);
    if (!view)
        return visit_fail(v, E_TIME);
    uint32_t sick = 0;
    for (uint32_t i = 0; i < view->node_count; i++)
        sick +=
            view->nodes[i].bad || (view->nodes[i].has_checked && !view->nodes[i].in_sync && !view->native);
    bool master = status_view_is_master(view), known = view->behind != VIEW_UNKNOWN && view->behind;
    bool has_unsynced = view->file_count > 0, bad = known || has_unsynced ||
                                                    (view->has_in_sync && !view->in_sync) ||
                                                    (sick && (master || !view->native));
    if (o->json) {
        enum err err = visit_ask(v, "get_status", "", VISIT_WAIT_MS);
        return err ? visit_fail(v, err) : (show_json(v), bad ? BEHIND : 0);
    }
    char line[200];
    struct text t;
    text_init(&t, line, sizeof line);
    if (!bad)
        text_str(&t, "OK: nothing is behind");
    else if (master)
        text_format(&t, "NOT IN SYNC: %u worker%s behind", sick, sick == 1 ? " is" : "s are");
    else if (known)
        text_format(&t, "NOT IN SYNC: %llu files are behind", (unsigned long long)view->behind);
    else
        text_str(&t, "NOT IN SYNC: not all is as it should be");
    if (view->files != VIEW_UNKNOWN)
        text_format(&t, "; this node has %llu files", (unsigned long long)view->files);
    text_char(&t, '\n');
    print_screen(bad ? MOOD_BAD : MOOD_GOOD, t.buf, t.len);
    if (!view->native)
        print("Wazuh's own daemon does not tell which files; --dry-run on a worker compares.\n");
    print_workers(view);
    if (!view->native || visit_ask(v, "get_status", "", VISIT_WAIT_MS))
        return bad ? BEHIND : 0;
    size_t list = json_find(&v->doc, 0, "unsynced");
    if (list && v->doc.tokens[list].size)
        print_unsynced(&v->doc, list);
    size_t untold = json_find(&v->doc, 0, "unsynced_untold");
    uint64_t more = 0;
    if (untold && json_get_uint(&v->doc, untold, UINT32_MAX, &more) && more)
        print("... and %llu more files\n", (unsigned long long)more);
    return bad ? BEHIND : 0;
}

/* A master has nothing to change: what its workers lack is what it tells. */
static bool is_master(struct visit *v) {
    char type[16] = "";
    if (!visit_ask(v, "get_config", "", VISIT_WAIT_MS))
        cell_words(type, sizeof type - 1, &v->doc, 0, "node_type");
    return !strcmp(type, "master");
}

int files_command(struct sys *sys, const struct options *o) {
    struct visit v;
    int code = visit_begin(&v, sys, o);
    if (code)
        return code == STATUS_DIED ? STATUS_STOPPED : code;
    code = o->dry_run && !is_master(&v) ? dry_run(&v, o) : show(&v, o);
    visit_close(&v);
    console_flush();
    return code;
}
