/* test_ossec_conf.c - wazuh.manager.read_ossec_conf: the answers are those of get_ossec_conf of 4.14.7, run
 * on the same files; where it says "line 8, column 4", of its own copy with three lines before the file's
 * first, ours says the line of the file. Masks: mask_sensitive_config of rbac/decorators.py. */
#include "api/ossec_conf_parts.h"
#include "test/unit/manager_rig.h"

static const char full[] = "<!-- Wazuh - Manager -- Default configuration -- -->\n"
                           "<ossec_config>\n"
                           "  <global>\n"
                           "    <jsonout_output>yes</jsonout_output>\n"
                           "    <logall>no</logall>\n"
                           "    <white_list>127.0.0.1</white_list>\n"
                           "    <white_list>^localhost.localdomain$</white_list>\n"
                           "  </global>\n"
                           "  <alerts>\n"
                           "    <log_alert_level>3</log_alert_level>\n"
                           "  </alerts>\n"
                           "  <logging>\n"
                           "    <log_format>plain</log_format>\n"
                           "  </logging>\n"
                           "  <remote>\n"
                           "    <connection>secure</connection>\n"
                           "    <port>1514</port>\n"
                           "    <protocol>tcp, udp</protocol>\n"
                           "  </remote>\n"
                           "  <wodle name=\"cis-cat\">\n"
                           "    <disabled>yes</disabled>\n"
                           "    <content type=\"xccdf\" path=\"a.xml\"><profile>p1</profile></content>\n"
                           "  </wodle>\n"
                           "  <wodle name=\"open-scap\">\n"
                           "    <content type=\"xccdf\" path=\"b.xml\">\n"
                           "      <profile>p1</profile>\n"
                           "      <profile>p2</profile>\n"
                           "    </content>\n"
                           "    <interval>1d</interval>\n"
                           "  </wodle>\n"
                           "  <wodle name=\"aws-s3\"><disabled>no</disabled></wodle>\n"
                           "  <sca>\n"
                           "    <enabled>yes</enabled>\n"
                           "    <policies>\n"
                           "      <policy>etc/a.yml</policy>\n"
                           "      <policy enabled=\"no\">etc/b.yml</policy>\n"
                           "      <policy/>\n"
                           "    </policies>\n"
                           "  </sca>\n"
                           "  <syscheck>\n"
                           "    <disabled>no</disabled>\n"
                           "    <directories>/etc,/usr/bin , /usr/sbin</directories>\n"
                           "    <directories check_all=\"yes\" realtime=\"yes\">/home</directories>\n"
                           "    <ignore>/etc/mtab</ignore>\n"
                           "    <ignore type=\"sregex\">.log$|.swp$</ignore>\n"
                           "    <synchronization>\n"
                           "      <enabled>yes</enabled>\n"
                           "      <interval>5m</interval>\n"
                           "      <queue>a,b</queue>\n"
                           "    </synchronization>\n"
                           "  </syscheck>\n"
                           "  <command>\n"
                           "    <name>disable-account</name>\n"
                           "    <timeout_allowed>yes</timeout_allowed>\n"
                           "  </command>\n"
                           "  <command>\n"
                           "    <name>restart-wazuh</name>\n"
                           "  </command>\n"
                           "  <localfile>\n"
                           "    <log_format>eventchannel</log_format>\n"
                           "    <location>Security</location>\n"
                           "    <query>Event/System[EventID != 5145 and EventID &lt; 7]</query>\n"
                           "  </localfile>\n"
                           "  <localfile>\n"
                           "    <log_format>command</log_format>\n"
                           "    <command>df -P | grep \"a\" && b</command>\n"
                           "    <filter field=\"x\">^a</filter>\n"
                           "    <filter>b</filter>\n"
                           "  </localfile>\n"
                           "  <ruleset>\n"
                           "    <decoder_dir>ruleset/decoders</decoder_dir>\n"
                           "    <rule_dir>ruleset/rules</rule_dir>\n"
                           "    <rule_exclude>0215-policy_rules.xml</rule_exclude>\n"
                           "    <list>etc/lists/audit-keys</list>\n"
                           "    <decoder_dir>etc/decoders</decoder_dir>\n"
                           "    <decoder_dir>ruleset/decoders</decoder_dir>\n"
                           "  </ruleset>\n"
                           "  <auth>\n"
                           "    <disabled>no</disabled>\n"
                           "    <force>\n"
                           "      <enabled>yes</enabled>\n"
                           "      <disconnected_time enabled=\"yes\">1h</disconnected_time>\n"
                           "    </force>\n"
                           "    <ciphers>HIGH:!ADH:!EXP</ciphers>\n"
                           "  </auth>\n"
                           "  <cluster>\n"
                           "    <name>wazuh</name>\n"
                           "    <key>0123456789abcdef0123456789abcdef</key>\n"
                           "    <port>1516</port>\n"
                           "    <nodes>\n"
                           "        <node>NODE_IP</node>\n"
                           "        <node>10.0.0.2</node>\n"
                           "    </nodes>\n"
                           "    <disabled>yes</disabled>\n"
                           "  </cluster>\n"
                           "</ossec_config>\n"
                           "\n"
                           "<ossec_config>\n"
                           "  <global>\n"
                           "    <logall>yes</logall>\n"
                           "    <white_list>10.0.0.2</white_list>\n"
                           "  </global>\n"
                           "  <localfile>\n"
                           "    <log_format>syslog</log_format>\n"
                           "    <location>/var/ossec/logs/active-responses.log</location>\n"
                           "  </localfile>\n"
                           "  <cluster><name>last</name><key>k</key></cluster>\n"
                           "</ossec_config>\n";

