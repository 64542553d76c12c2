/* app/help.c - the texts of `picket help`, 80 columns at the most, plain ASCII. What picket.conf's keys mean
 * comes from their table (app/config_picket.c), so help and behaviour cannot differ. */
#include "app/help.h"

#include "app/config_picket.h"
#include "app/version.h"

#include <string.h>

static const char overview[] =
    "picket " PICKET_VERSION " - a node of a Wazuh cluster, master or worker, in one program\n"
    "\n"
    "  picket run            become the node's daemon\n"
    "  picket status         one screen: is all well, and if not, why\n"
    "  picket nodes          one line per node of the cluster\n"
    "  picket health         the same, and a boolean for updaters: exit 0 or 1\n"
    "  picket check          one line and codes for monitoring (plugin)\n"
    "  picket agents         the agents: list, add, remove, group\n"
    "  picket files          what is not in sync, and why; --dry-run\n"
    "  picket hash           do all nodes have the same files?\n"
    "  picket wait-sync      waits until they have\n"
    "  picket api            any function of the API by name; --list names them\n"
    "  picket send-file      a file to another node\n"
    "  picket log            the end of the node's log; -f follows it\n"
    "  picket check-config   everything wrong with the configuration, and what is\n"
    "                        in effect\n"
    "  picket version        this program's version, and the one it announces\n"
    "  picket help TOPIC     any of these words, or json, exit\n"
    "\n"
    "--root DIR is the installation's folder (default " ROOT_DEFAULT "). Called by the\n"
    "name wazuh-clusterd or cluster_control it takes that program's options.\n";

static const char run[] = "picket run [-f] [-d] [-r] [-t] [-c FILE] [--root DIR]\n"
                          "\n"
                          "  -f         stay in the foreground and log to standard error too\n"
                          "  -d         debug lines in the log; twice: more of them\n"
                          "  -r         stay root instead of becoming wazuh:wazuh\n"
                          "  -t         test the configuration: print all that is wrong with it, and end\n"
                          "  -c FILE    another ossec.conf\n"
                          "  --root DIR the installation's folder; default " ROOT_DEFAULT "\n"
                          "\n"
                          "Without -f the command ends when the daemon serves: 0, or 1 and the reason.\n"
                          "A cluster that is disabled in ossec.conf is no error: nothing is started, 0.\n"
                          "\n"
                          "SIGTERM, SIGINT  end in order       SIGHUP  open the log file anew\n"
                          "\n"
                          "Exit codes: 0 in order; 1 the configuration or the start is bad; 2 the command\n"
                          "line is.\n"
                          "Files below the root: etc/ossec.conf, etc/picket.conf, logs/cluster.log,\n"
                          "var/run/wazuh-clusterd-<pid>.pid, var/run/wazuh-clusterd.lock,\n"
                          "queue/cluster/c-internal.sock.\n";

#define WATCH                                                                                                \
    "--watch [SECONDS] shows it again every 2 (or so many) seconds, until Ctrl-C.\n"                         \
    "-j, --json prints JSON (picket help json).\n"

static const char status[] =
    "picket status [-j] [--watch [S]] [--root DIR]\n"
    "\n"
    "Asks the running node through queue/cluster/c-internal.sock and prints one\n"
    "screen: the verdict, the nodes, what is in sync and what is not and why, and\n"
    "the memory in use. A daemon of Wazuh's own is asked what it can tell.\n" WATCH "\n"
    "Exit codes (those of the LSB for `status`):\n"
    "    0  the node runs and all is well\n"
    "    1  it does not run but left a pid file: it did not end in order\n"
    "    3  it does not run\n"
    "    4  unknown: no access, or no answer within 2 seconds\n"
    "  150  it runs, but is not connected, not in sync, or was refused\n";

static const char nodes[] =
    "picket nodes [-j] [--watch [S]]\n"
    "\n"
    "One line per node, the master first, then by name: type, version, address,\n"
    "state, active agents, and when it was last heard of. '-': this node cannot\n"
    "tell. A worker asks its master.\n" WATCH "Exit codes: those of `picket status`.\n";

static const char health[] = "picket health [-q] [-j] [--watch [S]]\n"
                             "\n"
                             "A verdict and one line per node. Exit code 0: the node runs, is connected and\n"
                             "in sync (a master: serves, and no worker is behind). 1: anything else. So an\n"
                             "updater can commit or roll back by it. -q prints nothing.\n" WATCH;

static const char check[] =
    "picket check [-w FILES[,SECONDS]] [-c FILES[,SECONDS]]\n"
    "\n"
    "One line for a monitoring system, with performance data:\n"
    "    CLUSTER OK - worker1 connected and in sync | behind=0;0;1000;0 ...\n"
    "-w warns, -c is critical, when more FILES are behind, or the last keepalive is\n"
    "more SECONDS ago (of a master: the oldest of all workers). Defaults: 0,90 and\n"
    "1000,120.\n"
    "\n"
    "Exit codes: 0 OK; 1 WARNING; 2 CRITICAL: beyond -c, not connected, refused, not\n"
    "running, or no answer; 3 UNKNOWN: a bad command line, or no access.\n";

