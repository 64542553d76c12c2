/* app/config_cluster.c - what the options of <cluster> may say.
 *
 * Bytes come from config_xml.c as options, are kept as text until the file ends (the last section counts),
 * and are then judged by the rules of Wazuh's two readers. "Reading" rules hold even for a disabled cluster,
 * because the real readers stop at them; "checking" rules only for one that is to run. The key is compared,
 * counted and copied, and never part of a message. */
#include "app/config_cluster.h"

#include "base/bytes.h"
#include "base/json_write.h"
#include "sys/sys.h"
#include "wire/dialect.h"

#include <string.h>

/* Characters of src/config/cluster-config.c's C_VALID. */
#define NAME_CHARS "!\"#$%&'-.0123456789:<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_abcdefghijklmnopqrstuvwxyz{|}~"

/* In the order of enum cluster_option. */
static const char paths[] = "disabled\0"
                            "name\0"
                            "node_name\0"
                            "node_type\0"
                            "key\0"
                            "port\0"
                            "bind_addr\0"
                            "hidden\0"
                            "haproxy_helper/haproxy_disabled\0"
                            "haproxy_helper/haproxy_protocol\0"
                            "haproxy_helper/haproxy_cert\0"
                            "haproxy_helper/haproxy_port\0"
                            "haproxy_helper/frequency\0"
                            "haproxy_helper/agent_chunk_size\0"
                            "haproxy_helper/agent_reconnection_time\0"
                            "haproxy_helper/agent_reconnection_stability_time\0"
                            "haproxy_helper/imbalance_tolerance\0"
                            "haproxy_helper/remove_disconnected_node_after\0";

/* Options the C reader refuses empty; others then have their default. */
#define NEVER_EMPTY                                                                                          \
    (1u << OPT_DISABLED | 1u << OPT_NAME | 1u << OPT_NODE_NAME | 1u << OPT_NODE_TYPE | 1u << OPT_HIDDEN |    \
     1u << OPT_HELPER_DISABLED | 1u << OPT_HELPER_PROTOCOL)

static const char *path_of(int option) {
    return text_item(paths, (size_t)option);
}

/* Accepted by Wazuh's readers, without meaning for a node. */
static const char passed_over[] = "haproxy_helper\0"
                                  "socket_timeout\0"
                                  "connection_timeout\0"
                                  "haproxy_helper/haproxy_address\0"
                                  "haproxy_helper/haproxy_user\0"
                                  "haproxy_helper/haproxy_password\0"
                                  "haproxy_helper/haproxy_backend\0"
                                  "haproxy_helper/haproxy_resolver\0"
                                  "haproxy_helper/client_cert\0"
                                  "haproxy_helper/client_cert_key\0"
                                  "haproxy_helper/client_cert_password\0"
                                  "haproxy_helper/excluded_nodes\0";

static const char reserved[RESERVED_NODES][10] = {"localhost", "NODE_IP", "0.0.0.0", "127.0.1.1"};

static void say(struct cluster_options *o, enum problem_level level, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct cluster_options *o, enum problem_level level, uint32_t line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    problems_vadd(o->problems, level, WAZUH_BAD_CLUSTER, o->file, line, format, args);
    va_end(args);
}

/* ---- collecting ---- */

static void reset(struct cluster_options *o) {
    const char *file = o->file, *root = o->root;
    struct problems *p = o->problems;
    bytes_wipe(o, sizeof *o);
    o->file = file;
    o->root = root;
    o->problems = p;
}

void cluster_options_init(struct cluster_options *o, const char *file, const char *root, struct problems *p) {
    o->file = file;
    o->root = root;
    o->problems = p;
    reset(o);
}

static void on_section(void *arg, uint32_t line) {
    struct cluster_options *o = arg;
    bool again = o->section_line != 0;
    reset(o);
    o->section_line = line;
    if (again)
        say(o, PROBLEM_WARNING, line,
            "There are multiple cluster sections in configuration. Using only last section.");
}

