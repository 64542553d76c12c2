/* app/nodes_cmd.c - nodes and their health, from the same four answers as `picket status` (app/status.h).
 *
 * Of a real Wazuh daemon only get_nodes and get_health are known; what they do not say is shown as "-", and
 * whether a worker is in sync is read from the dates of its last check and sync. */
#include "app/nodes_cmd.h"

#include "app/console.h"
#include "app/status_screen.h"
#include "app/visit.h"
#include "app/words.h"
#include "base/json_write.h"

#include <string.h>

#define UNHEALTHY 1

enum sync { SYNC_UNKNOWN, SYNC_YES, SYNC_NO };

static enum sync sync_of(const struct view_node *n) {
    if (!strcmp(n->type, "master"))
        return SYNC_YES; /* it is what the others are compared with */
    if (n->state[0])
        return n->bad ? SYNC_NO : SYNC_YES;
    return !n->has_checked ? SYNC_UNKNOWN : n->in_sync ? SYNC_YES : SYNC_NO;
}

static const char *state_words(const struct view_node *n) {
    static const char words[][12] = {"-", "in sync", "behind"};
    if (!strcmp(n->type, "master"))
        return "serving";
    return n->state[0] ? n->state : words[sync_of(n)];
}

/* Seconds since the node was last heard of, by whoever was asked. */
static uint64_t seen_s(const struct visit *v, const struct view_node *n) {
    int64_t us, now_us = v->ask.sys->wall_ns(v->ask.sys) / 1000;
    if (n->keepalive_s != VIEW_UNKNOWN || !date_read(n->seen, &us))
        return n->keepalive_s;
    return now_us > us ? (uint64_t)(now_us - us) / 1000000u : 0;
}

/* Indexes of the nodes, the master first, then by name: the same at each look. */
static void order(const struct status_view *view, uint8_t by_name[VIEW_NODES]) {
    _Static_assert(VIEW_NODES <= 255, "an index of a node in a byte");
    for (uint32_t i = 0; i < view->node_count; i++) {
        uint32_t at = i;
        const struct view_node *n = &view->nodes[i];
        for (; at > 0; at--) {
            const struct view_node *before = &view->nodes[by_name[at - 1]];
            bool master = !strcmp(n->type, "master"), other = !strcmp(before->type, "master");
            if (master == other ? strcmp(before->name, n->name) <= 0 : other)
                break;
            by_name[at] = by_name[at - 1];
        }
        by_name[at] = (uint8_t)i;
    }
}

/* What is wrong with the whole, or NULL. first: a node it is about. */
static const char *ailment(const struct status_view *view, uint32_t *sick, const char **first) {
    *sick = 0;
    for (uint32_t i = 0; i < view->node_count; i++)
        if (sync_of(&view->nodes[i]) == SYNC_NO && !(*sick)++)
            *first = view->nodes[i].name;
    const char *why = status_view_ailment(view);
    if (why)
        return why;
    if (*sick)
        return "sees nodes that are not in sync";
    if (view->native)
        return NULL;
    return view->node_count ? NULL : "does not see its master";
}

/* ---- JSON ---- */

static void key_number(struct json_write *w, const char *key, uint64_t v) {
    json_key(w, key);
    if (v == VIEW_UNKNOWN)
        json_null(w);
    else
        json_uint(w, v);
}

static void print_node_json(const struct visit *v, const struct view_node *n) {
    char buf[768];
    struct text t;
    struct json_write w;
    enum sync sync = sync_of(n);
    text_init(&t, buf, sizeof buf);
    json_write_init(&w, &t);
    json_open(&w, '{');
    json_key_str(&w, "name", n->name);
    json_key_str(&w, "type", n->type);
    json_key_str(&w, "version", n->version);
    json_key_str(&w, "ip", n->ip);
    json_key_str(&w, "state", state_words(n));
    json_key(&w, "in_sync");
    if (sync == SYNC_UNKNOWN)
        json_null(&w);
    else
        json_bool(&w, sync == SYNC_YES);
    key_number(&w, "agents", n->agents.active);
    key_number(&w, "last_seen_s", seen_s(v, n));
    json_close(&w, '}');
    print_bytes(t.buf, t.len);
}

/* {"well", "why", "nodes": [...]} */
static void print_json(const struct visit *v, const struct status_view *view, const uint8_t *by_name) {
    uint32_t sick;
    const char *first = "", *wrong = ailment(view, &sick, &first);
    print("{\"node\": \"%s\", \"well\": %s, \"why\": %s%s%s, \"nodes\": [", view->node,
          wrong ? "false" : "true", wrong ? "\"" : "", wrong ? wrong : "null", wrong ? "\"" : "");
    for (uint32_t i = 0; i < view->node_count; i++) {
        print("%s", i ? ", " : "");
        print_node_json(v, &view->nodes[by_name[i]]);
    }
    print("]}\n");
}

/* ---- screens ---- */

