/* app/status_screen.c - the verdict, the nodes, what is not in sync and why, and the memory, within 22 lines.
 *
 * Names, paths and reasons come from peers and files: whatever is not plain ASCII is shown as '?', so that
 * nobody can move a console's cursor from afar. What there is no room for is counted, never wrapped. */
#include "app/status_screen.h"

#include "app/words.h"

#include <string.h>

#define NODE_LINES 8 /* most lines of the table of nodes, if the rest leaves them */
#define FILE_LINES 4
#define WHY_COLUMNS 75 /* of a reason, on each of two lines */

/* ---- words ---- */

static void ago_words(struct text *out, const char *words, uint64_t s) {
    text_format(out, "  %s ", words);
    if (s == VIEW_UNKNOWN) {
        text_str(out, "none yet");
        return;
    }
    age_words(out, s);
    text_str(out, " ago");
}

static void number_words(struct text *out, uint64_t v) {
    if (v == VIEW_UNKNOWN)
        text_char(out, '-');
    else
        text_format(out, "%llu", (unsigned long long)v);
}

static const char *or_unknown(const char *s) {
    return *s ? s : "?";
}

/* ---- lines ---- */

struct screen {
    struct text *out;
    unsigned lines;                /* written */
    char line[SCREEN_COLUMNS + 1]; /* being built; longer text is cut by struct text */
    struct text text;
};

static void line_begin(struct screen *s) {
    text_init(&s->text, s->line, sizeof s->line);
}

static void line_end(struct screen *s) {
    if (s->lines >= SCREEN_LINES)
        return;
    for (size_t i = 0; i < s->text.len; i++)
        if ((unsigned char)s->line[i] < 0x20 || (unsigned char)s->line[i] >= 0x7f)
            s->line[i] = '?';
    if (s->text.cut && s->text.len >= 3)
        memcpy(s->line + s->text.len - 3, "...", 3);
    while (s->text.len > 0 && s->line[s->text.len - 1] == ' ')
        s->text.len--;
    text_add(s->out, s->line, s->text.len);
    text_char(s->out, '\n');
    s->lines++;
}

static void line_format(struct screen *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_format(struct screen *s, const char *format, ...) {
    line_begin(s);
    va_list args;
    va_start(args, format);
    text_vformat(&s->text, format, args);
    va_end(args);
    line_end(s);
}

/* ---- the verdict ---- */

bool status_view_is_master(const struct status_view *v) {
    return !strcmp(v->type, "master");
}

static uint32_t bad_nodes(const struct status_view *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->node_count; i++)
        n += v->nodes[i].bad;
    return n;
}

const char *status_view_ailment(const struct status_view *v) {
    switch (v->state) {
    case VIEW_CONNECTING:
        return "is not connected to its master";
    case VIEW_REFUSED:
        return "is refused by its master";
    default:
        break;
    }
    if (v->has_in_sync && !v->in_sync)
        return "is not in sync with its master";
    if (bad_nodes(v))
        return "has workers that are not in sync";
    if (v->scan_unreadable != VIEW_UNKNOWN && v->scan_unreadable)
        return "cannot read some of its own files";
    if (v->scan_too_many != VIEW_UNKNOWN && v->scan_too_many)
        return "has more files than it can hold";
    if (v->store_why[0])
        return "has no agent store";
    if (v->groups_why[0])
        return "has other agent groups than its master";
    return v->native && v->state == VIEW_STATE_UNKNOWN ? "does not say how it is" : NULL;
}

bool status_view_is_well(const struct status_view *v) {
    return !status_view_ailment(v);
}

static void verdict(struct screen *s, const struct status_view *v) {
    const char *wrong = status_view_ailment(v);
    line_begin(s);
    if (wrong)
        text_format(&s->text, "NOT WELL: %s %s", or_unknown(v->node), wrong);
    else if (!v->native)
        text_format(&s->text, "RUNNING: %s, Wazuh's own daemon, answers", or_unknown(v->node));
    else if (status_view_is_master(v))
        text_format(&s->text, "OK: %s serves", or_unknown(v->node));
    else
        text_format(&s->text, "OK: %s is connected and in sync", or_unknown(v->node));
    uint32_t all = v->node_count + v->nodes_more;
    if (!wrong && v->native && status_view_is_master(v))
        text_format(&s->text, " %u worker%s, none behind", all ? all - 1 : 0, all == 2 ? "" : "s");
    line_end(s);
    const char *at = v->why;
    for (int i = 0; i < 2 && *at; i++) {
        size_t n = strlen(at);
        if (n > WHY_COLUMNS && i == 0) { /* the last blank that leaves the line full, else a hard cut */
            n = WHY_COLUMNS;
            for (size_t blank = WHY_COLUMNS; blank > WHY_COLUMNS / 2; blank--)
                if (at[blank] == ' ') {
                    n = blank;
                    break;
                }
        }
        line_format(s, "%s%.*s", i ? "     " : "why: ", (int)n, at);
        at += n + (at[n] == ' ');
    }
}