static bool has_outer_blanks(const char *s) {
    size_t n = strlen(s);
    return n && (strchr(" \t\r\n", s[0]) || strchr(" \t\r\n", s[n - 1]));
}

static void on_node(struct cluster_options *o, const struct xml_option *x) {
    if (!*x->value)
        return;
    o->nodes++;
    for (int i = 0; i < RESERVED_NODES; i++)
        if (!strcmp(x->value, reserved[i]) && !o->reserved_line[i])
            o->reserved_line[i] = x->line;
    if (o->nodes == 1) {
        o->node_line = x->line;
        o->node_cut = x->cut || !text_copy(o->node, sizeof o->node, x->value, strlen(x->value));
    }
    struct text json = {.buf = o->nodes_json, .cap = sizeof o->nodes_json, .len = strlen(o->nodes_json)};
    size_t before = json.len;
    text_str(&json, before ? ", " : "[");
    json_escape(&json, x->value, strlen(x->value));
    if (json.cut || json.len + 2 > json.cap) { /* room for the final bracket */
        o->nodes_json[before] = '\0';
        o->nodes_full = true;
    }
}

static void keep(struct cluster_options *o, enum cluster_option i, const struct xml_option *x) {
    if (!*x->value) {
        if (NEVER_EMPTY & 1u << i)
            say(o, PROBLEM_ERROR, x->line, "<%s> is empty", x->path);
        return;
    }
    o->option[i].line = x->line;
    o->option[i].cut =
        x->cut || !text_copy(o->option[i].value, sizeof o->option[i].value, x->value, strlen(x->value));
}

static void on_option(void *arg, const struct xml_option *x) {
    struct cluster_options *o = arg;
    if (!strncmp(x->path, "haproxy_helper/", 15) && *x->value && !o->helper) {
        o->helper = true;
        o->helper_line = x->line;
    }
    ptrdiff_t i = text_find(paths, x->path);
    if (i >= 0) {
        keep(o, (enum cluster_option)i, x);
        return;
    }
    if (text_find(passed_over, x->path) >= 0)
        return;
    if (!strcmp(x->path, "nodes/node"))
        on_node(o, x);
    else if (!strcmp(x->path, "interval"))
        say(o, PROBLEM_WARNING, x->line,
            "Detected a deprecated configuration for cluster. Interval option is not longer available.");
    else if (strcmp(x->path, "nodes"))
        say(o, PROBLEM_ERROR, x->line, "<%s> is no option of <cluster>", x->path);
    else if (strspn(x->value, " \t\r\n") != strlen(x->value))
        say(o, PROBLEM_ERROR, x->line, "<nodes> holds the master's address in a <node> element, not as text");
}

struct xml_events cluster_options_events(struct cluster_options *o) {
    return (struct xml_events){.section = on_section, .option = on_option, .arg = o};
}

/* ---- judging ---- */

/* The text of an option that was given and is sound as text, else NULL. */
static const char *given(const struct cluster_options *o, enum cluster_option i) {
    return o->option[i].line && !o->option[i].cut ? o->option[i].value : NULL;
}

/* What is wrong with an option as text; such an option is not judged further. */
static void check_texts(struct cluster_options *o) {
    for (int i = 0; i < OPT_COUNT; i++) {
        if (!o->option[i].line)
            continue;
        if (o->option[i].cut) {
            say(o, PROBLEM_ERROR, o->option[i].line, "<%s> is longer than %u bytes", path_of(i),
                (unsigned)sizeof o->option[i].value - 1);
        } else if (has_outer_blanks(o->option[i].value)) {
            say(o, PROBLEM_ERROR, o->option[i].line,
                "<%s> begins or ends with a blank, which counts as part of it", path_of(i));
            o->option[i].cut = true;
        }
    }
}

