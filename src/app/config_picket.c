/* app/config_picket.c - the table of picket.conf's keys, their reading and their description.
 *
 * Defaults go through the same setter as the file's values, so a default outside its own range cannot
 * exist. Everything here is about one text value at a time; the file's lines come from app/lines.c. */
#include "app/config_picket.h"

#include "app/lines.h"
#include "wire/dialect.h"

#include <string.h>

enum kind {
    KIND_YES_NO,
    KIND_SIZE,
    KIND_COUNT,
    KIND_VERSION,
    KIND_STORE,
    KIND_AUTHD,
    KIND_SERVICES,
    KIND_PATH,
    KIND_COMMAND
};

/* In the order of their enums. */
static const char stores[] = "auto\0embedded\0wazuh-db\0", authds[] = "auto\0builtin\0daemon\0";

#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#define FIELD(name) offsetof(struct cluster_config, name)
_Static_assert(sizeof(enum store_choice) == sizeof(unsigned) && sizeof(enum authd_choice) == sizeof(unsigned),
               "see set_choice");

static const struct key {
    char name[18];
    enum kind kind;
    size_t field;
    char otherwise[8]; /* the default */
    uint64_t min, max;
    const char *words;
} table[] = {
    {"announced_version", KIND_VERSION, FIELD(announced_version), "4.14.7", 0, 0,
     "The Wazuh version this node says it has. A cluster accepts only nodes that\n"
     "say exactly its own (error 3031): set it to what the master runs, patch\n"
     "level included. It also chooses the dialect that is spoken."},
    {"store", KIND_STORE, FIELD(store), "auto", 0, 0,
     "Who keeps the agents and their groups: wazuh-db, the daemon of a full Wazuh\n"
     "installation, over its two sockets; or embedded, a database of picket's own\n"
     "in queue/db/global.db, which serves the same two sockets to other programs.\n"
     "auto is wazuh-db where bin/wazuh-db is installed or somebody answers on\n"
     "queue/db/wdb, else embedded."},
    {"authd", KIND_AUTHD, FIELD(authd), "auto", 0, 0,
     "Who answers the registrations that workers hand to the master: daemon is\n"
     "wazuh-authd on queue/sockets/auth; builtin is picket itself, which needs\n"
     "its own store. auto is daemon where somebody listens there, else builtin."},
    {"services", KIND_SERVICES, FIELD(services), "auto", 0, 0,
     "The daemons that must run before this node answers an API request that\n"
     "names them (error 1017): auto is those of Wazuh's that are installed in\n"
     "bin; none asks for none; else names, divided by commas."},
    {"handlers", KIND_PATH, FIELD(handlers), "", 0, 0,
     "Folder of programs that answer API functions picket does not know, each\n"
     "named after its function (wazuh.syscheck.run), below the root. Empty:\n"
     "none. See picket(8), HANDLERS."},
    {"handler_seconds", KIND_COUNT, FIELD(handler_s), "20", 1, 300, "How long such a program may take."},
    {"restart_command", KIND_COMMAND, FIELD(restart_command), "", 0, 0,
     "Program that the API's restart of this node runs, an absolute path without\n"
     "arguments. Empty: execd is asked, as in Wazuh."},
    {"spool_size", KIND_SIZE, FIELD(spool_bytes), "256M", 1 * MIB, 64 * GIB,
     "Disk space below queue/cluster for messages too long for memory, all of\n"
     "them together. When it is full, the newest transfer is refused."},
    {"stage_size", KIND_SIZE, FIELD(stage_bytes), "1G", 1 * MIB, 64 * GIB,
     "Disk space for received files that wait to be put in place, all of them\n"
     "together. It bounds what one synchronisation can bring."},
    {"compress_always", KIND_YES_NO, FIELD(compress_always), "no", 0, 0,
     "yes deflates all that is sent, as Wazuh does. no deflates only while the\n"
     "line is slower than the deflater: on a fast line more bytes travel, and a\n"
     "synchronisation takes a fraction of the time and of the processor."},
    {"log_compat", KIND_YES_NO, FIELD(log_compat), "no", 0, 0,
     "yes writes every line that Wazuh's own daemon writes, those of cycles in\n"
     "which nothing changed too (up to 4 MB a day). no counts these and says so\n"
     "in one line an hour. Debug levels write them all."},
    {"log_syslog", KIND_YES_NO, FIELD(log_syslog), "no", 0, 0,
     "yes sends each line to the system's log (/dev/log, facility daemon,\n"
     "program wazuh-clusterd) as well as to logs/cluster.log."},
    {"log_size", KIND_SIZE, FIELD(log_bytes), "10M", 16 * KIB, 4 * GIB,
     "Size at which logs/cluster.log becomes logs/cluster.log.1."},
    {"log_keep", KIND_COUNT, FIELD(log_keep), "4", 0, 99,
     "Older logs that are kept: cluster.log.1 up to this number. With 0 a full\n"
     "log is begun anew."},
};
#define KEYS (sizeof table / sizeof *table)

