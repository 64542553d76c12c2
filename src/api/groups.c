/* groups.c - get_agent_groups: the groups that are in the store and have a folder in etc/shared, how many
 * agents each has, and the checksums of what it sends its agents. Groups come from the store page by page;
 * the folder of each is looked at and its two files are hashed in steps of the loop; then the items are
 * searched, sorted and cut as base/listing.h does it.
 *
 * What this takes lies in a window. Links are not followed: a link in etc/shared could make a checksum of any
 * file of this machine. */
#include "api/agents_parts.h"
#include "api/dapi_parts.h"
#include "api/rbac.h"
#include "api/wish.h"
#include "base/bytes.h"
#include "base/listing.h"
#include "crypto/blake2b.h"
#include "crypto/md5.h"
#include "crypto/sha1.h"
#include "crypto/sha256.h"

#include <string.h>

#define PAGE 24u /* groups asked for at once */
#define ITEMS_AT_ONCE 64u
#define READ_BYTES 8192u
#define ACTION "group:read"

static const char algorithms[] = "md5\0sha1\0sha256\0blake2b\0";
enum algorithm { ALG_MD5, ALG_SHA1, ALG_SHA256, ALG_BLAKE2B };

static const char files[] = "merged.mg\0agent.conf\0";
static const char fields[] = "name\0mergedSum\0configSum\0count\0";
static const char members[] = "mergedSum\0configSum\0"; /* of the items, by file */

static const struct result_kind told = {
    .all_msg = "All selected groups information was returned",
    .some_msg = "Some groups information was not returned",
    .none_msg = "No group information was returned",
};

struct group {
    char name[GROUP_NAME_BYTES];
    uint64_t agents;
};

struct groups_window {
    struct listing listing;
    struct listing_wish wish;
    struct blob items;
    struct group page[PAGE];
    char item[GROUP_NAME_BYTES + 400];
    uint8_t bytes[READ_BYTES];
    struct listing_place places[1]; /* and as many as the window has room for */
};
_Static_assert(sizeof(struct groups_window) + GROUPS_MAX * sizeof(struct listing_place) <= BODY_WINDOW_BYTES,
               "a window holds what the groups need: raise BODY_WINDOW_BYTES or lower GROUPS_MAX in "
               "board/<name>/limits.h");

struct groups_get {
    struct agents_state base;
    struct groups_window *w;
    enum algorithm algorithm;
    size_t list;              /* group_list in the arguments; 0: all */
    uint32_t count, at, file; /* of the page */
    int fd;                   /* file being hashed, -1: none */
    struct text item;
    struct json_write json;
    union {
        struct md5 md5;
        struct sha1 sha1;
        struct sha256 sha256;
        struct blake2b blake2b;
    } hash;
};
_Static_assert(sizeof(struct groups_get) <= API_STATE_BYTES, "the state of a call");

void groups_get_cancel(struct api_call *c) {
    struct groups_get *g = api_state(c);
    struct sys *sys = c->env->role->sys;
    agents_cancel(c);
    if (g->fd >= 0)
        sys->close(sys, g->fd);
    g->fd = -1;
    if (!g->w)
        return;
    blob_reset(&g->w->items);
    pool_give(c->env->role->shared.windows, g->w);
    g->w = NULL;
}

/* ---- folders ---- */

/* A file of a group, or with file NULL its folder; < 0: a negated errno value. */
static int open_group(const struct api_call *c, const char *name, const char *file) {
    struct sys *sys = c->env->role->sys;
    char path[GROUP_NAME_BYTES + 40];
    struct text t;
    if (!group_name_is_valid(name))
        return -ENOENT;
    text_init(&t, path, sizeof path);
    text_format(&t, "etc/shared/%s%s%s", name, file ? "/" : "", file ? file : "");
    return sys->open_beneath(sys, c->env->role->root, path,
                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | (file ? 0 : O_DIRECTORY), 0);
}

static bool has_folder(const struct api_call *c, const char *name) {
    struct sys *sys = c->env->role->sys;
    int fd = open_group(c, name, NULL);
    if (fd >= 0)
        sys->close(sys, fd);
    return fd >= 0;
}

