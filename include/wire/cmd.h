/* wire/cmd.h - command names to ids, and who may say them; the table is cmds.def. */
#ifndef PICKET_WIRE_CMD_H
#define PICKET_WIRE_CMD_H

#include <stdbool.h>
#include <stdint.h>

enum { TO_MASTER = 1, TO_WORKER = 2, TO_LOCAL = 4 };

enum cmd_id {
    CMD_UNKNOWN,
#define CMD(id, text, to, least, most) id,
#include "cmds.def"
#undef CMD
    CMD_COUNT
};

/* Id of a command's text; CMD_UNKNOWN when picket does not know it. */
enum cmd_id cmd_find(const char *text);
const char *cmd_text(enum cmd_id id); /* "" for CMD_UNKNOWN, which nobody may send */
/* May a peer send id to a node that is to (one of the bits)? */
bool cmd_allowed(enum cmd_id id, unsigned to);
uint32_t cmd_least(enum cmd_id id); /* clear payload bytes */
uint32_t cmd_most(enum cmd_id id);

#endif
