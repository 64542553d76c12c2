/* wire/dialect.c - the table of what Wazuh's releases say differently. */
#include "wire/dialect.h"
#include "base/text.h"

#include <string.h>

#define VERSION(major, minor, patch) ((uint32_t)(major) << 16 | (uint32_t)(minor) << 8 | (uint32_t)(patch))
#define END VERSION(5, 0, 0) /* the first version no row is for */

/* Each row holds until the next one begins. */
static const struct dialect rows[] = {
    {.name = "E", .from = VERSION(4, 4, 0), .cluster_error_ids = true},
    {.name = "E", .from = VERSION(4, 5, 0), .cluster_error_ids = true, .health_groups = true},
    {.name = "E", .from = VERSION(4, 6, 0), .health_groups = true},
    {.name = "E", .from = VERSION(4, 8, 0), .health_groups = true, .groups_recalculated = true},
    {.name = "F",
     .from = VERSION(4, 13, 0),
     .health_groups = true,
     .agent_info_http = true,
     .groups_named = true,
     .groups_recalculated = true},
    {.name = "F",
     .from = VERSION(4, 14, 5),
     .health_groups = true,
     .agent_info_http = true,
     .groups_named = true,
     .groups_recalculated = true,
     .big_string_error = true},
    {.name = "F",
     .from = VERSION(4, 14, 6),
     .health_groups = true,
     .agent_info_http = true,
     .groups_named = true,
     .groups_recalculated = true,
     .big_string_error = true,
     .name_rule = true},
};

bool dialect_version(const char *text, uint32_t *version) {
    uint32_t v = 0;
    for (int part = 0; part < 3; part++) {
        size_t n = strcspn(text, ".");
        uint64_t number;
        if ((text[0] == '0' && n > 1) || !text_number(text, n, 255, &number))
            return false;
        v = v << 8 | (uint32_t)number;
        text += n;
        if (*text != (part < 2 ? '.' : '\0'))
            return false;
        text += part < 2;
    }
    *version = v;
    return true;
}

const struct dialect *dialect_find(const char *version) {
    uint32_t v;
    const struct dialect *found = NULL;
    if (!dialect_version(version, &v) || v >= END)
        return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].from <= v)
            found = &rows[i];
    return found;
}
