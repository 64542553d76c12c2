/* app/options.c - argv into struct options. Short options may be run together ("-fd") and -c may carry its
 * value ("-cFILE"), as argparse has it in wazuh_clusterd.py. */
#include "app/options.h"

#include "base/text.h"

#include <string.h>

/* What each takes: letters of short options; those after '|' have only their long name. A ':' follows one
 * with a value. */
static const struct {
    char name[13];
    enum command command;
    char shorts[16];
} commands[] = {
    {"run", COMMAND_RUN, "hfdVrtc:"},
    {"status", COMMAND_STATUS, "hj|W"},
    {"nodes", COMMAND_NODES, "hj|W"},
    {"health", COMMAND_HEALTH, "hjq|W"},
    {"agents", COMMAND_AGENTS, "hj|W"},
    {"files", COMMAND_FILES, "hj|WD"},
    {"hash", COMMAND_HASH, "hj|W"},
    {"wait-sync", COMMAND_WAIT_SYNC, "hjq|T:"},
    {"api", COMMAND_API, "hj|LN:Y:A:T:"},
    {"send-file", COMMAND_SEND_FILE, "hj|T:"},
    {"log", COMMAND_LOG, "hn:f|l:"},
    {"check", COMMAND_CHECK, "hw:c:"},
    {"check-config", COMMAND_CHECK_CONFIG, "hc:"},
    {"version", COMMAND_VERSION, "h"},
    {"help", COMMAND_HELP, "h"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* Long names; the letter stands for the option in the table above. */
static const struct {
    char name[10], letter;
} longs[] = {
    {"help", 'h'},  {"json", 'j'},  {"quiet", 'q'},   {"dry-run", 'D'},  {"list", 'L'},
    {"node", 'N'},  {"type", 'Y'},  {"agents", 'A'},  {"timeout", 'T'},  {"follow", 'f'},
    {"lines", 'n'}, {"level", 'l'}, {"warning", 'w'}, {"critical", 'c'},
};

struct parse {
    struct options *o;
    int argc, at;
    char *const *argv;
    const char *shorts;
    bool acted; /* agents: the word for what is to be done was there */
    struct error *e;
};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum err bad_number(struct parse *p, const char *what, const char *value) {
    return error_set(p->e, E_VALUE, 0, "%s: '%s' is no number that makes sense", what, value);
}

static enum err number(struct parse *p, const char *what, const char *value, uint64_t most, uint32_t *out) {
    uint64_t v;
    if (!text_number(value, strlen(value), most, &v))
        return bad_number(p, what, value);
    *out = (uint32_t)v;
    return E_OK;
}

/* Seconds, with a fraction if need be: "0.5". */
static enum err watch(struct parse *p, const char *value) {
    size_t whole = strcspn(value, ".");
    uint64_t s = 0, tenths = 0;
    bool fits = text_number(value, whole, 86400, &s);
    if (value[whole])
        fits &= strlen(value + whole) == 2 && text_number(value + whole + 1, 1, 9, &tenths);
    p->o->watch_ms = (uint32_t)(s * 1000 + tenths * 100);
    return fits && p->o->watch_ms ? E_OK : bad_number(p, "--watch", value);
}

static void ask_help(struct options *o) {
    o->topic = NULL;
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].command == o->command && o->command != COMMAND_VERSION && o->command != COMMAND_HELP)
            o->topic = commands[i].name;
    o->command = COMMAND_HELP;
}

static enum err apply(struct parse *p, char option, const char *value) {
    struct options *o = p->o;
    switch (option) {
    case 'f':
        o->foreground = o->follow = true;
        break;
    case 'd':
        if (o->debug < 2)
            o->debug++;
        break;
    case 'V':
        o->command = COMMAND_VERSION;
        break;
    case 'r':
        o->stay_root = true;
        break;
    case 't':
        o->test = true;
        break;
    case 'j':
        o->json = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    case 'D':
        o->dry_run = true;
        break;
    case 'L':
        o->list = true;
        break;
    case 'c':
        o->config_file = o->critical = value;
        break;
    case 'w':
        o->warning = value;
        break;
    case 'l':
        o->level = value;
        break;
    case 'Y':
        o->type = value;
        break;
    case 'A':
        o->ids = value;
        break;
    case 'n':
        return number(p, "-n", value, 1000000, &o->lines);
    case 'T':
        return number(p, "--timeout", value, 86400, &o->timeout_s);
    case 'N':
        if (o->nodes == OPTIONS_NODES)
            return error_set(p->e, E_VALUE, 0, "--node: more than %u", OPTIONS_NODES);
        o->node[o->nodes++] = value;
        break;
    case 'h':
        ask_help(o);
        break;
    }
    return E_OK;
}

