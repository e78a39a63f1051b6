# Every target works on a bare Debian 12 with git and make: `make help` lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash

JOBS ?= $(shell nproc)
SECONDS ?= 60
ifdef LAKEHOUSE_CACHE
CACHE_OPTION := -DLAKEHOUSE_CACHE=$(LAKEHOUSE_CACHE)
endif

# $(call configure,PRESET) and $(call compile,PRESET,TARGETS)
configure = tools/stage "configure $(1)" cmake --preset $(1) $(CACHE_OPTION) --log-level=WARNING
compile = tools/stage "compile $(1)" cmake --build build/$(1) -j $(JOBS) --target $(2)

.PHONY: help
help:
	@echo 'make build                 build/release/lakehouse and build/release/lakehouse-bench'
	@echo 'make run [ONCE=1]          build, serve on 127.0.0.1:3100, load sample data, answer two questions;'
	@echo '                           ONCE=1 stops there. DATA=DIR and LISTEN=HOST:PORT choose where'
	@echo 'make test [SUITES="a b"]   build and run every test; ends with "N passed, N failed"'
	@echo 'make check [CHECK_ALL=1]   before every commit: format, tidy, thread-safety analysis, clang-tidy on'
	@echo '                           what differs from the last commit on main (CHECK_ALL=1: on everything),'
	@echo '                           make test, and the unit tests under AddressSanitizer and UBSan'
	@echo 'make bench                 run the benchmarks, print one table'
	@echo 'make bench-embed [QUICK=1] the encoder beside sentence-transformers, ONNX Runtime, OpenVINO and'
	@echo '                           Ollama: the same texts on the same cores; fetches 710 MB once'
	@echo 'make fuzz [SECONDS=60]     run every fuzzer that long'
	@echo 'make fmt                   format the sources'
	@echo 'make clean                 remove build/'

.PHONY: bootstrap-build bootstrap-test bootstrap-check bootstrap-bench
bootstrap-build bootstrap-test bootstrap-check bootstrap-bench: bootstrap-%:
	@tools/bootstrap $* --quiet

.PHONY: build
build: bootstrap-build
	@$(call configure,release)
	@$(call compile,release,lakehouse lakehouse-bench)

.PHONY: run
run: build
	@tools/run $(if $(ONCE),--once) $(if $(DATA),--data "$(DATA)") $(if $(LISTEN),--listen "$(LISTEN)")

.PHONY: test
test: bootstrap-test
	@$(call configure,release)
	@$(call compile,release,all)
	@tools/test --build build/release $(SUITES)

.PHONY: check
check: bootstrap-check
	@$(call configure,release)
	@tools/stage "format" tools/lint format
	@tools/stage "thread-safety analysis" tools/lint thread-safety
	@tools/stage "clang-tidy" tools/lint clang-tidy $(if $(CHECK_ALL),--all)
	@$(call compile,release,all)
	@tools/test --build build/release
	@$(call configure,asan)
	@$(call compile,asan,all)
	@tools/test --build build/asan unit

.PHONY: bench
bench: bootstrap-test
	@$(call configure,release)
	@$(call compile,release,all)
	@tools/bench --build build/release

# The rivals' packages are for Debian's Python.
.PHONY: bench-embed
bench-embed: bootstrap-bench
	@$(call configure,release)
	@$(call compile,release,lakehouse-bench)
	@/usr/bin/python3 tests/bench/embed.py --build build/release $(if $(QUICK),--quick)

.PHONY: fuzz
fuzz: bootstrap-check
	@$(call configure,fuzz)
	@$(call compile,fuzz,all)
	@tools/fuzz --build build/fuzz --seconds $(SECONDS)

.PHONY: fmt
fmt: bootstrap-check
	@tools/lint format --fix

.PHONY: clean
clean:
	rm -rf build
