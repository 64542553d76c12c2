/* api/merge_parts.h - what the files of a merge share. merge.c decides what becomes of which answer and
 * writes the merged one; merge_read.c reads answers; merge_items.c puts the items in order; merge_failed.c
 * collects the items that failed. */
#ifndef PICKET_API_MERGE_PARTS_H
#define PICKET_API_MERGE_PARTS_H

#include "api/merge.h"
#include "base/json_scan.h"

#define MERGE_CRITERIA 4u      /* that items are sorted by */
#define MERGE_PATHS_BYTES 256u /* names of all their members */
#define MERGE_VALUE_BYTES 256u /* of what an item is sorted by; what is longer counts by its beginning */
#define MERGE_ERRORS 64u       /* different ones that items failed with; more are told as the last */
#define MERGE_ID_BYTES 1024u   /* of an item that failed, as JSON */
#define MERGE_FAILED_MAX (2u * AGENTS_MAX) /* different items that failed */
#define MERGE_SIEVE_BITS 65536u
#define MERGE_PIECE_BYTES 4096u
#define MERGE_STEP_BYTES 65536 /* read or written in one step, about */

/* ---- answers ---- */

/* Bytes from .. to - 1 of a blob; to 0: not there. */
struct merge_range {
    uint32_t from, to;
};
enum merge_kind { MERGE_PLAIN, MERGE_ITEMS, MERGE_EXCEPTION };
/* Members of "__object__" by their places in these lists. */
#define MERGE_OF_ITEMS                                                                                       \
    "affected_items\0failed_items_keys\0failed_items_values\0sort_fields\0sort_casting\0sort_ascending\0"    \
    "total_affected_items\0dikt\0all_msg\0some_msg\0none_msg\0"
enum {
    OF_AFFECTED,
    OF_KEYS,
    OF_VALUES,
    OF_FIELDS,
    OF_CASTING,
    OF_ASCENDING,
    OF_TOTAL,
    OF_DIKT,
    OF_ALL_MSG,
    OF_SOME_MSG,
    OF_NONE_MSG,
    MERGE_MEMBERS
};
#define MERGE_OF_EXCEPTION                                                                                   \
    "type\0title\0code\0extra_message\0extra_remediation\0cmd_error\0dapi_errors\0ids\0"
enum { OF_TYPE, OF_TITLE, OF_CODE, OF_EXTRA, OF_REMEDIATION, OF_CMD_ERROR, OF_DAPI_ERRORS, OF_IDS };

/* An answer, or one of failed_items_keys: where its members are. */
struct merge_record {
    const struct blob *blob;
    uint8_t kind;                   /* enum merge_kind */
    uint8_t class;                  /* of an exception: index in MERGE_CLASSES */
    uint8_t kinds[MERGE_MEMBERS];   /* enum json_kind */
    struct merge_range class_range; /* of "__class__" */
    struct merge_range members[MERGE_MEMBERS];
};
#define MERGE_CLASSES                                                                                        \
    "WazuhException\0WazuhInternalError\0WazuhClusterError\0WazuhHAPHelperError\0WazuhError\0"               \
    "WazuhResourceNotFound\0WazuhPermissionError\0WazuhTooManyRequests\0WazuhNotAcceptable\0"
#define MERGE_FIRST_ERROR 4u /* from here on they are WazuhErrors, and have ids */

enum merge_role { MERGE_DROPPED, MERGE_HAS_ITEMS, MERGE_HAS_FAILED, MERGE_IN_GROUP };

/* What an item is sorted by: where that is, and its bytes in an order that memcmp has. */
struct merge_value {
    struct merge_range where;
    uint8_t kind; /* enum json_kind */
    bool made;
    uint16_t n;
    char bytes[MERGE_VALUE_BYTES];
};

struct merge_source {
    struct merge_record record;
    uint8_t role; /* enum merge_role */
    bool has_item;
    uint32_t next; /* where to look for the next item */
    struct merge_range item;
    struct merge_value values[MERGE_CRITERIA];
};

/* ---- reading JSON in a blob ---- */

enum merge_event { MERGE_BEGINS, MERGE_ENDS, MERGE_OVER, MERGE_PAUSE };
struct merge_walk {
    struct json_scan scan;
    const struct blob *blob;
    uint64_t base; /* offset of the piece in hand */
    const char *piece;
    uint32_t pos;   /* of an event: behind the first byte of what begins, or the last one of what ends */
    uint32_t depth; /* containers around it */
    bool key_bad;
    uint8_t key_n;
    char key[64]; /* of what begins in an object; "" in a list, and when it is longer */
    char room[MERGE_PIECE_BYTES];
};

