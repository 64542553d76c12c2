/* test_client_keys.c - etc/client.keys: its grammar, the store that follows it, and changes to it.
 *
 * The grammar, the choice of ids and what counts as taken are those of Wazuh 4.14.7: OS_ReadKeys,
 * OS_IsValidID, OS_IsValidName and OS_AddNewAgent, authd's local_add, manage_agents' removal with '!'. */
#include "test/unit/keys_rig.h"

#define K1 "1111111111111111111111111111111111111111111111111111111111111111"
#define K2 "2222222222222222222222222222222222222222222222222222222222222222"
#define K3 "3333333333333333333333333333333333333333333333333333333333333333"
#define PATH "etc/client.keys"

static void put(const char *text) {
    test_write_file(PATH, text, strlen(text));
}

/* Steps until the file is followed, or nothing more is to do now. The number of steps. */
static unsigned follow(void) {
    for (unsigned n = 1;; n++) {
        enum step s = client_keys_step(&rig.keys, &rig.e);
        if (s == STEP_DONE)
            return n;
        if (s != STEP_AGAIN)
            test_fail(__FILE__, __LINE__, "step %u: %s", n, rig.e.what);
        CHECK(n < 100000);
    }
}

static const char *rows(void) {
    return rig_sql("select id, name, register_ip from agent where id > 0 order by id");
}

/* ---- the grammar ---- */

static bool parse(struct client_key *k, const char *line) {
    char *exact = test_keep(malloc(strlen(line) + 1)); /* no NUL behind it: a byte too many is seen */
    memcpy(exact, line, strlen(line));
    return client_key_parse(k, exact, strlen(line));
}

TEST(lines) {
    struct client_key k;
    CHECK(parse(&k, "001 web-1 any " K1));
    CHECK_INT(k.id, 1);
    CHECK_STR(k.id_text, "001");
    CHECK_STR(k.name, "web-1");
    CHECK_STR(k.ip, "any");
    CHECK_STR(k.key, K1);
    CHECK(!k.removed);
    CHECK(parse(&k, "99999999 x.y_z 10.0.0.0/24 abc"));
    CHECK_INT(k.id, 99999999);
    CHECK_STR(k.ip, "10.0.0.0/24");
    CHECK(parse(&k, "1024 a 2001:db8::1 k with blanks")); /* the key is the rest of the line */
    CHECK_STR(k.key, "k with blanks");
    CHECK(parse(&k, "002 !gone any " K2) && k.removed && k.id == 2);
    CHECK_STR(k.name, "gone");
    CHECK(parse(&k, "002 #gone any " K2) && k.removed);
    CHECK(parse(&k, "002 !a\033[2J any " K2) && k.removed &&
          !k.name[0]);                                   /* what cannot be shown is not kept */
    CHECK(parse(&k, "002 !") && k.removed && k.id == 2); /* no more than the mark is looked at */
}

TEST(no_lines) {
    static const struct {
        const char *line;
        int64_t id;
    } bad[] = {{"", 0},
               {"# 001 web any key", 0},
               {" 001 web any key", 0},
               {"001", 1},
               {"001 ", 1},
               {"001 web", 1},
               {"001 web any", 1},
               {"000 manager any key", 0},
               {"x01 web any key", 0},
               {"-1 web any key", 0},
               {"1a web any key", 0},
               {"123456789 web any key", 0},
               {"001  any key", 1},
               {"001 we\tb any key", 1},
               {"!001 web any key", 0}};
    struct client_key k;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(&k, bad[i].line) || k.id != bad[i].id)
            test_fail(__FILE__, __LINE__, "'%s' is taken, or its id read as %lld", bad[i].line,
                      (long long)k.id);
    CHECK(!client_key_parse(&k, "001 a\0b any key", 15));
}

/* As long as can be, and one byte more, of each word. */
TEST(lengths) {
    static const size_t most[] = {AGENT_NAME_BYTES - 1, AGENT_IP_BYTES - 1, AGENT_KEY_BYTES - 1};
    for (int word = 0; word < 3; word++)
        for (size_t more = 0; more < 2; more++) {
            char line[1400], words[3][400] = {"name", "any", "key"};
            struct client_key k;
            memset(words[word], 'a', most[word] + more);
            snprintf(line, sizeof line, "00000001 %s %s %s", words[0], words[1], words[2]);
            CHECK_INT(parse(&k, line), more == 0);
            CHECK_INT(k.id, 1);
        }
}

