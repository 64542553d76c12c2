/* app/api_view.h - an answer of the distributed API for people: a verdict, items as a table or as blocks,
 * what failed and why. Prints; everything in plain ASCII. */
#ifndef PICKET_APP_API_VIEW_H
#define PICKET_APP_API_VIEW_H

#include "app/api_ask.h"

/* Events for answer_init; arg: the view. Items are collected until the answer ends or the memory for them is
 * full; then they are printed, and the verdict comes last. */
extern const struct answer_events api_view_events;

struct api_view {
    size_t n; /* bytes of items in the scratch memory, each with a NUL */
    uint64_t items;
    bool printed;     /* some were printed before the answer's end */
    struct text told; /* members of a WazuhResult and failures, as lines */
    char room[8192];
};
void api_view_init(struct api_view *view);
/* The answer is whole: prints what there is. The exit code: 0, or 1 when something failed. */
int api_view_finish(struct api_view *view, const struct answer *a);

#endif