static bool check_yes_no(struct cluster_options *o, enum cluster_option i, bool otherwise) {
    const char *v = given(o, i);
    if (!v)
        return otherwise;
    if (strcmp(v, "yes") && strcmp(v, "no"))
        say(o, PROBLEM_ERROR, o->option[i].line,
            "Allowed values for '%s' field are 'yes' and 'no'. Found: '%s'", path_of(i), v);
    return !strcmp(v, "yes");
}

/* A cluster's or node's name by the C reader's rules. */
static void check_name(struct cluster_options *o, enum cluster_option i, char *out, const char *otherwise) {
    const char *v = given(o, i);
    if (!v) {
        text_copy(out, NODE_NAME_BYTES, otherwise, strlen(otherwise));
        return;
    }
    size_t good = strspn(v, NAME_CHARS);
    if (v[good] == ' ' || v[good] == '\t')
        say(o, PROBLEM_ERROR, o->option[i].line,
            "<%s> has a blank: hello is divided at blanks, so no node could ever connect", path_of(i));
    else if (v[good])
        say(o, PROBLEM_ERROR, o->option[i].line, "Detected a not allowed character in <%s>: '%.4s'",
            path_of(i), v + good);
    if (!text_copy(out, NODE_NAME_BYTES, v, strlen(v)))
        say(o, PROBLEM_ERROR, o->option[i].line, "<%s> is longer than %u characters", path_of(i),
            NODE_NAME_BYTES - 1u);
}

/* Beyond the C reader: masters from 4.14.6 on demand it (error 3060), and the name becomes a folder. */
static void check_node_name(struct cluster_options *o, const struct cluster_config *c) {
    const char *v = given(o, OPT_NODE_NAME);
    if (!v || v[strspn(v, NAME_CHARS)])
        return;
    uint32_t line = o->option[OPT_NODE_NAME].line;
    if (!strcmp(v, ".") || !strcmp(v, "..")) {
        say(o, PROBLEM_ERROR, line, "<node_name> '%s' cannot be the name of a folder", v);
        return;
    }
    if (!v[strspn(v, "-" TEXT_WORD_CHARS)])
        return;
    const struct dialect *d = dialect_find(c->announced_version);
    if (!d || d->name_rule)
        say(o, PROBLEM_ERROR, line,
            "<node_name> may have only letters, digits, '_' and '-' (error 3060 from 4.14.6 on)");
    else
        say(o, PROBLEM_WARNING, line,
            "<node_name>: from 4.14.6 on only letters, digits, '_' and '-' are accepted");
}

static void check_node_type(struct cluster_options *o, struct cluster_config *c) {
    const char *v = given(o, OPT_NODE_TYPE);
    uint32_t line = o->option[OPT_NODE_TYPE].line;
    c->type = NODE_MASTER;
    if (!v || !strcmp(v, "master"))
        return;
    if (!strcmp(v, "client"))
        say(o, PROBLEM_NOTE, line, "Deprecated node type 'client'. Using 'worker' instead.");
    else if (strcmp(v, "worker"))
        say(o, PROBLEM_ERROR, line, "Invalid node type %s. Correct values are master and worker", v);
    c->type = NODE_WORKER;
}

static void check_port(struct cluster_options *o, struct cluster_config *c) {
    const char *v = given(o, OPT_PORT);
    uint64_t port = 1516;
    c->port = (uint16_t)port;
    if (v && strspn(v, "0123456789") != strlen(v)) {
        say(o, PROBLEM_ERROR, o->option[OPT_PORT].line, "Cluster port must be an integer.");
        return;
    }
    if (v && !text_number(v, strlen(v), 65534, &port))
        port = 65535;
    if (!c->disabled && (port <= 1024 || port >= 65535))
        say(o, PROBLEM_ERROR, o->option[OPT_PORT].line,
            "Port must be higher than 1024 and lower than 65535.");
    c->port = (uint16_t)port;
}

