/* node_parts.c - one symbol per part of a node, as large as that part: tools/memory reads the sizes with nm,
 * so that they are right for boards whose programs this machine cannot run. Compiled, never linked. */
#include "app/node.h"

#define PART(name, type) char name[sizeof(type)]

#define POOL(id, type, count, words)                                                                         \
    char pool_##id[sizeof((struct pool_storage *)0)->id];                                                    \
    char slot_##id[sizeof(type)];
#include "pools.def"
#undef POOL

PART(part_manifest, struct manifest);
PART(part_stage, struct stage);
PART(part_scanner, struct scanner);
PART(part_integrity_worker, struct integrity_worker);
PART(part_loop, struct loop);
PART(part_agent_store, struct agent_store);
PART(part_unsynced, struct unsynced);
char part_answer[ANSWER_BYTES];
char part_socket_buffers[2 * SESSION_SCRATCH_BYTES];
PART(part_node, struct node);
char part_sqlite_arena[STORE_ARENA_BYTES];
char budget[BOARD_RAM_BYTES];
