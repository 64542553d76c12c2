/* app/scratch.c - working memory outside the loop; see the header for who may use it when. */
#include "app/scratch.h"

static struct scratch memory;

struct scratch *scratch(void) {
    return &memory;
}