/* ---- following ---- */

TEST(a_master_follows) {
    rig_open(true, 100);
    put("001 web any " K1 "\n002 db 10.0.0.2 " K2 "\n# a comment\n\n003 !gone any " K3 "\n");
    follow();
    CHECK_STR(rows(), "1|web|any 2|db|10.0.0.2");
    CHECK_STR(rig_sql("select internal_key, ip from agent where id = 2"), K2 "|-");
    CHECK_STR(rig_sql("select id, `group`, group_sync_status from agent where id > 0"),
              "1|default|syncreq 2|default|syncreq");
    KEYS_LOG("INFO Followed etc/client.keys: 2 added, 0 renamed, 0 changed, 0 removed; 2 agents\n");
    CHECK_INT(follow(), 1); /* one look */
    KEYS_LOG("");
    put("002 database 10.0.0.2 " K2 "\n005 new any " K3 "\n001 web 10.0.0.1 " K1 "\n");
    follow();
    CHECK_STR(rows(), "1|web|10.0.0.1 2|database|10.0.0.2 5|new|any");
    KEYS_LOG("INFO Followed etc/client.keys: 1 added, 1 renamed, 1 changed, 0 removed; 3 agents\n");
    put("005 new any " K3 "\n002 !database 10.0.0.2 " K2 "\n");
    follow();
    CHECK_STR(rows(), "5|new|any");
    KEYS_LOG("INFO Followed etc/client.keys: 0 added, 0 renamed, 0 changed, 2 removed; 1 agents\n");
    CHECK_STR(rig_sql("select count(*) from agent where id = 0"), "1"); /* the manager stays */
}

/* Groups come to a worker from its master. */
TEST(a_worker_follows) {
    rig_open(false, 100);
    put("001 web any " K1 "\n");
    follow();
    CHECK_STR(rows(), "1|web|any");
    CHECK_STR(rig_sql("select count(*) from belongs"), "0");
}

/* The row that the group synchronisation made before the file came. */
TEST(a_row_that_was_there) {
    rig_open(false, 100);
    CHECK_INT(agents_insert(&rig.agents, 7, "web", "0.0.0.0", NULL, NULL, 0, &rig.e), E_OK);
    put("007 web 10.1.1.1 " K1 "\n");
    follow();
    CHECK_STR(rig_sql("select id, name, register_ip, internal_key from agent where id = 7"),
              "7|web|10.1.1.1|" K1);
}

/* ... and must not go when an older file is followed meanwhile, but does when none ever names it. */
TEST(a_row_whose_line_comes_later) {
    rig_open(false, 100);
    put("001 web any " K1 "\n");
    follow();
    CHECK_INT(agents_insert(&rig.agents, 7, "told", NULL, NULL, NULL, 0, &rig.e), E_OK);
    CHECK_INT(agents_insert(&rig.agents, 8, "ghost", NULL, NULL, NULL, 0, &rig.e), E_OK);
    CHECK_INT(agents_insert(&rig.agents, 9, "old", NULL, NULL, NULL,
                            rig.faults.sys.wall_ns(&rig.faults.sys) / 1000000000 - KEYS_SPARE_S, &rig.e),
              E_OK);
    CHECK_INT(agents_insert(&rig.agents, 10, "older", NULL, NULL, NULL, INT64_MIN, &rig.e), E_OK);
    put("001 web2 any " K1 "\n");
    follow();
    CHECK_STR(rig_sql("select id, name from agent where id > 0"), "1|web2 7|told 8|ghost");
    put("001 web2 any " K1 "\n007 told any " K2 "\n");
    follow();
    CHECK_STR(rig_sql("select id, name from agent where id > 0"), "1|web2 7|told 8|ghost");
    CHECK_INT(follow(), 1); /* not yet looked at again */
    rig.faults.wall_shift_ns += (int64_t)KEYS_SPARE_S * 1000000000;
    rig.keys.again_ms = 1;
    follow();
    CHECK_STR(rig_sql("select id, name from agent where id > 0"), "1|web2 7|told");
    CHECK_INT(follow(), 1);
}

/* A master that names agents which are none does not take the places of those in the file. */
TEST(rows_without_a_line_make_way) {
    rig_open(false, 4);
    put("001 web any " K1 "\n");
    follow();
    for (int64_t id = 7; id < 10; id++)
        CHECK_INT(agents_insert(&rig.agents, id, "ghost", NULL, NULL, NULL, 0, &rig.e), E_OK);
    put("001 web any " K1 "\n002 mail any " K2 "\n010 db any " K1 "\n");
    follow();
    CHECK_STR(rig_sql("select id, name from agent where id > 0"), "1|web 2|mail 7|ghost 10|db");
}