static const struct {
    const char *name, *text, *section, *field, *want;
} cases[] = {
    {"full", full, NULL, NULL,
     "{\"global\": {\"jsonout_output\": \"yes\", \"logall\": \"yes\", \"white_list\": [\"127.0.0.1"
     "\", \"^localhost.localdomain$\", \"10.0.0.2\"]}, \"alerts\": {\"log_alert_level\": \"3\"}, "
     "\"remote\": [{\"connection\": \"secure\", \"port\": \"1514\", \"protocol\": [\"tcp\", \"udp"
     "\"]}], \"cis-cat\": {\"disabled\": \"yes\", \"content\": [{\"type\": \"xccdf\", \"path\": \""
     "a.xml\", \"profile\": [\"p1\"]}]}, \"open-scap\": {\"content\": [{\"type\": \"xccdf\", \"pat"
     "h\": \"b.xml\", \"profiles\": [\"\\n      \", \"p1\", \"p2\"]}], \"interval\": \"1d\"}, \"sc"
     "a\": {\"enabled\": \"yes\", \"policies\": [\"etc/a.yml\", \"etc/b.yml\"]}, \"syscheck\": {\""
     "disabled\": \"no\", \"directories\": [{\"path\": \"/etc\"}, {\"path\": \"/usr/bin\"}, {\"pat"
     "h\": \"/usr/sbin\"}, {\"check_all\": \"yes\", \"realtime\": \"yes\", \"path\": \"/home\"}], "
     "\"ignore\": [\"/etc/mtab\", {\"type\": \"sregex\", \"item\": \".log$|.swp$\"}], \"synchroniz"
     "ation\": {\"enabled\": \"yes\", \"interval\": \"5m\", \"queue\": [\"a\", \"b\"]}}, \"command"
     "\": [{\"name\": \"disable-account\", \"timeout_allowed\": \"yes\"}, {\"name\": \"restart-waz"
     "uh\"}], \"localfile\": [{\"log_format\": \"eventchannel\", \"location\": \"Security\", \"que"
     "ry\": \"Event/System[EventID != 5145 and EventID &lt; 7]\"}, {\"log_format\": \"command\", "
     "\"command\": \"df -P | grep \\\"a\\\" && b\", \"filter\": [{\"field\": \"x\", \"item\": \"^a"
     "\"}, \"b\"]}, {\"log_format\": \"syslog\", \"location\": \"/var/ossec/logs/active-responses."
     "log\"}], \"ruleset\": {\"decoder_dir\": [\"ruleset/decoders\", \"etc/decoders\", \"ruleset/d"
     "ecoders\"], \"rule_dir\": [\"ruleset/rules\"], \"rule_exclude\": [\"0215-policy_rules.xml\"]"
     ", \"list\": [\"etc/lists/audit-keys\"]}, \"auth\": {\"disabled\": \"no\", \"force\": {\"enab"
     "led\": [\"yes\"], \"disconnected_time\": [{\"enabled\": \"yes\", \"item\": \"1h\"}]}, \"ciph"
     "ers\": \"HIGH:!ADH:!EXP\"}, \"cluster\": {\"name\": \"last\", \"key\": \"k\"}}"},
    {"section global", full, "global", NULL,
     "{\"global\": {\"jsonout_output\": \"yes\", \"logall\": \"yes\", \"white_list\": [\"127.0.0.1"
     "\", \"^localhost.localdomain$\", \"10.0.0.2\"]}}"},
    {"section command", full, "command", NULL,
     "{\"command\": [{\"name\": \"disable-account\", \"timeout_allowed\": \"yes\"}, {\"name\": \"r"
     "estart-wazuh\"}]}"},
    {"field of a list section", full, "command", "name",
     "{\"command\": [{\"name\": \"disable-account\"}, {\"name\": \"restart-wazuh\"}]}"},
    {"field not in all", full, "localfile", "location", "E 1103 None"},
    {"field missing in one", full, "localfile", "query", "E 1103 None"},
    {"field", full, "ruleset", "decoder_dir",
     "{\"ruleset\": {\"decoder_dir\": [\"ruleset/decoders\", \"etc/decoders\"]}}"},
    {"field last", full, "cluster", "name", "{\"cluster\": {\"name\": \"last\"}}"},
    {"field missing", full, "cluster", "xxx", "E 1103 None"},
    {"unknown section", full, "logging", NULL, "E 1102 logging"},
    {"absent section", full, "agentless", NULL, "E 1106 agentless"},
    {"wodle by name", full, "open-scap", NULL,
     "{\"open-scap\": {\"content\": [{\"type\": \"xccdf\", \"path\": \"b.xml\", \"profiles\": [\""
     "\\n      \", \"p1\", \"p2\"]}], \"interval\": \"1d\"}}"},
    {"auth", full, "auth", "force",
     "{\"auth\": {\"force\": {\"enabled\": [\"yes\"], \"disconnected_time\": [{\"enabled\": \"yes"
     "\", \"item\": \"1h\"}]}}}"},
    {"empty", "", NULL, NULL, "{}"},
    {"no root", "<global><a>1</a></global>", NULL, NULL, "{}"},
    {"empty sections",
     "<ossec_config>\n"
     "<global></global><remote/><command/>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"global\": {}, \"remote\": [{}], \"command\": [{}]}"},
    {"comments",
     "<ossec_config>\n"
     "<!-- a -- b --><global><!-- <logall>no</logall>\n"
     "-- -->\n"
     "<logall>y<!-- x -->es</logall></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"global\": {\"logall\": \"yes\"}}"},
    {"less",
     "<ossec_config>\n"
     "<global><a_b>1 < 2 <</a_b><cc>a &amp; b & c &quot;d&apos; &#65; &gt; > \\d \\< x</cc></globa"
     "l>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"global\": {\"a_b\": \"1 < 2 <\", \"cc\": \"a & b & c \\\"d' &#65; &gt; > \\\\d \\\\< x\"}"
     "}"},
    {"unicode",
     "<ossec_config>\n"
     "<global><email_from>\303\274\342\202\254\360\237\230\200</email_from></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"global\": {\"email_from\": \"\\u00fc\\u20ac\\ud83d\\ude00\"}}"},
    {"query xml",
     "<ossec_config>\n"
     "<localfile><query>\\<QueryList>\n"
     "  \\<Query Id=\"0\" Path=\"a&amp;b\">\n"
     "    \\<Select>*[A=1 and (B > 2)]\\</Select>\n"
     "  \\</Query>\n"
     "\\</QueryList></query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'NoneType' object has no attribute 'group'"},
    {"query plain",
     "<ossec_config>\n"
     "<localfile><query>a\n"
     "   b &lt;c&gt; < d</query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"localfile\": [{\"query\": \"ab &lt;c&gt; &lt; d\"}]}"},
    {"query attr",
     "<ossec_config>\n"
     "<localfile><query type=\"x\">a</query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'NoneType' object has no attribute 'group'"},
    {"query newline",
     "<ossec_config>\n"
     "<localfile><query>a\n"
     "b</query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'NoneType' object has no attribute 'group'"},
    {"protocol twice",
     "<ossec_config>\n"
     "<remote><protocol>tcp</protocol><protocol>udp , tcp</protocol></remote>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"remote\": [{\"protocol\": [\"tcp\", [\"udp\", \"tcp\"]]}]}"},
    {"protocol empty",
     "<ossec_config>\n"
     "<remote><protocol></protocol></remote>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'NoneType' object has no attribute 'split'"},
    {"labels",
     "<ossec_config>\n"
     "<labels><label key=\"a\">x</label><label key=\"b\" hidden=\"yes\">y</label><label key=\"c\"/"
     "></labels>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"labels\": [{\"label\": [{\"value\": \"x\", \"key\": \"a\"}, {\"value\": \"y\", \"key\": "
     "\"b\", \"hidden\": \"yes\"}, {\"value\": null, \"key\": \"c\"}]}]}"},
    {"whodata",
     "<ossec_config>\n"
     "<syscheck><whodata><restart_audit>yes</restart_audit><audit_key>a,b, c</audit_key><x_x>,q</x"
     "_x></whodata><directories/><nodiff>/x</nodiff></syscheck>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"syscheck\": {\"whodata\": {\"restart_audit\": \"yes\", \"audit_key\": [\"a\", \"b\", \" c"
     "\"], \"x_x\": \",q\"}, \"nodiff\": [\"/x\"]}}"},
    {"whodata none",
     "<ossec_config>\n"
     "<syscheck><whodata><restart_audit/></whodata></syscheck>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'NoneType' object has no attribute 'find'"},
    {"whodata dict",
     "<ossec_config>\n"
     "<syscheck><whodata><restart_audit q=\"1\">a</restart_audit></whodata></syscheck>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'dict' object has no attribute 'find'"},
    {"haproxy",
     "<ossec_config>\n"
     "<cluster><haproxy_helper><haproxy_disabled>no</haproxy_disabled><haproxy_address>h</haproxy_"
     "address></haproxy_helper></cluster>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"cluster\": {\"haproxy_helper\": {\"haproxy_disabled\": \"no\", \"haproxy_address\": \"h\""
     "}}}"},
    {"indexer",
     "<ossec_config>\n"
     "<indexer><enabled>yes</enabled><hosts><host>https://127.0.0.1:9200</host></hosts><ssl><certi"
     "ficate_authorities><ca>/a.pem</ca><ca>/b.pem</ca></certificate_authorities><key>/k</key></ss"
     "l></indexer>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"indexer\": {\"enabled\": \"yes\", \"hosts\": [\"https://127.0.0.1:9200\"], \"ssl\": {\"ce"
     "rtificate_authorities\": [{\"ca\": [\"/a.pem\", \"/b.pem\"]}], \"key\": [\"/k\"]}}}"},
    {"same option twice",
     "<ossec_config>\n"
     "<global><logall>no</logall><x_y a=\"1\">q</x_y><logall>yes</logall></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"global\": {\"logall\": \"yes\", \"x_y\": {\"a\": \"1\", \"item\": \"q\"}}}"},
    {"case",
     "<OSSEC_CONFIG>\n"
     "<Global><LogAll>no</LogAll></Global>\n"
     "</OSSEC_CONFIG>",
     NULL, NULL, "{\"global\": {\"logall\": \"no\"}}"},
    {"attributes",
     "<ossec_config>\n"
     "<auth><ab x = \"1 &lt; 2\" y='\"' z=\"a\011b\"/><cd q=\"\">t</cd></auth>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"auth\": {\"ab\": {\"x\": \"1 &lt; 2\", \"y\": \"\\\"\", \"z\": \"a b\", \"item\": null}, "
     "\"cd\": {\"q\": \"\", \"item\": \"t\"}}}"},
    {"tag without room",
     "<ossec_config>\n"
     "<global>\n"
     "<a>\n"
     "1</a></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 mismatched tag: line 4"},
    {"tag over lines",
     "<ossec_config>\n"
     "<syscheck><directories check_all=\"yes\"\n"
     "  realtime=\"yes\">/etc</directories></syscheck>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 mismatched tag: line 3"},
    {"mismatch",
     "<ossec_config>\n"
     "<global><logall>no</logal></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 mismatched tag: line 2"},
    {"open",
     "<ossec_config>\n"
     "<global>",
     NULL, NULL, "E 1101 mismatched tag: line 2"},
    {"comment open",
     "<ossec_config>\n"
     "<!-- x",
     NULL, NULL, "E 1101 unclosed token: line 2"},
    {"comment odd",
     "<ossec_config>\n"
     "<!-- x --->\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 not well-formed (invalid token): line 2"},
    {"comment even",
     "<ossec_config>\n"
     "<!-- x ---->\n"
     "</ossec_config>\n",
     NULL, NULL, "{}"},
    {"twice an attribute",
     "<ossec_config>\n"
     "<auth><ab x=\"1\" x=\"2\"/></auth>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 duplicate attribute: line 2"},
    {"no quotes",
     "<ossec_config>\n"
     "<auth><ab x=1>q</ab></auth>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 not well-formed (invalid token): line 2"},
    {"wodle without name",
     "<ossec_config>\n"
     "<wodle><ab>1</ab></wodle>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'name'"},
    {"windows lines",
     "<ossec_config>\015\n"
     "<global><logall>no</logall>\015\n"
     "<ab>1\015\n"
     "2</ab></global>\015\n"
     "</ossec_config>\015\n",
     NULL, NULL, "{\"global\": {\"logall\": \"no\", \"ab\": \"1\\n2\"}}"},
    {"cdata and pi",
     "<?xml version=\"1.0\"?>\n"
     "<ossec_config>\n"
     "<global><ab><![CDATA[x]]</ab></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"global\": {\"ab\": \"<![CDATA[x]]\"}}"},
    {"brackets",
     "<ossec_config>\n"
     "<global><ab>x]]>y</ab></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 not well-formed (invalid token): line 2"},
    {"control",
     "<ossec_config>\n"
     "<global><ab>x\001y</ab></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 not well-formed (invalid token): line 2"},
    {"nested",
     "<ossec_config>\n"
     "<auth><force><key_mismatch>yes</key_mismatch><d_d a=\"1\"><e_e>2</e_e><e_e>3</e_e><f_f/></d_"
     "d></force></auth>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"auth\": {\"force\": {\"key_mismatch\": [\"yes\"], \"d_d\": [{\"a\": \"1\", \"e_e\": [\"2"
     "\", \"3\"], \"f_f\": [null]}]}}}"},
    {"merge lists",
     "<ossec_config>\n"
     "<ruleset><list>a</list></ruleset>\n"
     "</ossec_config>\n"
     "<ossec_config>\n"
     "<ruleset><list>b</list><rule_dir>x</rule_dir></ruleset>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"ruleset\": {\"list\": [\"a\", \"b\"], \"rule_dir\": [\"x\"]}}"},
    {"text around",
     "<ossec_config>\n"
     "abc <global> x <logall>no</logall> y </global> z\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"global\": {\"logall\": \"no\"}}"},
    {"digits",
     "<ossec_config>\n"
     "<global><1ab>q</1ab></global>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 not well-formed (invalid token): line 2"},
    {"query of one line",
     "<ossec_config>\n"
     "<localfile><query>\\<QueryList>\\<Query Id=\"0\" Path=\"a&amp;&quot;b\"/>x \\y\\</QueryList>"
     "</query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"localfile\": [{\"query\": \"<QueryList><Query Id=\\\"0\\\" Path=\\\"a&amp;&quot;b\\\" />x"
     " \\\\y</QueryList>\"}]}"},
    {"query lines",
     "<ossec_config>\n"
     "<localfile><query>\n"
     "   <QueryList>\n"
     "     <Query Id=\"0\">\n"
     "  <Select Path=\"S\">*[S[(Level=1)]]</Select>\n"
     " </Query>\n"
     "  </QueryList>\n"
     "  </query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL,
     "{\"localfile\": [{\"query\": \"<QueryList><Query Id=\\\"0\\\"><Select Path=\\\"S\\\">*[S[(Le"
     "vel=1)]]</Select></Query></QueryList>\"}]}"},
    {"query tag",
     "<ossec_config>\n"
     "<localfile><Query>a</Query></localfile>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'NoneType' object has no attribute 'group'"},
    {"clash",
     "<ossec_config>\n"
     "<auth><ab cd=\"1\"><cd>2</cd></ab></auth>\n"
     "</ossec_config>\n",
     NULL, NULL, "E 1101 'str' object has no attribute 'append'"},
    {"scap text",
     "<ossec_config>\n"
     "<wodle name=\"open-scap\"><content>x</content><content type=\"a\"/><timeout/></wodle>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"open-scap\": {\"content\": [\"x\", {\"type\": \"a\", \"profiles\": [null]}]}}"},
    {"policies twice",
     "<ossec_config>\n"
     "<sca><policies><policy>a</policy></policies><policies><policy>b</policy></policies></sca>\n"
     "</ossec_config>\n",
     NULL, NULL, "{\"sca\": {\"policies\": [\"a\", \"b\"]}}"},
};

