/* stats.c - wazuh.stats.totals, hourly and weekly: what analysisd counted, from its files below stats/. The
 * files are read in pieces and in steps of the loop; totals of a day may be long. */
#include "api/manager_parts.h"

#include "base/bytes.h"
#include "base/json_read.h"

#include <string.h>
#include <time.h>

#define LINE_BYTES 192u
#define STEP_LINES 400u
#define NUMBER_BYTES 64u

static const char days[] = "Sun\0Mon\0Tue\0Wed\0Thu\0Fri\0Sat\0";
static const char months[] = "Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0Sep\0Oct\0Nov\0Dec\0";

static const struct result_kind told_totals = {
    .all_msg = "Statistical information for each node was successfully read",
    .some_msg = "Could not read statistical information for some nodes",
    .none_msg = "Could not read statistical information for any node",
};
static const struct result_kind told_hourly = {
    .all_msg = "Statistical information per hour for each node was successfully read",
    .some_msg = "Could not read statistical information per hour for some nodes",
    .none_msg = "Could not read statistical information per hour for any node",
};
static const struct result_kind told_weekly = {
    .all_msg = "Statistical information per week for each node was successfully read",
    .some_msg = "Could not read statistical information per week for some nodes",
    .none_msg = "Could not read statistical information per week for any node",
};

