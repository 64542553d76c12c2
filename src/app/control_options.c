/* app/control_options.c - the command line of cluster_control as Python's argparse reads it: exact options,
 * unambiguous beginnings of long ones, letters run together, values after '='. Errors are argparse's own. */
#include "app/control.h"

#include "base/text.h"

#include <string.h>

enum { WANTS_NONE, WANTS_ONE, WANTS_MANY };

static const struct {
    const char *shorts, *name;
    uint8_t wants;
    enum control_action action; /* of those that exclude each other */
} known[] = {
    {"-h", "--help", WANTS_NONE, CONTROL_HELP},
    {"-d", "--debug", WANTS_NONE, CONTROL_NONE},
    {"-fn", "--filter-node", WANTS_MANY, CONTROL_NONE},
    {"-fs", "--filter-agent-status", WANTS_MANY, CONTROL_NONE},
    {"-a", "--list-agents", WANTS_NONE, CONTROL_AGENTS},
    {"-l", "--list-nodes", WANTS_NONE, CONTROL_NODES},
    {"-i", "--health", WANTS_ONE, CONTROL_HEALTH},
    {"-u", "--usage", WANTS_NONE, CONTROL_USAGE},
};
#define KNOWN (sizeof known / sizeof *known)

enum { OPT_DEBUG = 1, OPT_NODE = 2, OPT_STATUS = 3 };

struct control_parse {
    struct control_options *c;
    int argc, at;
    char *const *argv;
    struct text extras; /* what nobody wants, divided by blanks */
    char extras_room[160];
    struct error *e;
};

/* "-", "-5" and everything that does not begin with '-' are words, as argparse has it. */
static bool is_word(const char *s) {
    if (s[0] != '-' || !s[1])
        return true;
    return strspn(s + 1, "0123456789.") == strlen(s + 1) || strchr(s, ' ') != NULL;
}

/* An option's row; -1: none; -2: several, said in *e. *value: what follows '=' or the letter; NULL: nothing.
 */
static int find(struct control_parse *p, const char *arg, const char **value) {
    const char *equals = strchr(arg, '=');
    size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    bool is_long = arg[1] == '-';
    int found = -1, count = 0;
    char matches[160];
    struct text t;
    text_init(&t, matches, sizeof matches);
    *value = NULL;
    for (int i = 0; i < (int)KNOWN; i++) {
        const char *name = is_long ? known[i].name : known[i].shorts;
        if (strlen(name) == n && !memcmp(name, arg, n)) {
            *value = equals ? equals + 1 : NULL;
            return i;
        }
        if (!strncmp(name, arg, n)) {
            text_format(&t, "%s%s", count++ ? ", " : "", name);
            found = i;
        }
    }
    if (count == 1) {
        *value = equals ? equals + 1 : NULL;
        return found;
    }
    if (count > 1) {
        error_set(p->e, E_VALUE, 0, "ambiguous option: %.60s could match %s", arg, matches);
        return -2;
    }
    for (int i = 0; i < (int)KNOWN && !is_long; i++)
        if (known[i].shorts[1] == arg[1] && !known[i].shorts[2]) {
            *value = arg + 2;
            return i;
        }
    return -1;
}

static enum err exclude(struct control_parse *p, int i) {
    struct control_options *c = p->c;
    if (c->action != CONTROL_NONE && c->action != known[i].action)
        for (size_t k = 0; k < KNOWN; k++)
            if (known[k].action == c->action)
                return error_set(p->e, E_VALUE, 0, "argument %s/%s: not allowed with argument %s/%s",
                                 known[i].shorts, known[i].name, known[k].shorts, known[k].name);
    c->action = known[i].action;
    return E_OK;
}

/* The words of -fn or -fs, up to the next option; given twice, the last counts. */
static enum err take_words(struct control_parse *p, const char *value, const char **list, uint32_t *count) {
    *count = 0;
    if (value)
        list[(*count)++] = value;
    while (!value && p->at + 1 < p->argc && is_word(p->argv[p->at + 1])) {
        if (*count == CONTROL_FILTERS)
            return error_set(p->e, E_VALUE, 0, "more than %u names", CONTROL_FILTERS);
        list[(*count)++] = p->argv[++p->at];
    }
    return E_OK;
}

/* One option, and those run together with it ("-dl"). */
static enum err take_option(struct control_parse *p, int i, const char *value) {
    struct control_options *c = p->c;
    for (;;) {
        enum err err =
            known[i].action > CONTROL_NONE && known[i].action < CONTROL_HELP ? exclude(p, i) : E_OK;
        if (err)
            return err;
        if (known[i].wants == WANTS_MANY) {
            bool node = i == OPT_NODE;
            *(node ? &c->has_nodes : &c->has_status) = true;
            return take_words(p, value, node ? c->node : c->status, node ? &c->nodes : &c->statuses);
        }
        if (known[i].wants == WANTS_ONE) {
            c->health = value;
            if (!value && p->at + 1 < p->argc && is_word(p->argv[p->at + 1]))
                c->health = p->argv[++p->at];
            return E_OK;
        }
        c->debug |= i == OPT_DEBUG;
        if (known[i].action == CONTROL_HELP)
            c->action = CONTROL_HELP;
        if (!value || c->action == CONTROL_HELP)
            return E_OK;
        const char *arg = p->argv[p->at];
        char next[3] = {'-', value[0], '\0'};
        int k = -1;
        for (int j = 0; j < (int)KNOWN && arg[1] != '-' && value[-1] != '=' && value[0]; j++)
            if (!strcmp(known[j].shorts, next))
                k = j;
        if (k < 0)
            return error_set(p->e, E_VALUE, 0, "argument %s/%s: ignored explicit argument '%.60s'",
                             known[i].shorts, known[i].name, value);
        i = k;
        value = value[1] ? value + 1 : NULL;
    }
}

enum err control_parse(struct control_options *c, int argc, char *const argv[], struct error *e) {
    struct control_parse p = {.c = c, .argc = argc, .at = 1, .argv = argv, .e = e};
    *c = (struct control_options){0};
    text_init(&p.extras, p.extras_room, sizeof p.extras_room);
    bool words_only = false;
    for (; p.at < argc; p.at++) {
        const char *arg = argv[p.at], *value;
        if (!words_only && !strcmp(arg, "--")) {
            words_only = true;
            text_str(&p.extras, p.at + 1 < argc ? " --" : "");
            continue;
        }
        if (!words_only && (!strncmp(arg, "--root=", 7) || (!strcmp(arg, "--root") && p.at + 1 < argc))) {
            c->root = arg[6] ? arg + 7 : argv[++p.at]; /* ours alone; where the installation is */
            continue;
        }
        int i = words_only || is_word(arg) ? -1 : find(&p, arg, &value);
        if (i == -2)
            return E_VALUE;
        if (i < 0) {
            text_format(&p.extras, " %s", arg);
            continue;
        }
        enum err err = take_option(&p, i, value);
        if (err || c->action == CONTROL_HELP)
            return err;
    }
    return p.extras.len ? error_set(e, E_VALUE, 0, "unrecognized arguments:%s", p.extras_room) : E_OK;
}