static void table(const struct visit *v, const struct status_view *view, const uint8_t *by_name) {
    print("%-18s %-6s %-8s %-15s %-9s %-8s %s\n", "NAME", "TYPE", "VERSION", "ADDRESS", "STATE", "AGENTS",
          "LAST SEEN");
    for (uint32_t i = 0; i < view->node_count; i++) {
        const struct view_node *n = &view->nodes[by_name[i]];
        char line[96];
        struct text t;
        uint64_t s = seen_s(v, n);
        text_init(&t, line, sizeof line);
        plain_words(&t, n->name, strlen(n->name), 18);
        text_char(&t, ' ');
        plain_words(&t, n->type, strlen(n->type), 6);
        text_char(&t, ' ');
        plain_words(&t, n->version, strlen(n->version), 8);
        text_char(&t, ' ');
        plain_words(&t, n->ip, strlen(n->ip), 15);
        text_char(&t, ' ');
        plain_words(&t, state_words(n), strlen(state_words(n)), 9);
        if (n->agents.active == VIEW_UNKNOWN)
            text_format(&t, " %-8s ", "-");
        else
            text_format(&t, " %-8llu ", (unsigned long long)n->agents.active);
        if (s == VIEW_UNKNOWN)
            text_str(&t, "-");
        else
            age_words(&t, s), text_str(&t, " ago");
        print("%s\n", line);
    }
    if (view->nodes_more)
        print("... and %u more nodes\n", view->nodes_more);
}

/* Text for a terminal that a plain C string of an answer has become. */
static const char *shown(char *out, size_t cap, const char *s) {
    struct text t;
    text_init(&t, out, cap);
    plain_words(&t, s, strlen(s), 0);
    return out;
}

static void verdict(const struct status_view *view, const char *wrong, uint32_t sick, const char *first) {
    char line[256], a[NODE_NAME_BYTES], b[NODE_NAME_BYTES];
    struct text t;
    uint32_t all = view->node_count + view->nodes_more;
    text_init(&t, line, sizeof line);
    shown(a, sizeof a, view->node[0] ? view->node : "this node");
    if (wrong && sick)
        text_format(&t, "NOT WELL: %s %s: %s%s\n", a, wrong, shown(b, sizeof b, first),
                    sick > 1 ? " and others" : "");
    else if (wrong)
        text_format(&t, "NOT WELL: %s %s\n", a, wrong);
    else if (!all)
        text_format(&t, "OK: %s answers; of other nodes it knows nothing\n", a);
    else
        text_format(&t, "OK: %u node%s, all connected and in sync%s\n", all, all == 1 ? "" : "s",
                    view->native ? "" : " (told by Wazuh's own daemon)");
    print_screen(wrong ? MOOD_BAD : MOOD_GOOD, t.buf, t.len);
    if (view->why[0])
        print("why: %s\n", shown(line, sizeof line, view->why));
}

/* What is told of the nodes; STATUS_OK or STATUS_DEGRADED, or that of a node that says nothing. */
static int show(struct sys *sys, const struct options *o, bool quiet) {
    uint8_t by_name[VIEW_NODES];
    struct visit v;
    int code = visit_open(&v, sys, o);
    if (code) {
        if (!quiet)
            complain("%s\n", v.why);
        return code;
    }
    const struct status_view *view = status_look(&v);
    visit_close(&v);
    if (!view)
        return quiet ? STATUS_UNKNOWN : visit_fail(&v, E_TIME);
    uint32_t sick;
    const char *first = "", *wrong = ailment(view, &sick, &first);
    order(view, by_name);
    if (!quiet && o->json) {
        print_json(&v, view, by_name);
    } else if (!quiet) {
        verdict(view, wrong, sick, first);
        if (view->node_count)
            table(&v, view, by_name);
        else if (view->nodes_why[0])
            print("nodes not known: %s\n", view->nodes_why);
    }
    console_flush();
    return wrong ? STATUS_DEGRADED : STATUS_OK;
}

int nodes_command(struct sys *sys, const struct options *o) {
    return show(sys, o, false);
}

int health_command(struct sys *sys, const struct options *o) {
    return show(sys, o, o->quiet) ? UNHEALTHY : 0;
}

/* ---- check ---- */

