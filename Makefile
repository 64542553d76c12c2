# picket: everything that can be built, tested and measured. `make help` lists the targets.
#
# The same sources are compiled three times: for the shipped binary (musl, static-pie, hardened), for the
# tests (the machine's own C library, address and undefined-behaviour sanitizers) and for fuzzing (clang).
# Third-party sources are fetched by tools/deps and built with the flags of each.

BOARD ?= host
FUZZ_CC ?= clang
JOBS ?= $(shell nproc)
V ?= 0
Q := $(if $(filter 0,$V),@)
say = $(if $(filter 0,$V),@printf '  %-6s %s\n' "$1" "$2")

include board/$(BOARD)/board.mk

# A board of another architecture than this machine's has Debian's cross compiler, the musl-dev that tools/deps.lock
# pins for it, and the kernel's headers that Debian packages for cross compilers. Its tests run under qemu-user.
DEPS := build/deps
CROSS := $(filter-out $(shell dpkg --print-architecture),$(strip $(DEBIAN)))
PREFIX_GNU := $(if $(CROSS),$(strip $(GNU))-)
ifeq ($(origin CC),default)
CC := $(PREFIX_GNU)gcc
endif
ifeq ($(origin AR),default)
AR := $(PREFIX_GNU)ar
endif
HOST_CC ?= gcc
STRIP ?= $(PREFIX_GNU)strip
NM ?= $(PREFIX_GNU)nm
OBJDUMP ?= $(PREFIX_GNU)objdump
CROSS_PACKAGES := $(if $(CROSS),gcc-$(subst _,-,$(strip $(GNU))) linux-libc-dev-$(CROSS)-cross)
SYSROOT := $(if $(CROSS),$(DEPS)/src/musl-$(CROSS))
KERNEL := $(DEPS)/kernel$(CROSS:%=-%)
RUN := $(if $(CROSS),$(strip $(QEMU)))

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS) --output-sync=target
endif
.DELETE_ON_ERROR:
.SECONDARY:

# ---- sources ------------------------------------------------------------------------------------------
# The tests bring a main() of their own, the sanitizers an allocator, and glibc a snprintf to compare with.
LAYERS := base sys crypto net fs store wire task role api app
NOT_IN_TESTS := $(addprefix src/app/,main.c sealed_malloc.c small_libc.c)
SRC := $(sort $(foreach l,$(LAYERS),$(wildcard src/$l/*.c))) $(wildcard board/$(BOARD)/*.c)

include tools/deps.mk

# Built for speed: the files that bulk bytes run through and that gain by it. Measured, -O2 against -Os: blake2b
# 17 %, base64url 12 %, deflate 11 %, inflate 8 %, portable SHA-256 10 %. The rest of the cryptography gains
# nothing (processor instructions), all other files are for size.
HOT_FILES := src/crypto/blake2b.c src/crypto/base64url.c src/wire/fernet_% src/base/json_scan.c \
    bearssl/src/hash/sha2small zlib/adler32 zlib/deflate zlib/inffast
level = $(if $(filter $(HOT_FILES),$1),$(strip $(HOT)),$(strip $(COLD)))

# ---- flags --------------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef -Wwrite-strings -Werror
LANG_C = -std=c11 -D_GNU_SOURCE -DBOARD_LIMITS='"board/$(LIMITS_OF)/limits.h"' -DZ_SOLO \
    -iquote include -iquote . -isystem $(DEPS)/src/bearssl/inc -isystem $(DEPS)/src/zlib \
    -isystem $(DEPS)/src/jsmn -isystem $(DEPS)/sqlite3
COMMON := -g -fno-common '-ffile-prefix-map=$(CURDIR)=.' -fno-strict-aliasing

# Shipped: Debian's musl is named file by file, because its musl-gcc turns -static-pie into a dynamic
# program without a word, and hides the kernel's headers.
MUSL_LIB = $(SYSROOT)/usr/lib/$(strip $(MUSL))
ship_include = $(eval ship_include := -nostdinc -isystem $(SYSROOT)/usr/include/$(strip $(MUSL)) \
    -isystem $(shell $(CC) -print-file-name=include) -idirafter $(KERNEL))$(ship_include)
SHIP = $(ARCH) $(COMMON) $(ship_include) -fPIE -fstack-protector-strong -fstack-clash-protection \
    -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables -fstack-usage
SHIP_LINK = $(ARCH) -static-pie -nostdlib -Wl,--no-dynamic-linker -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack \
    -Wl,--fatal-warnings
crt = $(shell $(CC) -print-file-name=$1)

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# The sanitizers need the machine's own C library: tests of another architecture are compiled as it is shipped.
TEST = $(if $(CROSS),$(filter-out -fstack-usage,$(SHIP)) -DPICKET_EMULATED,$(COMMON) -O1 $(SANITIZE)) -DPICKET_TEST
FUZZ := $(COMMON) -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
    -fno-omit-frame-pointer -DPICKET_TEST -DPICKET_FUZZ

OUT := build/$(BOARD)
T_OUT := $(if $(CROSS),$(OUT)/test,build/test)
# The tests fill up what the host's limits allow; another architecture's prove its code, with the same limits.
LIMITS_OF := $(BOARD)
ifneq ($(CROSS),)
$(T_OUT)/%: private LIMITS_OF := host
endif
.PHONY: all
all: $(OUT)/picket ## build/<board>/picket, stripped; picket.debug beside it has the symbols

DEPS_OK := $(DEPS)/ok $(if $(CROSS),$(DEPS)/ok-$(CROSS))

# ---- the three ways to compile --------------------------------------------------------------------------
# $1 folder, $2 compiler, $3 flags, $4 optimisation if it is the same for all, $5 our sources
stamp = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$1)' >$@.new; \
    cmp -s $@.new $@ && rm $@.new || mv $@.new $@
define WAY
$1/flags: FORCE | setup-build # changes when they do, and everything is compiled again
	$$(call stamp,$2 $3 $$(LANG_C) $$(WARN) $$(HOT) $$(HOT_FILES) $$(COLD) $$(THIRD_FLAGS) $$(SHIP_LINK))
$1/sources: FORCE # changes when a file comes or goes
	$$(call stamp,$5)
$1/o/%.o: %.c $1/flags $(DEPS_OK)
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$2 $3 $$(call level,$$<) $4 $$(LANG_C) $$(WARN) -MMD -MP -c -o $$@ $$<
$1/third/bearssl/%.o: $1/flags $(DEPS_OK)
	@mkdir -p $$(@D)
	$$(Q)$2 $3 $$(call level,bearssl/$$*) $4 $$(BEARSSL_FLAGS) -c -o $$@ $(DEPS)/src/bearssl/$$*.c
$1/third/zlib/%.o: $1/flags $(DEPS_OK)
	@mkdir -p $$(@D)
	$$(Q)$2 $3 $$(call level,zlib/$$*) $4 $$(ZLIB_FLAGS) -c -o $$@ $(DEPS)/src/zlib/$$*.c
$1/third/sqlite3.o: $1/flags $(DEPS_OK)
	$$(call say,CC,sqlite3.c)
	@mkdir -p $$(@D)
	$$(Q)$2 $3 $$(call level,sqlite3) $4 $$(SQLITE_FLAGS) -c -o $$@ $(DEPS)/sqlite3/sqlite3.c
$1/third.a: $$(BEARSSL:%=$1/third/bearssl/%.o) $$(ZLIB:%=$1/third/zlib/%.o) $1/third/sqlite3.o
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $(AR) qcsD $$@ $$^
$1/picket.a: $(patsubst %.c,$1/o/%.o,$5) $1/sources
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $(AR) qcsD $$@ $$(filter %.o,$$^)
-include $(patsubst %.c,$1/o/%.d,$5) $1/o/tools/node_parts.d $$(wildcard $1/o/test/*/*.d)
endef

LIB_SRC := $(filter-out $(NOT_IN_TESTS),$(SRC))
$(eval $(call WAY,$(OUT),$$(CC),$$(SHIP),,$(SRC)))
$(eval $(call WAY,$(T_OUT),$$(CC),$$(TEST),$(if $(CROSS),,-O1),$(LIB_SRC)))
$(eval $(call WAY,build/fuzz,$$(FUZZ_CC),$$(FUZZ),-O1,$(LIB_SRC)))

$(DEPS)/ok: tools/deps tools/deps.lock tools/deps.mk tools/sqlite $(wildcard tools/patches/*/*) $(if $(DEPS_DIR),$(wildcard $(DEPS_DIR)/*)) | setup-build
	$Qtools/deps $(DEPS)
	$Qtools/sqlite $(DEPS) '$(HOST_CC)' '$(SQLITE_GRAMMAR)'
	@mkdir -p $(DEPS)/kernel
	@for d in linux asm-generic mtd; do ln -sfn /usr/include/$$d $(DEPS)/kernel/$$d; done
	@for d in /usr/include/asm /usr/include/$$(uname -m)-linux-gnu/asm; do \
	    [ ! -d $$d ] || ln -sfn $$d $(DEPS)/kernel/asm; done
	@touch $@
$(DEPS)/ok-%: tools/deps tools/deps.lock | $(DEPS)/ok # musl and the kernel's headers of another architecture
	$Qtools/deps $(DEPS) musl-$*
	@mkdir -p $(KERNEL)
	@for d in linux asm-generic asm mtd; do ln -sfn /usr/$(strip $(GNU))/include/$$d $(KERNEL)/$$d; done
	@touch $@

.PHONY: FORCE setup setup-build setup-demo deps
FORCE:
setup: ## installs the Debian packages that build and tests need (as root), or prints the line that does
	@tools/setup test $(CROSS_PACKAGES) $(if $(CROSS),qemu-user-static)
setup-build setup-demo:
	@tools/setup $(@:setup-%=%) $(CROSS_PACKAGES)
deps: $(DEPS_OK) ## fetches and checks the third-party sources (DEPS_DIR=folder: from a folder)

# ---- the binary ------------------------------------------------------------------------------------------
# Whole from $^: the C library's start files, objects and archives, the C library.
define ship_link
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$Q$(CC) $(SHIP_LINK) -Wl,-Map=$@.map -o $@ $(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o $(call crt,crtbeginS.o) \
	    $(filter %.o %.a,$^) -Wl,--start-group $(MUSL_LIB)/libc.a $(call crt,libgcc.a) -Wl,--end-group \
	    $(call crt,crtendS.o) $(MUSL_LIB)/crtn.o
endef
$(OUT)/picket.debug: $(SRC:%.c=$(OUT)/o/%.o) $(OUT)/third.a $(OUT)/sources $(OUT)/flags
	$(ship_link)
$(OUT)/picket: $(OUT)/picket.debug tools/check-binary
	$Q$(STRIP) -o $@.new $<
	$Qtools/check-binary $@.new $< $(FLASH_MAX)
	@mv $@.new $@
	$(call say,DONE,$@ $$(stat -c %s $@) bytes)

# ---- installing --------------------------------------------------------------------------------------------
# PREFIX is Wazuh's installation folder. The links make it the two programs that others call by name; Wazuh's
# own, where they are, become *.wazuh.
DESTDIR ?=
PREFIX ?= /var/ossec
MANDIR ?= /usr/share/man
COMPLETIONS ?= /usr/share/bash-completion/completions
.PHONY: install install-doc
install: $(OUT)/picket install-doc ## into DESTDIR: the program, its links, man pages and completion
	@mkdir -p $(DESTDIR)$(PREFIX)/bin
	@install -m 0750 $(OUT)/picket $(DESTDIR)$(PREFIX)/bin/picket.new
	@mv $(DESTDIR)$(PREFIX)/bin/picket.new $(DESTDIR)$(PREFIX)/bin/picket
	@for n in wazuh-clusterd cluster_control; do f=$(DESTDIR)$(PREFIX)/bin/$$n; \
	    [ ! -f $$f ] || [ -L $$f ] || mv $$f $$f.wazuh; ln -sfn picket $$f; done
install-doc:
	@mkdir -p $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(COMPLETIONS)
	@install -m 0644 src/man/picket.8 $(DESTDIR)$(MANDIR)/man8/
	@install -m 0644 src/man/picket.conf.5 $(DESTDIR)$(MANDIR)/man5/
	@install -m 0644 src/completion/picket.bash $(DESTDIR)$(COMPLETIONS)/picket

# ---- tests -----------------------------------------------------------------------------------------------
KINDS := unit flow fault
HARNESS := $(patsubst %.c,$(T_OUT)/o/%.o,$(wildcard test/harness/*.c))
SIM := $(wildcard test/sim/*.c) # whole nodes on a network in memory; what fuzzing uses of it needs no harness
$(T_OUT)/sim.a: $(SIM:%.c=$(T_OUT)/o/%.o)
build/fuzz/sim.a: $(patsubst %.c,build/fuzz/o/%.o,$(filter-out test/sim/sim.c test/sim/sim_files.c test/sim/sim_agents.c test/sim/sim_api.c,$(SIM)))
$(T_OUT)/sim.a build/fuzz/sim.a:
	$(call say,AR,$@)
	$Qrm -f $@ && $(AR) qcsD $@ $^
tests_of = $(patsubst test/$1/%.c,$(T_OUT)/$1/%,$(wildcard test/$1/test_*.c))
define TESTS
$(T_OUT)/$1/%: $(T_OUT)/o/test/$1/%.o $$(HARNESS) $(T_OUT)/sim.a $(T_OUT)/picket.a $(if $(CROSS),$(OUT),$(T_OUT))/third.a
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(if $(CROSS),$$(ship_link),$$(Q)$$(CC) $$(SANITIZE) -o $$@ $$^)
.PHONY: test-$1
test-$1: $$(call tests_of,$1)
	@tools/run-tests $$(patsubst %,'$(RUN) %',$$(call tests_of,$1))
endef
$(foreach k,$(KINDS),$(eval $(call TESTS,$k)))

# A file that does not compile elsewhere must not stop the person who works on this one: -k, and the
# archive takes the objects there are.
.PHONY: unit
unit: ## one unit test: make unit T=pool
	@$(MAKE) -k --no-print-directory $(T_OUT)/picket.a 2>&1 | grep -v '^make' || :
	@rm -f $(T_OUT)/picket.a; $(AR) qcsD $(T_OUT)/picket.a $$(ls $(LIB_SRC:%.c=$(T_OUT)/o/%.o) 2>/dev/null)
	@$(MAKE) --no-print-directory -o $(T_OUT)/picket.a $(T_OUT)/unit/test_$(T)
	@tools/run-tests '$(RUN) $(T_OUT)/unit/test_$(T)'

.PHONY: cross-test
cross-test: $(call tests_of,unit) $(call tests_of,flow) ## the unit and flow suites of BOARD=x under qemu-user
	@tools/run-tests -t 600 $(patsubst %,'$(RUN) %',$(call tests_of,flow) $(call tests_of,unit))

# ---- fuzzing -----------------------------------------------------------------------------------------------
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst test/fuzz/%.c,build/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))
$(FUZZERS): build/fuzz/%: build/fuzz/o/test/fuzz/%.o build/fuzz/sim.a build/fuzz/picket.a build/fuzz/third.a
	$(call say,LINK,$@)
	$Q$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^
.PHONY: fuzz
fuzz: setup ## replays the corpora, then looks for new crashes, FUZZ_SECONDS per target
	@$(MAKE) --no-print-directory $(FUZZERS)
	@tools/run-tests -t $$(($(FUZZ_SECONDS) + 300)) $(FUZZERS:%='tools/fuzz $(FUZZ_SECONDS) %')

# ---- all tests -----------------------------------------------------------------------------------------------
export PICKET := $(CURDIR)/$(OUT)/picket
PROGRAMS := $(foreach k,$(KINDS),$(call tests_of,$k))
SYSTEM := $(wildcard test/system/test_*.py)
INTEROP := $(wildcard test/interop/run)
.PHONY: test test-programs test-system interop demo
test: setup ## every test there is; the last line is the sum
	@$(MAKE) --no-print-directory test-programs
	@tools/run-tests $(patsubst %test_boards.py,1800:%test_boards.py,$(SYSTEM)) $(PROGRAMS) $(FUZZERS:%='tools/fuzz 0 %') \
	    $(if $(INTEROP),$(if $(WAZUH_SRC),900:$(INTEROP),--skip 'interop: needs WAZUH_SRC=folder of Wazuh'))
test-programs: $(PROGRAMS) $(FUZZERS) $(OUT)/picket
test-system: $(OUT)/picket ## the tests of the binary itself, from outside
	@tools/run-tests $(patsubst %test_boards.py,1800:%test_boards.py,$(SYSTEM))
interop: $(OUT)/picket setup ## against a real Wazuh: make interop WAZUH_SRC=folder
	@$(INTEROP)
demo: setup-demo ## a master and workers on this machine, and what they do
	@$(MAKE) --no-print-directory $(OUT)/picket
	@test/demo/demo

# ---- checks and measures -------------------------------------------------------------------------------------
.PHONY: lint size memory bench reproducible
lint: $(OUT)/picket setup ## the house rules: layers, doors, calls, state, headers, format, ...
	@tools/lint --out $(OUT) --nm $(NM) --compile "$(subst ",\",$(CC) $(filter-out -fstack-usage,$(SHIP)) $(LANG_C) $(WARN))"
size: $(OUT)/picket ## where the bytes of the binary are
	@tools/size $(OUT)
memory: $(OUT)/picket $(OUT)/o/tools/node_parts.o ## fixed memory by owner, and the largest stack frames
	@tools/memory $(OUT)
BENCHES := $(patsubst test/bench/%.c,$(OUT)/bench/%,$(wildcard test/bench/*.c))
$(BENCHES): $(OUT)/bench/%: $(OUT)/o/test/bench/%.o $(OUT)/picket.a $(OUT)/third.a
	$(ship_link)
bench: $(OUT)/picket $(BENCHES) ## how fast it is on this machine, built as it is shipped
	@for b in $(filter $(OUT)/bench/bench_%,$(BENCHES)) $(wildcard test/bench/bench); do echo "== $$b"; $$b || exit 1; done
reproducible: $(DEPS)/ok ## builds twice in two folders and compares the binaries
	@tools/reproducible $(BOARD) $(CC)

.PHONY: clean help
clean: ## removes everything that was built or fetched
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo "  make test-KIND      one kind of them: $(KINDS)"
	@echo "  BOARD=$$(ls -d board/*/ | cut -d/ -f2 | paste -sd'|')  CC=gcc|clang  V=1 shows the commands"
