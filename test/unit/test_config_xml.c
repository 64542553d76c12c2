/* test_config_xml.c - ossec.conf: its near-XML, and every rule for <cluster>.
 *
 * What is expected comes from Wazuh's readers: load_wazuh_xml, get_ossec_conf, read_cluster_config and
 * check_cluster_config of framework 4.14.7, and src/config/cluster-config.c. */
#include "app/config_cluster.h"
#include "app/config_picket.h"
#include "test/harness/harness.h"

#include <stdio.h>

static struct problems problems;
static struct cluster_options options;
static struct config_xml xml;
static struct cluster_config config;
static char printed[16384];
static uint32_t mode;

static void begin(void *ctx) {
    (void)ctx;
    problems_init(&problems);
    memset(&config, 0, sizeof config);
    config_picket_defaults(&config);
    cluster_options_init(&options, "ossec.conf", "/r", &problems);
    struct xml_events events = cluster_options_events(&options);
    config_xml_init(&xml, "ossec.conf", &problems, &events);
}

static void push(void *ctx, const uint8_t *bytes, size_t n) {
    (void)ctx;
    config_xml_push(&xml, (const char *)bytes, n);
}

static void end(void) {
    struct text t;
    config_xml_finish(&xml);
    cluster_options_check(&options, mode, &config);
    text_init(&t, printed, sizeof printed);
    problems_print(&problems, &t);
}

/* Reads a whole file; what is wrong with it, as it is printed. */
static const char *read_text(const char *text) {
    begin(NULL);
    push(NULL, (const uint8_t *)text, strlen(text));
    end();
    return printed;
}

#define KEY "<key>0123456789abcdef0123456789abcdef</key>"
#define NODES "<nodes><node>10.0.0.1</node></nodes>"

/* A sound section with more put into it, on line 2. */
static const char *with(const char *more) {
    static char text[8192];
    snprintf(text, sizeof text, "<ossec_config><cluster>" KEY NODES "\n%s</cluster></ossec_config>", more);
    return read_text(text);
}

/* A sound section but for one thing left out or changed. */
static const char *section(const char *content) {
    static char text[8192];
    snprintf(text, sizeof text, "<ossec_config>\n<cluster>\n%s</cluster></ossec_config>", content);
    return read_text(text);
}

static const char *whole_text =
    "<!-- Wazuh - Manager -- default\n configuration -->\n"
    "<ossec_config>\n"
    "  <global>\n"
    "    <jsonout_output>yes</jsonout_output><port>1</port>\n"
    "  </global>\n"
    "  <localfile><location>C:\\x\\</location><query a=\"1>2\" b='<'>a < b && c <- d</query>"
    "</localfile>\n"
    "  <x><cluster><key>no</key></cluster></x>\n"
    "  <empty/><empty2 a='/' />\n"
    "  <!-- <cluster><key>old</key></cluster> -->\n"
    "  <cluster>\n"
    "    <name>my-cluster.a&amp;b</name>\n"
    "    <node_name>edge_07</node_name>\n"
    "    <node_type>worker</node_type>\n"
    "    <key>ABCDEFGHIJKLMNOP0123456789_vwxyz</key>\n"
    "    <port>15<!-- one -->16</port>\n"
    "    <bind_addr>::</bind_addr>\n"
    "    <nodes>\n"
    "      <node>master.example.org</node>\n"
    "    </nodes>\n"
    "    <hidden>yes</hidden>\n"
    "    <disabled>no</disabled>\n"
    "  </cluster>\n"
    "</ossec_config>\n"
    "<OSSEC_CONFIG><other>1</other></OSSEC_CONFIG>\n";

static void check_whole(void *ctx) {
    (void)ctx;
    end();
    CHECK_STR(printed, "");
    CHECK(!config.disabled);
    CHECK_INT(config.type, NODE_WORKER);
    CHECK(config.hidden);
    CHECK_STR(config.cluster_name, "my-cluster.a&b");
    CHECK_STR(config.node_name, "edge_07");
    CHECK_STR(config.key, "ABCDEFGHIJKLMNOP0123456789_vwxyz");
    CHECK_INT(config.port, 1516);
    CHECK_STR(config.bind_addr, "::");
    CHECK_STR(config.master, "master.example.org");
    CHECK_STR(config.nodes_json, "[\"master.example.org\"]");
}