static const char files[] =
    "picket files [--dry-run] [-j] [--watch [S]]\n"
    "\n"
    "What is not in sync, file by file with the reason; on a master also what each\n"
    "worker was sent at its last synchronisation.\n"
    "--dry-run, on a worker: the master's list of files against this node's own, as\n"
    "they were last scanned: what the next check would create, update and delete\n"
    "here. With a node of Wazuh's only rules, decoders and lists can be compared.\n" WATCH
    "Exit codes: 0 nothing; 1 something is behind or would change; 3 not running; 4\n"
    "unknown.\n";

static const char hash[] =
    "picket hash [-j] [--watch [S]]\n"
    "\n"
    "The hash of each node's whole tree. A node of Wazuh's cannot say: unknown.\n" WATCH
    "Exit codes: 0 all agree; 1 they differ; 3 not running; 4 some cannot say.\n";

static const char wait_sync[] =
    "picket wait-sync [--timeout S] [-q] [-j]\n"
    "\n"
    "Waits until all nodes agree, each on what it scanned after the command began:\n"
    "what was changed on the master just before is then everywhere. Nodes of\n"
    "Wazuh's count when a check that found nothing to send ended after the start.\n"
    "--timeout S: 60 unless said otherwise. -q prints nothing.\n"
    "\n"
    "Exit codes: 0 they agree; 1 not within the time, and who is behind; 3 not\n"
    "running; 4 unknown.\n";

static const char api[] = "picket api FUNCTION [KEY=VALUE...] [--node N]... [--agents IDS] [--type T]\n"
                          "           [--timeout S] [-j]\n"
                          "picket api --list [-j]     the functions this program serves, their arguments\n"
                          "\n"
                          "  picket api wazuh.manager.get_status --node worker1\n"
                          "  picket api wazuh.agent.get_agents limit=5 q='status=active'\n"
                          "\n"
                          "A VALUE that is JSON is taken as such, anything else as a string. --node may be\n"
                          "repeated, or 'all'; without it this node. --agents: 001,002 or all.\n"
                          "--type: local_any (this node), local_master, distributed_master; known for the\n"
                          "functions of the list. -j prints the answer as the node gave it.\n"
                          "\n"
                          "Exit codes: 0 done; 1 some or all of it failed, with reasons; 2 the command line\n"
                          "is bad; 3 not running; 4 no answer.\n";

static const char send_file[] =
    "picket send-file PATH NODE [--timeout S] [-j]\n"
    "\n"
    "PATH lies below the root, and goes to the same place at the other node: below\n"
    "queue/cluster/<worker>/, where nodes take files. On a worker it goes to the\n"
    "master.\n"
    "\n"
    "Exit codes: 0 the other node has it; 1 refused, with the reason; 2 the command\n"
    "line is bad; 3 not running; 4 no answer.\n";

static const char log_words[] =
    "picket log [-n N] [-f] [--level L]\n"
    "\n"
    "The last N (20) lines of logs/cluster.log. -f goes on with what is added, across\n"
    "rotations, until Ctrl-C. --level: lines of this level and worse: debug2, debug,\n"
    "info, warning, error. Needs no running node.\n"
    "\n"
    "Exit codes: 0; 1 the log cannot be read; 2 the command line is bad.\n";

static const char json[] =
    "With -j (--json) a command prints one JSON value and a line break.\n"
    "\n"
    "status     the node's own account: node, cluster, type, version, up_s, state,\n"
    "           in_sync, behind, files, tree, unsynced, workers, agents, memory\n"
    "nodes, health\n"
    "           {node, well, why, nodes: [{name, type, version, ip, state, in_sync,\n"
    "           agents, last_seen_s}]}; null: not known\n"
    "agents     [{id, name, ip, status, version, node, groups, last_keepalive}]\n"
    "files      {node, type, in_sync, behind, files, unsynced: [{path, why}],\n"
    "           unsynced_untold, workers: [{name, state, missing, shared, extra}]}\n"
    "files --dry-run\n"
    "           {changes: [{path, change: create|update|delete}],\n"
    "           compared: all|ruleset, create, update, delete}\n"
    "hash       {agree: true|false|null,\n"
    "           nodes: [{name, tree, files, scanned_s, why}]}\n"
    "wait-sync  {in_sync, waited_ms, nodes, behind}\n"
    "api        the answer as the node gave it; --list: [{function, type, arguments}]\n"
    "send-file  {path, node, bytes, took_ms}\n"
    "\n"
    "*_s are seconds ago. Members may be added in later versions.\n";

static const char exit_words[] =
    "Exit codes       0            1               2             3          4\n"
    "  status, nodes  well         died            command line  down       unknown\n"
    "                 150: runs, but not well\n"
    "  health         healthy      anything else   command line\n"
    "  check          OK           WARNING         CRITICAL      UNKNOWN\n"
    "  files          in sync      behind          command line  down       unknown\n"
    "  hash           agree        differ          command line  down       unknown\n"
    "  wait-sync      agree        too late        command line  down       unknown\n"
    "  agents, api,\n"
    "  send-file      done         refused,failed  command line  down       unknown\n"
    "  log            shown        unreadable      command line\n"
    "  run,\n"
    "  check-config   in order     bad             command line\n"
    "  cluster_control\n"
    "                 done         error           command line\n";