/* Python's int(): blanks around it and a sign are good. */
static bool read_int(const char *s, size_t n, int64_t *out) {
    static const char blanks[] = " \t\n\v\f\r";
    uint64_t v;
    while (n && memchr(blanks, s[n - 1], sizeof blanks - 1))
        n--;
    while (n && memchr(blanks, *s, sizeof blanks - 1))
        s++, n--;
    bool minus = n && *s == '-';
    if (n && (minus || *s == '+'))
        s++, n--;
    if (!text_number(s, n, INT64_MAX, &v))
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* ---- hourly and weekly ---- */

/* The number in a file; one that is not there counts as 0. false: it holds no number. */
static bool read_number(const struct api_call *c, const char *path, int64_t *out) {
    struct sys *sys = c->env->role->sys;
    char text[NUMBER_BYTES];
    *out = 0;
    int fd = sys->openat(sys, c->env->role->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return true;
    ptrdiff_t n = sys->pread(sys, fd, text, sizeof text, 0);
    sys->close(sys, fd);
    return n < 0 || (n < (ptrdiff_t)sizeof text && read_int(text, (size_t)n, out));
}

/* 24 hours and, in the 25th file, over how many days they were counted. */
static bool add_hours(struct api_call *c, struct json_write *w, const char *folder, const char *key) {
    char path[64];
    struct text t;
    int64_t v = 0;
    bool good = true;
    json_key_open(w, key, '[');
    for (unsigned i = 0; i < 25 && good; i++) {
        text_init(&t, path, sizeof path);
        text_format(&t, "stats/%s/%u", folder, i);
        good = read_number(c, path, &v);
        if (i < 24)
            json_int(w, v);
    }
    json_close(w, ']');
    json_key(w, "interactions");
    json_int(w, v);
    if (!good) {
        char words[96];
        text_init(&t, words, sizeof words);
        text_format(&t, "%s holds no number", path);
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, words);
    }
    return good;
}

static void hourly(struct api_call *c) {
    result_open_items(&c->result, &told_hourly);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{');
    if (!add_hours(c, w, "hourly-average", "averages"))
        return;
    json_close(w, '}');
    result_item_end(&c->result);
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

struct weekly_call {
    uint32_t day;
};

/* A day at a time: 25 files. */
static void weekly_step(struct api_call *c) {
    struct weekly_call *s = api_state(c);
    char folder[32];
    struct text t;
    struct json_write *w = result_item(&c->result);
    text_init(&t, folder, sizeof folder);
    text_format(&t, "weekly-average/%u", s->day);
    json_open(w, '{');
    json_key_open(w, text_item(days, s->day), '{');
    if (!add_hours(c, w, folder, "hours"))
        return;
    json_close(w, '}');
    json_close(w, '}');
    result_item_end(&c->result);
    if (++s->day < 7) {
        api_call_step(c, weekly_step);
        return;
    }
    result_close_items(&c->result, UINT64_MAX, NULL);
    api_call_end(c);
}

static void weekly(struct api_call *c) {
    struct weekly_call *s = api_state(c);
    s->day = 0;
    result_open_items(&c->result, &told_weekly);
    weekly_step(c);
}

/* ---- totals ---- */

/* A day's file: for each hour lines "hour-rule-level-times", then "hour--alerts--events--syscheck--firewall".
 * What stands last in the file comes first in the answer, so each hour is read twice. */
struct totals_call {
    int fd;
    bool second;        /* the alerts of the hour are being written */
    uint64_t hour_from; /* where its lines begin */
    uint64_t hour_to;   /* and end, known when second */
    int64_t total[5];
    uint64_t at;       /* of the next line */
    uint64_t piece_at; /* of piece in the file */
    uint32_t piece_n;
    char piece[4096];
};
_Static_assert(sizeof(struct totals_call) <= API_STATE_BYTES, "the state of a call");

static void close_totals(struct api_call *c) {
    struct totals_call *s = api_state(c);
    if (s->fd >= 0)
        c->env->role->sys->close(c->env->role->sys, s->fd);
    s->fd = -1;
}

/* The byte at an offset of the file; -1: the end, less: an error. */
static int byte_at(struct api_call *c, uint64_t at) {
    struct totals_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    if (at < s->piece_at || at >= s->piece_at + s->piece_n) {
        ptrdiff_t n = sys->pread(sys, s->fd, s->piece, sizeof s->piece, at);
        s->piece_at = at;
        s->piece_n = n > 0 ? (uint32_t)n : 0;
        if (n <= 0)
            return n ? -2 : -1;
    }
    return (unsigned char)s->piece[at - s->piece_at];
}

/* The next line without its end; what does not fit is passed over. false: the file is over; *bad: it cannot
 * be read. */
static bool next_line(struct api_call *c, char line[LINE_BYTES], size_t *n, bool *bad) {
    struct totals_call *s = api_state(c);
    int b = byte_at(c, s->at);
    *n = 0;
    *bad = b < -1;
    if (b < 0)
        return false;
    for (; b >= 0; b = byte_at(c, s->at)) {
        s->at++;
        if (b == '\n')
            break;
        if (*n < LINE_BYTES)
            line[(*n)++] = (char)b;
    }
    *bad = b < -1;
    return !*bad;
}

/* Splits at the separator as Python does; how many parts there are, of which the first few are kept. */
static size_t split(const char *line, size_t n, const char *separator, const char *part[5], size_t len[5]) {
    size_t count = 0, from = 0, width = strlen(separator);
    for (size_t i = 0; i <= n; i++) {
        if (i < n && (i + width > n || memcmp(line + i, separator, width) != 0))
            continue;
        if (count < 5) {
            part[count] = line + from;
            len[count] = i - from;
        }
        count++;
        from = i + width;
        i = i < n ? from - 1 : i;
    }
    return count;
}

enum line_kind { LINE_NOTHING, LINE_ALERT, LINE_TOTAL, LINE_WRONG, LINE_NO_NUMBER };

static enum line_kind read_line(const char *line, size_t n, int64_t v[5]) {
    const char *part[5];
    size_t len[5], count = split(line, n, "-", part, len), first = 0;
    enum line_kind kind = LINE_ALERT;
    if (count != 4) {
        count = split(line, n, "--", part, len);
        kind = LINE_TOTAL;
        if (count != 5)
            return count < 2 ? LINE_NOTHING : LINE_WRONG;
    } else {
        first = 1; /* the hour of an alert is not looked at */
    }
    for (size_t i = first; i < count; i++)
        if (!read_int(part[i], len[i], &v[i]))
            return LINE_NO_NUMBER;
    return kind;
}

static void begin_hour(struct api_call *c) {
    struct totals_call *s = api_state(c);
    struct json_write *w = result_item(&c->result);
    json_open(w, '{');
    json_key(w, "hour");
    json_int(w, s->total[0]);
    json_key_open(w, "alerts", '[');
    s->second = true;
    s->hour_to = s->at;
    s->at = s->hour_from;
}

static void end_hour(struct api_call *c) {
    static const char keys[] = "totalAlerts\0events\0syscheck\0firewall\0";
    struct totals_call *s = api_state(c);
    struct json_write *w = &c->result.w;
    json_close(w, ']');
    for (size_t i = 0; i < 4; i++) {
        json_key(w, text_item(keys, i));
        json_int(w, s->total[i + 1]);
    }
    json_close(w, '}');
    result_item_end(&c->result);
    result_flush(&c->result);
    s->second = false;
    s->hour_from = s->at = s->hour_to;
}

static void add_alert(struct api_call *c, const int64_t v[5]) {
    static const char keys[] = "sigid\0level\0times\0";
    struct json_write *w = &c->result.w;
    json_open(w, '{');
    for (size_t i = 0; i < 3; i++) {
        json_key(w, text_item(keys, i));
        json_int(w, v[i + 1]);
    }
    json_close(w, '}');
    result_flush(&c->result);
}

static void totals_step(struct api_call *c) {
    struct totals_call *s = api_state(c);
    char line[LINE_BYTES];
    int64_t v[5] = {0};
    size_t n;
    bool bad;
    for (uint32_t k = 0; k < STEP_LINES; k++) {
        if (s->second && s->at >= s->hour_to) {
            end_hour(c);
            continue;
        }
        if (!next_line(c, line, &n, &bad)) {
            if (bad || s->second) { /* it shrank meanwhile */
                api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                                "the file of statistics cannot be read to its end");
                return;
            }
            result_close_items(&c->result, UINT64_MAX, NULL);
            api_call_end(c);
            return;
        }
        enum line_kind kind = read_line(line, n, v);
        if (kind >= LINE_WRONG) {
            api_call_refuse(c, WAZUH_INTERNAL_ERROR, kind == LINE_WRONG ? 1309 : 1000,
                            kind == LINE_WRONG ? NULL
                                               : "the file of statistics holds no number where one belongs");
            return;
        }
        if (s->second && kind == LINE_ALERT) {
            add_alert(c, v);
        } else if (!s->second && kind == LINE_TOTAL) {
            memcpy(s->total, v, sizeof v);
            begin_hour(c);
        }
    }
    api_call_step(c, totals_step);
}

/* {"__wazuh_datetime__": "2026-11-20..."}, or its text; today when there is none. */
static bool read_date(const struct api_call *c, unsigned *year, unsigned *month, unsigned *day) {
    const struct json_doc *d = &c->request.kwargs;
    size_t i = api_argument(&c->request, "date"), len;
    char text[40];
    uint64_t v[3];
    if (!i) {
        time_t now = (time_t)(c->env->role->sys->wall_ns(c->env->role->sys) / 1000000000);
        struct tm tm;
        if (!gmtime_r(&now, &tm))
            return false;
        *year = (unsigned)tm.tm_year + 1900;
        *month = (unsigned)tm.tm_mon + 1;
        *day = (unsigned)tm.tm_mday;
        return true;
    }
    if (d->tokens[i].kind == JSON_OBJECT)
        i = json_find(d, i, "__wazuh_datetime__");
    if (!i || json_copy_str(d, i, text, sizeof text, &len) != E_OK || len < 10 || text[4] != '-' ||
        text[7] != '-' || !text_number(text, 4, 9999, &v[0]) || !text_number(text + 5, 2, 12, &v[1]) ||
        !text_number(text + 8, 2, 31, &v[2]) || !v[0] || !v[1] || !v[2])
        return false;
    *year = (unsigned)v[0];
    *month = (unsigned)v[1];
    *day = (unsigned)v[2];
    return true;
}

static void totals(struct api_call *c) {
    struct totals_call *s = api_state(c);
    struct sys *sys = c->env->role->sys;
    unsigned year, month, day;
    char path[80], whole[WAZUH_EXTRA_BYTES];
    struct text t;
    struct sys_stat st;
    memset(s, 0, sizeof *s);
    s->fd = -1;
    if (!read_date(c, &year, &month, &day)) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, "date: a day as YYYY-MM-DD");
        return;
    }
    text_init(&t, path, sizeof path);
    text_format(&t, "stats/totals/%u/%s/ossec-totals-%02u.log", year, text_item(months, month - 1), day);
    s->fd = sys->openat(sys, c->env->role->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (s->fd < 0 || sys->fstat(sys, s->fd, &st) < 0 || !sys_is_file(&st)) {
        text_init(&t, whole, sizeof whole);
        text_format(&t, "%s/%s", c->env->root_name, path);
        api_call_refuse(c, WAZUH_ERROR, 1308, whole);
        return;
    }
    result_open_items(&c->result, &told_totals);
    totals_step(c);
}

/* ---- the table ---- */

static const struct api_function functions[] = {
    {.name = "wazuh.stats.totals",
     .arguments = "date\0",
     .actions = "cluster:read\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_totals,
     .start = totals,
     .cancel = close_totals},
    {.name = "wazuh.stats.hourly",
     .arguments = "",
     .actions = "cluster:read\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_hourly,
     .start = hourly},
    {.name = "wazuh.stats.weekly",
     .arguments = "",
     .actions = "cluster:read\0",
     .resource = API_ON_NODE,
     .type = API_DISTRIBUTED,
     .kind = &told_weekly,
     .start = weekly},
};
const struct api_table api_stats_functions = {functions, sizeof functions / sizeof *functions};