/* ---- this node ---- */

static void about(struct screen *s, const struct status_view *v) {
    static const char states[][11] = {"", "CONNECTED", "CONNECTING", "REFUSED", "SERVING"};
    line_begin(s);
    text_format(&s->text, "cluster %s  node %s  %s  %s", or_unknown(v->cluster), or_unknown(v->node),
                or_unknown(v->type), or_unknown(v->version));
    if (v->up_s != VIEW_UNKNOWN) {
        text_str(&s->text, "  up ");
        age_words(&s->text, v->up_s);
    }
    if (v->picket[0])
        text_format(&s->text, "  picket %s", v->picket);
    line_end(s);
    if (!v->native)
        return;
    line_begin(s);
    text_format(&s->text, "master  %s  %s", status_view_is_master(v) ? "this node" : or_unknown(v->master),
                states[v->state]);
    if (v->link_s != VIEW_UNKNOWN) {
        text_char(&s->text, ' ');
        age_words(&s->text, v->link_s);
    }
    if (!status_view_is_master(v))
        ago_words(&s->text, "last keepalive", v->last_keepalive_s);
    line_end(s);
}

static void files(struct screen *s, const struct status_view *v) {
    if (v->files == VIEW_UNKNOWN)
        return;
    line_begin(s);
    text_format(&s->text, "files   %llu", (unsigned long long)v->files);
    if (v->behind != VIEW_UNKNOWN)
        text_format(&s->text, "  %llu behind", (unsigned long long)v->behind);
    if (!status_view_is_master(v) || v->last_check_s != VIEW_UNKNOWN)
        ago_words(&s->text, "last check", v->last_check_s);
    ago_words(&s->text, "last change", v->last_change_s);
    line_end(s);
    if (v->scan_files == VIEW_UNKNOWN)
        return;
    line_begin(s);
    text_format(&s->text, "scan    %llu files", (unsigned long long)v->scan_files);
    if (v->scan_took_ms != VIEW_UNKNOWN)
        text_format(&s->text, " in %llu ms", (unsigned long long)v->scan_took_ms);
    text_str(&s->text, ", ");
    number_words(&s->text, v->scan_unreadable);
    text_str(&s->text, " unreadable, ");
    number_words(&s->text, v->scan_too_many);
    text_str(&s->text, " too many");
    if (v->tree[0])
        text_format(&s->text, "  tree %s", v->tree);
    line_end(s);
}

static void agents(struct screen *s, const struct status_view *v) {
    const struct view_agents *a = &v->agents;
    if (v->store_why[0]) {
        line_format(s, "agents  not known, %s: %s", or_unknown(v->store), v->store_why);
    } else if (a->active != VIEW_UNKNOWN) {
        line_begin(s);
        text_str(&s->text, "agents  ");
        number_words(&s->text, a->active);
        text_str(&s->text, " active  ");
        number_words(&s->text, a->disconnected);
        text_str(&s->text, " disconnected  ");
        number_words(&s->text, a->pending);
        text_str(&s->text, " pending  ");
        number_words(&s->text, a->never_connected);
        text_format(&s->text, " never connected  (%s)", or_unknown(v->store));
        line_end(s);
    }
    if (!v->groups[0])
        return;
    line_begin(s);
    text_format(&s->text, "groups  %s", v->groups);
    if (v->groups_why[0])
        text_format(&s->text, "  %s", v->groups_why);
    else if (v->has_groups_as_master)
        text_str(&s->text, v->groups_as_master ? "  as the master's" : "  not yet as the master's");
    if (v->last_info_s != VIEW_UNKNOWN)
        ago_words(&s->text, "agents told", v->last_info_s);
    line_end(s);
}

/* ---- nodes ---- */

