/* wire/task_text.c - texts in and out of payloads; random parts come from the kernel. */
#include "wire/task_text.h"

#include "base/bytes.h"
#include "crypto/random.h"

#include <stdio.h>
#include <string.h>

_Static_assert(OWN_TASK_ID_BYTES == UUID_TEXT_BYTES, "a task id is a UUID");

enum err task_id_new(struct sys *sys, char out[OWN_TASK_ID_BYTES], struct error *e) {
    return random_uuid(sys, out, e);
}

enum err package_path(struct sys *sys, char out[XFER_PATH_BYTES], const char *worker, const char *node,
                      struct error *e) {
    uint8_t random[16];
    char hex[33];
    enum err err = random_bytes(sys, random, sizeof random, e);
    if (err != E_OK)
        return err;
    hex_encode(hex, random, sizeof random);
    uint64_t micros = (uint64_t)sys->wall_ns(sys) / 1000u;
    snprintf(out, XFER_PATH_BYTES, "/queue/cluster/%s/%s-%llu.%06llu-%s.zip", worker, node,
             (unsigned long long)(micros / 1000000u), (unsigned long long)(micros % 1000000u), hex);
    return E_OK;
}

bool task_and_rest(const char *text, size_t n, char *id, size_t cap, const char **rest, size_t *rest_n) {
    const char *space = text ? memchr(text, ' ', n) : NULL;
    if (!space || !text_copy(id, cap, text, (size_t)(space - text)))
        return false;
    *rest = space + 1;
    *rest_n = n - (size_t)(space + 1 - text);
    return true;
}

size_t task_error_payload(char out[WAZUH_ERROR_JSON_BYTES + 80], const char *task_id,
                          const struct wazuh_error *w, const struct dialect *d) {
    struct text t;
    text_init(&t, out, WAZUH_ERROR_JSON_BYTES + 80);
    text_str(&t, task_id ? task_id : "None");
    text_char(&t, ' ');
    wazuh_error_write(&t, w, d);
    return t.len;
}

bool same_package_path(const char *end_path, size_t n, const char *new_file_path) {
    if (n > 0 && end_path[0] == '/') {
        end_path++;
        n--;
    }
    return strlen(new_file_path) == n + 1 && memcmp(new_file_path + 1, end_path, n) == 0;
}