/* The value of an option: what is left of its own argument, or the next one. */
static enum err need_value(struct parse *p, const char *rest, const char *name, const char **value) {
    if (*rest) {
        *value = rest;
        return E_OK;
    }
    if (p->at + 1 >= p->argc)
        return error_set(p->e, E_VALUE, 0, "argument %s: expected one argument", name);
    *value = p->argv[++p->at];
    return E_OK;
}

static enum err short_options(struct parse *p, const char *arg) {
    for (const char *s = arg + 1; *s; s++) {
        const char *known = *s == ':' ? NULL : strchr(p->shorts, *s);
        const char *value = NULL, *long_only = strchr(p->shorts, '|');
        if (!known || (long_only && known >= long_only))
            return error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
        if (known[1] == ':') {
            char name[] = {'-', *s, '\0'};
            enum err err = need_value(p, s + 1, name, &value);
            if (err)
                return err;
        }
        enum err err = apply(p, *s, value);
        if (err)
            return err;
        if (value || p->o->command == COMMAND_HELP)
            break;
    }
    return E_OK;
}

/* ---- agents ---- */

/* Flags, and options with a value: "--name=x" or "--name x". *known false: none of these. */
static enum err agents_option(struct parse *p, const char *arg, bool *known) {
    static const char flags[] = "--key\0--add\0--remove\0";
    struct options *o = p->o;
    bool *const flag[] = {&o->key, &o->group_add, &o->group_remove};
    char name[16];
    const char *value = strchr(arg, '=');
    size_t n = value ? (size_t)(value - arg) : strlen(arg);
    ptrdiff_t i = text_find(flags, arg);
    *known = true;
    if (i >= 0) {
        *flag[i] = true;
        return E_OK;
    }
    i = text_copy(name, sizeof name, arg + 2, n - 2) ? text_find(AGENTS_OPTIONS, name) : -1;
    *known = i >= 0;
    return *known ? need_value(p, value ? value + 1 : "", arg, &o->agents[i]) : E_OK;
}

/* The first word is what is to be done; without one: list. */
static enum err agents_word(struct parse *p, const char *arg) {
    static const char actions[] = "list\0add\0remove\0group\0";
    struct options *o = p->o;
    if (!p->acted) {
        ptrdiff_t i = text_find(actions, arg);
        if (i < 0)
            return error_set(p->e, E_VALUE, 0, "agents: there is no '%s': list, add, remove, group", arg);
        o->action = (enum agents_action)i;
        p->acted = true;
        return E_OK;
    }
    if (o->words == 2)
        return error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
    o->word[o->words++] = arg;
    return E_OK;
}

static enum err agents_judge(struct parse *p) {
    static const char *const usage[] = {"[list] [filters]", "add NAME [--ip ADDRESS] [--id ID] [--key]",
                                        "remove ID", "group ID [--add | --remove] GROUP[,GROUP...]"};
    static const uint8_t words[] = {0, 1, 1, 2};
    const struct options *o = p->o;
    bool fits = o->words == words[o->action] && !(o->group_add && o->group_remove);
    fits &= !o->key || o->action == AGENTS_ADD;
    fits &= (!o->group_add && !o->group_remove) || o->action == AGENTS_GROUP;
    for (int i = 0; i < AGENTS_OPTION_COUNT; i++)
        fits &= !o->agents[i] || o->action == AGENTS_LIST ||
                (o->action == AGENTS_ADD && (i == AGENTS_IP || i == AGENTS_ID));
    return fits ? E_OK : error_set(p->e, E_VALUE, 0, "usage: picket agents %s", usage[o->action]);
}

/* ---- all ---- */

/* "--watch", "--watch=5" or "--watch 5": only a number is its value. */
static enum err watch_option(struct parse *p, const char *arg) {
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : "";
    p->o->watch_ms = OPTIONS_WATCH_MS;
    if (arg[7] == '=')
        return watch(p, arg + 8);
    if (!next[0] || strspn(next, "0123456789.") != strlen(next))
        return E_OK;
    p->at++;
    return watch(p, next);
}