static bool is_permitted(const struct api_call *c, const char *name) {
    return rbac_allows(&c->request, ACTION, "group:id", name, NULL);
}

bool group_argument(struct api_call *c, char name[GROUP_NAME_BYTES], struct wazuh_error *why) {
    size_t list = api_argument(&c->request, "group_list"), at = 0;
    bool bad = false;
    if (!list || !wish_next_name(&c->request.kwargs, list, &at, name, GROUP_NAME_BYTES, &bad)) {
        wazuh_error_set(why, WAZUH_INTERNAL_ERROR, 1000, "group_list is a list of the name of one group");
        return false;
    }
    if (!is_permitted(c, name)) {
        rbac_denied(why, "group:id");
        return false;
    }
    if (has_folder(c, name))
        return true;
    wazuh_error_set(why, WAZUH_RESOURCE_NOT_FOUND, 1710, NULL);
    return false;
}

/* ---- group_list ---- */

static bool is_named(const struct api_call *c, size_t list, const char *name) {
    char s[GROUP_NAME_BYTES];
    size_t at = 0;
    bool bad = false;
    while (wish_next_name(&c->request.kwargs, list, &at, s, sizeof s, &bad))
        if (strcmp(s, name) == 0)
            return true;
    return false;
}

/* Those of the list that are denied, or have no folder, are told as failed. false: all were denied, and that
 * is the answer. */
static bool tell_failed(struct api_call *c, size_t list) {
    char s[GROUP_NAME_BYTES], names[2048];
    struct wazuh_error denied, unknown;
    struct text t;
    size_t at = 0, allowed = 0, refused = 0;
    bool bad = false;
    rbac_denied(&denied, "group:id");
    wazuh_error_set(&unknown, WAZUH_RESOURCE_NOT_FOUND, 1710, NULL);
    text_init(&t, names, sizeof names - 1);
    while (wish_next_name(&c->request.kwargs, list, &at, s, sizeof s, &bad)) {
        bool permitted = is_permitted(c, s);
        allowed += permitted;
        refused += !permitted;
        if (!permitted && t.len + strlen(s) + 2 < t.cap)
            text_add(&t, s, strlen(s) + 1);
        if (!c->request.broadcasting && !permitted)
            result_failed(&c->result, s, &denied);
        else if (!c->request.broadcasting && !has_folder(c, s))
            result_failed(&c->result, s, &unknown);
    }
    names[t.len] = '\0';
    if (!refused || allowed || c->request.broadcasting)
        return true;
    result_exception(&c->result, &denied, api_node_name(c), NULL, names);
    return false;
}

/* ---- the answer ---- */

static void tell(struct api_call *c) {
    struct groups_get *g = api_state(c);
    struct error e = {.code = E_OK};
    const char *json;
    size_t n;
    for (uint32_t i = 0; i < ITEMS_AT_ONCE; i++) {
        if (listing_next(&g->w->listing, &json, &n, &e)) {
            result_item_raw(&c->result, json, n);
            continue;
        }
        if (e.code != E_OK) {
            api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
            return;
        }
        result_close_items(&c->result, g->w->listing.total, NULL);
        api_call_end(c);
        return;
    }
    api_call_step(c, tell);
}

static void sort(struct api_call *c) {
    struct groups_get *g = api_state(c);
    struct error e;
    enum step s = listing_sort(&g->w->listing, &e);
    if (s == STEP_FAILED)
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
    else
        api_call_step(c, s == STEP_AGAIN ? sort : tell);
}

/* ---- one group after the other ---- */

static void next_page(struct api_call *c);
static void work(struct api_call *c);

static void hash_begin(struct groups_get *g) {
    switch (g->algorithm) {
    case ALG_MD5:
        md5_init(&g->hash.md5);
        break;
    case ALG_SHA1:
        sha1_init(&g->hash.sha1);
        break;
    case ALG_SHA256:
        sha256_init(&g->hash.sha256);
        break;
    case ALG_BLAKE2B:
        blake2b_init(&g->hash.blake2b, BLAKE2B_BYTES);
        break;
    }
}

