/* wire/wazuh_error.c - Wazuh's errors: to JSON, from JSON, and in words for a log.
 *
 * Only code and extra message cross the wire; the human text is made again on each side from the code. Codes
 * not in the table (those of Wazuh's API and of what no cluster node sends) are told by their number. */
#include "wire/wazuh_error.h"
#include "base/json_read.h"
#include "base/json_write.h"

#include <string.h>

#define TOKENS 128u      /* an error that carries many nodes' dapi_errors still fits */
#define EXTRA_TOKENS 16u /* an extra message that is an object: 1017's has five */
#define CODE_MAX 99999u

static const struct {
    char name[22], title[22];
    bool ids; /* its object has "ids" in every dialect */
} classes[] = {
    [WAZUH_EXCEPTION] = {"WazuhException", "WazuhException", false},
    [WAZUH_ERROR] = {"WazuhError", "Bad Request", true},
    [WAZUH_INTERNAL_ERROR] = {"WazuhInternalError", "Wazuh Internal Error", false},
    [WAZUH_CLUSTER_ERROR] = {"WazuhClusterError", "Wazuh Cluster Error", false},
    [WAZUH_RESOURCE_NOT_FOUND] = {"WazuhResourceNotFound", "Resource Not Found", true},
    [WAZUH_PERMISSION_ERROR] = {"WazuhPermissionError", "Permission Denied", true},
};
#define CLASSES (sizeof classes / sizeof *classes)

/* The texts of Wazuh 4.14.7, so that logs of both products read the same. {x} is member x of an extra message
 * that is an object. Two lists: a compiler need not take a longer literal. */
static const char messages[] =
    "1000 Wazuh Internal Error\0"
    "1001 Error importing module\0"
    "1002 Error executing command\0"
    "1005 Error reading file\0"
    "1006 File/directory does not exist or there is a problem with the permissions\0"
    "1010 Unable to connect to queue\0"
    "1011 Error communicating with queue\0"
    "1012 Invalid message to queue\0"
    "1013 Unable to connect with socket\0"
    "1014 Error communicating with socket\0"
    "1015 Agent version is null. Was the agent ever connected?\0"
    "1017 Some Wazuh daemons are not ready yet in node \"{node_name}\" ({not_ready_daemons})\0"
    "1018 Body request is not a valid JSON\0"
    "1020 Could not find any Wazuh log file\0"
    "1101 Requested component does not exist\0"
    "1102 Invalid section\0"
    "1103 Invalid field in section\0"
    "1104 Invalid type\0"
    "1105 Error reading API configuration\0"
    "1106 Requested section not present in configuration\0"
    "1111 Remote group file updates are only available in 'agent.conf' file\0"
    "1112 Empty files are not supported\0"
    "1113 XML syntax error\0"
    "1114 Wazuh syntax error\0"
    "1116 Requested component configuration does not exist\0"
    "1117 Unable to connect with component. The component might be disabled.\0"
    "1118 Could not request component configuration\0"
    "1121 Error connecting with socket\0"
    "1123 Error communicating with socket. Query too long, maximum allowed size for queries is 64 KB\0"
    "1124 Remote command detected\0"
    "1125 Invalid ossec configuration\0"
    "1126 Error updating ossec configuration\0"
    "1127 Protected section was modified\0"
    "1128 Invalid configuration for the given component\0"
    "1307 Invalid parameters\0"
    "1308 Stats file does not exist\0"
    "1309 Statistics file damaged\0"
    "1310 Invalid agent ID\0"
    "1400 Invalid offset\0"
    "1401 Invalid limit\0"
    "1402 Invalid sort_ascending field\0"
    "1403 Not a valid sort field\0"
    "1405 Specified limit exceeds maximum allowed\0"
    "1406 0 is not a valid limit\0"
    "1407 Query does not match expected format\0"
    "1408 Field does not exist\0"
    "1409 Invalid query operator\0"
    "1410 Selecting more than one field in distinct mode\0"
    "1411 TimeFrame is not valid\0"
    "1412 Date filter not valid. Valid formats are YYYY-MM-DD HH:mm:ss, YYYY-MM-DDTHH:mm:ssZ or YYYY-MM-DD\0"
    "1413 Error reading rules file\0"
    "1701 Agent does not exist\0"
    "1703 Action not available for Manager (agent 000)\0"
    "1707 Cannot send request, agent is not active\0"
    "1710 The group does not exist\0"
    "1724 Not a valid select field\0"
    "1725 Error registering a new agent\0"
    "1726 Wazuh authd is not running\0"
    "1728 Invalid node type\0"
    "1730 Node does not exist\0"
    "1731 Agent is not eligible for the action to be performed\0"
    "1735 Agent version is not compatible with this feature\0"
    "1740 Action only available for active agents\0"
    "1750 Could not send restart command, active-response is disabled in the agent\0"
    "1760 Feature only available for older agent versions, it doesn't apply for more recent ones.\0"
    "1901 'execq' socket has not been created\0"
    "1902 Connection to 'execq' socket failed\0"
    "1904 Bad data from 'wcom'\0"
    "1905 File could not be updated, it already exists\0"
    "1906 File does not exist\0"
    "1907 File could not be deleted\0"
    "1908 Error validating configuration\0"
    "1913 Error getting manager status, directory /proc is not found or permissions to see its status "
    "are not granted\0"
    "1914 Failed to reload ruleset\0"
    "2003 Error in wazuhdb request\0"
    "2006 Received JSON from Wazuh DB is not correctly formatted\0"
    "2007 Error retrieving data from Wazuh DB\0"
    "2009 Pagination error. Response from wazuh-db was over the maximum socket buffer size\0";
