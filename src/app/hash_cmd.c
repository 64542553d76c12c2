/* app/hash_cmd.c - every node is asked for the hash of its tree (picket.node.get_tree). Nodes of real Wazuh
 * know no such question: `hash` shows them as unknown, and `wait-sync` goes by the dates of their last check.
 */
#include "app/hash_cmd.h"

#include "app/api_ask.h"
#include "app/console.h"
#include "app/status_screen.h"
#include "app/watch.h"
#include "app/words.h"

#include <string.h>

#define ASK_MS 10000u
#define ROUND_MS 1000u
#define DIFFER 1
#define NO_AGE UINT64_MAX

struct tree {
    char name[NODE_NAME_BYTES], type[12];
    char hash[65]; /* "": not told */
    char why[96];
    uint64_t files, scanned_s; /* how long ago its scan began */
    bool checked;              /* wait-sync: Wazuh's dates say that it is in sync */
};

static struct forest {
    uint32_t count;
    struct tree tree[VIEW_NODES];
} forest; /* static: 20 KB, one command at a time */

enum verdict { AGREE, DIFFERENT, UNKNOWN };

/* The row of a name; a new one where the order has it: the master first, then by name. */
static struct tree *row(const char *name, const char *type) {
    uint32_t at = 0;
    for (; at < forest.count; at++)
        if (!strcmp(forest.tree[at].name, name))
            return &forest.tree[at];
    if (forest.count == VIEW_NODES)
        return NULL;
    for (; at > 0; at--) {
        const struct tree *before = &forest.tree[at - 1];
        bool master = !strcmp(type, "master"), other = !strcmp(before->type, "master");
        if (master == other ? strcmp(before->name, name) <= 0 : other)
            break;
        forest.tree[at] = *before;
    }
    struct tree *t = &forest.tree[at];
    memset(t, 0, sizeof *t);
    t->files = t->scanned_s = NO_AGE;
    text_copy(t->name, sizeof t->name, name, strlen(name));
    text_copy(t->type, sizeof t->type, type, strlen(type));
    forest.count++;
    return t;
}

static enum err on_item(void *arg, const char *json, size_t n, struct error *e) {
    struct json_token tokens[32];
    struct json_doc d;
    char name[NODE_NAME_BYTES];
    enum err err = json_parse(&d, json, n, tokens, 32, e);
    (void)arg;
    if (err)
        return err;
    cell_words(name, sizeof name - 1, &d, 0, "name");
    struct tree *t = name[0] ? row(name, "") : NULL;
    if (!t)
        return E_OK;
    size_t i = json_find(&d, 0, "files"), s = json_find(&d, 0, "scanned_s");
    cell_words(t->hash, sizeof t->hash - 1, &d, 0, "tree");
    if (i)
        json_get_uint(&d, i, NO_AGE - 1, &t->files);
    if (s)
        json_get_uint(&d, s, NO_AGE - 1, &t->scanned_s);
    return E_OK;
}

static void note(const char *name, const struct wazuh_error *why) {
    char words[300];
    struct text t, kept;
    struct tree *tree = row(name, "");
    if (!tree)
        return;
    text_init(&t, words, sizeof words);
    wazuh_error_words(&t, why);
    text_init(&kept, tree->why, sizeof tree->why);
    plain_words(&kept, words, t.len, 0);
}

static enum err on_failed(void *arg, const struct wazuh_error *why, const char *ids, size_t n,
                          struct error *e) {
    static struct json_token tokens[VIEW_NODES + 1];
    struct json_doc d;
    (void)arg, (void)e;
    if (json_parse(&d, ids, n, tokens, VIEW_NODES + 1, NULL))
        return E_OK;
    size_t at = json_first(&d, 0), len;
    for (uint32_t left = at ? d.tokens[0].size : 0; left > 0; left--, at = d.tokens[at].next) {
        char name[NODE_NAME_BYTES];
        if (!json_copy_str(&d, at, name, sizeof name, &len) && name[0])
            note(name, why);
    }
    return E_OK;
}

/* One question; on a node that does not pass it on, only its own tree. */
static enum err ask_trees(struct visit *v, const char *type, struct answer *a) {
    static const struct answer_events events = {.item = on_item, .failed = on_failed};
    const struct api_question q = {.function = "picket.node.get_tree",
                                   .type = type,
                                   .broadcasting = !strcmp(type, "distributed_master")};
    char buf[768];
    struct text t;
    struct json_write w;
    text_init(&t, buf, sizeof buf);
    json_write_init(&w, &t);
    api_question_open(&w, &q);
    if (q.broadcasting)
        json_key_str(&w, "node_list", "*");
    api_question_close(&w);
    answer_init(a, &events, NULL);
    return api_ask(v, buf, ASK_MS, a);
}