/* ---- setting ---- */

/* "256M": a number with an optional K, M or G, in powers of 1024. */
static bool size_of(const char *text, uint64_t *out) {
    static const char units[] = "KMG";
    size_t n = strlen(text);
    const char *unit = n ? strchr(units, text[n - 1]) : NULL;
    uint64_t v;
    if (unit)
        n--;
    if (!text_number(text, n, UINT64_MAX, &v))
        return false;
    unsigned shift = unit ? 10 * ((unsigned)(unit - units) + 1) : 0;
    if (v > UINT64_MAX >> shift)
        return false;
    *out = v << shift;
    return true;
}

/* The other way round, in the largest unit that divides it. */
static void size_words(struct text *out, uint64_t v) {
    static const char units[] = "\0KMG";
    unsigned i = 0;
    while (i < 3 && v && v % 1024 == 0) {
        v /= 1024;
        i++;
    }
    text_format(out, "%llu", (unsigned long long)v);
    if (i)
        text_char(out, units[i]);
}

static bool set_version(char *field, const char *value) {
    return dialect_find(value) && text_copy(field, VERSION_BYTES, value, strlen(value));
}

static bool set_text(char *field, const char *value) {
    return text_copy(field, sizeof((struct cluster_config *)0)->handlers, value, strlen(value));
}

static const char *choices_of(const struct key *k) {
    return k->kind == KIND_STORE ? stores : authds;
}

/* Every enum of the configuration has the size of an unsigned int. */
static bool set_choice(unsigned char *field, const char *choices, const char *value) {
    unsigned which = (unsigned)text_find(choices, value);
    if (which == (unsigned)-1)
        return false;
    memcpy(field, &which, sizeof which);
    return true;
}

/* Below the root, and nowhere else. */
static bool is_folder(const char *value) {
    return *value != '/' && strspn(value, "-./" TEXT_WORD_CHARS) == strlen(value) && !strstr(value, "..");
}

/* False when value breaks the key's rule; the field is then untouched. */
static bool set(struct cluster_config *c, const struct key *k, const char *value) {
    unsigned char *field = (unsigned char *)c + k->field;
    bool yes = !strcmp(value, "yes");
    uint64_t v;
    uint32_t narrow;
    switch (k->kind) {
    case KIND_YES_NO:
        if (!yes && strcmp(value, "no"))
            return false;
        memcpy(field, &yes, sizeof yes);
        return true;
    case KIND_SIZE:
        if (!size_of(value, &v) || v < k->min || v > k->max)
            return false;
        memcpy(field, &v, sizeof v);
        return true;
    case KIND_COUNT:
        if (!text_number(value, strlen(value), k->max, &v) || v < k->min)
            return false;
        narrow = (uint32_t)v;
        memcpy(field, &narrow, sizeof narrow);
        return true;
    case KIND_VERSION:
        return set_version((char *)field, value);
    case KIND_STORE:
    case KIND_AUTHD:
        return set_choice(field, choices_of(k), value);
    case KIND_SERVICES:
        return strspn(value, "-," TEXT_WORD_CHARS) == strlen(value) && set_text((char *)field, value);
    case KIND_PATH:
        return is_folder(value) && set_text((char *)field, value);
    case KIND_COMMAND:
        return (!*value || *value == '/') && !strchr(value, ' ') && set_text((char *)field, value);
    }
    return false;
}