static const char cluster_messages[] =
    "3000 Cluster\0"
    "3001 Error creating zip file\0"
    "3002 Error creating PID file\0"
    "3003 Error during file handling\0"
    "3004 Error in cluster configuration\0"
    "3005 Error reading cluster JSON file\0"
    "3006 Error reading cluster configuration\0"
    "3007 Client.keys file received in master node\0"
    "3009 Error executing distributed API request\0"
    "3012 Cluster is not running\0"
    "3013 Cluster is not running, it might be disabled in `WAZUH_HOME/etc/ossec.conf`\0"
    "3015 Cannot access directory\0"
    "3016 Received an error response\0"
    "3018 Error sending request\0"
    "3020 Timeout sending request\0"
    "3021 Timeout executing API request\0"
    "3022 Unknown node ID\0"
    "3023 Worker node is not connected to master\0"
    "3024 Length of command exceeds limit defined in wazuh.cluster.common.Handler.cmd_len.\0"
    "3025 Could not decrypt message\0"
    "3026 Error sending request: Memory error. Request chunk size divided by 2.\0"
    "3027 Unknown received task name\0"
    "3028 Worker node ID already exists\0"
    "3029 Connected worker with same name as the master\0"
    "3030 Worker does not belong to the same cluster\0"
    "3031 Worker and master versions are not the same\0"
    "3032 Could not forward DAPI request. Connection not available.\0"
    "3034 Error sending file. File not found.\0"
    "3035 String couldn't be found\0"
    "3036 JSON couldn't be loaded\0"
    "3037 Error while processing Agent-info chunks\0"
    "3038 Error while processing extra-valid files\0"
    "3039 Timeout while waiting to receive a file\0"
    "3040 Error while waiting to receive a file\0"
    "3050 Payload size exceeds maximum allowed limit\0"
    "3051 Too many concurrent divided messages\0"
    "3052 Invalid cluster file parameter\0"
    "3053 Decompressed file exceeds the maximum allowed size\0"
    "3060 Invalid node name format\0"
    "4000 Permission denied\0";