static const char *ask(const char *kwargs, const char *rest) {
    return rig_ask(&api_manager_functions, "wazuh.manager.read_ossec_conf", kwargs, rest);
}

static const char *ask_section(const char *section, const char *field, const char *rest) {
    char kwargs[200];
    snprintf(kwargs, sizeof kwargs, "{\"section\": %s%s%s, \"field\": %s%s%s, \"distinct\": true}",
             section ? "\"" : "", section ? section : "null", section ? "\"" : "", field ? "\"" : "",
             field ? field : "null", field ? "\"" : "");
    return ask(kwargs, rest);
}

/* What the master may see of it: everything. */
#define SEES                                                                                                 \
    "\"rbac_permissions\": {\"rbac_mode\": \"black\", \"cluster:update_config\": {\"node:id:x\": "           \
    "\"allow\"}}"

static void check_case(size_t i) {
    const char *answer = ask_section(cases[i].section, cases[i].field, SEES);
    if (strncmp(cases[i].want, "E ", 2) != 0) {
        if (strcmp(rig_items_of(answer), cases[i].want) != 0)
            test_fail(__FILE__, __LINE__, "%s: got\n%s, want\n%s", cases[i].name, rig_items_of(answer),
                      cases[i].want);
        return;
    }
    CHECK(strstr(answer, "\"failed_items_values\": [[\"node01\"]]"));
    char *code = rig_part(answer, "\"code\": ", ", \"extra_message\"");
    char *extra = rig_part(answer, "\"extra_message\": ", ", \"extra_remediation\"");
    char got[300];
    bool text = extra[0] == '"';
    snprintf(got, sizeof got, "E %s %.*s", code, (int)(text ? strlen(extra) - 2 : 4),
             text ? extra + 1 : "None");
    if (strcmp(got, cases[i].want) != 0)
        test_fail(__FILE__, __LINE__, "%s: got %s, want %s", cases[i].name, got, cases[i].want);
}

