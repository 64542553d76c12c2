/* wire/frame_enc.c - writes frame headers. Payloads are put behind them by who has them (wire/session.c). */
#include "base/bytes.h"
#include "wire/frame.h"

#include <string.h>

void frame_header_write(uint8_t out[FRAME_HEADER_BYTES], uint32_t counter, uint32_t length,
                        const char *command, bool divided) {
    be32_store(out, counter);
    be32_store(out + 4, length);
    uint8_t *field = out + 8;
    size_t n = min_size(strlen(command), COMMAND_BYTES - 1);
    memcpy(field, command, n);
    field[n] = ' '; /* also in the flag's place, after a command of 11 characters */
    memset(field + n + 1, '-', COMMAND_BYTES - 1 - n);
    if (divided)
        field[COMMAND_BYTES - 1] = 'd';
}