/* "1200/3/12": active, disconnected, and the rest; "1200" when only these are known; "" when nothing is. */
static void count_words(struct text *out, const struct view_agents *a) {
    if (a->active == VIEW_UNKNOWN)
        return;
    number_words(out, a->active);
    if (a->disconnected == VIEW_UNKNOWN || a->pending == VIEW_UNKNOWN || a->never_connected == VIEW_UNKNOWN)
        return;
    text_format(out, "/%llu/%llu", (unsigned long long)a->disconnected,
                (unsigned long long)(a->pending + a->never_connected));
}

static void node_line(struct screen *s, const struct view_node *n) {
    char change[40] = "", counted[72] = "";
    struct text t, c;
    text_init(&c, counted, sizeof counted);
    count_words(&c, &n->agents);
    text_init(&t, change, sizeof change);
    if (n->missing != VIEW_UNKNOWN && n->shared != VIEW_UNKNOWN && n->extra != VIEW_UNKNOWN)
        text_format(&t, "+%llu ~%llu -%llu", (unsigned long long)n->missing, (unsigned long long)n->shared,
                    (unsigned long long)n->extra);
    line_begin(s);
    text_format(&s->text, "%-16.16s %-7.7s %-15.15s %-8.8s %-11.11s %-11.11s ", or_unknown(n->name),
                n->version, n->ip, n->state[0] ? n->state : n->type, change, counted);
    if (n->keepalive_s != VIEW_UNKNOWN)
        age_words(&s->text, n->keepalive_s);
    line_end(s);
}

static void nodes(struct screen *s, const struct status_view *v, unsigned room) {
    if (room < 3)
        return;
    if (!v->node_count) {
        if (v->nodes_why[0])
            line_format(s, "nodes   not known: %s", v->nodes_why);
        return;
    }
    line_format(s, "%-16s %-7s %-15s %-8s %-11s %-11s %s", "NODE", "VERSION", "ADDRESS", "STATE", "LAST SYNC",
                "AGENTS", "ALIVE");
    unsigned all = v->node_count + v->nodes_more;
    unsigned fit = room - 1; /* the heading is one */
    if (all > fit)
        fit--; /* and "more" another */
    unsigned shown = 0;
    for (int want_bad = 1; want_bad >= 0; want_bad--) /* who needs attention comes first */
        for (uint32_t i = 0; i < v->node_count && shown < fit; i++)
            if (v->nodes[i].bad == (want_bad == 1)) {
                node_line(s, &v->nodes[i]);
                shown++;
            }
    if (all > shown)
        line_format(s, "... and %u more nodes (picket status -j has all)", all - shown);
}

/* ---- files and memory ---- */

static void unsynced(struct screen *s, const struct status_view *v, unsigned room) {
    unsigned all = v->file_count + v->files_more;
    if (!all || room < 2)
        return;
    line_format(s, "NOT IN SYNC");
    unsigned fit = room - 1, shown = 0;
    if (all > fit)
        fit--;
    for (; shown < fit && shown < v->file_count; shown++)
        line_format(s, "  %.40s: %s", v->unsynced[shown].path, v->unsynced[shown].why);
    if (all > shown)
        line_format(s, "  ... and %u more files", all - shown);
}

static void memory(struct screen *s, const struct status_view *v) {
    if (v->memory_size == VIEW_UNKNOWN || v->memory_used == VIEW_UNKNOWN)
        return;
    line_begin(s);
    text_str(&s->text, "memory  ");
    size_words(&s->text, v->memory_used);
    text_str(&s->text, " used of ");
    size_words(&s->text, v->memory_size);
    text_str(&s->text, ", fixed at build time");
    line_end(s);
    for (uint32_t i = 0; i < v->pool_count; i++)
        line_format(s, "  %-40s %6llu now %6llu high of %6llu%s", v->pools[i].words,
                    (unsigned long long)v->pools[i].used, (unsigned long long)v->pools[i].high,
                    (unsigned long long)v->pools[i].count,
                    v->pools[i].refused && v->pools[i].refused != VIEW_UNKNOWN ? " FULL" : "");
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

void status_screen(struct text *out, const struct status_view *v) {
    struct screen s = {.out = out};
    verdict(&s, v);
    about(&s, v);
    files(&s, v);
    agents(&s, v);
    unsigned last = v->memory_size == VIEW_UNKNOWN ? 0 : 1 + v->pool_count;
    unsigned file_lines =
        v->file_count + v->files_more ? least(1 + v->file_count + v->files_more, 1 + FILE_LINES) : 0;
    unsigned left = SCREEN_LINES - s.lines - last - file_lines;
    nodes(&s, v, least(left, 1 + NODE_LINES));
    unsynced(&s, v, file_lines);
    memory(&s, v);
}
