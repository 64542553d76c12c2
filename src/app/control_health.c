/* app/control_health.c - the texts of `cluster_control -i` and `-i more`, word by word those of Wazuh 4.14.7,
 * its uneven capitals included. Members that an older master does not tell are "n/a". */
#include "app/control.h"

#include "app/words.h"
#include "base/json_read.h"
#include "base/text.h"

#include <string.h>

/* A member of a member (inner may be NULL) as Python prints it. */
static void value(struct text *out, const struct json_doc *d, size_t obj, const char *outer,
                  const char *inner) {
    char text[256];
    size_t n, i = outer ? json_find(d, obj, outer) : obj;
    if (i && inner)
        i = json_find(d, i, inner);
    if (!i) {
        text_str(out, "n/a");
        return;
    }
    const struct json_token *t = &d->tokens[i];
    if (t->kind == JSON_BOOL)
        text_str(out, json_is_true(d, i) ? "True" : "False");
    else if (t->kind == JSON_STRING && !json_copy_str(d, i, text, sizeof text, &n))
        text_add(out, text, n);
    else
        text_add(out, d->text + t->start, t->end - t->start);
}

/* round(us / 1e6, 3): to the nearest thousandth; a tie goes by the double's own value, which is a little more
 * or less than the decimal one, and to the even one when it is just that. */
static int64_t milliseconds(int64_t us) {
    int64_t ms = us / 1000, rest = us % 1000;
    if (rest != 500)
        return ms + (rest > 500);
    double d = (double)us / 1e6, high = (double)(float)d, low = d - high;
    double less = ((double)us - high * 1e6) - low * 1e6; /* exact: by how much the double is below */
    if (less > 0)
        return ms;
    return less < 0 ? ms + 1 : ms + (ms & 1);
}

void control_seconds(struct text *out, const char *from, const char *to) {
    int64_t a, b;
    if (!date_read(from, &a) || !date_read(to, &b)) {
        text_str(out, "n/a");
        return;
    }
    int64_t ms = b - a >= 500 ? milliseconds(b - a) : 1; /* what takes no time took a millisecond */
    char digits[32];
    struct text t;
    text_init(&t, digits, sizeof digits);
    text_format(&t, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
    while (t.len > 3 && digits[t.len - 1] == '0' && digits[t.len - 2] != '.')
        digits[--t.len] = '\0';
    text_format(out, "%ss", digits);
}

/* "0.004s (date - date).\n" of a member with two dates. */
static void span(struct text *out, const struct json_doc *d, size_t status, const char *member,
                 const char *start, const char *end) {
    char from[64], to[64];
    struct text f, t;
    text_init(&f, from, sizeof from);
    text_init(&t, to, sizeof to);
    value(&f, d, status, member, start);
    value(&t, d, status, member, end);
    control_seconds(out, from, to);
    text_format(out, " (%s - %s).\n", from, to);
}

static void line(struct text *out, const char *words, const struct json_doc *d, size_t obj, const char *outer,
                 const char *inner, const char *after) {
    text_str(out, words);
    value(out, d, obj, outer, inner);
    text_str(out, after);
}

static bool is_master(const struct json_doc *d, size_t info) {
    char type[16];
    size_t n, i = json_find(d, info, "type");
    return i && !json_copy_str(d, i, type, sizeof type, &n) && !strcmp(type, "master");
}

void control_health_brief(struct text *out, const struct json_doc *d, size_t name, size_t node) {
    size_t info = json_find(d, node, "info"), s = json_find(d, node, "status");
    if (!info || is_master(d, info))
        return;
    line(out, "    ", d, name, NULL, NULL, " (");
    line(out, "", d, info, "ip", NULL, "): Integrity check: ");
    line(out, "", d, s, "last_check_integrity", "date_end_master", " | Integrity sync: ");
    line(out, "", d, s, "last_sync_integrity", "date_end_master", " | Agents-info: ");
    line(out, "", d, s, "last_sync_agentinfo", "date_end_master", " | Agent-groups: ");
    line(out, "", d, s, "last_sync_agentgroup", "date_end", " | Agent-groups full: ");
    line(out, "", d, s, "last_sync_full_agentgroup", "date_end", " | Last keep alive: ");
    line(out, "", d, s, "last_keep_alive", NULL, ".\n");
}

static void integrity(struct text *out, const struct json_doc *d, size_t s) {
    size_t sync = json_find(d, s, "last_sync_integrity");
    text_str(out, "            Integrity check:\n                Last integrity check: ");
    span(out, d, s, "last_check_integrity", "date_start_master", "date_end_master");
    line(out, "                Permission to check integrity: ", d, s, "sync_integrity_free", NULL, ".\n");
    text_str(out, "            Integrity sync:\n                Last integrity synchronization: ");
    span(out, d, s, "last_sync_integrity", "date_start_master", "date_end_master");
    line(out, "                Synchronized files: Shared: ", d, sync, "total_files", "shared",
         " | Missing: ");
    line(out, "", d, sync, "total_files", "missing", " | Extra: ");
    line(out, "", d, sync, "total_files", "extra", ".\n");
}

static void agents(struct text *out, const struct json_doc *d, size_t s) {
    static const char words[] = "            Agents-groups:\n\0            Agents-groups full:\n\0",
                      members[] = "last_sync_agentgroup\0last_sync_full_agentgroup\0";
    text_str(out, "            Agents-info:\n                Last synchronization: ");
    span(out, d, s, "last_sync_agentinfo", "date_start_master", "date_end_master");
    line(out, "                Number of synchronized chunks: ", d, s, "last_sync_agentinfo",
         "n_synced_chunks", ".\n");
    line(out, "                Permission to synchronize agent-info: ", d, s, "sync_agent_info_free", NULL,
         ".\n");
    for (size_t i = 0; i < 2; i++) {
        text_str(out, text_item(words, i));
        text_str(out, "                Last synchronization: ");
        span(out, d, s, text_item(members, i), "date_start", "date_end");
        line(out, "                Number of synchronized chunks: ", d, s, text_item(members, i),
             "n_synced_chunks", ".\n");
    }
}

void control_health_more(struct text *out, const struct json_doc *d, size_t name, size_t node) {
    size_t info = json_find(d, node, "info"), s = json_find(d, node, "status");
    line(out, "\n    ", d, name, NULL, NULL, " (");
    line(out, "", d, info, "ip", NULL, ")\n");
    line(out, "        Version: ", d, info, "version", NULL, "\n");
    line(out, "        Type: ", d, info, "type", NULL, "\n");
    line(out, "        Active agents: ", d, info, "n_active_agents", NULL, "\n");
    if (info && is_master(d, info))
        return;
    line(out, "        Status:\n            Last keep Alive:\n                Last received: ", d, s,
         "last_keep_alive", NULL, ".\n");
    integrity(out, d, s);
    agents(out, d, s);
}