/* Rows of all nodes that are known, then their trees. E_OK even if nobody told one. since_us: dates of
 * Wazuh's checks count from then on; 0: not asked for. */
static enum err look(struct visit *v, int64_t since_us) {
    static struct answer a;
    forest.count = 0;
    const struct status_view *view = status_look(v);
    if (!view)
        return v->e.code ? v->e.code : E_TIME;
    for (uint32_t i = 0; i < view->node_count; i++) {
        const struct view_node *n = &view->nodes[i];
        struct tree *t = row(n->name, n->type);
        int64_t us;
        if (t && since_us)
            t->checked =
                !strcmp(n->type, "master") || (n->in_sync && date_read(n->last_check, &us) && us >= since_us);
    }
    enum err err = ask_trees(v, "distributed_master", &a);
    bool told = !err && a.kind == ANSWER_ITEMS;
    if (!told && view->native && (!err || err == E_PEER))
        err = ask_trees(v, "local_any", &a);
    return err == E_PEER ? E_OK : err;
}

static enum verdict judge(uint32_t *known) {
    const char *first = NULL;
    enum verdict verdict = AGREE;
    *known = 0;
    for (uint32_t i = 0; i < forest.count; i++) {
        const struct tree *t = &forest.tree[i];
        if (!t->hash[0])
            continue;
        (*known)++;
        if (!first)
            first = t->hash;
        else if (strcmp(first, t->hash) != 0)
            verdict = DIFFERENT;
    }
    return verdict == AGREE && (*known < forest.count || !forest.count) ? UNKNOWN : verdict;
}

/* Where the trees begin to differ from: the first one told, which is the master's if it tells. */
static bool is_other(const struct tree *t) {
    for (uint32_t i = 0; i < forest.count; i++)
        if (forest.tree[i].hash[0])
            return t->hash[0] && strcmp(t->hash, forest.tree[i].hash) != 0;
    return false;
}

/* ---- hash ---- */

static void print_json(enum verdict verdict) {
    static const char words[][6] = {"true", "false", "null"};
    print("{\"agree\": %s, \"nodes\": [", words[verdict]);
    for (uint32_t i = 0; i < forest.count; i++) {
        const struct tree *t = &forest.tree[i];
        char buf[512];
        struct text out;
        struct json_write w;
        text_init(&out, buf, sizeof buf);
        json_write_init(&w, &out);
        json_open(&w, '{');
        json_key_str(&w, "name", t->name);
        json_key_str(&w, "tree", t->hash[0] ? t->hash : NULL);
        if (t->files != NO_AGE)
            json_key_uint(&w, "files", t->files);
        if (t->scanned_s != NO_AGE)
            json_key_uint(&w, "scanned_s", t->scanned_s);
        if (!t->hash[0])
            json_key_str(&w, "why", t->why[0] ? t->why : "unknown");
        json_close(&w, '}');
        print("%s%s", i ? ", " : "", buf);
    }
    print("]}\n");
}

static void print_trees(void) {
    print("%-18s %-16s %-7s %s\n", "NAME", "TREE", "FILES", "SCANNED");
    for (uint32_t i = 0; i < forest.count; i++) {
        const struct tree *t = &forest.tree[i];
        char line[128], age[16];
        struct text out, a;
        text_init(&out, line, sizeof line);
        text_init(&a, age, sizeof age);
        plain_words(&out, t->name, strlen(t->name), 18);
        if (t->hash[0]) {
            age_words(&a, t->scanned_s);
            text_str(&a, " ago");
            text_format(&out, " %-16.16s %-7llu %-9s %s", t->hash, (unsigned long long)t->files, age,
                        is_other(t) ? "differs" : "");
        } else {
            text_format(&out, " unknown  %.50s", t->why[0] ? t->why : "it knows no such question");
        }
        while (out.len && line[out.len - 1] == ' ')
            line[--out.len] = '\0';
        print("%s\n", line);
    }
}

static void print_verdict(enum verdict verdict, uint32_t known) {
    char line[160];
    struct text t;
    text_init(&t, line, sizeof line);
    uint32_t n = forest.count;
    if (verdict == AGREE)
        text_format(&t, "OK: %u node%s agree%s\n", n, n == 1 ? "" : "s", n == 1 ? "s with itself" : "");
    else if (verdict == DIFFERENT)
        text_format(&t, "DIFFER: the nodes do not have the same files%s\n",
                    known < n ? ", and some cannot say" : "");
    else
        text_format(&t, "UNKNOWN: %u of %u nodes cannot say what files they have\n", n - known, n);
    print_screen(verdict == AGREE ? MOOD_GOOD : MOOD_BAD, t.buf, t.len);
}

