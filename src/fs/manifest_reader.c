/* fs/manifest_reader.c - reads a manifest of any length that comes in any cuts.
 *
 * The splitter below follows strings, escapes and brackets only, to know where a member begins and ends. A
 * whole member then goes through json_parse, which is strict about everything else. Memory and time per byte
 * are bounded whatever a peer sends: one member of JSON_MEMBER_BYTES, JSON_DEPTH levels. What the members say
 * is not judged here. */
#include "base/bytes.h"
#include "base/json_read.h"
#include "fs/manifest_json.h"

#include <string.h>

#define JSON_DEPTH 32      /* of brackets within a member or a section passed over: bits of objects */
#define MEMBER_TOKENS 128u /* a real member has 13 */

enum {
    AT_START,         /* the '{' of the whole */
    AT_FIRST_SECTION, /* a section's key, or the '}' of the whole */
    AT_SECTION,       /* a section's key */
    IN_SECTION_KEY,
    AT_COLON,      /* behind a section's key */
    AT_VALUE,      /* the '{' of a known section */
    IN_OTHER,      /* the value of an unknown section */
    AFTER_SECTION, /* ',' or the '}' of the whole */
    AT_FIRST_FILE, /* a member's key, or the '}' of the section */
    AT_FILE,       /* a member's key */
    IN_FILE,       /* a member, up to ',' or the '}' of the section */
    AT_END,        /* blanks */
    AT_FAILED
};

/* Section of a key, or passed over. */
#define SECTION_OTHER ((enum manifest_section)99)

void manifest_reader_init(struct manifest_reader *r, bool classified, void *arg,
                          enum err (*member)(void *arg, const struct manifest_member *m, struct error *e)) {
    r->arg = arg;
    r->member = member;
    r->classified = classified;
    r->state = AT_START;
    r->depth = 0;
    r->in_string = r->escaped = false;
    r->section = SECTION_FLAT;
    r->objects = 0;
    r->offset = r->start = 0;
    r->fill = 0;
    r->error.code = E_OK;
}

