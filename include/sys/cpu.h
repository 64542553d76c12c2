/* sys/cpu.h - what the processor can do beyond its architecture's minimum. */
#ifndef PICKET_SYS_CPU_H
#define PICKET_SYS_CPU_H

#include <stdbool.h>

/* SHA-256 instructions: SHA-NI with SSSE3 and SSE4.1 on x86, the SHA2 extension on 64-bit ARM. Asks the
 * processor (or what the kernel said at program start) each time: keep the answer. */
bool cpu_has_sha256(void);

#endif
