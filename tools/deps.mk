# What is compiled of the third-party sources, and how. Their warnings are theirs.

# BearSSL: digests and AES. The processor's AES instructions are chosen at run time.
BEARSSL := $(addprefix src/,settings hash/md5 hash/sha2small mac/hmac \
    $(addprefix codec/,ccopy dec32be dec32le dec64be dec64le enc32be enc32le enc64be enc64le) \
    $(addprefix symcipher/aes_,common ct64 ct64_cbcdec ct64_cbcenc ct64_dec ct64_enc ct ct_cbcdec ct_cbcenc \
        ct_dec ct_enc big_cbcdec big_cbcenc big_dec big_enc x86ni x86ni_cbcdec x86ni_cbcenc pwr8 \
        pwr8_cbcdec pwr8_cbcenc))
BEARSSL_FLAGS := -w -fno-sanitize=undefined -I$(DEPS)/src/bearssl/inc -I$(DEPS)/src/bearssl/src

# zlib as a library that cannot allocate (Z_SOLO: the caller brings the memory) and knows no gzip wrapper.
ZLIB := adler32 deflate inffast inflate inftrees trees zutil
ZLIB_FLAGS := -w -fno-sanitize=undefined -DZ_SOLO -DNO_GZIP -DNO_GUNZIP -DHAVE_MEMCPY -include string.h -I$(DEPS)/src/zlib

THIRD_FLAGS = $(BEARSSL_FLAGS) $(ZLIB_FLAGS)
