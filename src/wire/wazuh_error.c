/* wire/wazuh_error.c - Wazuh's errors: to JSON, from JSON, and in words for a log.
 *
 * Only code and extra message cross the wire; the human text is made again on each side from the code. Codes
 * not in the table (those of Wazuh's API and of what no cluster node sends) are told by their number. */
#include "wire/wazuh_error.h"
#include "base/json_read.h"
#include "base/json_write.h"

#include <string.h>

#define TOKENS 128u /* an error that carries many nodes' dapi_errors still fits */
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

/* The texts of Wazuh 4.14.7, so that logs of both products read the same. */
static const char messages[] =
    "1000 Wazuh Internal Error\0"
    "1001 Error importing module\0"
    "1017 Some Wazuh daemons are not ready yet\0"
    "1018 Body request is not a valid JSON\0"
    "1724 Not a valid select field\0"
    "1728 Invalid node type\0"
    "1730 Node does not exist\0"
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

static const char *message_find(int code) {
    uint64_t number;
    for (const char *at = messages; *at; at += strlen(at) + 1)
        if (text_number(at, 4, CODE_MAX, &number) && (int)number == code)
            return at + 5;
    return NULL;
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

/* The order of the members is that of a real node. */
void wazuh_error_write(struct text *out, const struct wazuh_error *w, const struct dialect *d) {
    struct json_write j;
    json_write_init(&j, out);
    json_open(&j, '{');
    json_key_open(&j, "__wazuh_exception__", '{');
    json_key_str(&j, "__class__", classes[w->class].name);
    json_key_open(&j, "__object__", '{');
    json_key_str(&j, "type", "about:blank");
    json_key_str(&j, "title", classes[w->class].title);
    json_key(&j, "code");
    json_int(&j, w->code);
    json_key_str(&j, "extra_message", w->has_extra ? w->extra : NULL);
    json_key_str(&j, "extra_remediation", w->remediation);
    json_key_bool(&j, "cmd_error", w->cmd_error);
    json_key_open(&j, "dapi_errors", '{');
    json_close(&j, '}');
    if (classes[w->class].ids || (w->class == WAZUH_CLUSTER_ERROR && d->cluster_error_ids)) {
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

void wazuh_error_words(struct text *out, const struct wazuh_error *w) {
    const char *message = w->cmd_error ? NULL : message_find(w->code);
    const char *extra = w->has_extra && w->extra[0] ? w->extra : NULL;
    text_format(out, "Error %d", w->code);
    if (message)
        text_format(out, " - %s", message);
    if (extra)
        text_format(out, "%s%s", message ? ": " : " - ", extra);
}