TEST(as_python_reads_it) {
    rig_open(NODE_MASTER);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_write_file("etc/ossec.conf", cases[i].text, strlen(cases[i].text));
        check_case(i);
    }
}

/* The same with reads of one byte. */
TEST(in_pieces) {
    rig_open(NODE_MASTER);
    rig_faults.short_io = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_write_file("etc/ossec.conf", cases[i].text, strlen(cases[i].text));
        check_case(i);
    }
}

TEST(the_key_is_masked) {
    rig_open(NODE_WORKER);
    test_write_file("etc/ossec.conf", full, strlen(full));
    CHECK_STR(rig_items_of(ask_section("cluster", NULL, RIG_BLACK)),
              "{\"cluster\": {\"name\": \"last\", \"key\": \"*****\"}}");
    CHECK_STR(rig_items_of(ask_section("cluster", "key", RIG_BLACK)), "{\"cluster\": {\"key\": \"*****\"}}");
    CHECK_STR(rig_items_of(ask_section("cluster", "key", SEES)), "{\"cluster\": {\"key\": \"k\"}}");
    CHECK_STR(rig_items_of(ask_section("cluster", "key",
                                       "\"rbac_permissions\": {\"rbac_mode\": \"black\", "
                                       "\"manager:update_config\": {\"*:*:*\": \"deny\"}}")),
              "{\"cluster\": {\"key\": \"*****\"}}");
}