TEST(another_agent_under_the_same_id) {
    static const char *const names[] = {"special"};
    rig_open(true, 100);
    put("001 web any " K1 "\n002 db any " K2 "\n");
    follow();
    CHECK_INT(groups_insert(&rig.agents, "special", &rig.e), E_OK);
    for (int64_t id = 1; id < 3; id++)
        CHECK_INT(agents_set_groups(&rig.agents, id, GROUPS_OVERRIDE, names, 1, false, &rig.e), E_OK);
    put("001 web2 any " K1 "\n002 db2 any " K3 "\n"); /* a new name; a new name and key */
    follow();
    CHECK_STR(rig_sql("select id, name, `group` from agent where id > 0"), "1|web2|special 2|db2|default");
}

TEST(an_id_twice) {
    rig_open(true, 100);
    put("001 web any " K1 "\n001 later any " K1 "\n");
    follow();
    CHECK_STR(rows(), "1|later|any");
}

/* ids that are equal modulo 65,536, on both sides. */
TEST(ids_without_clashes) {
    rig_open(true, 100);
    put("001 a1 any " K1 "\n065537 a2 any " K2 "\n131073 a3 any " K3 "\n99999999 a4 any " K3 "\n");
    follow();
    CHECK_STR(rows(), "1|a1|any 65537|a2|any 131073|a3|any 99999999|a4|any");
    put("065537 a2 any " K2 "\n");
    follow();
    CHECK_STR(rows(), "65537|a2|any");
    put("001 a1 any " K1 "\n131073 a3 any " K3 "\n");
    follow();
    CHECK_STR(rows(), "1|a1|any 131073|a3|any");
}

TEST(in_steps) {
    static char file[3000 * 90];
    struct text t;
    rig_open(true, 5000);
    text_init(&t, file, sizeof file);
    for (int i = 1; i <= 3000; i++)
        text_format(&t, "%03d agent-%d any %064d\n", i, i, i);
    put(file);
    unsigned steps = 0;
    enum step s;
    for (uint32_t before = 0; (s = client_keys_step(&rig.keys, &rig.e)) == STEP_AGAIN; steps++) {
        CHECK(rig.agents.count - before <= 256);
        CHECK(!db_in_transaction(&rig.db));
        before = rig.agents.count;
    }
    CHECK_INT(s, STEP_DONE);
    CHECK(steps >= 3000 / 256 && steps < 40);
    CHECK_INT(rig.agents.count, 3000);
    CHECK_STR(rig_sql("select count(*), min(id), max(id) from agent where id > 0"), "3000|1|3000");
    uint64_t commits = rig.db.commits;
    text_str(&t, "# a comment more\n");
    put(file);
    follow();
    CHECK_INT(rig.db.commits, commits); /* nothing to write */
}

/* ---- what is not believed ---- */

static void two_agents(void) {
    rig_open(true, 100);
    put("001 web any " K1 "\n002 db any " K2 "\n");
    follow();
    keys_log_clear();
}

TEST(a_missing_file_changes_nothing) {
    two_agents();
    CHECK_INT(unlinkat(rig.root, PATH, 0), 0);
    for (int i = 0; i < 5; i++)
        CHECK_INT(follow(), 1);
    CHECK_STR(rows(), "1|web|any 2|db|any");
    KEYS_LOG("");
    put("001 web any " K1 "\n");
    follow();
    CHECK_STR(rows(), "1|web|any");
}

TEST(an_empty_file_is_believed_at_the_second_look) {
    static const char *const empty[] = {"", "# nobody\n\n"};
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            two_agents();
        put("001 web any " K1 "\n002 db any " K2 "\n");
        follow();
        keys_log_clear();
        put(empty[i]);
        follow();
        CHECK_STR(rows(), "1|web|any 2|db|any");
        KEYS_LOG("WARNING etc/client.keys is empty: the store's 2 agents are removed if it stays so.\n");
        follow();
        CHECK_STR(rows(), "");
        KEYS_LOG("INFO Followed etc/client.keys: 0 added, 0 renamed, 0 changed, 2 removed; 0 agents\n");
        CHECK_INT(follow(), 1);
    }
}

