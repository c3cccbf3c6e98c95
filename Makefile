# Makefile - the whole build, in one file.  `make help` lists the targets.
#
# Sources are picked by folder, flags by the file's name: NAME_ISA.c (avx2, avx512, avx512vnni, avx512bf16, amx;
# dotprod, i8mm) is compiled for those instructions, all else for any x86-64 (or other) machine.
# Every variant has a folder of its own: make B=build/asan SAN=address,undefined; make CC=clang ...

B       ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX  ?= /usr/local
T       ?= 30
PORT    ?= 8099
VERSION := $(file <VERSION)

# Results must be reproducible: no fused or reordered arithmetic but what the code spells out.
FPFLAGS  = -ffp-contract=off -fno-math-errno -fno-trapping-math
# gcc can't know that sk_fail() never returns SK_OK and that a cut text was meant, so its guesses are
# wrong here; clang-tidy is told (tests/lint/analyzer.h) and looks for them.
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers \
           -Wno-maybe-uninitialized -Wno-format-truncation -Wno-unknown-warning-option $(if $(WERROR),-Werror)
OPT      = $(if $(SAN),-O1 -g1 -fno-omit-frame-pointer,-O3 -g1)
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
AVX2     = -mavx2 -mfma -mf16c
AVX512   = $(AVX2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
CPPFLAGS = -D_GNU_SOURCE -DSK_VERSION='"$(VERSION)"' -Isrc -I.
ALL_C    = -std=c11 $(CPPFLAGS) $(OPT) $(FPFLAGS) $(WARN) $(SANFLAGS) -pthread $(PKG_C) $(CFLAGS)

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.PHONY: all tests fuzzers help clean check unit kern lint bench asan tsan aarch64 fuzz fuzz-replay docs install soak-train soak-huge \
        soak-serve soak-crowd soak-usage soak-swap soak-up soak-ledger bench-overhead bench-serve bench-sim bench-place bench-ledger bench-fleet

all: $(B)/stoke $(B)/libstoke.a

# ---- sources ---------------------------------------------------------------------------------

# Kernels for another processor than the compiler's are left out.
ARCH     := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
OTHERS   := $(if $(filter x86_64,$(ARCH)),,x86) $(if $(filter aarch64,$(ARCH)),,arm)
LIB_SRC  := $(sort $(shell find src/base src/engine src/serve src/up src/fleet -name '*.c' $(OTHERS:%=! -path '*/kernel/%/*') 2>/dev/null))
# With KERNELS=1 only what checkkern needs is built, without the libraries (for another processor).
ifdef KERNELS
LIB_SRC  := $(filter src/base/% src/engine/tensor/% src/engine/quant/% src/engine/kernel/%,$(LIB_SRC))
LDFLAGS  += -Wl,--gc-sections
OPT      += -ffunction-sections
endif
CLI_SRC  := $(sort $(wildcard src/cli/*.c src/cli/*/*.c))
WEB_SRC  := $(wildcard $(addprefix src/serve/web/*.,html js css svg) $(addprefix src/serve/web/vendor/*.,js css))
TEST_SRC := $(wildcard $(addsuffix /t_*.c,$(addprefix tests/,unit grad fault crash arch)))
AUX_SRC  := $(filter-out $(TEST_SRC) tests/arch/make_arch.c,$(wildcard $(addsuffix /*.c,$(addprefix tests/,unit grad fault crash arch))))
KERN_SRC := $(wildcard tests/kernel/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fz_*.c)
obj = $(patsubst %.c,$(B)/%.o,$1)

TESTS   := $(addprefix $(B)/tests/,$(basename $(notdir $(TEST_SRC))))
FUZZERS := $(addprefix $(B)/fuzz/,$(basename $(notdir $(FUZZ_SRC))))
WEB_GZ  := $(patsubst src/serve/web/%,$(B)/web/%.gz,$(WEB_SRC)) $(B)/web/vendor/licences.txt.gz

# ---- libraries: pkg-config name, Debian package ------------------------------------------------

PKGS     := libevent libevent_pthreads libevent_openssl openssl jansson libpcre2-8 libzstd zlib libedit yaml-0.1 \
            sqlite3 libpq
DEB_libevent := libevent-dev
DEB_libevent_pthreads := libevent-dev
DEB_libevent_openssl := libevent-dev
DEB_openssl := libssl-dev
DEB_jansson := libjansson-dev
DEB_libpcre2-8 := libpcre2-dev
DEB_libzstd := libzstd-dev
DEB_zlib := zlib1g-dev
DEB_libedit := libedit-dev
DEB_yaml-0.1 := libyaml-dev
DEB_sqlite3 := libsqlite3-dev
DEB_libpq := libpq-dev
GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean help lint,$(GOALS)),)
PKG_L := $(if $(KERNELS),-lm,$(shell pkg-config --libs $(PKGS) 2>/dev/null))
PKG_C := $(if $(KERNELS),,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
ifeq ($(PKG_L),)
MISSING := $(foreach p,$(PKGS),$(shell pkg-config --exists $p 2>/dev/null || echo $(DEB_$p)))
$(error missing libraries. On Debian: apt-get install pkg-config $(sort $(MISSING)))
endif
# Flags and the list of sources are kept in files: what depends on them is made again when they change.
STAMP_FLAGS := $(filter-out -Werror,$(CC) $(ALL_C) $(AVX512))
ifneq ($(file <$(B)/flags),$(STAMP_FLAGS))
$(shell mkdir -p $(B))$(file >$(B)/flags,$(STAMP_FLAGS))
endif
ifneq ($(file <$(B)/sources),$(LIB_SRC) $(CLI_SRC))
$(file >$(B)/sources,$(LIB_SRC) $(CLI_SRC))
endif
endif
LIBS = $(PKG_L) -lm -pthread

# Short output; make V=1 shows the commands.
Q   = $(if $(V),,@)
say = $(if $(V),,@echo '  $1  $@')

# ---- compiling ---------------------------------------------------------------------------------

$(B)/%_avx2.o:       ISA = $(AVX2)
$(B)/%_avx512.o:     ISA = $(AVX512)
$(B)/%_avx512vnni.o: ISA = $(AVX512) -mavx512vnni
$(B)/%_amx.o:        ISA = $(AVX512) -mavx512vnni -mavx512bf16 -mamx-tile -mamx-int8 -mamx-bf16
$(B)/%_avx512bf16.o: ISA = $(AVX512) -mavx512vnni -mavx512bf16

# clang takes minutes over unrolled kernels with coverage and sanitizers in them; what they compute is
# checked by checkkern, what they touch by gcc's sanitizers.
ifdef FUZZER
$(B)/src/engine/kernel/x86/%.o: SANFLAGS =
endif

$(B)/%_dotprod.o:    ISA = -march=armv8.2-a+dotprod
$(B)/%_i8mm.o:       ISA = -march=armv8.2-a+dotprod+i8mm

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(CC) $(ALL_C) $(ISA) $(EXTRA) -MMD -MP -c -o $@ $<

$(B)/flags $(B)/sources: ;

# The page's files are packed and drawn into assets.o by .incbin "web/NAME.gz".
$(B)/web/%.gz: src/serve/web/%
	@mkdir -p $(@D)
	$Q{ cat $< && printf '\n%s\n' '$(if $(MODULE),export default $(MODULE);)'; } | gzip -9n >$@
# These two only define a variable; as modules they have to hand it out.
$(B)/web/vendor/temml.min.js.gz: MODULE = temml
$(B)/web/vendor/uPlot.iife.min.js.gz: MODULE = uPlot
$(B)/web/vendor/licences.txt.gz: $(wildcard src/serve/web/vendor/licences/*.txt)
	@mkdir -p $(@D)
	$Qtail -n +1 $(sort $^) | gzip -9n >$@
$(B)/src/serve/web/assets.o: EXTRA = -Wa,-I$(B)
$(B)/src/serve/web/assets.o: $(WEB_GZ)

$(B)/libstoke.a: $(call obj,$(LIB_SRC)) $(B)/sources
	@rm -f $@
	$(call say,AR)
	$Qar rcs $@ $(filter %.o,$^)

define link
$(call say,LD)
$Q$(CC) $(OPT) $(SANFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $1 $(LIBS)
endef

$(B)/stoke: $(call obj,$(CLI_SRC)) $(B)/libstoke.a $(B)/sources
	$(call link)

# ---- test programs -----------------------------------------------------------------------------

# Helper sources of the tests (not t_*.c) go into an archive that every test program may draw on.
$(B)/libtest.a: $(call obj,$(AUX_SRC))
	@rm -f $@
	$(call say,AR)
	$Qar rcs $@ $^

define test_rule
$(B)/tests/$(basename $(notdir $1)): $(call obj,$1) $(B)/libtest.a $(B)/libstoke.a
	@mkdir -p $$(@D)
	$$(call link,-lcmocka)
endef
$(foreach s,$(TEST_SRC),$(eval $(call test_rule,$s)))

$(B)/checkkern: $(call obj,$(KERN_SRC)) $(B)/libstoke.a
	$(call link)

# Writes the models of tests/arch for another program.
$(B)/make_arch: $(call obj,tests/arch/make_arch.c) $(B)/libtest.a $(B)/libstoke.a
	$(call link)

# A fuzz target with libFuzzer (FUZZER=1, clang), or with a main that replays files.
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(if $(FUZZER),,$(B)/tests/fuzz/replay.o) $(B)/libtest.a $(B)/libstoke.a
	@mkdir -p $(@D)
	$(call link,$(if $(FUZZER),-fsanitize=fuzzer))

tests: all $(TESTS) $(if $(KERN_SRC),$(B)/checkkern) $(B)/make_arch fuzzers
fuzzers: $(FUZZERS)

# ---- running checks (the lists are in tests/run.sh) ----------------------------------------------

check: tests
	tests/run.sh $(B) all
unit: $(TESTS)
	tests/run.sh $(B) unit
kern: $(B)/checkkern
	tests/run.sh $(B) kern
lint:
	tests/run.sh $(B) lint
asan:
	$(MAKE) B=build/asan SAN=address,undefined tests
	tests/run.sh build/asan asan
aarch64:
	$(MAKE) B=build/aarch64 CC=aarch64-linux-gnu-gcc KERNELS=1 build/aarch64/checkkern
	tests/run.sh build/aarch64 aarch64
tsan:
	$(MAKE) B=build/tsan SAN=thread tests
	tests/run.sh build/tsan tsan
fuzz-replay: fuzzers
	tests/run.sh $(B) fuzz-replay
fuzz:
	$(MAKE) B=build/fuzz CC=clang SAN=fuzzer-no-link,address,undefined FUZZER=1 fuzzers
	set -e; for f in build/fuzz/fuzz/fz_*; do n=$${f##*/fz_}; mkdir -p build/corpus/$$n; echo "== $$n"; \
	  $$f -max_total_time=$(T) -timeout=10 -rss_limit_mb=4096 -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=build/corpus/crash-$$n- build/corpus/$$n $$(ls -d tests/fuzz/corpus/$$n 2>/dev/null); done
soak-train: $(B)/stoke
	STOKE=$(B)/stoke tests/soak/train_kill.sh 50
soak-huge: $(B)/stoke
	STOKE=$(B)/stoke tests/soak/huge_document.sh
soak-serve: $(B)/stoke
	STOKE=$(B)/stoke tests/soak/serve 100000
soak-crowd: $(B)/stoke
	STOKE=$(B)/stoke tests/soak/crowd 10000 1000
soak-usage: $(B)/stoke
	STOKE=$(B)/stoke tests/soak/usage 10000
soak-swap: $(B)/stoke
	STOKE=$(B)/stoke SWAPS=1000 tests/api/swap
soak-up: $(B)/stoke
	STOKE=$(B)/stoke tests/soak/up $(or $(SECONDS),3600)
soak-ledger: $(B)/stoke $(B)/bench_ledger
	STOKE=$(B)/stoke B=$(B) tests/soak/ledger $(or $(MEGABYTES),10000)
# What the server costs beside the engine.
$(B)/overhead: $(call obj,bench/overhead.c) $(B)/libstoke.a
	$(call link)
# How fast tables are read.
$(B)/bench_csv: $(call obj,bench/csv.c) $(B)/libstoke.a
	$(call link)
$(B)/bench_ledger: $(call obj,bench/ledger.c) $(B)/libstoke.a
	$(call link)
bench-ledger: $(B)/bench_csv $(B)/bench_ledger
	$(B)/bench_csv
	set -e; d=$$(mktemp -d); trap 'rm -rf "$$d"' EXIT; $(B)/bench_ledger usage $$d/fleet.db; \
	  $(B)/bench_ledger report $$d/report.db
# How fast usage is rated.
$(B)/fleet_rate: $(call obj,bench/fleet_rate.c) $(B)/libstoke.a
	$(call link)
bench-fleet: $(B)/fleet_rate
	$(B)/fleet_rate
bench-overhead: $(B)/overhead
	for n in 1 16 64; do $(B)/overhead $$n; done
# What the simulator does in a second, each part in a process of its own.
$(B)/bench-sim: $(call obj,bench/sim.c) $(B)/libstoke.a
	$(call link)
$(B)/bench-place: $(call obj,bench/place.c) $(B)/libstoke.a
	$(call link)
bench-place: $(B)/bench-place
	$(B)/bench-place
bench-sim: $(B)/bench-sim
	for w in days requests talk; do $(B)/bench-sim $$w; done
bench: all $(B)/checkkern
	$(B)/checkkern --bench
	$(B)/stoke bench
LOADS = shared late
bench-serve: $(B)/stoke
	bench/serve.py --url http://127.0.0.1:$(PORT) --start '$(B)/stoke serve -m $(MODEL) --port $(PORT)' $(LOADS)

# ---- what is made from the program's own tables ---------------------------------------------------

VERBS = $$($(B)/stoke help --names)
$(B)/man/stoke.1: $(B)/stoke
	@mkdir -p $(@D)
	for v in $(VERBS); do $(B)/stoke help --man $$v >$(@D)/stoke-$$v.1 || exit 1; done
	$(B)/stoke help --man >$@
$(B)/completion/stoke: $(B)/stoke
	@mkdir -p $(@D)
	$(B)/stoke help --bash >$@
docs: $(B)/stoke
	@mkdir -p docs/cli
	for v in $(VERBS); do $(B)/stoke help --markdown $$v >docs/cli/$$v.md || exit 1; done
	$(B)/stoke help --markdown >docs/cli/README.md
	for p in api metrics; do $(B)/stoke serve --docs $$p >docs/$$p.md || exit 1; done

install: $(B)/stoke $(B)/man/stoke.1 $(B)/completion/stoke
	install -Dm755 $(B)/stoke $(DESTDIR)$(PREFIX)/bin/stoke
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m644 $(B)/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -Dm644 $(B)/completion/stoke $(DESTDIR)$(PREFIX)/share/bash-completion/completions/stoke

clean:
	rm -rf $(B)

help:
	@echo 'make              build/stoke and build/libstoke.a'
	@echo 'make tests        all test programs;  make check runs all checks on them'
	@echo 'make unit | kern | lint | asan | tsan | fuzz-replay   one kind of check'
	@echo 'make aarch64      the kernels for ARM, checked under qemu'
	@echo 'make fuzz T=30    libFuzzer, T seconds a target (clang)'
	@echo 'make soak-train   a training run killed at 50 moments;  make soak-huge a document of 1 GB'
	@echo 'make soak-serve   100,000 requests of all kinds;  make soak-crowd 10,000 connections;  make soak-usage;  make soak-swap'
	@echo 'make soak-up SECONDS=3600   stoke up with bursts of questions and kills'
	@echo 'make bench        kernels and the machine, timed;  make bench-overhead the server without an engine'
	@echo 'make soak-ledger MEGABYTES=10000   usage through a pipe, memory watched'
	@echo 'make bench-ledger   tables read, usage taken in, reports over 10 million rows'
	@echo 'make bench-serve MODEL=m.gguf   loads on the server: LOADS="shared late trace --trace FILE.csv"'
	@echo 'make docs         docs/cli/*.md, docs/api.md, docs/metrics.md from the tables'
	@echo 'make install      PREFIX=/usr/local DESTDIR='
	@echo 'variables         V=1 B=folder CC=clang SAN=address,undefined|thread WERROR=1 CFLAGS= LDFLAGS='

-include $(shell find $(B)/src $(B)/tests -name '*.d' 2>/dev/null)