TEST(xml_whole_file_at_every_cut) {
    test_cuts(whole_text, strlen(whole_text), 1, NULL, begin, push, check_whole);
}

/* Ended at any byte: never a crash, and never a node that would start, unless a root was just closed. */
TEST(xml_ends_anywhere) {
    for (size_t n = 0; n < strlen(whole_text); n++) {
        begin(NULL);
        push(NULL, (const uint8_t *)whole_text, n);
        end();
        size_t at = n - (n && whole_text[n - 1] == '\n');
        bool whole = at > 15 && (!memcmp(whole_text + at - 15, "</ossec_config>", 15) ||
                                 !memcmp(whole_text + at - 15, "</OSSEC_CONFIG>", 15));
        CHECK(config.disabled || problems.errors || whole);
    }
}

TEST(xml_defaults) {
    CHECK_STR(with(""), "");
    CHECK(!config.disabled && !config.hidden);
    CHECK_INT(config.type, NODE_MASTER);
    CHECK_STR(config.cluster_name, "wazuh");
    CHECK_STR(config.node_name, "node01");
    CHECK_STR(config.bind_addr, "0.0.0.0");
    CHECK_INT(config.port, 1516);
    CHECK_STR(config.master, "10.0.0.1");
}

TEST(xml_no_section_is_disabled) {
    CHECK_STR(read_text("<ossec_config><global></global></ossec_config>"), "");
    CHECK(config.disabled);
    CHECK_STR(read_text(""), "");
    CHECK(config.disabled);
    /* not directly in a root, or in another root */
    CHECK_STR(read_text("<other><cluster>" KEY "</cluster></other>"), "");
    CHECK(config.disabled);
}

/* The section that Wazuh ships: disabled, no key, a node to be filled in. */
TEST(xml_shipped_template) {
    CHECK_STR(
        section("<name>wazuh</name><node_name>node01</node_name><node_type>master</node_type><key></key>"
                "<port>1516</port><bind_addr>0.0.0.0</bind_addr><nodes><node>NODE_IP</node></nodes>"
                "<hidden>no</hidden><disabled>yes</disabled>"),
        "");
    CHECK(config.disabled);
}

TEST(xml_last_section_counts) {
    CHECK_STR(read_text("<ossec_config><cluster><name>one</name><disabled>yes</disabled></cluster>\n"
                        "</ossec_config><ossec_config>\n<cluster>" KEY NODES "</cluster></ossec_config>"),
              "ossec.conf:3: warning: There are multiple cluster sections in configuration. Using only last "
              "section.\n");
    CHECK_STR(config.cluster_name, "wazuh"); /* nothing of the first is left */
    CHECK(!config.disabled);
}

TEST(xml_option_given_twice_last_counts) {
    CHECK_STR(with("<port>2000</port><port>3000</port>"), "");
    CHECK_INT(config.port, 3000);
}

TEST(xml_key_rules) {
    CHECK_STR(section(NODES), "ossec.conf:2: Unspecified key\n");
    CHECK_STR(section(NODES "<key></key>"), "ossec.conf:2: Unspecified key\n");
    static const char *const bad[] = {
        "0123456789abcdef0123456789abcde",        "0123456789abcdef0123456789abcdef0",
        "0123456789abcdef0123456789abcde-",       "0123456789abcdef 123456789abcdef",
        "0123456789abcdef0123456789abcd\303\244", "0123456789abcdef012345&lt;9abcde"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, NODES "<key>%s</key>", bad[i]);
        CHECK_STR(section(text),
                  "ossec.conf:3: Key must be 32 characters long and only have alphanumeric characters\n");
        CHECK(!strstr(printed, bad[i]));
    }
}

