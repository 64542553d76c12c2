# board/host - the machine that builds, or one like it.
MUSL = $(shell uname -m)-linux-musl # folder names of Debian's musl-dev
HOT = -O2                           # for the files in HOT_FILES (Makefile)
COLD = -Oz                          # for all others
ARCH =                              # flags that choose the processor
FLASH_MAX = 327680                  # bytes of the stripped program; more is an error
