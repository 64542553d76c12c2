/* wire/cmd.c - the rows of cmds.def, looked up by name or id. */
#include "wire/cmd.h"

#include <string.h>

struct row {
    char text[12];
    uint8_t to, least;
    uint32_t most; /* least and most: clear payload bytes */
};

static const struct row rows[CMD_COUNT] = {
    [CMD_UNKNOWN] = {"", 0, 0, 0},
#define CMD(id, text, to, least, most) [id] = {text, to, least, most},
#include "cmds.def"
#undef CMD
};

#define CMD(id, text, to, least, most)                                                                       \
    _Static_assert(sizeof text <= 12, text " is longer than the 11 characters a command may have");
#include "cmds.def"
#undef CMD

enum cmd_id cmd_find(const char *text) {
    for (int id = CMD_UNKNOWN + 1; id < CMD_COUNT; id++)
        if (strcmp(text, rows[id].text) == 0)
            return (enum cmd_id)id;
    return CMD_UNKNOWN;
}

const char *cmd_text(enum cmd_id id) {
    return rows[id].text;
}

bool cmd_allowed(enum cmd_id id, unsigned to) {
    return rows[id].to & to;
}

uint32_t cmd_least(enum cmd_id id) {
    return rows[id].least;
}

uint32_t cmd_most(enum cmd_id id) {
    return rows[id].most;
}