TEST(permissions) {
    rig_open(NODE_MASTER);
    test_write_file("etc/ossec.conf", full, strlen(full));
    const char *answer = ask("{}", "\"rbac_permissions\": {\"rbac_mode\": \"white\"}");
    CHECK(strstr(answer, "\"__class__\": \"WazuhPermissionError\"") && strstr(answer, "\"code\": 4000"));
    CHECK(strstr(answer, "\"ids\": [\"node01\"]"));
    answer =
        ask("{\"section\": \"alerts\"}", "\"rbac_permissions\": {\"rbac_mode\": \"white\", \"cluster:read\": "
                                         "{\"node:id:node01\": \"allow\"}}");
    CHECK_STR(rig_items_of(answer), "{\"alerts\": {\"log_alert_level\": \"3\"}}");
}

#define RAW(text) RIG_OBJECT("WazuhResult", "\"str_priority\": null, \"result\": {\"message\": \"" text "\"}")

TEST(raw) {
    static const char text[] =
        "<a>\r\n\xc3\xbc \"q\"</a>\r<authd>\n<pass>s3</pass></authd>\n<cluster>\n <key >no</key>"
        "<key><key>abc</key><key>d</key></cluster><key>x</key><cluster><key>1<b/></key><key>";
    rig_open(NODE_MASTER);
    test_write_file("etc/ossec.conf", text, sizeof text - 1);
    CHECK_STR(
        ask("{\"raw\": true}", SEES),
        RAW("<a>\\n\\u00fc \\\"q\\\"</a>\\n<authd>\\n<pass>s3</pass></authd>\\n<cluster>\\n <key >no</key>"
            "<key><key>abc</key><key>d</key></cluster><key>x</key><cluster><key>1<b/></key><key>"));
    for (int i = 0; i < 2; i++) {
        rig_faults.short_io = i;
        CHECK_STR(
            ask("{\"raw\": true, \"section\": null}", RIG_BLACK),
            RAW("<a>\\n\\u00fc \\\"q\\\"</a>\\n<authd>\\n<pass>*****</pass></authd>\\n<cluster>\\n <key "
                ">no</key>"
                "<key><key>*****</key><key>d</key></cluster><key>x</key><cluster><key>1<b/></key><key>"));
    }
}

