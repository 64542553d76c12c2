/* fake_store.h - a struct store for tests of what asks one: it writes down what it is asked, and the case
 * answers, when it likes. */
#ifndef PICKET_FAKE_STORE_H
#define PICKET_FAKE_STORE_H

#include "base/text.h"
#include "store/store.h"

#define FAKE_STORE_JOBS 16

struct fake_store {
    struct store
        store; /* give &f->store to the code under test; down, why, marks_on_reading are the case's */
    struct store_job *jobs[FAKE_STORE_JOBS]; /* waiting, the oldest first */
    uint32_t count;                          /* of them */
    uint32_t cancelled;                      /* calls of store_cancel for jobs that were waiting */
    struct text log;                         /* see FAKE_STORE_LOG */
    char log_buf[16384];
};

/* At the end of the case no job may be waiting. */
void fake_store_init(struct fake_store *f);

/* What the store was asked since the last time, a line each: "INFO_WRITE {"a":1}\n". What lies in the blob
 * when the job is submitted follows its name: at most 64 bytes of it as they are, more as
 * "<first 16>...<bytes>". STORE_TEXT: its text. */
#define FAKE_STORE_LOG(f, want) (CHECK_STR((f)->log_buf, want), fake_store_log_clear(f))
void fake_store_log_clear(struct fake_store *f);

/* An answer. Members left out are 0: an answer of {.err = E_OK} has no rows, no hash and no errors. */
struct fake_answer {
    enum err err;       /* not E_OK: the job fails ... */
    const char *why;    /* ... and this is why; NULL: "the store: no" */
    const char *append; /* appended to the job's blob; NULL: nothing */
    size_t append_n;    /* bytes of it; 0: strlen(append) */
    uint32_t parts, parts_in_all;
    uint64_t rows;
    const char *hash;     /* NULL: has_hash false */
    const char *errors;   /* NULL: "[]" */
    uint32_t error_count; /* of them */
    const char *reply;    /* STORE_TEXT */
};

/* The oldest job; fails the case when there is none or its work is another one. */
struct store_job *fake_store_need(struct fake_store *f, enum store_work work);
/* Answers it: done is called from inside, as from a turn of the loop. */
void fake_store_answer(struct fake_store *f, enum store_work work, const struct fake_answer *a);
/* fake_store_answer(f, STORE_INFO_READ, FAKE(.append = "{}", .parts = 1)); */
#define FAKE(...) (&(struct fake_answer){__VA_ARGS__})
#define FAKE_OK (&(struct fake_answer){.err = E_OK})

/* A blob's content in memory until the case ends, with a NUL after it; *n (may be NULL): its bytes. */
char *fake_store_blob(const struct blob *b, size_t *n);

#endif