TEST(an_empty_file_that_fills_again) {
    two_agents();
    put("");
    follow();
    put("001 web any " K1 "\n002 db any " K2 "\n");
    follow();
    put("");
    follow(); /* the first look at this one */
    CHECK_STR(rows(), "1|web|any 2|db|any");
}

/* The last agent was removed as manage_agents does it: that is no accident. */
TEST(removed_lines_are_believed_at_once) {
    two_agents();
    put("001 !web any " K1 "\n002 !db any " K2 "\n");
    follow();
    CHECK_STR(rows(), "");
}

TEST(a_damaged_file) {
    static char zeros[5000];
    two_agents();
    test_write_file(PATH, zeros, sizeof zeros); /* as a power cut leaves it */
    for (int i = 0; i < 4; i++)
        follow();
    CHECK_STR(rows(), "1|web|any 2|db|any");
    KEYS_LOG(
        "ERROR etc/client.keys is damaged: none of its 1 lines is that of an agent. The store keeps its 2 "
        "agents; put the file back, or empty it to remove them.\n");
}

TEST(a_damaged_line_keeps_its_agent) {
    two_agents();
    put("001 web\n003 new any " K3 "\nxyz\n");
    follow();
    CHECK_STR(rows(), "1|web|any 3|new|any");
    KEYS_LOG(
        "WARNING etc/client.keys: 2 lines are not of the form \"id name address key\"; agents: 1 added, 0 "
        "renamed, 0 changed, 1 removed\n");
    put("001 web\n003 new any " K3 "\nxyzz\n");
    follow();
    KEYS_LOG(""); /* said already */
}

/* A name that the store takes from nobody does not stop the rest. */
TEST(a_bad_name) {
    rig_open(true, 100);
    put("001 w@b any " K1 "\n002 db any " K2 "\n");
    follow();
    CHECK_STR(rows(), "2|db|any");
}

TEST(a_long_line) {
    static char file[2000];
    struct text t;
    rig_open(true, 100);
    text_init(&t, file, sizeof file);
    text_format(&t, "001 web any %0600d\n002 db any " K2, 0); /* and the last line without a line break */
    put(file);
    follow();
    CHECK_STR(rows(), "2|db|any");
}

TEST(a_file_that_changes_while_it_is_read) {
    two_agents();
    put("001 web any " K1 "\n003 new any " K3 "\n");
    CHECK_INT(client_keys_step(&rig.keys, &rig.e), STEP_AGAIN); /* opened */
    int fd = openat(rig.root, PATH, O_WRONLY | O_TRUNC);        /* in place, as an editor may */
    CHECK(fd >= 0);
    follow();
    CHECK_STR(rows(), "1|web|any 2|db|any");
    CHECK_INT(write(fd, "002 db any " K2 "\n", 12 + 64), 12 + 64);
    close(fd);
    follow();
    CHECK_STR(rows(), "2|db|any");
}

TEST(no_plain_file) {
    two_agents();
    unlinkat(rig.root, PATH, 0);
    CHECK_INT(symlinkat("/etc/passwd", rig.root, PATH), 0);
    CHECK_INT(client_keys_step(&rig.keys, &rig.e), STEP_FAILED);
    unlinkat(rig.root, PATH, 0);
    CHECK_INT(mkfifoat(rig.root, PATH, 0600), 0);
    CHECK_INT(client_keys_step(&rig.keys, &rig.e), STEP_FAILED); /* and does not wait for a writer */
    CHECK_STR(rows(), "1|web|any 2|db|any");
}

TEST(more_than_there_is_room_for) {
    rig_open(true, 3);
    put("001 a1 any " K1 "\n002 a2 any " K1 "\n003 a3 any " K1 "\n004 a4 any " K1 "\n005 a5 any " K1 "\n");
    follow();
    CHECK_STR(rows(), "1|a1|any 2|a2|any 3|a3|any");
    KEYS_LOG(
        "ERROR etc/client.keys has more agents than this board's limit of 3: those after line 3 are not in "
        "the store (2 agents)\n");
    put("001 a1 any " K1 "\n002 a2 any " K1 "\n003 b3 any " K1 "\n004 a4 any " K1 "\n006 a6 any " K1 "\n");
    follow();
    CHECK_STR(rows(), "1|a1|any 2|a2|any 3|b3|any"); /* who is there is still followed */
    CHECK(!strstr(rig.lines, "ERROR"));              /* said once */
    put("004 a4 any " K1 "\n005 a5 any " K1 "\n006 a6 any " K1 "\n");
    follow();
    CHECK_STR(rows(), "4|a4|any 5|a5|any 6|a6|any"); /* all go before all come */
}