static const char agents[] =
    "picket agents [list] [filters] [-j] [--watch [S]] [--root DIR]\n"
    "  --status S    active, disconnected, pending or never_connected\n"
    "  --name N  --ip A  --node N  --version V    '*' stands for any characters\n"
    "  --group G     members of this group\n"
    "  --id ID[,ID...]\n"
    "picket agents add NAME [--ip ADDRESS] [--id ID] [--key]\n"
    "              ADDRESS: any (default), an address, or address/bits. --key prints\n"
    "              the line of client.keys that the agent needs: it is a secret.\n"
    "picket agents remove ID\n"
    "picket agents group ID GROUP[,GROUP...]    its groups are these, in this order\n"
    "picket agents group ID --add GROUP[,...]   and these besides\n"
    "picket agents group ID --remove GROUP[,...]\n"
    "\n"
    "The running node is asked, through queue/cluster/c-internal.sock. A list is of\n"
    "what this node knows, on a worker too. Agents are edited on the master, and\n"
    "only where picket keeps them itself (store = embedded): where there is a\n"
    "wazuh-db, with manage_agents and agent_groups. -j (--json) prints JSON.\n"
    "\n"
    "Exit codes: 0 done; 1 refused, with the reason; 2 the command line is bad;\n"
    "3 the node does not run; 4 unknown: no access, or no answer in time.\n";

static const char config_head[] =
    "FILES, all below the root\n"
    "\n"
    "etc/ossec.conf, section <cluster>: exactly as Wazuh has it.\n"
    "  disabled    yes or no; default no. Without the section: disabled.\n"
    "  name        the cluster's name, the same on all nodes; default wazuh\n"
    "  node_name   this node's name, unlike any other's; default node01\n"
    "  node_type   master or worker; default master\n"
    "  key         32 characters of A-Z a-z 0-9 _, the same on all nodes. The file\n"
    "              may then not be open to other users (chmod o= etc/ossec.conf).\n"
    "  port        1025 to 65534; default 1516\n"
    "  bind_addr   the address a master listens on; default 0.0.0.0\n"
    "  nodes       <node>the master's address or name</node>, on the master too\n"
    "  hidden      yes or no; default no\n"
    "  haproxy_helper is checked, and refused when it is switched on.\n"
    "\n"
    "etc/internal_options.conf, etc/local_internal_options.conf:\n"
    "  wazuh_clusterd.debug=0, 1 or 2\n"
    "\n"
    "cluster.json: what is synchronised, and the intervals. The first that exists:\n"
    "  etc/cluster.json, framework/wazuh/core/cluster/cluster.json, the defaults\n"
    "  compiled in. Members that are missing have their defaults.\n"
    "\n"
    "etc/picket.conf: what Wazuh does not have. `key = value`, '#' begins a comment;\n"
    "sizes are bytes or end in K, M or G (powers of 1024). All keys:\n"
    "\n";

static const struct {
    char name[10];
    const char *words;
} topics[] = {
    {"run", run},         {"status", status}, {"nodes", nodes},
    {"health", health},   {"check", check},   {"files", files},
    {"hash", hash},       {"api", api},       {"send-file", send_file},
    {"log", log_words},   {"json", json},     {"wait-sync", wait_sync},
    {"exit", exit_words}, {"agents", agents},
};

bool help_words(struct text *out, const char *topic) {
    if (!topic) {
        text_str(out, overview);
        return true;
    }
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (!strcmp(topic, topics[i].name)) {
            text_str(out, topics[i].words);
            return true;
        }
    if (strcmp(topic, "config") != 0 && strcmp(topic, "check-config") != 0)
        return false;
    text_str(out, config_head);
    config_picket_words(out);
    return true;
}

void help_clusterd(struct text *out, bool usage_only) {
    text_str(out, "usage: wazuh-clusterd [-h] [-f] [-d] [-V] [-r] [-t] [-c config] [--root DIR]\n");
    if (!usage_only)
        text_str(out, "\noptions:\n"
                      "  -h, --help  show this help message and exit\n"
                      "  -f          Run in foreground\n"
                      "  -d          Enable debug messages. Use twice to increase verbosity.\n"
                      "  -V          Print version\n"
                      "  -r          Run as root\n"
                      "  -t          Test configuration\n"
                      "  -c config   Configuration file to use\n"
                      "  --root DIR  Installation folder (default " ROOT_DEFAULT ")\n");
}

void help_version(struct text *out, bool as_clusterd, const char *announced_version) {
    /* The first two lines are what programs look for (wazuh_clusterd.py print_version). */
    if (as_clusterd)
        text_format(out, "\nWazuh %s - Wazuh Inc\n\n", announced_version);
    text_format(out,
                "picket %s, which takes the place of wazuh-clusterd and announces itself as\n"
                "Wazuh %s. It is free software of its own; see LICENSE.\n",
                PICKET_VERSION, announced_version);
}
