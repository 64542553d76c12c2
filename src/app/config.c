/* app/config.c - the four kinds of configuration files, read in the order in which they depend on each other:
 * picket.conf (the announced version decides some rules), cluster.json, internal options, ossec.conf. */
#include "app/config.h"

#include "app/config_cluster.h"
#include "app/config_internal.h"
#include "app/config_items.h"
#include "app/config_picket.h"
#include "app/config_xml.h"
#include "base/bytes.h"

#include <string.h>

#define READ_BYTES 2048

/* ossec.conf through the two machines. Both hold the key for a while: each wipes itself, the window here.
 * They and the window take about 9 KB of stack, once, before there is a loop. */
static void read_ossec_conf(struct sys *sys, int fd, const char *file, const char *root,
                            struct cluster_config *c, struct config_report *report, struct problems *p) {
    struct cluster_options options;
    struct config_xml xml;
    struct sys_stat st;
    char window[READ_BYTES];
    ptrdiff_t n = 0;
    cluster_options_init(&options, file, root, p);
    struct xml_events events = cluster_options_events(&options);
    config_xml_init(&xml, file, p, &events);
    int r = sys->fstat(sys, fd, &st);
    if (r == 0)
        while ((n = sys->read(sys, fd, window, sizeof window)) > 0)
            config_xml_push(&xml, window, (size_t)n);
    bytes_wipe(window, sizeof window);
    if (r < 0 || n < 0) {
        problems_add(p, PROBLEM_ERROR, WAZUH_NO_CONFIG, file, 0, "cannot be read: %s",
                     err_os_words(r < 0 ? -r : (int)-n));
        bytes_wipe(&xml, sizeof xml);
        bytes_wipe(&options, sizeof options);
        return;
    }
    config_xml_finish(&xml);
    report->has_section = options.section_line != 0;
    cluster_options_check(&options, st.mode & 0777, c);
}

void config_load(struct sys *sys, const struct config_source *from, struct cluster_config *c,
                 struct config_report *report, struct problems *p) {
    memset(c, 0, sizeof *c);
    memset(report, 0, sizeof *report);
    c->disabled = true;
    config_picket_load(sys, from->root_fd, c, p);
    report->items_file = config_items_load(sys, from->root_fd, c, p);
    c->debug = config_internal_debug(sys, from->root_fd, p);
    if (!c->debug) /* wazuh_clusterd.py: the file's number counts unless it is 0 */
        c->debug = from->debug > 2 ? 2 : from->debug;
    const char *file = from->file ? from->file : OSSEC_CONF;
    int fd = sys->openat(sys, from->file ? SYS_CWD : from->root_fd, file, O_RDONLY, 0);
    if (fd < 0) {
        problems_add(p, PROBLEM_ERROR, WAZUH_NO_CONFIG, file, 0, "cannot be read: %s", err_os_words(-fd));
        return;
    }
    read_ossec_conf(sys, fd, file, from->file ? NULL : from->root, c, report, p);
    sys->close(sys, fd);
}

static void seconds(struct text *out, const char *words, uint32_t ms) {
    text_format(out, "  %-34s %u s\n", words, ms / 1000);
}

static void interval_words(const struct cluster_config *c, struct text *out) {
    const struct intervals *i = &c->intervals;
    if (c->type == NODE_WORKER) {
        seconds(out, "sync_integrity", i->sync_integrity_ms);
        seconds(out, "sync_agent_info", i->sync_agent_info_ms);
        seconds(out, "keep_alive", i->keep_alive_ms);
        seconds(out, "connection_retry", i->connection_retry_ms);
    } else {
        seconds(out, "recalculate_integrity", i->recalculate_integrity_ms);
        seconds(out, "check_worker_lastkeepalive", i->check_worker_lastkeepalive_ms);
        seconds(out, "max_allowed_time_without_keepalive", i->max_allowed_time_without_keepalive_ms);
        seconds(out, "max_locked_integrity_time", i->max_locked_integrity_time_ms);
    }
    seconds(out, "timeout_cluster_request", i->timeout_cluster_request_ms);
    seconds(out, "timeout_receiving_file", i->timeout_receiving_file_ms);
}

void config_words(const struct cluster_config *c, const struct config_report *report, struct text *out) {
    if (c->disabled) {
        text_str(out, report->has_section
                          ? "The cluster is disabled in ossec.conf.\n"
                          : "ossec.conf has no <cluster> section: the cluster is disabled.\n");
        return;
    }
    text_format(out, "cluster %s, node %s, %s, announced as Wazuh %s\n", c->cluster_name, c->node_name,
                c->type == NODE_MASTER ? "master" : "worker", c->announced_version);
    if (c->type == NODE_MASTER)
        text_format(out, "listens on %s port %u\n", c->bind_addr, c->port);
    else
        text_format(out, "master %s port %u\n", c->master, c->port);
    text_format(out, "cluster.json: %s\n",
                report->items_file ? report->items_file : "the defaults compiled in");
    for (uint8_t i = 0; i < c->items.count; i++)
        text_format(out, "  %-34s %04o%s\n", c->items.item[i].dir, c->items.item[i].mode,
                    c->items.item[i].recursive ? " and the folders in it" : "");
    interval_words(c, out);
}