/* ---- adding ---- */

static struct client_key key;

static void check_file(const char *want) {
    size_t n;
    char *got = test_read_file(PATH, &n);
    CHECK(got != NULL);
    CHECK_STR(got, want);
    CHECK(!test_read_file("etc/.client.keys.new", NULL));
}

TEST(adding) {
    char want[600];
    struct stat st;
    two_agents();
    fchmodat(rig.root, PATH, 0604, 0);
    follow();
    CHECK_INT(client_keys_add(&rig.keys, &key, "new.one", NULL, 0, &rig.e), E_OK);
    CHECK_INT(key.id, 3);
    CHECK_STR(key.id_text, "003");
    CHECK_STR(key.ip, "any");
    CHECK_INT(strlen(key.key), 64);
    CHECK_INT(strspn(key.key, "0123456789abcdef"), 64);
    snprintf(want, sizeof want, "001 web any " K1 "\n002 db any " K2 "\n003 new.one any %s\n", key.key);
    check_file(want);
    CHECK_INT(fstatat(rig.root, PATH, &st, 0), 0);
    CHECK_INT(st.st_mode & 07777, 0604);
    CHECK_STR(rows(), "1|web|any 2|db|any 3|new.one|any");
    CHECK_STR(
        rig_sql("select `group`, group_sync_status, internal_key = register_ip from agent where id = 3"),
        "default|syncreq|0");
    KEYS_LOG("");
    CHECK_INT(follow(), 1); /* it is followed already */
    char first[65];
    memcpy(first, key.key, sizeof first);
    CHECK_INT(client_keys_add(&rig.keys, &key, "x2", "10.0.0.9", 1000, &rig.e), E_OK);
    CHECK_STR(key.id_text, "1000");
    CHECK(strcmp(first, key.key) != 0);
    CHECK_INT(client_keys_add(&rig.keys, &key, "x3", "2001:db8::/32", 0, &rig.e), E_OK);
    CHECK_INT(key.id, 1001);
    CHECK_STR(rows(), "1|web|any 2|db|any 3|new.one|any 1000|x2|10.0.0.9 1001|x3|2001:db8::/32");
}

/* No id is given twice, not even that of an agent that was removed. */
TEST(the_next_id) {
    rig_open(true, 100);
    put("001 web any " K1 "\n2000 !gone any " K2);
    CHECK_INT(client_keys_add(&rig.keys, &key, "new", "any", 0, &rig.e), E_OK);
    CHECK_INT(key.id, 2001);
    static const char begins[] = "001 web any " K1 "\n2000 !gone any " K2 "\n2001 new any ";
    CHECK(strncmp(test_read_file(PATH, NULL), begins, sizeof begins - 1) == 0);
    CHECK_INT(client_keys_add(&rig.keys, &key, "last", "any", 99999999, &rig.e), E_OK);
}

/* Who asks for the highest id does not keep everybody else out for ever, not even once removed. */
TEST(ids_after_the_highest) {
    rig_open(true, 100);
    put("001 web any " K1 "\n");
    CHECK_INT(client_keys_add(&rig.keys, &key, "last", "any", AGENT_ID_MAX, &rig.e), E_OK);
    CHECK_INT(client_keys_add(&rig.keys, &key, "after", "any", 0, &rig.e), E_OK);
    CHECK(key.id > 1 && key.id < AGENT_ID_MAX);
    CHECK_INT(client_keys_remove(&rig.keys, AGENT_ID_MAX, &rig.e), E_OK);
    CHECK(strstr(test_read_file(PATH, NULL), "99999999 !last "));
    CHECK_INT(client_keys_add(&rig.keys, &key, "later", "any", 0, &rig.e), E_OK);
    CHECK(key.id > 1 && key.id < AGENT_ID_MAX);
}

TEST(the_first_agent) {
    struct stat st;
    rig_open(true, 100);
    CHECK_INT(client_keys_add(&rig.keys, &key, "first", "any", 0, &rig.e), E_OK);
    CHECK_INT(key.id, 1);
    CHECK_INT(fstatat(rig.root, PATH, &st, 0), 0);
    CHECK_INT(st.st_mode & 07777, 0640);
    follow();
    CHECK_STR(rows(), "1|first|any");
}

