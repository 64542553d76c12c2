# What is compiled of the third-party sources, and how. Their warnings are theirs.

# BearSSL: digests and AES. The processor's AES instructions are chosen at run time.
BEARSSL := $(addprefix src/,settings hash/md5 hash/sha1 hash/sha2small mac/hmac \
    $(addprefix codec/,ccopy dec32be dec32le dec64be dec64le enc32be enc32le enc64be enc64le) \
    $(addprefix symcipher/aes_,common ct64 ct64_cbcdec ct64_cbcenc ct64_dec ct64_enc ct ct_cbcdec ct_cbcenc \
        ct_dec ct_enc big_cbcdec big_cbcenc big_dec big_enc x86ni x86ni_cbcdec x86ni_cbcenc pwr8 \
        pwr8_cbcdec pwr8_cbcenc))
BEARSSL_FLAGS := -w -fno-sanitize=undefined -I$(DEPS)/src/bearssl/inc -I$(DEPS)/src/bearssl/src

# zlib as a library that cannot allocate (Z_SOLO: the caller brings the memory) and knows no gzip wrapper.
ZLIB := adler32 deflate inffast inflate inftrees trees zutil
ZLIB_FLAGS := -w -fno-sanitize=undefined -DZ_SOLO -DNO_GZIP -DNO_GUNZIP -DHAVE_MEMCPY -include string.h -I$(DEPS)/src/zlib

# SQLite. What is left out of its grammar is left out where the one file is made and where it is compiled. WAL
# stays, for files that wazuh-db left in that mode; triggers, because foreign keys are made of them. Renaming
# tables is left out: an upgrade copies rows back instead (store/schema.c). So is a second file (ATTACH), and with
# it VACUUM. No file access of its own (OS_OTHER: store/db_vfs.c), no allocator but the arena, no time zones. Stack
# protection is the plain one, of functions with arrays of characters: the strong one costs 8 KB here. What a
# statement would undo is kept in one piece of 64 KiB, header included, before it goes to a file: SQLite's own
# 64 KiB and a header take 128 KiB of an arena of powers of two, and a small one has no such piece left when it has
# worked for a while. With 32 KiB the groups of 20,000 agents take 1.7 times as long to write.
sqlite_omit = $(addprefix -DSQLITE_OMIT_,$1)
SQLITE_GRAMMAR := $(call sqlite_omit,ALTERTABLE ANALYZE ATTACH CTE EXPLAIN GENERATED_COLUMNS REINDEX UPSERT VIEW \
    VIRTUALTABLE WINDOWFUNC)
SQLITE_FLAGS := -w -fno-stack-protector -fstack-protector -fno-sanitize=undefined -DSQLITE_OS_OTHER=1 \
    -DSQLITE_THREADSAFE=0 -DSQLITE_ENABLE_MEMSYS5 -DSQLITE_ZERO_MALLOC -DSQLITE_DEFAULT_MEMSTATUS=1 \
    -DSQLITE_DEFAULT_FOREIGN_KEYS=1 -DSQLITE_DQS=0 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_ATTACHED=0 \
    -DSQLITE_MAX_EXPR_DEPTH=100 -DSQLITE_STMTJRNL_SPILL=65528 \
    -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_UNTESTABLE -DHAVE_STDINT_H \
    $(SQLITE_GRAMMAR) $(call sqlite_omit,AUTOINIT AUTOMATIC_INDEX AUTORESET AUTOVACUUM BETWEEN_OPTIMIZATION \
    BLOB_LITERAL BTREECOUNT COMPILEOPTION_DIAGS COMPLETE DECLTYPE DEPRECATED DESERIALIZE GET_TABLE HEX_INTEGER \
    INCRBLOB JSON LIKE_OPTIMIZATION LOAD_EXTENSION LOCALTIME OR_OPTIMIZATION QUICKBALANCE SHARED_CACHE \
    TCL_VARIABLE TRACE TRUNCATE_OPTIMIZATION UTF16 XFER_OPT)

THIRD_FLAGS = $(BEARSSL_FLAGS) $(ZLIB_FLAGS) $(SQLITE_FLAGS)
