/* dapi_solver.h - what dapi_nodes.c and dapi_agents.c share: the finding of the nodes that answer a request.
 */
#ifndef PICKET_SRC_API_DAPI_SOLVER_H
#define PICKET_SRC_API_DAPI_SOLVER_H

#include "api/agents_parts.h"
#include "api/dapi_parts.h"

#define SOLVER_PAGE 128u /* rows of one answer: shorter than the 64 KB at which wazuh-db cuts */
#define SOLVER_LEFT_OUT 255u
_Static_assert(API_PARTS_MAX < SOLVER_LEFT_OUT, "the order of a part is one byte");

enum { SOLVE_LISTED, SOLVE_ALL, SOLVE_NODES };

/* In the call's memory while it lasts. */
struct solver {
    uint8_t how;
    bool asking;
    enum err err; /* of the rows of one answer */
    struct store_job job;
    struct blob ids;
    uint64_t at;                 /* of the request's ids */
    uint32_t next;               /* the first id of the next page */
    uint32_t named, denied;      /* nodes, of those that the request names */
    uint32_t count;              /* of batch; or rows of this page */
    uint32_t batch[SOLVER_PAGE]; /* ids asked for, plus one; 0: found */
    char first[NODE_NAME_BYTES]; /* SOLVE_ALL: of this node only; "": of all */
    struct text text;
    char room[1536];
    size_t page_n;
    uint8_t page[1536];
};
_Static_assert(sizeof(struct solver) <= API_STATE_BYTES, "the solver lies in the call's state");

static inline struct api_slot *solver_slot(const struct api_call *c) {
    return c->owner;
}

/* ---- dapi_nodes.c ---- */
/* The node's order among the parts, which may be new; SOLVER_LEFT_OUT: it is denied and nobody is to be told.
 * E_POOL: no room for another part now; E_LIMIT: too many nodes. */
enum err solver_need_node(struct api_call *c, const char *name, bool has_agents, uint8_t *order);
/* No room for a part, or for what was noted: later, or an error. The call may be gone afterwards. */
void solver_no_room(struct api_call *c, enum err err);
void solver_fail(struct api_call *c, const struct wazuh_error *why);
/* All is known. */
void solver_done(struct api_call *c);
const char *solver_own_name(const struct api_call *c);

/* ---- dapi_agents.c ---- */
/* The agent goes to the part of this order. */
enum err solver_note(struct solver *v, uint8_t order, const char *id);
enum err solver_flush(struct solver *v); /* nothing more is noted */
/* Asks the store what v->how says, page by page, to the end. */
void solver_step(struct api_call *c);

#endif