TEST(xml_key_in_an_open_file) {
    mode = 0644;
    with("");
    CHECK_INT(problems.errors, 1);
    CHECK(strstr(printed, "ossec.conf:1: ") && strstr(printed, "run chmod o= '/r/ossec.conf'"));
    CHECK(!strstr(printed, "0123456789abcdef"));
    mode = 0640;
    CHECK_STR(with(""), "");
    mode = 0644; /* without a key, or disabled, nobody minds */
    CHECK_STR(section("<disabled>yes</disabled>" KEY), "");
}

TEST(xml_port_rules) {
    CHECK_STR(with("<port>1025</port>"), "");
    CHECK_INT(config.port, 1025);
    CHECK_STR(with("<port>65534</port>"), "");
    CHECK_INT(config.port, 65534);
    static const char *const bad[] = {"1024", "65535", "0", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        snprintf(text, sizeof text, "<port>%s</port>", bad[i]);
        CHECK_STR(with(text), "ossec.conf:2: Port must be higher than 1024 and lower than 65535.\n");
    }
    CHECK_STR(with("\n<port>1516x</port>"), "ossec.conf:3: Cluster port must be an integer.\n");
    CHECK_STR(with("<port>-1</port>"), "ossec.conf:2: Cluster port must be an integer.\n");
    /* the real reader trips over it even when the cluster is disabled, and not over the range */
    CHECK_STR(section("<disabled>yes</disabled><port>x</port>"),
              "ossec.conf:3: Cluster port must be an integer.\n");
    CHECK_STR(section("<disabled>yes</disabled><port>80</port>"), "");
}

TEST(xml_blanks_count) {
    CHECK_STR(with("<port> 1516</port>"),
              "ossec.conf:2: <port> begins or ends with a blank, which counts as part of it\n");
    CHECK_STR(with("<node_name>w1\n</node_name>"),
              "ossec.conf:2: <node_name> begins or ends with a blank, which counts as part of it\n");
}

TEST(xml_node_type) {
    CHECK_STR(with("<node_type>client</node_type>"),
              "ossec.conf:2: note: Deprecated node type 'client'. Using 'worker' instead.\n");
    CHECK_INT(config.type, NODE_WORKER);
    CHECK_STR(with("<node_type>Worker</node_type>"),
              "ossec.conf:2: Invalid node type Worker. Correct values are master and worker\n");
}

TEST(xml_yes_no) {
    CHECK_STR(with("<disabled>true</disabled>"),
              "ossec.conf:2: Allowed values for 'disabled' field are 'yes' and 'no'. Found: 'true'\n");
    CHECK_STR(with("<hidden>maybe</hidden>"),
              "ossec.conf:2: Allowed values for 'hidden' field are 'yes' and 'no'. Found: 'maybe'\n");
    CHECK_STR(with("<hidden></hidden>"), "ossec.conf:2: <hidden> is empty\n");
}

TEST(xml_names) {
    CHECK_STR(
        with("<name>my cluster</name>"),
        "ossec.conf:2: <name> has a blank: hello is divided at blanks, so no node could ever connect\n");
    static const char refused[] = "()*+,/;@`";
    for (const char *c = refused; *c; c++) {
        char text[64], want[96];
        snprintf(text, sizeof text, "<name>a%cb</name>", *c);
        snprintf(want, sizeof want, "ossec.conf:2: Detected a not allowed character in <name>: '%cb'\n", *c);
        CHECK_STR(with(text), want);
    }
    /* the other printable ones are fine for a cluster; a reference that Wazuh leaves alone has a ';' */
    CHECK_STR(with("<name>!\"#$%'-.:=?[\\]^_{|}~</name>"), "");
    CHECK_STR(config.cluster_name, "!\"#$%'-.:=?[\\]^_{|}~");
    with("<name>a&lt;b</name>");
    CHECK_INT(problems.errors, 1);
    CHECK_STR(with("<name></name>"), "ossec.conf:2: <name> is empty\n");
    with("<name>1234567890123456789012345678901234567890123456789012345678901234</name>");
    CHECK_STR(printed, "");
    with("<name>12345678901234567890123456789012345678901234567890123456789012345</name>");
    CHECK_STR(printed, "ossec.conf:2: <name> is longer than 64 characters\n");
}