static enum err unexpected(struct manifest_reader *r, const char *wanted) {
    return error_set(&r->error, E_SYNTAX, 0, "manifest: %s expected at byte %llu", wanted,
                     (unsigned long long)r->offset);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- a whole member ---- */

static enum err bad_member(struct manifest_reader *r, enum err code, const char *words) {
    return error_set(&r->error, code, 0, "manifest: %s, in the member at byte %llu", words,
                     (unsigned long long)r->start);
}

/* Member key of the object at index object, a string, into out; "" when it is missing. */
static enum err copy_member(struct manifest_reader *r, const struct json_doc *d, size_t object,
                            const char *key, char *out, size_t cap, size_t *len) {
    size_t i = json_find(d, object, key);
    out[0] = '\0';
    *len = 0;
    enum err err = i ? json_copy_str(d, i, out, cap, len) : E_OK;
    return err == E_OK ? E_OK : bad_member(r, err, key);
}

static enum err take_values(struct manifest_reader *r, const struct json_doc *d, size_t object,
                            struct manifest_member *m) {
    char hex[2 * BLAKE2B_BYTES + 1];
    size_t len;
    size_t merged = json_find(d, object, "merged");
    if (merged && d->tokens[merged].kind != JSON_BOOL)
        return bad_member(r, E_VALUE, "\"merged\" is neither true nor false");
    m->merged = merged && json_is_true(d, merged);
    m->has_hash = json_find(d, object, "hash") != 0;
    if (copy_member(r, d, object, "hash", hex, sizeof hex, &len) != E_OK)
        return r->error.code;
    if (m->has_hash && (len != sizeof hex - 1 || !hex_decode(m->hash, hex, BLAKE2B_BYTES)))
        return bad_member(r, E_VALUE, "the hash is not one of BLAKE2b");
    return E_OK;
}

/* r->buf holds `{"path": {...}` of r->fill bytes, and has room for the closing bracket. */
static enum err end_file(struct manifest_reader *r) {
    struct json_token tokens[MEMBER_TOKENS];
    struct json_doc d;
    char path[PATH_MAX_BYTES], item_key[NAME_MAX_BYTES];
    struct manifest_member m = {.section = r->section, .path = path, .item_key = item_key};
    while (is_blank(r->buf[r->fill - 1]))
        r->fill--;
    m.raw = r->buf + 1;
    m.raw_len = r->fill - 1;
    r->buf[r->fill++] = '}';
    enum err err = json_parse(&d, r->buf, r->fill, tokens, MEMBER_TOKENS, &r->error);
    if (err == E_SPACE)
        return bad_member(r, E_LIMIT, "more values than describe a file");
    if (err != E_OK)
        return error_prefix(&r->error, "manifest: member at byte %llu", (unsigned long long)r->start);
    size_t key = json_first(&d, 0), value = key + 1;
    if (d.tokens[0].size != 1 || d.tokens[value].kind != JSON_OBJECT)
        return bad_member(r, E_SYNTAX, "a file is not described by one object");
    err = json_copy_str(&d, key, path, sizeof path, &m.path_len);
    if (err != E_OK)
        return bad_member(r, err, "the path");
    if (copy_member(r, &d, value, "cluster_item_key", item_key, sizeof item_key, &m.item_key_len) != E_OK ||
        take_values(r, &d, value, &m) != E_OK)
        return r->error.code;
    r->error.code = r->member(r->arg, &m, &r->error);
    return r->error.code;
}

/* r->buf holds a section's key with its quotes. */
static enum err end_section_key(struct manifest_reader *r) {
    static const struct {
        char name[12];
        enum manifest_section section;
    } sections[] = {{"missing", SECTION_MISSING},
                    {"extra", SECTION_EXTRA},
                    {"shared", SECTION_SHARED},
                    {"extra_valid", SECTION_EXTRA_VALID}};
    struct json_token token;
    struct json_doc d;
    char name[16];
    size_t len;
    if (json_parse(&d, r->buf, r->fill, &token, 1, &r->error) != E_OK)
        return error_prefix(&r->error, "manifest: key at byte %llu", (unsigned long long)r->start);
    r->section = SECTION_OTHER;
    if (json_copy_str(&d, 0, name, sizeof name, &len) == E_OK)
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
            if (strcmp(name, sections[i].name) == 0)
                r->section = sections[i].section;
    r->state = AT_COLON;
    return E_OK;
}

/* ---- the splitter ---- */

/* Keeps n bytes of what is being collected; one byte stays free for the closing bracket. */
static enum err keep(struct manifest_reader *r, const char *bytes, size_t n) {
    if (n > sizeof r->buf - 1 - r->fill)
        return error_set(&r->error, E_LIMIT, 0, "manifest: the member at byte %llu has more than %u bytes",
                         (unsigned long long)r->start, (unsigned)sizeof r->buf - 2);
    memcpy(r->buf + r->fill, bytes, n);
    r->fill += n;
    return E_OK;
}

/* A key begins, at its quote: that of a file, or of a section. */
static enum err begin(struct manifest_reader *r, uint8_t state) {
    r->state = state;
    r->start = r->offset;
    r->depth = 0;
    r->in_string = true;
    r->escaped = false;
    r->fill = 0;
    return keep(r, state == IN_FILE ? "{\"" : "\"", state == IN_FILE ? 2 : 1);
}

/* How many of the n bytes lie within the string that is open, its closing quote included. */
static size_t string_run(struct manifest_reader *r, const char *bytes, size_t n) {
    size_t i = 0;
    while (i < n && r->in_string) {
        char c = bytes[i++];
        if (r->escaped)
            r->escaped = false;
        else if (c == '\\')
            r->escaped = true;
        else if (c == '"')
            r->in_string = false;
    }
    return i;
}

/* Follows a byte outside strings through the brackets of the current value. *end: it is the ',' or bracket
 * behind the value. */
static enum err follow(struct manifest_reader *r, char c, bool *end) {
    *end = r->depth == 0 && (c == ',' || c == '}');
    if (*end)
        return E_OK;
    if (c == '"') {
        r->in_string = true;
        r->escaped = false;
    } else if (c == '{' || c == '[') {
        if (r->depth == JSON_DEPTH)
            return error_set(&r->error, E_SYNTAX, 0, "manifest: too deep at byte %llu",
                             (unsigned long long)r->offset);
        r->objects &= ~((uint32_t)1 << r->depth);
        r->objects |= (uint32_t)(c == '{') << r->depth;
        r->depth++;
    } else if (c == '}' || c == ']') {
        if (r->depth == 0 || (r->objects >> (r->depth - 1) & 1) != (c == '}'))
            return unexpected(r, "another bracket");
        r->depth--;
    }
    return E_OK;
}

/* The value of IN_FILE or IN_OTHER is complete; c is the byte behind it. */
static enum err end_value(struct manifest_reader *r, char c) {
    if (r->state == IN_FILE) {
        if (end_file(r) != E_OK)
            return r->error.code;
        r->state = c == ',' ? AT_FILE : r->classified ? AFTER_SECTION : AT_END;
    } else {
        if (r->fill == 0)
            return unexpected(r, "a value");
        r->state = c == ',' ? AT_SECTION : AT_END;
    }
    return E_OK;
}

/* A byte that is no blank, in the states between keys and values. */
static enum err punctuation(struct manifest_reader *r, char c) {
    switch (r->state) {
    case AT_START:
        if (c != '{')
            return unexpected(r, "'{'");
        r->state = r->classified ? AT_FIRST_SECTION : AT_FIRST_FILE;
        return E_OK;
    case AT_FIRST_SECTION:
    case AT_SECTION:
        if (c == '"')
            return begin(r, IN_SECTION_KEY);
        if (c != '}' || r->state == AT_SECTION)
            return unexpected(r, "the name of a section");
        r->state = AT_END;
        return E_OK;
    case AT_COLON:
        if (c != ':')
            return unexpected(r, "':'");
        r->fill = r->depth = 0;
        r->state = r->section == SECTION_OTHER ? IN_OTHER : AT_VALUE;
        return E_OK;
    case AT_VALUE:
        if (c != '{')
            return unexpected(r, "'{'");
        r->state = AT_FIRST_FILE;
        return E_OK;
    case AFTER_SECTION:
        if (c != ',' && c != '}')
            return unexpected(r, "',' or '}'");
        r->state = c == ',' ? AT_SECTION : AT_END;
        return E_OK;
    case AT_FIRST_FILE:
    case AT_FILE:
        if (c == '"')
            return begin(r, IN_FILE);
        if (c != '}' || r->state == AT_FILE)
            return unexpected(r, "the path of a file");
        r->state = r->classified ? AFTER_SECTION : AT_END;
        return E_OK;
    default:
        return unexpected(r, "the end");
    }
}

/* Takes at least one of the n bytes; *took of them. */
static enum err take(struct manifest_reader *r, const char *bytes, size_t n, size_t *took) {
    bool end;
    *took = 1;
    if (r->state != IN_FILE && r->state != IN_OTHER && r->state != IN_SECTION_KEY)
        return is_blank(*bytes) ? E_OK : punctuation(r, *bytes);
    if (r->in_string) {
        *took = string_run(r, bytes, n);
        if (r->state != IN_OTHER && keep(r, bytes, *took) != E_OK)
            return r->error.code;
        return r->state == IN_SECTION_KEY && !r->in_string ? end_section_key(r) : E_OK;
    }
    if (follow(r, *bytes, &end) != E_OK)
        return r->error.code;
    if (end)
        return end_value(r, *bytes);
    if (r->state == IN_FILE)
        return keep(r, bytes, 1);
    r->fill |= !is_blank(*bytes); /* nothing is kept; but there is a value */
    return E_OK;
}

enum err manifest_reader_push(struct manifest_reader *r, const uint8_t *bytes, size_t n, struct error *e) {
    const char *at = (const char *)bytes;
    while (n > 0 && r->state != AT_FAILED) {
        size_t took;
        if (take(r, at, n, &took) != E_OK) {
            r->state = AT_FAILED;
            break;
        }
        at += took;
        n -= took;
        r->offset += took;
    }
    if (r->state != AT_FAILED)
        return E_OK;
    if (e)
        *e = r->error;
    return r->error.code;
}

enum err manifest_reader_finish(const struct manifest_reader *r, struct error *e) {
    if (r->state == AT_FAILED) {
        if (e)
            *e = r->error;
        return r->error.code;
    }
    if (r->state != AT_END)
        return error_set(e, E_TRUNCATED, 0, "manifest: ends after %llu bytes", (unsigned long long)r->offset);
    return E_OK;
}
