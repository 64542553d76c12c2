# board/host - the machine that builds, or one like it.
MUSL = $(shell uname -m)-linux-musl    # folder names of Debian's musl-dev
HOT = -O2                              # for the files in HOT_FILES (Makefile)
COLD = -Oz -fno-optimize-sibling-calls # for all others; tail calls would make it 2 KB larger
ARCH =                                 # flags that choose the processor
# Bytes of the stripped program; more is an error. clang makes more of SQLite and zlib.
FLASH_MAX = $(if $(findstring clang,$(CC)),1134592,1081344)
