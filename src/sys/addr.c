/* sys/addr.c - socket addresses to and from text. No names are looked up here. */
#include "sys/sys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Static_assert(sizeof(struct sockaddr_un) <= sizeof((struct sys_addr *)0)->bytes &&
                   sizeof(struct sockaddr_in6) <= sizeof((struct sys_addr *)0)->bytes,
               "struct sys_addr is too small");
_Static_assert(SYS_ADDR_WORDS >= INET6_ADDRSTRLEN, "SYS_ADDR_WORDS is too small");

static void put(struct sys_addr *a, const void *sockaddr, size_t len) {
    memset(a, 0, sizeof *a);
    memcpy(a->bytes, sockaddr, len);
    a->len = (uint32_t)len;
}

static int family(const struct sys_addr *a) {
    sa_family_t f = AF_UNSPEC;
    if (a->len >= offsetof(struct sockaddr, sa_family) + sizeof f)
        memcpy(&f, a->bytes + offsetof(struct sockaddr, sa_family), sizeof f);
    return f;
}

bool sys_addr_parse(struct sys_addr *a, const char *text, uint16_t port) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char plain[INET6_ADDRSTRLEN];
    size_t n = strlen(text);
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (brackets) {
        text++;
        n -= 2;
    }
    if (n >= sizeof plain)
        return false;
    memcpy(plain, text, n);
    plain[n] = '\0';
    if (!brackets && inet_pton(AF_INET, plain, &v4.sin_addr) == 1)
        put(a, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, plain, &v6.sin6_addr) == 1)
        put(a, &v6, sizeof v6);
    else
        return false;
    return true;
}

bool sys_addr_unix(struct sys_addr *a, const char *path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un.sun_path)
        return false;
    memcpy(un.sun_path, path, n + 1);
    put(a, &un, sizeof un);
    return true;
}

void sys_addr_port(struct sys_addr *a, uint16_t port) {
    uint16_t order = htons(port);
    if (family(a) == AF_INET)
        memcpy(a->bytes + offsetof(struct sockaddr_in, sin_port), &order, sizeof order);
    else if (family(a) == AF_INET6)
        memcpy(a->bytes + offsetof(struct sockaddr_in6, sin6_port), &order, sizeof order);
}

/* The host part as IPv6 has it (IPv4 mapped), so that one host is one value; false for other families. */
static bool host(const struct sys_addr *a, uint8_t out[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (family(a) == AF_INET) {
        memcpy(out, mapped, sizeof mapped);
        memcpy(out + 12, a->bytes + offsetof(struct sockaddr_in, sin_addr), 4);
        return true;
    }
    if (family(a) == AF_INET6) {
        memcpy(out, a->bytes + offsetof(struct sockaddr_in6, sin6_addr), 16);
        return true;
    }
    return false;
}

void sys_addr_words(const struct sys_addr *a, char out[SYS_ADDR_WORDS]) {
    uint8_t bytes[16];
    out[0] = '\0';
    if (!host(a, bytes)) {
        strcpy(out, family(a) == AF_UNIX ? "local" : "unknown");
        return;
    }
    struct in6_addr v6;
    memcpy(&v6, bytes, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6))
        inet_ntop(AF_INET, bytes + 12, out, SYS_ADDR_WORDS);
    else
        inet_ntop(AF_INET6, bytes, out, SYS_ADDR_WORDS);
}

bool sys_addr_same_host(const struct sys_addr *a, const struct sys_addr *b) {
    uint8_t x[16], y[16];
    if (host(a, x) && host(b, y))
        return memcmp(x, y, sizeof x) == 0;
    return family(a) == AF_UNIX && family(b) == AF_UNIX; /* all local programs are one host */
}