static void refused(const char *name, const char *ip, int64_t id, enum err want, const char *words) {
    enum err got = client_keys_add(&rig.keys, &key, name, ip, id, &rig.e);
    if (got != want || (words && strcmp(rig.e.what, words) != 0))
        test_fail(__FILE__, __LINE__, "%s %s %lld: %d %s", name, ip, (long long)id, (int)got,
                  got ? rig.e.what : "added");
}

TEST(what_is_taken) {
    rig_open(true, 100);
    put("001 web 10.0.0.1 " K1 "\n002 db 10.0.0.2/24 " K2 "\n003 v6 2001:0DB8:0:0:0:0:0:1 " K3
        "\n004 !gone 10.0.0.4 " K3 "\n");
    follow();
    refused("web", "any", 0, E_DUPLICATE,
            "the name web is taken, by agent 001: take another, or remove that one");
    refused("new", "10.0.0.1", 0, E_DUPLICATE,
            "the address 10.0.0.1 is taken, by agent 001 (web): take any or another, or remove that one");
    refused("new", "10.0.0.2", 0, E_DUPLICATE, NULL); /* authd compares without the bits */
    refused("new", "2001:db8::1", 0, E_DUPLICATE, NULL);
    refused("new", "any", 1, E_DUPLICATE, "the id 001 is taken, by agent web: leave it out, or take another");
    CHECK_INT(client_keys_add(&rig.keys, &key, "gone", "10.0.0.4", 4, &rig.e),
              E_OK); /* that one was removed */
    CHECK_INT(client_keys_add(&rig.keys, &key, "net", "10.0.0.2/24", 0, &rig.e),
              E_OK); /* a network is shared */
    CHECK_INT(client_keys_add(&rig.keys, &key, "Web", "any", 0, &rig.e), E_OK);
}

TEST(the_managers_own_name) {
    char name[AGENT_NAME_BYTES];
    rig_open(true, 100);
    CHECK_INT(agents_find(&rig.agents, 0, name, NULL, &rig.e), E_OK);
    refused(name, "any", 0, E_DUPLICATE, NULL);
}

TEST(bad_names_addresses_and_ids) {
    static const char *const names[] = {"",    "a",    ".hidden", "a b", "a/b",
                                        "a'b", "a\nb", "!ab",     "#ab", "\xc3\xa4\xc3\xb6"};
    static const char *const ips[] = {
        "",      "ANY",     "10.0.0",    "10.0.0.256", "10.0.0.1/33", "10.0.0.1/",     "10.0.0.1/x",
        "[::1]", "::1/129", "10.0.0.1 ", "host",       "any/8",       "10.0.0.1\n2 x", "10.0.0.1/0024"};
    char longest[130];
    rig_open(true, 100);
    put("001 web any " K1 "\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        refused(names[i], "any", 0, E_VALUE, NULL);
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++)
        refused("new", ips[i], 0, E_VALUE, NULL);
    refused("new", "any", -1, E_VALUE, "the id of an agent is 1 to 99999999");
    refused("new", "any", 100000000, E_VALUE, NULL);
    memset(longest, 'a', 129);
    longest[129] = '\0';
    refused(longest, "any", 0, E_VALUE, NULL);
    check_file("001 web any " K1 "\n");
    longest[128] = '\0';
    CHECK_INT(client_keys_add(&rig.keys, &key, longest, "any", 0, &rig.e), E_OK);
    client_keys_fini(&rig.keys);
    follow();
    CHECK_STR(rig_sql("select length(name) from agent where id > 0"), "3 128");
}

TEST(no_room_for_another) {
    rig_open(true, 2);
    put("001 web any " K1 "\n002 db any " K2 "\n");
    refused("new", "any", 0, E_POOL, "2 agents are there, and this board's limit is 2: remove some first");
    check_file("001 web any " K1 "\n002 db any " K2 "\n");
}

TEST(not_on_a_worker) {
    rig_open(false, 100);
    put("001 web any " K1 "\n");
    refused("new", "any", 0, E_DENIED, NULL);
    CHECK_INT(client_keys_remove(&rig.keys, 1, &rig.e), E_DENIED);
    check_file("001 web any " K1 "\n");
}

/* ---- removing ---- */