/* However it is written: where the expressions of real nodes do not see it, too. */
TEST(raw_never_shows_the_key) {
    static const char text[] =
        "aabaabaac <cluster ><key>aabaac</key> <!-- <key>old</key> -->\n<key>aabaabaac</key><key a='b'>"
        "aabaacaabaac aabaa";
    rig_open(NODE_MASTER);
    strcpy(rig_config.key, "aabaac");
    test_write_file("etc/ossec.conf", text, sizeof text - 1);
    CHECK_STR(ask("{\"raw\": true}", RIG_BLACK),
              RAW("aab***** <cluster ><key>*****</key> <!-- <key>old</key> -->\\n<key>aab*****</key><key "
                  "a='b'>********** aabaa"));
    CHECK(strstr(ask("{\"raw\": true}", SEES), "<key>aabaac</key>"));
}

/* A file of many pieces, and characters cut by their ends. */
TEST(raw_long) {
    enum { LINES = 9000 };
    char *text = test_keep(malloc(LINES * 12 + 1)), *want = test_keep(malloc(LINES * 24 + 200));
    char *at = text, *w = want + sprintf(want, "%s",
                                         "{\"__wazuh_result__\": {\"__class__\": \"WazuhResult\", "
                                         "\"__object__\": {\"str_priority\": null, \"result\": "
                                         "{\"message\": \"");
    rig_open(NODE_MASTER);
    for (int i = 0; i < LINES; i++) {
        at += sprintf(at, "\xe2\x82\xac%d\n", i);
        w += sprintf(w, "\\u20ac%d\\n", i);
    }
    sprintf(w, "\"}}}}");
    test_write_file("etc/ossec.conf", text, (size_t)(at - text));
    CHECK_STR(ask("{\"raw\": true}", RIG_BLACK), want);
}