static const uint8_t codes[] = {[AGREE] = STATUS_OK, [DIFFERENT] = DIFFER, [UNKNOWN] = STATUS_UNKNOWN};

int hash_command(struct sys *sys, const struct options *o) {
    struct visit v;
    uint32_t known;
    int code = visit_begin(&v, sys, o);
    if (code)
        return code == STATUS_DIED ? STATUS_STOPPED : code;
    enum err err = look(&v, 0);
    visit_close(&v);
    if (err)
        return visit_fail(&v, err);
    enum verdict verdict = judge(&known);
    if (o->json) {
        print_json(verdict);
    } else {
        print_verdict(verdict, known);
        print_trees();
    }
    console_flush();
    return codes[verdict];
}

/* ---- wait-sync ---- */

/* Who is not where the others are, since waited_ms ago; their number. A tree counts only if its scan began
 * after we did: what was changed just before must have been seen. */
static uint32_t find_behind(uint64_t waited_ms, struct text *names) {
    uint32_t behind = 0;
    for (uint32_t i = 0; i < forest.count; i++) {
        const struct tree *t = &forest.tree[i];
        bool fresh = t->scanned_s != NO_AGE && t->scanned_s * 1000 + 1000 <= waited_ms;
        if (t->hash[0] ? fresh && !is_other(t) : t->checked)
            continue;
        if (behind++ < 4) {
            text_str(names, behind > 1 ? ", " : "");
            plain_words(names, t->name, strlen(t->name), 0);
        }
    }
    if (behind > 4)
        text_format(names, " and %u more", behind - 4);
    return behind;
}

static void print_end(const struct options *o, bool reached, uint32_t behind, const char *names,
                      uint64_t waited_ms) {
    char line[400], age[16];
    struct text t, a;
    if (o->quiet)
        return;
    text_init(&t, line, sizeof line);
    text_init(&a, age, sizeof age);
    age_words(&a, waited_ms / 1000);
    if (o->json)
        text_format(&t, "{\"in_sync\": %s, \"waited_ms\": %llu, \"nodes\": %u, \"behind\": %u}\n",
                    reached ? "true" : "false", (unsigned long long)waited_ms, forest.count, behind);
    else if (reached)
        text_format(&t, "OK: %u node%s agree after %s\n", forest.count, forest.count == 1 ? "" : "s", age);
    else if (!forest.count)
        text_format(&t, "BEHIND: no node was heard of for %s\n", age);
    else
        text_format(&t, "BEHIND: after %s: %s\n", age, names);
    if (o->json)
        print_bytes(t.buf, t.len);
    else
        print_screen(reached ? MOOD_GOOD : MOOD_BAD, t.buf, t.len);
}

int wait_sync_command(struct sys *sys, const struct options *o) {
    struct options here = *o;
    struct visit v;
    struct watch w;
    char names[320];
    struct text t;
    int code = visit_begin(&v, sys, &here);
    if (code)
        return code == STATUS_DIED ? STATUS_STOPPED : code;
    visit_close(&v);
    here.in_root = true; /* that is where the first visit went */
    if (watch_open(&w, sys) < 0)
        return STATUS_UNKNOWN;
    bool progress = !o->quiet && !o->json && console_can_redraw(), going = true, reached = false;
    uint64_t begun_ms = sys_mono_ms(sys), waited_ms = 0;
    uint64_t most_ms = (o->timeout_s ? o->timeout_s : WAIT_SYNC_S) * 1000ull;
    int64_t since_us = sys->wall_ns(sys) / 1000;
    uint32_t behind = 0;
    while (!reached && going && waited_ms < most_ms) {
        forest.count = 0;
        if (visit_open(&v, sys, &here) == STATUS_OK)
            look(&v, since_us); /* a node that restarts meanwhile is asked again */
        visit_close(&v);
        waited_ms = sys_mono_ms(sys) - begun_ms;
        text_init(&t, names, sizeof names);
        behind = find_behind(waited_ms, &t);
        reached = forest.count && !behind;
        if (progress && !reached) {
            console_line_again();
            print("waiting: %u of %u agree; not yet: %.50s", forest.count - behind, forest.count, names);
            console_flush();
        }
        if (!reached && waited_ms < most_ms)
            going = watch_wait(&w, ROUND_MS);
    }
    watch_close(&w);
    if (progress)
        console_line_again();
    print_end(o, reached, behind, names, waited_ms);
    console_flush();
    return reached ? STATUS_OK : DIFFER;
}