/* Only a master listens; a worker may carry a copy of its section with anything in it. */
static void check_bind_addr(struct cluster_options *o, struct cluster_config *c) {
    const char *v = given(o, OPT_BIND_ADDR);
    text_copy(c->bind_addr, sizeof c->bind_addr, v ? v : "0.0.0.0", strlen(v ? v : "0.0.0.0"));
    struct sys_addr a;
    if (!v || c->type != NODE_MASTER || c->disabled || sys_addr_parse(&a, v, 1))
        return;
    say(o, PROBLEM_ERROR, o->option[OPT_BIND_ADDR].line, "<bind_addr> '%s' is no IPv4 or IPv6 address", v);
}

static void check_key(struct cluster_options *o, uint32_t mode, struct cluster_config *c) {
    uint32_t line = o->option[OPT_KEY].line;
    if (!line) {
        say(o, PROBLEM_ERROR, o->section_line, "Unspecified key");
        return;
    }
    /* The key is the whole of the cluster's trust: who reads it is admin of every node. */
    if (mode & 7)
        say(o, PROBLEM_ERROR, line,
            "the file is open to every user and holds the cluster's key: run chmod o= '%s%s%s'",
            o->root ? o->root : "", o->root ? "/" : "", o->file);
    const char *v = given(o, OPT_KEY);
    if (v && strlen(v) == KEY_CHARS && strspn(v, TEXT_WORD_CHARS) == KEY_CHARS)
        memcpy(c->key, v, KEY_CHARS + 1);
    else
        say(o, PROBLEM_ERROR, line, "Key must be 32 characters long and only have alphanumeric characters");
}

static void check_nodes(struct cluster_options *o, struct cluster_config *c) {
    if (!o->nodes) {
        say(o, PROBLEM_ERROR, o->section_line,
            "Invalid elements in node fields: NODE_IP. (No <node> is given.)");
        return;
    }
    for (int i = 0; i < RESERVED_NODES; i++)
        if (o->reserved_line[i])
            say(o, PROBLEM_ERROR, o->reserved_line[i], "Invalid elements in node fields: %s.", reserved[i]);
    if (o->node_cut)
        say(o, PROBLEM_ERROR, o->node_line, "<node> is longer than %u bytes", HOST_BYTES - 1);
    else if (o->node[strcspn(o->node, " \t\r\n/,;")])
        say(o, PROBLEM_ERROR, o->node_line, "<node> '%s' is neither an address nor a host name", o->node);
    if (o->nodes > 1)
        say(o, PROBLEM_WARNING, o->node_line,
            "Found more than one node in configuration. Only master node should be specified. Using %s as "
            "master.",
            o->node);
    if (o->nodes_full)
        say(o, PROBLEM_ERROR, o->node_line, "<nodes> is longer than %u bytes in all",
            (unsigned)sizeof c->nodes_json);
    text_copy(c->master, sizeof c->master, o->node, strlen(o->node));
    text_copy(c->nodes_json, sizeof c->nodes_json, o->nodes_json, strlen(o->nodes_json));
    size_t n = strlen(c->nodes_json);
    memcpy(c->nodes_json + n, "]", 2); /* on_node left room */
}

/* ---- haproxy_helper: sound or not, and off ---- */

/* Path without "haproxy_helper/". */
static const char *helper_word(enum cluster_option i) {
    return strchr(path_of(i), '/') + 1;
}

static void helper_number(struct cluster_options *o, enum cluster_option i, uint64_t min, uint64_t max) {
    const char *v = given(o, i);
    uint64_t n;
    if (!v)
        return;
    if (strspn(v, "0123456789") != strlen(v))
        say(o, PROBLEM_ERROR, o->option[i].line, "HAProxy Helper %s must be an integer.", helper_word(i));
    else if (!text_number(v, strlen(v), max, &n) || n < min)
        say(o, PROBLEM_ERROR, o->option[i].line, "Invalid value for %s. %s is not between %llu and %llu",
            helper_word(i), v, (unsigned long long)min, (unsigned long long)max);
}

