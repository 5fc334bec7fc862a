# make run: everything on this machine, in the foreground.  make test: everything that must pass.  make help: the rest.
#
# One object per source; every program gets all of common/. A .sql file becomes a header of constants. Four flavours live
# side by side: build/ (optimised), build/check/ (sanitizers, for tests), build/fuzz/ (sanitizers and coverage, for fuzzers) and
# build/tsan/ (ThreadSanitizer, for the one test of what has threads).
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

FLAVOUR ?= release
PROGRAMS := publisher aggregator ticket-worker payment-worker
PACKAGES := libevent_core libevent_extra hiredis libpq jansson libsodium

CC := $(if $(filter fuzz,$(FLAVOUR)),clang-14,gcc)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wwrite-strings \
	-Wformat=2 -Wundef -Wcast-qual -Werror
HARDENING := -fstack-protector-strong -fPIE
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 $(HARDENING)
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
CFLAGS_check := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_check := -fsanitize=address,undefined
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
LDFLAGS_tsan := -fsanitize=thread
OUT := $(if $(filter release,$(FLAVOUR)),build,build/$(FLAVOUR))

# Asked once, when first used: "make run" installs the packages before.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -I$(OUT)/made $(WARNINGS) $(CFLAGS_$(FLAVOUR)) $(PACKAGE_CFLAGS)
LIBS = $(shell pkg-config --libs $(PACKAGES)) -lm