enum check { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

struct threshold {
    uint64_t files, seconds; /* more than these is a problem */
};

/* "FILES" or "FILES,SECONDS". */
static bool threshold_read(struct threshold *t, const char *words) {
    size_t n = words ? strcspn(words, ",") : 0;
    return !words ||
           (text_number(words, n, UINT32_MAX, &t->files) &&
            (!words[n] || text_number(words + n + 1, strlen(words + n + 1), UINT32_MAX, &t->seconds)));
}

/* How many files lie behind, and how old the oldest keepalive is, of this worker or of all workers. */
static void measure(const struct visit *v, const struct status_view *view, uint64_t *behind,
                    uint64_t *age_s) {
    *behind = view->behind == VIEW_UNKNOWN ? 0 : view->behind;
    *age_s = view->last_keepalive_s;
    for (uint32_t i = 0; i < view->node_count; i++) {
        const struct view_node *n = &view->nodes[i];
        bool mine = !strcmp(n->name, view->node), worker = strcmp(n->type, "master") != 0;
        if (!worker || (!status_view_is_master(view) && !mine))
            continue;
        uint64_t s = seen_s(v, n);
        if (s != VIEW_UNKNOWN && (*age_s == VIEW_UNKNOWN || s > *age_s))
            *age_s = s;
        if (sync_of(n) != SYNC_NO || (!status_view_is_master(view) && view->native))
            continue;
        uint64_t files = n->missing == VIEW_UNKNOWN ? 0 : n->missing + n->shared + n->extra;
        *behind += files ? files : 1; /* not in sync is at least one file */
    }
}

static void key_value(struct text *t, const char *name, uint64_t v, const char *unit, uint64_t warning,
                      uint64_t critical) {
    if (v == VIEW_UNKNOWN)
        return;
    text_format(t, " %s=%llu%s;", name, (unsigned long long)v, unit);
    if (warning != VIEW_UNKNOWN)
        text_format(t, "%llu;%llu;0", (unsigned long long)warning, (unsigned long long)critical);
    else
        text_str(t, ";;0");
}

static int check_say(enum check code, const char *words, const struct text *data) {
    static const char names[][9] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    print("CLUSTER %s - %s%s%s\n", names[code], words, data ? " |" : "", data ? data->buf : "");
    console_flush();
    return code;
}

int check_usage(const char *why) {
    return check_say(CHECK_UNKNOWN, why, NULL);
}

static enum check judge(const struct status_view *view, uint64_t behind, uint64_t age_s,
                        const struct threshold *warning, const struct threshold *critical) {
    bool late = age_s != VIEW_UNKNOWN;
    if (view->state == VIEW_CONNECTING || view->state == VIEW_REFUSED || behind > critical->files ||
        (late && age_s > critical->seconds) || (!view->native && !view->node_count))
        return CHECK_CRITICAL;
    if (behind > warning->files || (late && age_s > warning->seconds))
        return CHECK_WARNING;
    /* That files are behind is what the thresholds judge. */
    const char *wrong = status_view_ailment(view);
    return wrong && !behind ? CHECK_WARNING : CHECK_OK;
}

static void check_words(struct text *t, const struct status_view *view, uint64_t behind) {
    const char *wrong = status_view_ailment(view);
    uint32_t all = view->node_count + view->nodes_more;
    char why[160];
    plain_words(t, view->node, strlen(view->node), 0);
    if (wrong)
        text_format(t, " %s", wrong);
    else if (behind)
        text_str(t, status_view_is_master(view) ? " has workers that are not in sync" : " is not in sync");
    else if (status_view_is_master(view))
        text_format(t, " serves %u worker%s, none behind", all ? all - 1 : 0, all == 2 ? "" : "s");
    else
        text_str(t, " connected and in sync");
    if (view->why[0]) {
        shown(why, sizeof why, view->why);
        for (char *s = why; *s; s++) /* '|' begins the performance data */
            if (*s == '|')
                *s = '/';
        text_format(t, ": %s", why);
    }
}

int check_command(struct sys *sys, const struct options *o) {
    /* Workers say they live every 60 s, and are given up after 120 (reference, section 1). */
    struct threshold warning = {0, 90}, critical = {1000, 120};
    struct visit v;
    char words[512], data[512];
    struct text t, d;
    if (!threshold_read(&warning, o->warning) || !threshold_read(&critical, o->critical))
        return check_usage("-w and -c are FILES or FILES,SECONDS");
    enum status_code code = visit_open(&v, sys, o);
    if (code) {
        const char *colon = strstr(v.why, ": ");
        return check_say(code == STATUS_UNKNOWN && v.e.code != E_TIME ? CHECK_UNKNOWN : CHECK_CRITICAL,
                         colon ? colon + 2 : v.why, NULL);
    }
    const struct status_view *view = status_look(&v);
    visit_close(&v);
    if (!view)
        return check_say(CHECK_CRITICAL, "the node does not answer", NULL);
    uint64_t behind, age_s;
    measure(&v, view, &behind, &age_s);
    text_init(&t, words, sizeof words);
    text_init(&d, data, sizeof data);
    check_words(&t, view, behind);
    key_value(&d, "behind", behind, "", warning.files, critical.files);
    key_value(&d, "keepalive", age_s, "s", warning.seconds, critical.seconds);
    key_value(&d, "nodes", view->node_count + view->nodes_more, "", VIEW_UNKNOWN, 0);
    key_value(&d, "files", view->files, "", VIEW_UNKNOWN, 0);
    key_value(&d, "agents_active", view->agents.active, "", VIEW_UNKNOWN, 0);
    key_value(&d, "memory", view->memory_used, "B", VIEW_UNKNOWN, 0);
    return check_say(judge(view, behind, age_s, &warning, &critical), t.buf, &d);
}