static const char *message_in(const char *list, int code) {
    uint64_t number;
    for (; *list; list += strlen(list) + 1)
        if (text_number(list, 4, CODE_MAX, &number) && (int)number == code)
            return list + 5;
    return NULL;
}

static const char *message_find(int code) {
    return message_in(code < 3000 ? messages : cluster_messages, code);
}

/* Keeps what fits of n bytes, cut between characters, control characters shown as '?'. */
static void keep_extra(struct wazuh_error *w, const char *bytes, size_t n) {
    if (n > sizeof w->extra - 1) {
        n = sizeof w->extra - 1;
        while (n && ((unsigned char)bytes[n] & 0xc0) == 0x80) /* the middle of a UTF-8 sequence */
            n--;
    }
    memcpy(w->extra, bytes, n);
    w->extra[n] = '\0';
    text_show(w->extra, n);
    w->has_extra = true;
}

void wazuh_error_set(struct wazuh_error *w, enum wazuh_class class, int code, const char *extra) {
    *w = (struct wazuh_error){.class = class, .code = code};
    if (extra)
        keep_extra(w, extra, strlen(extra));
}

const char *wazuh_error_class(const struct wazuh_error *w) {
    return classes[w->class].name;
}

bool wazuh_error_has_ids(const struct wazuh_error *w, const struct dialect *d) {
    return classes[w->class].ids || (w->class == WAZUH_CLUSTER_ERROR && d->cluster_error_ids);
}

/* WazuhClusterError changed sides in 4.6 (reference, section 3). */
bool wazuh_error_is_internal(const struct wazuh_error *w, const struct dialect *d) {
    return w->class == WAZUH_INTERNAL_ERROR || (w->class == WAZUH_CLUSTER_ERROR && !d->cluster_error_ids);
}

/* The order of the members is that of a real node. */
void wazuh_error_open(struct json_write *j, const struct wazuh_error *w, const char *extra_json) {
    if (!extra_json && w->has_extra && w->extra_is_json)
        extra_json = w->extra;
    json_open(j, '{');
    json_key_str(j, "type", "about:blank");
    json_key_str(j, "title", classes[w->class].title);
    json_key(j, "code");
    json_int(j, w->code);
    json_key(j, "extra_message");
    if (extra_json)
        json_raw(j, extra_json, strlen(extra_json));
    else
        json_str(j, w->has_extra ? w->extra : NULL);
    json_key_str(j, "extra_remediation", w->remediation);
    json_key_bool(j, "cmd_error", w->cmd_error);
}

void wazuh_error_write(struct text *out, const struct wazuh_error *w, const struct dialect *d) {
    struct json_write j;
    json_write_init(&j, out);
    json_open(&j, '{');
    json_key_open(&j, "__wazuh_exception__", '{');
    json_key_str(&j, "__class__", wazuh_error_class(w));
    json_key(&j, "__object__");
    wazuh_error_open(&j, w, NULL);
    json_key_open(&j, "dapi_errors", '{');
    json_close(&j, '}');
    if (wazuh_error_has_ids(w, d)) {
        json_key_open(&j, "ids", '[');
        json_close(&j, ']');
    }
    json_close(&j, '}');
    json_close(&j, '}');
    json_close(&j, '}');
}

static enum wazuh_class class_find(const struct json_doc *j, size_t at) {
    char name[32];
    size_t n;
    if (at && json_copy_str(j, at, name, sizeof name, &n) == E_OK)
        for (size_t i = 0; i < CLASSES; i++)
            if (strcmp(name, classes[i].name) == 0)
                return (enum wazuh_class)i;
    return WAZUH_EXCEPTION;
}

/* Whole, and without what keep_extra had to change in it? */
static bool is_object(const char *json) {
    struct json_token tokens[EXTRA_TOKENS];
    struct json_doc d;
    return json_parse(&d, json, strlen(json), tokens, EXTRA_TOKENS, NULL) == E_OK;
}

