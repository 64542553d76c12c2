/* app/options.c - argv into struct options. Short options may be run together ("-fd") and -c may carry its
 * value ("-cFILE"), as argparse has it in wazuh_clusterd.py. */
#include "app/options.h"

#include "base/text.h"

#include <string.h>

static const struct {
    char name[13];
    enum command command;
    char shorts[9]; /* short options it takes; a ':' follows one with a value */
} commands[] = {
    {"run", COMMAND_RUN, "hfdVrtc:"},  {"check-config", COMMAND_CHECK, "hc:"},
    {"status", COMMAND_STATUS, "hj"},  {"agents", COMMAND_AGENTS, "hj"},
    {"version", COMMAND_VERSION, "h"}, {"help", COMMAND_HELP, "h"},
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

static void apply(struct options *o, char option, const char *value) {
    switch (option) {
    case 'f':
        o->foreground = true;
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
    case 'c':
        o->config_file = value;
        break;
    case 'h':
        o->topic = o->command == COMMAND_RUN      ? "run"
                   : o->command == COMMAND_STATUS ? "status"
                   : o->command == COMMAND_AGENTS ? "agents"
                                                  : NULL;
        o->command = COMMAND_HELP;
        break;
    }
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
        const char *value = NULL;
        if (!known)
            return error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
        if (known[1] == ':') {
            char name[] = {'-', *s, '\0'};
            enum err err = need_value(p, s + 1, name, &value);
            if (err)
                return err;
        }
        apply(p->o, *s, value);
        if (value || p->o->command == COMMAND_HELP)
            break;
    }
    return E_OK;
}

/* ---- agents ---- */

/* Flags, and options with a value: "--name=x" or "--name x". *known false: none of these. */
static enum err agents_option(struct parse *p, const char *arg, bool *known) {
    static const char flags[] = "--json\0--key\0--add\0--remove\0";
    struct options *o = p->o;
    bool *const flag[] = {&o->json, &o->key, &o->group_add, &o->group_remove};
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
    if (o->words == sizeof o->word / sizeof *o->word)
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

static enum err long_option(struct parse *p, const char *arg) {
    bool known = false;
    if (!strcmp(arg, "--help")) {
        apply(p->o, 'h', NULL);
        return E_OK;
    }
    if (!strncmp(arg, "--root=", 7) && arg[7]) {
        p->o->root = arg + 7;
        return E_OK;
    }
    if (!strcmp(arg, "--root"))
        return need_value(p, "", "--root", &p->o->root);
    enum err err = p->o->command == COMMAND_AGENTS ? agents_option(p, arg, &known) : E_OK;
    if (known)
        return err;
    return error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
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
        else if (p->o->command == COMMAND_AGENTS)
            err = agents_word(p, arg);
        else
            err = error_set(p->e, E_VALUE, 0, "unrecognized arguments: %s", arg);
        if (err || (arg[0] == '-' && p->o->command == COMMAND_HELP)) /* -h: the rest does not matter */
            return err;
    }
    return p->o->command == COMMAND_AGENTS ? agents_judge(p) : E_OK;
}

enum err options_parse(struct options *o, int argc, char *const argv[], struct error *e) {
    *o = (struct options){.command = COMMAND_HELP, .root = ROOT_DEFAULT};
    struct parse p = {.o = o, .argc = argc, .at = 1, .argv = argv, .e = e};
    const char *name = argc > 0 ? base_name(argv[0]) : "picket";
    if (!strcmp(name, "cluster_control")) {
        o->command = COMMAND_CONTROL;
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
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(word, commands[i].name)) {
            o->command = commands[i].command;
            p.shorts = commands[i].shorts;
            p.at = 2;
            return arguments(&p);
        }
    return error_set(e, E_VALUE, 0, "there is no command '%s'", word);
}