/* Thousands of values go to scratch files; too many are said, not cut. */
TEST(long_lists) {
    enum { LONGEST = 9000 };
    char *text = test_keep(malloc(LONGEST * 40 + 100)), *want = test_keep(malloc(LONGEST * 40 + 100));
    rig_open(NODE_MASTER);
    for (int count = 3000; count <= LONGEST; count += 6000) {
        char *at = text + sprintf(text, "<ossec_config><syscheck>\n");
        char *w = want + sprintf(want, "{\"syscheck\": {\"ignore\": [");
        for (int i = 0; i < count; i++) {
            at += sprintf(at, "<ignore>/a/long/path/%d</ignore>\n", i);
            w += sprintf(w, "%s\"/a/long/path/%d\"", i ? ", " : "", i);
        }
        at += sprintf(at, "</syscheck></ossec_config>\n");
        sprintf(w, "]}}");
        test_write_file("etc/ossec.conf", text, (size_t)(at - text));
        const char *answer = ask("{}", RIG_BLACK);
        if (count == 3000)
            CHECK_STR(rig_items_of(answer), want);
        else
            CHECK(strstr(answer, "\"extra_message\": \"more than 4000 sections and options\""));
    }
}

TEST(no_file) {
    char want[400];
    rig_open(NODE_MASTER);
    snprintf(
        want, sizeof want,
        "\"code\": 1101, \"extra_message\": \"[Errno 2] No such file or directory: '%s/etc/ossec.conf'\"",
        rig_root_path);
    CHECK(strstr(ask("{}", RIG_BLACK), want));
    CHECK(strstr(ask("{\"raw\": true}", RIG_BLACK), "\"code\": 1000"));
    test_write_file("etc/ossec.conf/x", "", 0);
    CHECK(strstr(ask("{}", RIG_BLACK), "[Errno 21] Is a directory"));
}

