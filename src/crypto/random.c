/* crypto/random.c - random bytes, numbers and UUIDs, all from the kernel's generator. */
#include "crypto/random.h"

#include "base/bytes.h"

enum err random_bytes(struct sys *s, void *out, size_t n, struct error *e) {
    int r = s->random(s, out, n);
    return r < 0 ? error_set(e, E_SYS, -r, "random numbers") : E_OK;
}

enum err random_u32(struct sys *s, uint32_t *out, struct error *e) {
    return random_bytes(s, out, sizeof *out, e);
}

enum err random_uuid(struct sys *s, char out[UUID_TEXT_BYTES], struct error *e) {
    uint8_t b[16];
    enum err r = random_bytes(s, b, sizeof b, e);
    if (r != E_OK)
        return r;
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 4122, section 4.4: version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* and the variant */
    static const uint8_t group_bytes[5] = {4, 2, 2, 2, 6};
    const uint8_t *at = b;
    for (int i = 0; i < 5; i++) {
        hex_encode(out, at, group_bytes[i]);
        out += 2 * group_bytes[i];
        at += group_bytes[i];
        if (i < 4)
            *out++ = '-';
    }
    return E_OK;
}