/* Error 3060 is 4.14.6's; before that a dot was fine. */
TEST(xml_node_name_and_version) {
    static char text[256];
    CHECK_STR(
        with("<node_name>a.b</node_name>"),
        "ossec.conf:2: <node_name> may have only letters, digits, '_' and '-' (error 3060 from 4.14.6 on)\n");
    for (int i = 0; i < 2; i++) {
        begin(NULL);
        strcpy(config.announced_version, "4.14.5");
        snprintf(text, sizeof text,
                 "<ossec_config><cluster>" KEY NODES "<node_name>%s</node_name></cluster></ossec_config>",
                 i ? ".." : "a.b");
        push(NULL, (const uint8_t *)text, strlen(text));
        end();
        CHECK_INT(problems.count, 1);
        CHECK_INT(problems.errors, i); /* a folder is made of it: ".." never */
    }
}

TEST(xml_nodes) {
    CHECK_STR(section(KEY),
              "ossec.conf:2: Invalid elements in node fields: NODE_IP. (No <node> is given.)\n");
    static const char *const reserved[] = {"localhost", "NODE_IP", "0.0.0.0", "127.0.1.1"};
    for (size_t i = 0; i < 4; i++) {
        char text[256], want[128];
        snprintf(text, sizeof text, KEY "<nodes>\n<node>%s</node></nodes>", reserved[i]);
        snprintf(want, sizeof want, "ossec.conf:4: Invalid elements in node fields: %s.\n", reserved[i]);
        CHECK_STR(section(text), want);
    }
    CHECK_STR(
        section(
            KEY
            "<nodes><node>a</node>\n<node>\"b\"</node><node></node></nodes><nodes><node>c</node></nodes>"),
        "ossec.conf:3: warning: Found more than one node in configuration. Only master node should be "
        "specified. Using a as master.\n");
    CHECK_STR(config.master, "a");
    CHECK_STR(config.nodes_json, "[\"a\", \"\\\"b\\\"\", \"c\"]");
    CHECK_STR(section(KEY NODES "<nodes>10.0.0.1</nodes>"),
              "ossec.conf:3: <nodes> holds the master's address in a <node> element, not as text\n");
    section(KEY "<nodes><node>a b</node></nodes>");
    CHECK_INT(problems.errors, 1);
}

TEST(xml_nodes_do_not_overflow) {
    static char text[8192];
    for (int count = 1; count < 60; count++) {
        size_t n = (size_t)snprintf(text, sizeof text, KEY "<nodes>");
        for (int i = 0; i < count; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "<node>node-%02d.example</node>", i);
        snprintf(text + n, sizeof text - n, "</nodes>");
        section(text);
        size_t json = strlen(config.nodes_json);
        CHECK(config.nodes_json[0] == '[' && config.nodes_json[json - 1] == ']');
        /* "node-00.example" with its quotes and the comma or brackets: 19 each */
        CHECK_INT(problems.errors, 19 * count > 511);
    }
}

TEST(xml_bind_addr) {
    CHECK_STR(with("<bind_addr>10.0.0.7</bind_addr>"), "");
    CHECK_STR(with("<bind_addr>fe80::1</bind_addr>"), "");
    CHECK_STR(with("<bind_addr>eth0</bind_addr>"),
              "ossec.conf:2: <bind_addr> 'eth0' is no IPv4 or IPv6 address\n");
    CHECK_STR(with("<bind_addr>eth0</bind_addr><node_type>worker</node_type>"), "");
}

TEST(xml_options_of_other_readers) {
    CHECK_STR(with("<socket_timeout>1</socket_timeout><connection_timeout>x</connection_timeout>"), "");
    CHECK_STR(
        with("<interval>2m</interval>"),
        "ossec.conf:2: warning: Detected a deprecated configuration for cluster. Interval option is not "
        "longer available.\n");
    CHECK_STR(with("<bogus>1</bogus>"), "ossec.conf:2: <bogus> is no option of <cluster>\n");
    CHECK_STR(with("<nodes><nod>1</nod></nodes>"), "ossec.conf:2: <nodes/nod> is no option of <cluster>\n");
    CHECK_STR(with("<port><a>1</a></port>"), "ossec.conf:2: <port/a> is no option of <cluster>\n");
    CHECK_STR(with("<nodes><node>\n<x>1</x></node></nodes>"),
              "ossec.conf:3: <x> is nested too deeply in <cluster>\n");
    CHECK_STR(with("<port a=\"b\">1600</port>"), ""); /* attributes are passed over */
    CHECK_INT(config.port, 1600);
}