static void one(void *arg, struct faults *f) {
    (void)f;
    const char *answer = ask(arg, RIG_BLACK);
    CHECK(strstr(answer, "\"__wazuh_result__\"") || strstr(answer, "\"__wazuh_exception__\""));
}

static void good(void *arg, struct faults *f) {
    (void)arg;
    (void)f;
    CHECK_INT(rig_windows->used, 0);
}

/* Whatever fails, there is one answer, and nothing is kept. */
TEST(faults) {
    static char kwargs[] = "{}", raw[] = "{\"raw\": true}";
    rig_open(NODE_MASTER);
    test_write_file("etc/ossec.conf", full, strlen(full));
    for (uint64_t n = 1; n < 40; n++) {
        rig_faults.calls = 0;
        rig_faults.fail_at = n;
        rig_faults.os = EIO;
        one(n % 2 ? kwargs : raw, &rig_faults);
        good(NULL, &rig_faults);
    }
    rig_faults.fail_at = 0;
}

TEST(cancelled) {
    rig_open(NODE_MASTER);
    test_write_file("etc/ossec.conf", full, strlen(full));
    for (unsigned turns = 0; turns < 4; turns++) {
        rig_begin(&api_manager_functions, "wazuh.manager.read_ossec_conf", "{}", RIG_BLACK);
        for (unsigned i = 0; i < turns && !rig_ended; i++)
            loop_turn(&rig_loop, 0);
        api_call_fini(&rig_call);
        blob_reset(&rig_body);
        blob_reset(&rig_out);
        CHECK_INT(rig_windows->used, 0);
    }
}
