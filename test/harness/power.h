/* power.h - a struct sys over real files that knows what a power cut would leave of them: what was flushed,
 * and of the rest, sector by sector, whatever chance leaves. A file's name lasts when its folder was flushed.
 *
 *   power_init(&p, folder, 1);
 *   p.cut_at = 17;                      the machine stops at its 17th call that changes the disk
 *   ... code under test with &p.sys; from the cut on every call of it fails ...
 *   power_restore(&p);                  now the folder is as a restart finds it
 *
 * Watched are the files of one folder, opened by their names in it; others are passed through. */
#ifndef PICKET_POWER_H
#define PICKET_POWER_H

#include "sys/sys.h"

#define POWER_FILES 12 /* names and files that were seen, each name anew when it was removed */
#define POWER_FDS 256

struct power_change; /* a write or a truncation that was not flushed */

struct power_file {
    char name[64];
    uint64_t ino;
    uint8_t *bytes; /* as flushed */
    size_t n;
    bool named, unnamed;         /* the folder holds its name, flushed; its removal is not flushed */
    bool gone;                   /* removed */
    struct power_change *change; /* the first since the last flush */
};

enum power_luck { POWER_LOSES_ALL, POWER_LOSES_SOME };

struct power {
    struct sys sys; /* what the code sees */
    struct sys real;
    char folder[300];
    enum power_luck luck;
    uint64_t folder_ino, seed, calls, cut_at; /* cut_at 0: never */
    bool cut;
    struct power_file file[POWER_FILES];
    int count, fd_of[POWER_FDS]; /* index + 1 of the file that is open as this descriptor */
};

/* What is in folder (a path) now counts as flushed. */
void power_init(struct power *p, const char *folder, uint64_t seed);
/* The same over another table, which is copied. */
void power_init_over(struct power *p, const struct sys *real, const char *folder, uint64_t seed);
/* Puts what survived into the folder. */
void power_restore(struct power *p);
/* Frees what power_init and the calls took; restore may be left out. */
void power_fini(struct power *p);

#endif