COMMON := $(patsubst %.c,$(OUT)/%.o,$(wildcard common/*.c))
SQL := $(patsubst %.sql,$(OUT)/made/%.sql.h,$(wildcard common/*.sql $(addsuffix /*.sql,$(PROGRAMS))))
LOAD := bench/load
BINARIES := $(addprefix $(OUT)/bin/,$(PROGRAMS) karcis-load)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(OUT)/tests/%,$(wildcard tests/unit/test_*.c))

objects_of = $(patsubst %.c,$(OUT)/%.o,$(wildcard $(1)/*.c))

.PHONY: help build check-build run up down status clean-run test unit format lint bench storm fuzz clean install
help:
	@echo "make run        install what is missing, build, start everything here; Ctrl-C stops it"
	@echo "make up|down    the same in the background; status: what runs; clean-run: forget its data"
	@echo "make test       everything that must pass before a change lands"
	@echo "make bench      how fast, and what it costs"
	@echo "make storm      load and faults on a private stack, and a checker; SEED (random), MINUTES (30), OPTIONS"
	@echo "make fuzz       every parser of bytes from outside, fed with nonsense; SECONDS_EACH (60), ONLY (all)"
	@echo "PORT_BASE (8080) and RUN_DIR (.run) put a second stack beside the first"

build: $(BINARIES)

check-build:
	@$(MAKE) --no-print-directory FLAVOUR=check build unit-build faults-build

.PHONY: unit-build
unit-build: $(UNIT_TESTS)

define program_rule
$(OUT)/bin/$(1): $(call objects_of,$(1)) $(COMMON)
	@mkdir -p $$(@D)
	@echo "link $$@"
	@$$(CC) $$(LDFLAGS_$(FLAVOUR)) -o $$@ $$^ $$(LIBS)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

$(OUT)/bin/karcis-load: $(call objects_of,$(LOAD)) $(COMMON)
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) $(LDFLAGS_$(FLAVOUR)) -o $@ $^ $(LIBS)

# A unit test is linked with all of common/ and all programs but their main.o.
$(OUT)/tests/%: $(OUT)/tests/unit/%.o $(COMMON) $(filter-out %/main.o,$(foreach program,$(PROGRAMS) $(LOAD),$(call objects_of,$(program))))
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) $(LDFLAGS_$(FLAVOUR)) -o $@ $^ $(LIBS) -lcmocka

$(OUT)/%.o: %.c $(SQL)
	@mkdir -p $(@D)
	@echo "compile $@"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/made/%.sql.h: %.sql stack/sql-header
	@mkdir -p $(@D)
	@stack/sql-header $< >$@

-include $(shell find build -name '*.d' 2>/dev/null)

install:
	@stack/install build run

run: install
	@$(MAKE) --no-print-directory -s build
	@stack/stack run

up: install
	@$(MAKE) --no-print-directory -s build
	@stack/stack up

BENCHES := $(addprefix $(OUT)/bench/,publish events floor-sql floor-redis)
$(OUT)/bench/%: $(OUT)/bench/%.o $(OUT)/bench/sample.o $(filter-out %/main.o,$(call objects_of,$(LOAD))) $(COMMON)
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) $(LDFLAGS_$(FLAVOUR)) -o $@ $^ $(LIBS)

bench: install
	@stack/install test
	@$(MAKE) --no-print-directory -s build $(BENCHES)
	@bench/run

# OPTIONS: tests/storm/run --help
MINUTES ?= 30
storm:
	@tests/storm/run --losses $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES) $(OPTIONS)

SECONDS_EACH ?= 60
fuzz:
	@tests/fuzz/run --seconds $(SECONDS_EACH) $(ONLY)

down status:
	@stack/stack $@

clean-run:
	@stack/stack clean

test:
	@tests/run

clean:
	rm -rf build

# ---- tests and lint: what tests/run and .ci/run call ----
UNIT_HELPERS := $(patsubst %.c,$(OUT)/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
STEP_HELPERS := $(patsubst %.c,$(OUT)/%.o,$(filter-out tests/steps/test_%,$(wildcard tests/steps/*.c)))
STEP_TESTS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/steps/test_*.c))

$(UNIT_TESTS): $(UNIT_HELPERS)

# Threads are in common/offload.c alone. Its test again, for make FLAVOUR=tsan, with no more than it uses.
$(OUT)/tests/offload-tsan: $(addprefix $(OUT)/,tests/unit/test_offload.o tests/unit/support.o \
		$(patsubst %,common/%.o,arena buffer clock log loop offload text))
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) $(LDFLAGS_$(FLAVOUR)) -o $@ $^ $(LIBS) -lcmocka

$(OUT)/tests/steps/%: $(OUT)/tests/steps/%.o $(STEP_HELPERS) $(UNIT_HELPERS) $(COMMON) $(filter-out %/main.o,$(foreach program,$(PROGRAMS),$(call objects_of,$(program))))
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) $(LDFLAGS_$(FLAVOUR)) -o $@ $^ $(LIBS) -lcmocka

# What tests load into a program with LD_PRELOAD: never with sanitizers, theirs are in the program already.
FAULTS := $(OUT)/tests/faults/crash.so $(OUT)/tests/faults/clock.so

$(OUT)/tests/faults/crash.so: tests/faults/crash.c tests/faults/crash_point.c tests/faults/crash_point.h
$(OUT)/tests/faults/clock.so: tests/faults/clock.c
$(FAULTS):
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O1 -g -fPIC -shared -o $@ $(filter %.c,$^)

.PHONY: faults-build
faults-build: $(FAULTS)

FUZZERS := $(patsubst tests/fuzz/%.c,$(OUT)/bin/fuzz-%,$(wildcard tests/fuzz/*.c))

$(OUT)/bin/fuzz-%: $(OUT)/tests/fuzz/%.o $(COMMON) $(filter-out %/main.o,$(foreach program,$(PROGRAMS),$(call objects_of,$(program))))
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CC) $(LDFLAGS_$(FLAVOUR)) -o $@ $^ $(LIBS)

.PHONY: fuzz-build
fuzz-build: $(FUZZERS)

.PHONY: steps-build steps headers
steps-build: $(STEP_TESTS)

headers: $(SQL)

unit steps:
	@tests/$@/run

format:
	@tests/lint/format --fix

lint:
	@tests/lint/run