TEST(removing) {
    two_agents();
    CHECK_INT(client_keys_remove(&rig.keys, 7, &rig.e), E_GONE);
    CHECK_STR(rig.e.what, "there is no agent 007");
    test_write_file("queue/rids/001", "5:6", 3);
    CHECK_INT(client_keys_remove(&rig.keys, 1, &rig.e), E_OK);
    check_file("002 db any " K2 "\n");
    CHECK(!test_read_file("queue/rids/001", NULL));
    CHECK_STR(rows(), "2|db|any");
    CHECK_INT(follow(), 1);
    CHECK_INT(client_keys_remove(&rig.keys, 2, &rig.e), E_OK); /* the highest: its id must not come again */
    check_file("002 !db any " K2 "\n");
    CHECK_INT(client_keys_remove(&rig.keys, 2, &rig.e), E_GONE);
    CHECK_STR(rows(), "");
    follow();
    CHECK_INT(client_keys_add(&rig.keys, &key, "db", "any", 0, &rig.e), E_OK);
    CHECK_INT(key.id, 3);
    CHECK_INT(client_keys_remove(&rig.keys, 0, &rig.e), E_GONE);
}

TEST(two_lines_of_one_agent) {
    rig_open(true, 100);
    put("001 web any " K1 "\n01 web any " K1 "\n");
    CHECK_INT(client_keys_remove(&rig.keys, 1, &rig.e), E_DUPLICATE);
}

/* ---- others write, too ---- */

static int (*real_fsync)(struct sys *s, int fd);
static const char *meanwhile;

/* Another program has its turn just before the look that comes before the rename. */
static int fsync_and_change(struct sys *s, int fd) {
    if (meanwhile)
        put(meanwhile);
    meanwhile = NULL;
    return real_fsync(s, fd);
}

TEST(changed_by_another_program) {
    two_agents();
    real_fsync = rig.faults.sys.fsync;
    rig.faults.sys.fsync = fsync_and_change;
    meanwhile = "001 web any " K1 "\n002 db any " K2 "\n003 theirs any " K3 "\n";
    refused("ours", "any", 0, E_CHANGED,
            "etc/client.keys was changed by another program meanwhile: nothing was done, try again");
    check_file("001 web any " K1 "\n002 db any " K2 "\n003 theirs any " K3 "\n");
    CHECK_STR(rows(), "1|web|any 2|db|any");
    meanwhile = "001 web any " K2 "\n002 db any " K2 "\n003 theirs any " K3 "\n"; /* the same length */
    CHECK_INT(client_keys_remove(&rig.keys, 3, &rig.e), E_CHANGED);
    unlinkat(rig.root, PATH, 0);
    meanwhile = "001 theirs any " K3 "\n"; /* a file where there was none */
    refused("ours", "any", 0, E_CHANGED, NULL);
    CHECK_INT(client_keys_add(&rig.keys, &key, "ours", "any", 0, &rig.e), E_OK);
    CHECK_INT(key.id, 2);
}

/* A change in the middle of following: it begins anew. */
TEST(adding_while_following) {
    rig_open(true, 100);
    put("001 web any " K1 "\n002 db any " K2 "\n");
    for (int steps = 0; steps < 5; steps++) {
        char name[24];
        for (int i = 0; i < steps; i++)
            client_keys_step(&rig.keys, &rig.e);
        snprintf(name, sizeof name, "new-%d", steps);
        CHECK_INT(client_keys_add(&rig.keys, &key, name, "any", 0, &rig.e), E_OK);
    }
    follow();
    CHECK_STR(rows(), "1|web|any 2|db|any 3|new-0|any 4|new-1|any 5|new-2|any 6|new-3|any 7|new-4|any");
}

/* ---- faults ---- */

#define BEFORE "001 web any " K1 "\n002 db any " K2 "\n"

static enum err outcome;

static void fresh(struct faults *f) {
    db_close(&rig.db);
    unlinkat(rig.root, "queue/db/global.db", 0);
    unlinkat(rig.root, "queue/db/global.db-journal", 0);
    db_library_close();
    put(BEFORE);
    f->fail_at = 0;
    rig_store_open(true, 100);
    follow();
}

static void add_one(void *ctx, struct faults *f) {
    (void)ctx;
    uint64_t at = f->fail_at;
    rig.faults = *f;
    rig.faults.fail_at = 0;
    fresh(&rig.faults);
    rig.faults.calls = 0;
    rig.faults.fail_at = at;
    outcome = client_keys_add(&rig.keys, &key, "new", "any", 0, &rig.e);
    f->calls = rig.faults.calls;
    f->fired = rig.faults.fired;
    rig.faults.fail_at = 0;
}

