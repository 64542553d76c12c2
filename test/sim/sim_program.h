/* sim_program.h - a program of a simulated node's machine that asks on its local socket as Wazuh's API and
 * daemons do (reference, section 4.4): it takes replies, strings and answers as they come, and how its
 * question ended is written down. Needs no harness. */
#ifndef PICKET_SIM_PROGRAM_H
#define PICKET_SIM_PROGRAM_H

#include "test/sim/sim_net.h"

enum program_end {
    PROGRAM_WAITS,
    PROGRAM_ANSWERED, /* dapi_res; to a sendsync: ok */
    PROGRAM_TOLD,     /* an error in words: dapi_err; to a sendsync: err */
    PROGRAM_REFUSED,  /* err at once */
    PROGRAM_LOST      /* the node closed, or is not there */
};

struct sim_program {
    struct sim_program *next;
    struct sim_net *net;
    struct sys *sys;
    int fd;               /* -1: it has left */
    enum program_end end; /* of its last question */
    bool queued;          /* its dapi was accepted: an answer is to come */
    bool twice;           /* something more came after the end */
    bool deaf;            /* it reads nothing */
    char command[13];     /* that of a question */
    uint32_t counter;
    uint64_t asked_ms, ended_ms;
    char *text; /* what it was told, with a NUL after it */
    size_t text_n, text_cap;
    uint8_t *in, *out; /* frames not read yet, not sent yet */
    size_t in_n, in_cap, out_n, out_at, out_cap;
};

/* sys: of the machine's programs, made by sim_host_add. Connects, and is ready to ask. */
void program_open(struct sim_program *p, struct sim_net *net, struct sys *sys, const char *path);
void program_leave(struct sim_program *p); /* closes */
void program_fini(struct sim_program *p);

/* One question at a time. */
void program_ask(struct sim_program *p, const char *command, const char *payload, size_t n);
/* ... dapi, of a function "wazuh.agent.get_agents" with its arguments (JSON); type: "local_any",
 * "local_master", "distributed_master". more: further members, ", \"broadcasting\": true". */
void program_dapi(struct sim_program *p, const char *function, const char *type, const char *arguments,
                  const char *more);
/* ... sendsync for authd: add an agent of this name. */
void program_adds_agent(struct sim_program *p, const char *name);
/* The request of program_dapi in memory that the caller frees. */
char *program_request(const char *function, const char *type, const char *arguments, const char *more);

/* Sends and reads what goes, now. */
void program_turn(struct sim_program *p);

#endif