/* A string comes as what it says; what is too long, or an object (1017 has one), as it is written. */
static void extra_read(struct wazuh_error *w, const struct json_doc *j, size_t at) {
    char said[1024];
    size_t n;
    const struct json_token *t = &j->tokens[at];
    if (t->kind == JSON_NULL)
        return;
    if (t->kind == JSON_STRING && json_copy_str(j, at, said, sizeof said, &n) == E_OK)
        keep_extra(w, said, n);
    else
        keep_extra(w, j->text + t->start, t->end - t->start);
    w->extra_is_json = t->kind == JSON_OBJECT && is_object(w->extra);
}

/* {"__wazuh_exception__": {"__class__": .., "__object__": {"code": .., "extra_message": ..}}} */
static bool known_shape(struct wazuh_error *w, const struct json_doc *j) {
    size_t exception = json_find(j, 0, "__wazuh_exception__");
    size_t object = exception ? json_find(j, exception, "__object__") : 0;
    size_t code = object ? json_find(j, object, "code") : 0;
    uint64_t number;
    if (!code || !json_get_uint(j, code, CODE_MAX, &number))
        return false;
    w->code = (int)number;
    w->class = class_find(j, json_find(j, exception, "__class__"));
    size_t extra = json_find(j, object, "extra_message");
    size_t cmd_error = json_find(j, object, "cmd_error");
    if (extra)
        extra_read(w, j, extra);
    w->cmd_error = cmd_error && json_is_true(j, cmd_error);
    return true;
}

void wazuh_error_read(struct wazuh_error *w, const char *payload, size_t n) {
    struct json_token tokens[TOKENS];
    struct json_doc j;
    *w = (struct wazuh_error){.class = WAZUH_CLUSTER_ERROR, .code = 3000};
    if (json_parse(&j, payload, n, tokens, TOKENS, NULL) != E_OK || !known_shape(w, &j))
        keep_extra(w, payload, n);
}

/* What {name} stands for, a member of the object; without one it stays as it is. Returns what follows it. */
static const char *fill(struct text *out, const char *brace, const struct json_doc *values) {
    char name[32], said[640]; /* all daemons of a node with their states */
    const char *end = strchr(brace, '}');
    size_t n, at = 0;
    if (end && text_copy(name, sizeof name, brace + 1, (size_t)(end - brace - 1)))
        at = json_find(values, 0, name);
    if (!at || json_copy_str(values, at, said, sizeof said, &n) != E_OK) {
        text_char(out, '{');
        return brace + 1;
    }
    text_show(said, n); /* it may go to a log, as one line */
    text_add(out, said, n);
    return end + 1;
}

static void add_filled(struct text *out, const char *message, const struct json_doc *values) {
    while (*message) {
        size_t plain = strcspn(message, "{");
        text_add(out, message, plain);
        message += plain;
        if (*message)
            message = fill(out, message, values);
    }
}

void wazuh_error_message(struct text *out, const struct wazuh_error *w, const char *extra_json) {
    struct json_token tokens[EXTRA_TOKENS];
    struct json_doc d;
    const char *message = w->cmd_error ? NULL : message_find(w->code);
    const char *extra = w->has_extra && w->extra[0] ? w->extra : NULL;
    if (!extra_json && extra && w->extra_is_json)
        extra_json = extra;
    if (message && extra_json &&
        json_parse(&d, extra_json, strlen(extra_json), tokens, EXTRA_TOKENS, NULL) == E_OK) {
        add_filled(out, message, &d);
        return;
    }
    if (message)
        text_str(out, message);
    if (extra)
        text_format(out, "%s%s", message ? ": " : "", extra);
}

void wazuh_error_words(struct text *out, const struct wazuh_error *w) {
    text_format(out, "Error %d", w->code);
    bool more = (!w->cmd_error && message_find(w->code)) || (w->has_extra && w->extra[0]);
    if (more)
        text_str(out, " - ");
    wazuh_error_message(out, w, NULL);
}