#define HELPER(content) "<haproxy_helper>" content "</haproxy_helper>"

TEST(xml_haproxy_helper) {
    CHECK_STR(with("<haproxy_helper></haproxy_helper><haproxy_helper/>"), "");
    CHECK_STR(
        with(HELPER(
            "<haproxy_disabled>yes</haproxy_disabled><haproxy_address>a</haproxy_address>"
            "<haproxy_user>u</haproxy_user><haproxy_password>p</haproxy_password>"
            "<haproxy_port>1024</haproxy_port><haproxy_protocol>https</haproxy_protocol>"
            "<haproxy_cert>/x</haproxy_cert><frequency>10</frequency>"
            "<agent_chunk_size>100</agent_chunk_size><agent_reconnection_time>0</agent_reconnection_time>"
            "<agent_reconnection_stability_time>10</agent_reconnection_stability_time>"
            "<imbalance_tolerance>0.1</imbalance_tolerance>"
            "<remove_disconnected_node_after>0</remove_disconnected_node_after>"
            "<excluded_nodes>a,b</excluded_nodes>")),
        "");
    CHECK_STR(with(HELPER("<haproxy_disabled>no</haproxy_disabled>")),
              "ossec.conf:2: the HAProxy helper is no part of picket: set "
              "<haproxy_disabled>yes</haproxy_disabled>\n");
    CHECK_STR(
        with("<node_type>worker</node_type>" HELPER("<haproxy_disabled>no</haproxy_disabled>")),
        "ossec.conf:2: warning: the HAProxy helper is no part of picket; a worker does not use it anyway\n");
    CHECK_STR(with(HELPER("<frequency>60</frequency>")),
              "ossec.conf:2: <haproxy_helper> needs <haproxy_disabled>\n");
    CHECK_STR(
        with(HELPER("<haproxy_disabled>yes</haproxy_disabled><haproxy_protocol>https</haproxy_protocol>")),
        "ossec.conf:2: HAProxy certificate file required in the haproxy_cert parameter\n");
}

TEST(xml_haproxy_helper_numbers) {
    static const char *const bad[] = {"haproxy_port>1023",        "haproxy_port>65536",
                                      "haproxy_port>x",           "frequency>9",
                                      "agent_chunk_size>99",      "imbalance_tolerance>0",
                                      "imbalance_tolerance>1.01", "imbalance_tolerance>2",
                                      "imbalance_tolerance>.",    "imbalance_tolerance>a",
                                      "imbalance_tolerance>0.00", "imbalance_tolerance>10",
                                      "haproxy_protocol>ftp",     "agent_reconnection_stability_time>9"};
    static const char *const good[] = {"imbalance_tolerance>1",  "imbalance_tolerance>1.0",
                                       "imbalance_tolerance>.5", "imbalance_tolerance>0.001",
                                       "haproxy_port>65535",     "frequency>3600"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad + sizeof good / sizeof *good; i++) {
        bool is_bad = i < sizeof bad / sizeof *bad;
        const char *one = is_bad ? bad[i] : good[i - sizeof bad / sizeof *bad];
        char text[256];
        int name = (int)strcspn(one, ">");
        snprintf(text, sizeof text, HELPER("<haproxy_disabled>yes</haproxy_disabled><%s</%.*s>"), one, name,
                 one);
        with(text);
        if (problems.errors != is_bad)
            test_fail(__FILE__, __LINE__, "%s: %s", one, printed);
    }
}