enum merge_phase { MERGE_READ, MERGE_FAILED, MERGE_WRITE_ITEMS, MERGE_WRITE_IDS, MERGE_COPY, MERGE_READY };

struct merge {
    struct merge_setup setup;
    uint8_t phase;
    struct error why; /* why.code is E_OK so far */
    int64_t budget;   /* bytes that this step may still read or write, about */
    struct merge_walk walk;
    /* reading an answer, or one of failed_items_keys */
    struct merge_record *record;
    bool walking, in_wrapper, in_object;
    int8_t member;
    uint32_t input;   /* in hand */
    struct blob made; /* answers of nodes that gave none */
    /* what becomes of them */
    bool is_exception;
    uint32_t first; /* whose words are taken: of the answers with items, or of the exceptions */
    uint32_t group; /* the first of the exceptions that are told as one; UINT32_MAX: there are none */
    /* items */
    struct {
        uint16_t path; /* its first name in paths */
        uint8_t names, cast;
        bool ascending;
    } criteria[MERGE_CRITERIA];
    uint32_t criterion_count, criterion, level;
    bool whole_items; /* sorted by the items themselves */
    bool taking, any_item;
    struct merge_range copy;
    /* items that failed */
    struct blob failed; /* of each: number of its error, its id as JSON, NUL */
    uint64_t failed_count, failed_at;
    uint32_t turn, key_at, value_at, id_from;
    uint8_t stage, error, error_count;
    bool in_list, any_id;
    const struct merge_record *told; /* the error of the ids that come; NULL: it is in errors already */
    struct merge_record errors[MERGE_ERRORS];
    struct merge_record reading; /* the key in hand */
    /* writing */
    size_t out_n;
    char out[MERGE_PIECE_BYTES];
    char paths[MERGE_PATHS_BYTES];
    uint8_t made_small[512], failed_small[512];
    uint8_t sieve[MERGE_SIEVE_BITS / 8]; /* hashes of the ids collected so far */
    struct merge_source sources[API_PARTS_MAX];
};

/* The first error stays; false. */
bool merge_refuse(struct merge *m, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- merge_read.c ---- */
/* From offset at of a blob: one value, or (in_array) the values of an array whose bracket is passed already.
 * Told is what has at most tell containers around it; the array in which it begins counts. */
void merge_walk_begin(struct merge *m, const struct blob *blob, uint32_t at, bool in_array, int32_t tell);
/* MERGE_OVER: the text is over; MERGE_PAUSE: so is this step, or m->why says what is wrong. */
enum merge_event merge_walk_next(struct merge *m);
/* Is there one more value of an array at or behind *at? Then *at is where it begins. */
bool merge_more_at(struct merge *m, const struct blob *blob, uint32_t *at);
/* At most cap - 1 bytes of a range and a NUL; how many. */
size_t merge_peek(struct merge *m, const struct blob *blob, struct merge_range r, char *out, size_t cap);
/* Reads the answers of all inputs; true: done with them. */
bool merge_read(struct merge *m);
/* m->record is read anew: the object that tells of an exception in failed_items_keys. */
void merge_record_begin(struct merge *m, struct merge_record *r, const struct blob *blob);
void merge_record_event(struct merge *m, enum merge_event event);
bool merge_record_check(struct merge *m);

/* ---- merge_items.c ---- */
bool merge_casting_check(struct merge *m, const struct merge_record *r);
bool merge_criteria(struct merge *m); /* of m->first */
bool merge_items(struct merge *m);    /* true: all are written */

/* ---- merge_failed.c ---- */
bool merge_collect(struct merge *m);               /* true: all are in m->failed */
bool merge_write_ids(struct merge *m, bool lists); /* of m->error on: each as a list, or without brackets */

/* ---- merge.c ---- */
/* Do both say the same as this member? */
bool merge_same(struct merge *m, const struct merge_record *a, const struct merge_record *b, int member);
void merge_put(struct merge *m, const char *bytes, size_t n);
/* A piece of a range, by which it becomes shorter; true: that was all. */
bool merge_put_piece(struct merge *m, const struct blob *blob, struct merge_range *r);

#endif
