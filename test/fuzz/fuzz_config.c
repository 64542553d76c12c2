/* fuzz_config.c - every reader of a configuration file. The first byte chooses one; the rest is the file, for
 * ossec.conf pushed in pieces whose lengths the second byte varies. Whatever is read, a configuration without
 * errors must be one that a node could run with. */
#include "app/config_cluster.h"
#include "app/config_items.h"
#include "app/config_picket.h"
#include "app/status_screen.h"

#include <string.h>

static struct problems problems;
static struct cluster_config config;
static struct cluster_options options;
static struct config_xml xml;
static struct status_view view;

static void require(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void ossec_conf(const char *text, size_t n, size_t piece) {
    cluster_options_init(&options, "f", NULL, &problems);
    struct xml_events events = cluster_options_events(&options);
    config_xml_init(&xml, "f", &problems, &events);
    for (size_t at = 0; at < n; at += piece)
        config_xml_push(&xml, text + at, n - at < piece ? n - at : piece);
    config_xml_finish(&xml);
    cluster_options_check(&options, 0640, &config);
    if (problems.errors || config.disabled)
        return;
    require(strlen(config.key) == KEY_CHARS && config.port > 1024 && config.master[0]);
    require(config.cluster_name[0] && config.node_name[0] && !strchr(config.node_name, '/'));
    require(strcmp(config.node_name, "..") && !strchr(config.cluster_name, ' '));
    struct json_token tokens[64];
    struct json_doc d;
    require(!json_parse(&d, config.nodes_json, strlen(config.nodes_json), tokens, 64, NULL) ||
            strlen(config.nodes_json) > 100);
}

static void cluster_json(const char *text, size_t n) {
    items_defaults(&config.items);
    intervals_defaults(&config.intervals);
    config_items_parse("f", text, n, &config, &problems);
    if (problems.errors)
        return;
    for (uint8_t i = 0; i < config.items.count; i++)
        require(config.items.item[i].dir[0] != '/' && !strstr(config.items.item[i].dir, "/../") &&
                strncmp(config.items.item[i].dir, "../", 3) && config.items.item[i].mode <= 0777);
    require(config.intervals.sync_integrity_ms >= 1000 && config.intervals.compress_level <= 9);
}

/* One `key = value` line. */
static void picket_conf(const char *text, size_t n) {
    char key[64], value[256];
    const char *equals = memchr(text, '=', n);
    if (equals && text_copy(key, sizeof key, text, (size_t)(equals - text)) &&
        text_copy(value, sizeof value, equals + 1, n - 1 - (size_t)(equals - text)))
        config_picket_set(&config, key, value, 1, &problems);
    require(config.log_bytes >= 16384 && config.log_keep <= 99 && config.announced_version[0] == '4');
}

static void screen(const char *text, size_t n) {
    static struct json_token tokens[1024];
    char out[SCREEN_BYTES];
    struct text t;
    struct json_doc d;
    if (json_parse(&d, text, n, tokens, 1024, NULL))
        return;
    status_view_init(&view);
    status_view_status(&view, &d);
    status_view_nodes(&view, &d);
    status_view_health(&view, &d);
    text_init(&t, out, sizeof out);
    status_screen(&t, &view);
    require(!t.cut && t.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 2;
    problems_init(&problems);
    memset(&config, 0, sizeof config);
    config_picket_defaults(&config);
    switch (data[0] % 4) {
    case 0:
        ossec_conf(text, size - 2, 1u + data[1]);
        break;
    case 1:
        cluster_json(text, size - 2);
        break;
    case 2:
        picket_conf(text, size - 2);
        break;
    case 3:
        screen(text, size - 2);
        break;
    }
    static char printed[16384];
    struct text t;
    text_init(&t, printed, sizeof printed);
    problems_print(&problems, &t);
    return 0;
}