static void hash_push(struct groups_get *g, const uint8_t *bytes, size_t n) {
    switch (g->algorithm) {
    case ALG_MD5:
        md5_push(&g->hash.md5, bytes, n);
        break;
    case ALG_SHA1:
        sha1_push(&g->hash.sha1, bytes, n);
        break;
    case ALG_SHA256:
        sha256_push(&g->hash.sha256, bytes, n);
        break;
    case ALG_BLAKE2B:
        blake2b_push(&g->hash.blake2b, bytes, n);
        break;
    }
}

/* Its bytes. */
static size_t hash_out(struct groups_get *g, uint8_t out[BLAKE2B_BYTES]) {
    switch (g->algorithm) {
    case ALG_MD5:
        md5_out(&g->hash.md5, out);
        return MD5_BYTES;
    case ALG_SHA1:
        sha1_out(&g->hash.sha1, out);
        return SHA1_BYTES;
    case ALG_SHA256:
        sha256_out(&g->hash.sha256, out);
        return SHA256_BYTES;
    default:
        blake2b_finish(&g->hash.blake2b, out);
        return BLAKE2B_BYTES;
    }
}

/* A piece of the file. false: there is more. What cannot be read has no checksum. */
static bool hash_step(struct api_call *c) {
    struct groups_get *g = api_state(c);
    struct sys *sys = c->env->role->sys;
    uint8_t out[BLAKE2B_BYTES];
    char hex[2 * BLAKE2B_BYTES + 1];
    ptrdiff_t n = 1;
    for (size_t done = 0; done < STEP_BYTES && n > 0; done += (size_t)n)
        if ((n = sys->read(sys, g->fd, g->w->bytes, sizeof g->w->bytes)) > 0)
            hash_push(g, g->w->bytes, (size_t)n);
    if (n > 0)
        return false;
    sys->close(sys, g->fd);
    g->fd = -1;
    if (n == 0) {
        hex_encode(hex, out, hash_out(g, out));
        json_key_str(&g->json, text_item(members, g->file), hex);
    }
    return true;
}

static void open_file(struct api_call *c, const char *group) {
    struct groups_get *g = api_state(c);
    struct sys *sys = c->env->role->sys;
    struct sys_stat st;
    g->fd = open_group(c, group, text_item(files, g->file));
    if (g->fd >= 0 && (sys->fstat(sys, g->fd, &st) < 0 || !sys_is_file(&st))) {
        sys->close(sys, g->fd);
        g->fd = -1;
    }
    hash_begin(g);
}

static bool is_wanted(struct api_call *c, const char *name) {
    const struct groups_get *g = api_state(c);
    return (!g->list || is_named(c, g->list, name)) && is_permitted(c, name) && has_folder(c, name);
}

/* The first file of the next group that is wanted is opened. false: the page is over. */
static bool next_group(struct api_call *c) {
    struct groups_get *g = api_state(c);
    while (g->at < g->count && !is_wanted(c, g->w->page[g->at].name))
        g->at++;
    if (g->at == g->count)
        return false;
    text_init(&g->item, g->w->item, sizeof g->w->item);
    json_write_init(&g->json, &g->item);
    json_open(&g->json, '{');
    json_key_str(&g->json, "name", g->w->page[g->at].name);
    json_key_uint(&g->json, "count", g->w->page[g->at].agents);
    g->file = 0;
    open_file(c, g->w->page[g->at].name);
    return true;
}

static void page_over(struct api_call *c) {
    struct groups_get *g = api_state(c);
    if (g->count == PAGE)
        next_page(c);
    else
        api_call_step(c, sort);
}

/* A file, or a piece of a long one. */
static void work(struct api_call *c) {
    struct groups_get *g = api_state(c);
    struct error e;
    if (g->fd >= 0 && !hash_step(c)) {
        api_call_step(c, work);
        return;
    }
    if (++g->file < 2) {
        open_file(c, g->w->page[g->at].name);
        api_call_step(c, work);
        return;
    }
    json_close(&g->json, '}');
    if (listing_add(&g->w->listing, g->item.buf, g->item.len, &e) != E_OK) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000, e.what);
        return;
    }
    g->at++;
    if (next_group(c))
        api_call_step(c, work);
    else
        page_over(c);
}

/* ---- the store ---- */