/* A decimal fraction above 0 and up to 1. */
static void helper_tolerance(struct cluster_options *o) {
    const char *v = given(o, OPT_HELPER_TOLERANCE);
    if (!v)
        return;
    size_t whole = strspn(v, "0123456789");
    size_t part = v[whole] == '.' ? 1 + strspn(v + whole + 1, "0123456789") : 0;
    if (v[whole + part] || whole + part == 0 || (part == 1 && whole == 0)) {
        say(o, PROBLEM_ERROR, o->option[OPT_HELPER_TOLERANCE].line,
            "HAProxy Helper imbalance_tolerance must be a float.");
        return;
    }
    const char *first = v + strspn(v, "0");
    bool zero = !first[strspn(first, ".0")];
    bool above = v + whole > first &&
                 (strspn(first, "0123456789") > 1 || *first != '1' || first[1 + strspn(first + 1, ".0")]);
    if (zero || above)
        say(o, PROBLEM_ERROR, o->option[OPT_HELPER_TOLERANCE].line,
            "Invalid value for imbalance_tolerance. %s is not above 0 and at most 1", v);
}

static void check_helper(struct cluster_options *o, const struct cluster_config *c) {
    if (!o->helper)
        return;
    bool off = check_yes_no(o, OPT_HELPER_DISABLED, true);
    const char *protocol = given(o, OPT_HELPER_PROTOCOL);
    if (protocol && strcmp(protocol, "http") && strcmp(protocol, "https"))
        say(o, PROBLEM_ERROR, o->option[OPT_HELPER_PROTOCOL].line,
            "Invalid value for haproxy_protocol. '%s' is neither http nor https", protocol);
    if (protocol && !strcmp(protocol, "https") && !o->option[OPT_HELPER_CERT].line)
        say(o, PROBLEM_ERROR, o->option[OPT_HELPER_PROTOCOL].line,
            "HAProxy certificate file required in the haproxy_cert parameter");
    if (c->disabled)
        return;
    helper_number(o, OPT_HELPER_PORT, 1024, 65535);
    helper_number(o, OPT_HELPER_FREQUENCY, 10, UINT32_MAX);
    helper_number(o, OPT_HELPER_STABILITY, 10, UINT32_MAX);
    helper_number(o, OPT_HELPER_CHUNK, 100, UINT32_MAX);
    helper_number(o, OPT_HELPER_RECONNECTION, 0, UINT32_MAX);
    helper_number(o, OPT_HELPER_REMOVE, 0, UINT32_MAX);
    helper_tolerance(o);
    if (!o->option[OPT_HELPER_DISABLED].line)
        say(o, PROBLEM_ERROR, o->helper_line, "<haproxy_helper> needs <haproxy_disabled>");
    else if (!off && c->type == NODE_MASTER)
        say(o, PROBLEM_ERROR, o->option[OPT_HELPER_DISABLED].line,
            "the HAProxy helper is no part of picket: set <haproxy_disabled>yes</haproxy_disabled>");
    else if (!off) /* Wazuh's workers pass it over too */
        say(o, PROBLEM_WARNING, o->option[OPT_HELPER_DISABLED].line,
            "the HAProxy helper is no part of picket; a worker does not use it anyway");
}

void cluster_options_check(struct cluster_options *o, uint32_t mode, struct cluster_config *c) {
    c->disabled = true;
    if (o->section_line) {
        check_texts(o);
        c->disabled = check_yes_no(o, OPT_DISABLED, false);
        check_name(o, OPT_NAME, c->cluster_name, "wazuh");
        check_name(o, OPT_NODE_NAME, c->node_name, "node01");
        check_node_type(o, c);
        c->hidden = check_yes_no(o, OPT_HIDDEN, false);
        check_port(o, c);
        check_bind_addr(o, c);
        check_helper(o, c);
        if (!c->disabled) {
            check_node_name(o, c);
            check_key(o, mode, c);
            check_nodes(o, c);
        }
    }
    reset(o);
}
