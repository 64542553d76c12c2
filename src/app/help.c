/* app/help.c - the texts of `picket help`, 80 columns at the most, plain ASCII. What picket.conf's keys mean
 * comes from their table (app/config_picket.c), so help and behaviour cannot differ. */
#include "app/help.h"

#include "app/config_picket.h"
#include "app/version.h"

#include <string.h>

static const char overview[] =
    "picket " PICKET_VERSION " - a node of a Wazuh cluster, master or worker, in one program\n"
    "\n"
    "  picket run            become the node's daemon       picket help run\n"
    "  picket status         one screen: is all well?       picket help status\n"
    "  picket agents         the agents: list, add, remove   picket help agents\n"
    "  picket check-config   everything wrong with the configuration, and what is\n"
    "                        in effect\n"
    "  picket version        this program's version, and the one it announces\n"
    "  picket help TOPIC     run, status, agents, config\n"
    "\n"
    "All but help and version take --root DIR, the installation's folder (default\n" ROOT_DEFAULT
    "). Called by the name wazuh-clusterd it is `picket run` and takes\n"
    "that program's options.\n";

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

static const char status[] = "picket status [-j] [--root DIR]\n"
                             "\n"
                             "Asks the running node through queue/cluster/c-internal.sock and prints one\n"
                             "screen: the verdict, the nodes, what is in sync and what is not and why, and\n"
                             "the memory in use. -j prints the node's own answer as JSON instead.\n"
                             "\n"
                             "Exit codes (those of the LSB for `status`):\n"
                             "    0  the node runs and all is well\n"
                             "    1  it does not run but left a pid file: it did not end in order\n"
                             "    3  it does not run\n"
                             "    4  unknown: no access, or no answer within 3 seconds\n"
                             "  150  it runs, but is not connected, not in sync, or was refused\n";

static const char agents[] =
    "picket agents [list] [filters] [-j] [--root DIR]\n"
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

bool help_words(struct text *out, const char *topic) {
    if (!topic)
        text_str(out, overview);
    else if (!strcmp(topic, "run"))
        text_str(out, run);
    else if (!strcmp(topic, "status"))
        text_str(out, status);
    else if (!strcmp(topic, "agents"))
        text_str(out, agents);
    else if (!strcmp(topic, "config") || !strcmp(topic, "check-config")) {
        text_str(out, config_head);
        config_picket_words(out);
    } else
        return false;
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