TEST(xml_all_problems_by_line) {
    CHECK_STR(section("<port>1</port>\n<key>x</key>\n<node_type>x</node_type>\n<a>1</a>\n<hidden>x</hidden>\n"
                      "<nodes><node>localhost</node></nodes>\n"),
              "ossec.conf:3: Port must be higher than 1024 and lower than 65535.\n"
              "ossec.conf:4: Key must be 32 characters long and only have alphanumeric characters\n"
              "ossec.conf:5: Invalid node type x. Correct values are master and worker\n"
              "ossec.conf:6: <a> is no option of <cluster>\n"
              "ossec.conf:7: Allowed values for 'hidden' field are 'yes' and 'no'. Found: 'x'\n"
              "ossec.conf:8: Invalid elements in node fields: localhost.\n");
}

TEST(xml_more_problems_than_room) {
    static char text[8192];
    size_t n = 0;
    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "<a%d>1</a%d>\n", i, i);
    section(text);
    CHECK_INT(problems.count, PROBLEMS_MAX);
    CHECK(strstr(printed, "and 7 more\n")); /* these five, the key and the nodes */
}

TEST(xml_unbalanced) {
    CHECK_STR(read_text("<ossec_config>\n<a>\n<b></a>\n</ossec_config>"),
              "ossec.conf:3: <b> is not closed before </a> on line 3\n");
    CHECK_STR(read_text("<a></a>\n</b>"), "ossec.conf:2: </b> closes nothing\n");
    CHECK_STR(read_text("<a>\n<b>"), "ossec.conf:1: <a> is not closed\nossec.conf:2: <b> is not closed\n");
    CHECK_STR(read_text("<a>\n<b\n<c></c></a>"), "ossec.conf:2: a tag that is not ended with '>'\n");
    CHECK_STR(read_text("<a></a>\n<!-- x"), "ossec.conf:2: a comment that is not ended with \"-->\"\n");
    CHECK_STR(read_text("<a></a>\n<b x=\""), "ossec.conf:2: the file ends inside a tag\n");
}

TEST(xml_text_that_looks_like_markup) {
    CHECK_STR(read_text("<a>1 < 2 <= 3 <<b></b> <! <!x <!- x & &amp &&lt; &#65; ]]> \"</a>"), "");
    CHECK_STR(read_text("<a><!-- a -- b --- > c ---></a>"), "");
    section(KEY NODES "<name><![CDATA[x]]></name>");
    CHECK(strstr(printed, "CDATA"));
}

TEST(xml_entities) {
    CHECK_STR(with("<name>a&amp;b&quot;c&apos;d&backslash;e&f</name>"), "");
    CHECK_STR(config.cluster_name, "a&b\"c'd\\e&f");
}

TEST(xml_nul) {
    begin(NULL);
    push(NULL, (const uint8_t *)"<a>\n\0</b></c>", 13);
    end();
    CHECK_STR(printed, "ossec.conf:2: a NUL byte: this is no text file\n");
}

/* Far more text, names, depth and attributes than there is memory for. */
TEST(xml_huge) {
    begin(NULL);
    static uint8_t block[4096];
    const char *head = "<ossec_config><a>";
    push(NULL, (const uint8_t *)head, strlen(head));
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 5000; i++) /* 20 MB */
        push(NULL, block, sizeof block);
    for (int i = 0; i < 1000; i++)
        push(NULL, (const uint8_t *)"<deep>\n", 7);
    for (int i = 0; i < 1000; i++)
        push(NULL, (const uint8_t *)"</deep>", 7);
    const char *tail = "</a><cluster>" KEY NODES "<name>";
    push(NULL, (const uint8_t *)tail, strlen(tail));
    push(NULL, block, sizeof block);
    tail = "</name></cluster></ossec_config>";
    push(NULL, (const uint8_t *)tail, strlen(tail));
    end();
    CHECK_STR(printed, "ossec.conf:1001: <name> is longer than 255 bytes\n");
}

/* Nothing of the key stays behind in the two machines. */
TEST(xml_key_is_wiped) {
    with("");
    for (size_t i = 0; i + 8 <= sizeof xml; i++)
        CHECK(memcmp((const char *)&xml + i, "89abcdef", 8));
    for (size_t i = 0; i + 8 <= sizeof options; i++)
        CHECK(memcmp((const char *)&options + i, "89abcdef", 8));
}