/* Those of the table longs, and --watch, as far as the command takes them. */
static enum err shared_option(struct parse *p, const char *arg, bool *known) {
    const char *equals = strchr(arg, '='), *value = NULL;
    size_t n = equals ? (size_t)(equals - arg) - 2 : strlen(arg) - 2;
    *known = true;
    if (n == 5 && !memcmp(arg + 2, "watch", 5) && strchr(p->shorts, 'W'))
        return watch_option(p, arg);
    for (size_t i = 0; i < sizeof longs / sizeof *longs && !p->o->as_clusterd; i++) {
        const char *mine = strchr(p->shorts, longs[i].letter);
        bool same = strlen(longs[i].name) == n && !memcmp(arg + 2, longs[i].name, n);
        if (!same || !mine || p->o->command == COMMAND_RUN || p->o->command == COMMAND_CHECK_CONFIG)
            continue;
        if (mine[1] != ':' && equals)
            break;
        enum err err = mine[1] == ':' ? need_value(p, equals ? equals + 1 : "", arg, &value) : E_OK;
        return err ? err : apply(p, longs[i].letter, value);
    }
    *known = false;
    return E_OK;
}

static enum err long_option(struct parse *p, const char *arg) {
    bool known = false;
    if (!strcmp(arg, "--help"))
        return apply(p, 'h', NULL);
    if (!strncmp(arg, "--root=", 7) && arg[7]) {
        p->o->root = arg + 7;
        return E_OK;
    }
    if (!strcmp(arg, "--root"))
        return need_value(p, "", "--root", &p->o->root);
    enum err err = shared_option(p, arg, &known);
    if (!known && p->o->command == COMMAND_AGENTS)
        err = agents_option(p, arg, &known);
    if (known)
        return err;
    return error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
}

static enum err keep_word(struct parse *p, const char *arg) {
    struct options *o = p->o;
    uint32_t most = o->command == COMMAND_API ? OPTIONS_WORDS : o->command == COMMAND_SEND_FILE ? 2 : 0;
    if (o->words >= most)
        return error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
    o->word[o->words++] = arg;
    return E_OK;
}

/* What a command cannot do without. */
static enum err judge(struct parse *p) {
    const struct options *o = p->o;
    if (o->command == COMMAND_AGENTS)
        return agents_judge(p);
    if (o->command == COMMAND_API && !o->words != o->list)
        return error_set(p->e, E_VALUE, 0, "usage: picket api FUNCTION [KEY=VALUE...] [options], or --list");
    if (o->command == COMMAND_SEND_FILE && o->words != 2)
        return error_set(p->e, E_VALUE, 0, "usage: picket send-file PATH NODE [--timeout S]");
    return E_OK;
}

static enum err arguments(struct parse *p) {
    for (; p->at < p->argc; p->at++) {
        const char *arg = p->argv[p->at];
        enum err err;
        if (arg[0] == '-' && arg[1] == '-')
            err = long_option(p, arg);
        else if (arg[0] == '-' && arg[1])
            err = short_options(p, arg);
        else if (p->o->command == COMMAND_HELP && !p->o->topic)
            p->o->topic = arg, err = E_OK;
        else
            err = p->o->command == COMMAND_AGENTS ? agents_word(p, arg) : keep_word(p, arg);
        if (err || (arg[0] == '-' && p->o->command == COMMAND_HELP)) /* -h: the rest does not matter */
            return err;
    }
    return judge(p);
}

enum err options_parse(struct options *o, int argc, char *const argv[], struct error *e) {
    *o = (struct options){.command = COMMAND_HELP, .root = ROOT_DEFAULT, .lines = OPTIONS_LINES};
    struct parse p = {.o = o, .argc = argc, .at = 1, .argv = argv, .e = e};
    const char *name = argc > 0 ? base_name(argv[0]) : "picket";
    if (!strcmp(name, "cluster_control")) {
        o->command = COMMAND_CONTROL;
        o->argc = argc;
        o->argv = argv;
        return E_OK;
    }
    if (!strcmp(name, "wazuh-clusterd")) {
        o->as_clusterd = true;
        o->command = COMMAND_RUN;
        p.shorts = commands[0].shorts;
        return arguments(&p);
    }
    if (argc < 2)
        return E_OK;
    const char *word = argv[1];
    if (!strcmp(word, "-h") || !strcmp(word, "--help"))
        word = "help";
    else if (!strcmp(word, "-V") || !strcmp(word, "--version"))
        word = "version";
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(word, commands[i].name)) {
            o->command = commands[i].command;
            p.shorts = commands[i].shorts;
            p.at = 2;
            return arguments(&p);
        }
    return error_set(e, E_VALUE, 0, "there is no command '%s'", word);
}