/* "yes or no", "16K to 4G", ... */
static void range_words(struct text *out, const struct key *k) {
    switch (k->kind) {
    case KIND_YES_NO:
        text_str(out, "yes or no");
        break;
    case KIND_SIZE:
        size_words(out, k->min);
        text_str(out, " to ");
        size_words(out, k->max);
        text_str(out, " bytes");
        break;
    case KIND_COUNT:
        text_format(out, "%llu to %llu", (unsigned long long)k->min, (unsigned long long)k->max);
        break;
    case KIND_VERSION:
        text_str(out, "X.Y.Z, from 4.4.0 up to but not including 5.0.0");
        break;
    case KIND_STORE:
    case KIND_AUTHD:
        for (size_t i = 0; i < 3; i++)
            text_format(out, "%s%s", i == 2 ? " or " : i ? ", " : "", text_item(choices_of(k), i));
        break;
    case KIND_SERVICES:
        text_str(out, "auto, none, or daemons divided by commas");
        break;
    case KIND_PATH:
        text_str(out, "a folder below the root, at most 255 characters, or empty");
        break;
    case KIND_COMMAND:
        text_str(out, "an absolute path, at most 255 characters, or empty");
        break;
    }
}

bool config_picket_set(struct cluster_config *c, const char *key, const char *value, uint32_t line,
                       struct problems *p) {
    size_t i = 0;
    while (i < KEYS && strcmp(table[i].name, key))
        i++;
    if (i == KEYS)
        return false;
    if (set(c, &table[i], value))
        return true;
    char range[80];
    struct text t;
    text_init(&t, range, sizeof range);
    range_words(&t, &table[i]);
    problems_add(p, PROBLEM_ERROR, 0, PICKET_CONF, line, "%s must be %s; '%.40s' is not", key, range, value);
    return true;
}

void config_picket_defaults(struct cluster_config *c) {
    for (size_t i = 0; i < KEYS; i++)
        set(c, &table[i], table[i].otherwise);
}

/* ---- the file ---- */

struct reading {
    struct cluster_config *config;
    struct problems *problems;
    uint32_t seen[KEYS]; /* line on which a key was given */
};

static void on_line(void *arg, const struct line *l) {
    struct reading *r = arg;
    if (l->cut) {
        problems_add(r->problems, PROBLEM_ERROR, 0, PICKET_CONF, l->number,
                     "the line is longer than %u bytes", LINE_BYTES - 1);
        return;
    }
    if (!l->value) {
        problems_add(r->problems, PROBLEM_ERROR, 0, PICKET_CONF, l->number, "'%.40s' is no `key = value`",
                     l->key);
        return;
    }
    if (!config_picket_set(r->config, l->key, l->value, l->number, r->problems)) {
        problems_add(r->problems, PROBLEM_ERROR, 0, PICKET_CONF, l->number,
                     "there is no key '%.40s' (picket help config lists them)", l->key);
        return;
    }
    for (size_t i = 0; i < KEYS; i++)
        if (!strcmp(table[i].name, l->key)) {
            if (r->seen[i])
                problems_add(r->problems, PROBLEM_ERROR, 0, PICKET_CONF, l->number,
                             "%s is given on line %u already", l->key, r->seen[i]);
            r->seen[i] = l->number;
        }
}

void config_picket_load(struct sys *sys, int root_fd, struct cluster_config *c, struct problems *p) {
    config_picket_defaults(c);
    struct reading r = {.config = c, .problems = p};
    struct error e;
    enum err err = lines_read(sys, root_fd, PICKET_CONF, on_line, &r, &e);
    if (err && err != E_GONE)
        problems_add(p, PROBLEM_ERROR, 0, PICKET_CONF, 0, "cannot be read: %s", err_os_words(e.os));
}

/* ---- words ---- */

void config_picket_words(struct text *out) {
    for (size_t i = 0; i < KEYS; i++) {
        const char *at = table[i].words;
        while (*at) { /* "# " before each line */
            size_t n = strcspn(at, "\n");
            text_str(out, "# ");
            text_add(out, at, n);
            text_char(out, '\n');
            at += n + (at[n] == '\n');
        }
        text_str(out, "# Allowed: ");
        range_words(out, &table[i]);
        text_format(out, ". Default: %s.\n#%s = %s\n", table[i].otherwise, table[i].name, table[i].otherwise);
        if (i + 1 < KEYS)
            text_char(out, '\n');
    }
}
