/* sim_api_words.h - what a peer, or a local program, asks and answers over the API, made of arbitrary bytes:
 * mostly right, so that it gets far, and wrong in a place or two. */
#ifndef PICKET_SIM_API_WORDS_H
#define PICKET_SIM_API_WORDS_H

#include "base/text.h"

/* byte(): the next of the bytes; 0 behind their end. */
void api_words_request(uint8_t (*byte)(void), struct text *out); /* the JSON of a dapi */
void api_words_answer(uint8_t (*byte)(void), struct text *out);  /* the string of a dapi_res */
void api_words_sendsync(uint8_t (*byte)(void), struct text *out);

#endif
