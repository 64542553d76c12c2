/* sim_agent_words.h - what a peer, or a local program, says of agents and their groups, made of arbitrary
 * bytes: mostly right, so that it gets far, and wrong in a place or two. */
#ifndef PICKET_SIM_AGENT_WORDS_H
#define PICKET_SIM_AGENT_WORDS_H

#include "base/text.h"

struct agent_words {
    uint8_t (*byte)(void); /* the next of the bytes; 0 behind their end */
    bool http;             /* dialect F: chunks of agent information are an object */
};

/* The string of syn_a_w_m, or of syn_g_m_w and syn_g_m_w_c. */
void agent_words_info(const struct agent_words *w, struct text *out);
void agent_words_groups(const struct agent_words *w, struct text *out);
/* The payload of a result. */
void agent_words_result(const struct agent_words *w, struct text *out);
/* A command for queue/db/wdb. */
void agent_words_command(const struct agent_words *w, struct text *out);
/* The arguments of get_agents, add_agent, del_agent and set_groups, any of them. */
void agent_words_local(const struct agent_words *w, struct text *out);

#endif