static enum err row(void *arg, const struct json_doc *d, struct wazuh_error *why) {
    struct groups_get *g = api_state(arg);
    struct group *to = &g->w->page[g->count];
    int64_t agents = 0;
    size_t i = json_find(d, 0, "a"), n;
    (void)why;
    if (g->count == PAGE || !i || json_copy_str(d, i, to->name, sizeof to->name, &n) != E_OK)
        return E_OK;
    agents_row_number(d, 'b', &agents);
    to->agents = (uint64_t)agents;
    g->count++;
    return E_OK;
}

static void page_read(struct api_call *c) {
    if (next_group(c))
        api_call_step(c, work);
    else
        page_over(c);
}

static void next_page(struct api_call *c) {
    struct groups_get *g = api_state(c);
    const char *last = g->count ? g->w->page[g->count - 1].name : "";
    struct text t;
    agents_question(&g->base, &t);
    text_str(&t,
             "global sql select name a,count(id_group) b from `group` left join belongs on id=id_group where"
             " name > ");
    agents_sql_literal(&t, "", last, strlen(last), "");
    text_format(&t, " group by name order by name limit %u", PAGE);
    g->count = g->at = 0;
    agents_select(c, &t, row, page_read);
}

/* ---- beginning ---- */

static bool read_algorithm(struct api_call *c, struct wazuh_error *why) {
    struct groups_get *g = api_state(c);
    char name[16];
    enum err err = api_argument_text(&c->request, "hash_algorithm", name, sizeof name, why);
    ptrdiff_t i = err == E_GONE ? ALG_MD5 : err == E_OK ? text_find(algorithms, name) : -1;
    g->algorithm = (enum algorithm)(i < 0 ? 0 : i);
    if (i < 0)
        wazuh_error_set(why, WAZUH_ERROR, 1723, "Available algorithms are md5, sha1, sha256, blake2b.");
    return i >= 0;
}

/* The name is told even when it was not selected, but not among distinct values; without a limit all are. A
 * wish for fields that there are not is refused in its own words. */
static void complete_wish(struct api_call *c, struct listing_wish *w) {
    bool is_whole = w->distinct || !w->select_count || w->select_count >= LISTING_FIELDS;
    for (uint32_t i = 0; i < w->select_count; i++)
        is_whole = is_whole || strcmp(w->select[i], "name") == 0 || text_find(fields, w->select[i]) < 0;
    if (!is_whole)
        text_copy(w->select[w->select_count++], LISTING_FIELD_BYTES, "name", 4);
    if (!api_argument(&c->request, "limit"))
        w->limit = LISTING_MOST;
}

static bool begin_listing(struct api_call *c, struct wazuh_error *why) {
    struct groups_get *g = api_state(c);
    const struct session_shared *shared = &c->env->role->shared;
    struct error e;
    int code = 1000;
    size_t room = shared->windows->size - offsetof(struct groups_window, places);
    blob_init(&g->w->items, NULL, 0, shared->windows, shared->spill, shared->message_bytes);
    if (wish_read(&c->request, "", &g->w->wish, why) != E_OK)
        return false;
    complete_wish(c, &g->w->wish);
    if (listing_begin(&g->w->listing, &g->w->wish, &g->w->items, g->w->places,
                      (uint32_t)(room / sizeof *g->w->places), fields, &code, &e) == E_OK)
        return true;
    wish_refused(why, code, &e);
    return false;
}

void groups_get_start(struct api_call *c) {
    struct groups_get *g = api_state(c);
    struct wazuh_error why;
    *g = (struct groups_get){.fd = -1};
    g->list = api_argument(&c->request, "group_list");
    g->w = pool_take(c->env->role->shared.windows);
    if (!g->w) {
        api_call_refuse(c, WAZUH_INTERNAL_ERROR, 1000,
                        "This node has no memory left for a list of groups: ask again");
        return;
    }
    if (!begin_listing(c, &why) || !read_algorithm(c, &why)) {
        api_call_fail(c, &why);
        return;
    }
    result_open_items(&c->result, &told);
    if (!g->list || tell_failed(c, g->list))
        next_page(c);
    else
        api_call_end(c);
}