static bool is_new(void) {
    char want[600], *got = test_read_file(PATH, NULL);
    snprintf(want, sizeof want, BEFORE "003 new any %s\n", key.key);
    CHECK(got && (!strcmp(got, BEFORE) || !strcmp(got, want)));
    return strcmp(got, BEFORE) != 0;
}

/* The file is old or new and never torn; E_OK means both are new; whatever happened, the store follows. */
static void check_add(void *ctx, struct faults *f) {
    (void)ctx, (void)f;
    bool new = is_new();
    CHECK(outcome != E_OK || new);
    if (outcome == E_OK)
        CHECK_STR(rows(), "1|web|any 2|db|any 3|new|any");
    CHECK(!db_in_transaction(&rig.db));
    client_keys_init(&rig.keys, &rig.agents, &rig.faults.sys, &rig.log, rig.root, true);
    CHECK(!test_read_file("etc/.client.keys.new", NULL)); /* full of keys */
    follow();
    CHECK_STR(rows(), new ? "1|web|any 2|db|any 3|new|any" : "1|web|any 2|db|any");
}

TEST(every_call_fails) {
    rig_open(true, 100);
    CHECK(faults_sweep(EIO, false, NULL, add_one, check_add) > 20);
    CHECK(faults_sweep(ENOSPC, true, NULL, add_one, check_add) > 20);
}

static void follow_one(void *ctx, struct faults *f) {
    (void)ctx;
    uint64_t at = f->fail_at;
    rig.faults = *f;
    fresh(&rig.faults);
    put("002 db2 any " K2 "\n003 new any " K3 "\n");
    rig.faults.calls = 0;
    rig.faults.fail_at = at;
    enum step s;
    while ((s = client_keys_step(&rig.keys, &rig.e)) == STEP_AGAIN)
        ;
    f->calls = rig.faults.calls;
    f->fired = rig.faults.fired;
    rig.faults.fail_at = 0;
    CHECK(!db_in_transaction(&rig.db));
    CHECK_INT(rig.keys.fd, -1);
}

static void check_follow(void *ctx, struct faults *f) {
    (void)ctx, (void)f;
    follow();
    CHECK_STR(rows(), "2|db2|any 3|new|any");
    CHECK_INT(rig.agents.count, 2);
}

TEST(every_call_fails_while_following) {
    rig_open(true, 100);
    CHECK(faults_sweep(EIO, false, NULL, follow_one, check_follow) > 20);
}

/* ---- power cuts ---- */

static void cut_one(void *ctx, struct faults *f) {
    (void)ctx;
    rig.faults = *f;
    rig.faults.fail_at = 0;
    rig_store_open(true, 100);
    follow();
    rig.faults.calls = 0;
    rig.faults.fail_at = f->fail_at;
    outcome = client_keys_add(&rig.keys, &key, "new", "any", 0, &rig.e);
    if (outcome == E_OK)
        test_write_file("acknowledged", "", 0);
    f->fired = rig.faults.fired;
}

/* Old or new and whole; what was answered is there, in the file and in the store; no copy of the keys lies
 * about after the next start. */
static void check_cut(void *ctx) {
    (void)ctx;
    struct client_key k;
    char *got = test_read_file(PATH, NULL);
    CHECK(got && !strncmp(got, BEFORE, sizeof BEFORE - 1));
    bool new = strlen(got) > sizeof BEFORE - 1;
    if (new)
        CHECK(client_key_parse(&k, got + sizeof BEFORE - 1, strlen(got) - sizeof BEFORE) && k.id == 3);
    CHECK(new || !test_read_file("acknowledged", NULL));
    faults_init(&rig.faults);
    rig_store_open(true, 100);
    CHECK(!test_read_file("etc/.client.keys.new", NULL));
    if (test_read_file("acknowledged", NULL))
        CHECK_STR(rows(), "1|web|any 2|db|any 3|new|any");
    follow();
    CHECK_STR(rows(), new ? "1|web|any 2|db|any 3|new|any" : "1|web|any 2|db|any");
    put(BEFORE);
    follow();
    unlinkat(rig.root, "acknowledged", 0);
    client_keys_fini(&rig.keys);
    db_close(&rig.db);
    db_library_close();
}

TEST(power_cuts) {
    rig_open(true, 100);
    put(BEFORE);
    db_close(&rig.db);
    db_library_close();
    CHECK(faults_kill_sweep(NULL, cut_one, check_cut) > 20);
}
