# The project's commands. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# need PROGRAM,PACKAGE: a line when the program is missing. Daemons lie where only root looks.
need = PATH="$$PATH:/sbin:/usr/sbin" command -v $(1) >/dev/null || { echo "missing: $(1) - install the Debian package $(2)"; missing=1; };

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: prerequisites
prerequisites: ## Says what is missing on this machine, and which package brings it
	@missing=0; \
	command -v cargo >/dev/null || { echo "missing: cargo 1.90 or later - install it with rustup (the Debian package rustup)"; missing=1; }; \
	$(call need,gcc,gcc) \
	$(call need,g++,g++) \
	$(call need,python3,python3) \
	$(call need,javac,openjdk-17-jdk-headless) \
	$(call need,mvn,maven) \
	$(call need,node,nodejs) \
	$(call need,npm,npm) \
	$(call need,nginx,nginx-light) \
	$(call need,apache2,apache2-bin) \
	$(call need,rsyslogd,rsyslog) \
	$(call need,logger,bsdutils) \
	$(call need,runc,runc) \
	PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p | grep libgssapi_krb5.so.2 >/dev/null || { echo "missing: libgssapi_krb5.so.2 - install the Debian package libgssapi-krb5-2"; missing=1; }; \
	if [ $$missing = 0 ]; then exit 0; fi; exit 1

.PHONY: build
build: prerequisites ## All programs, as the demo and the tests run them
	cargo build --release --workspace

.PHONY: test
test: prerequisites ## All set-up and all tests
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --features logmill-e2e/long,logmill-encodings/long -- -D warnings
	cargo build --release --workspace
	RUST_TEST_THREADS=$$(n=$$(nproc); echo $$((n > 3 ? n : 3))) cargo test --release --workspace --no-fail-fast
	cd tests/check && python3 -B -m unittest -q test_compare

.PHONY: demo
demo: build ## All set-up, then the whole chain on real servers and real logs; ONCE=1 ends by itself, LOGS=folder adds files, LAYOUT=fused|compact|direct, INSTANCES=n, BROKERS=3, KILL=1, SIZE=500MB
	target/release/logmill-demo

.PHONY: bench
bench: build ## CPU per byte beside the floor, on the real servers too: a table, and target/bench.json; LARGE=10 adds a file of 10 GiB, FILES=1000000 lists a million, TINY=20000 takes so many of a kilobyte, ANALYZED=100000000 counts so many rows
	target/release/logmill-bench

.PHONY: bench-table
bench-table: build ## Bytes a line, CPU of an INSERT and of the commonest questions, of the table of rows and of others that it could be; ROWS=n
	target/release/logmill-stack up --brokers 0 --clusters "" --detach
	python3 -B benchmarks/table/table.py .stack/up/state.json $(or $(ROWS),2000000); \
		ended=$$?; target/release/logmill-stack down; exit $$ended

.PHONY: bench-detection
bench-detection: ## How many files each detector of encodings reads right, ours and others: a table
	cargo run --release --manifest-path benchmarks/libraries/Cargo.toml --target-dir target/libraries --bin detection

.PHONY: bench-codecs
bench-codecs: ## CPU per byte of each codec's library beside others of its kind: a table
	cargo run --release --manifest-path benchmarks/libraries/Cargo.toml --target-dir target/libraries --bin codecs

.PHONY: crash
crash: build ## Random faults on the whole chain on real servers, archives, damaged files and redecode among it, then the comparison; CRASH_RUNS=n, CRASH_SEED=n, CRASH_BROKERS=3
	target/release/logmill-crash

.PHONY: alone
alone: build ## Each stage stopped in turn while files keep coming: what the others do meanwhile; ALONE_SECONDS=n
	target/release/logmill-alone

.PHONY: pools
pools: build ## Four clusters of the weights 1 to 4, the heaviest stopped for a while: a plot of who has how many coroutines
	target/release/logmill-pools

.PHONY: scale
scale: build ## 1, 2 and 4 instances of each stage, each held to the same few bytes a second: how much they do together; one that turns slow; SCALE_STAGES=splitter,distributor
	target/release/logmill-scale

.PHONY: soak
soak: build ## Files and faults for as long as you like, then the comparison; a plot of memory, files, threads, disk; SOAK_MINUTES=n, SOAK_SEED=n
	target/release/logmill-soak

.PHONY: memory
memory: build ## Each stage under a hard limit: 1 GiB in one line, 64 MiB of bare line ends, more files than may be open
	MEMORY=full cargo test --release --workspace --test chain memory:: -- --nocapture --test-threads 1

.PHONY: worst
worst: build ## Servers at their worst: gone for long, silent, without memory, full, in safe mode; clocks that jump
	WORST=full cargo test --release --workspace --features logmill-e2e/long --test worst --test brokers --test disk -- --nocapture --test-threads 1
	WORST=full cargo test --release --workspace --test real faults:: -- --nocapture --test-threads 1

FUZZ_TARGETS := chunk_headers row_batches offset_metadata configuration gzip zlib deflate zstd bzip2 xz lzma lz4 snappy lzop brotli hadoop detector splitter tar zip
FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: prerequisites ## Hostile input for each thing that is read, and all inputs of four bytes as GB18030; FUZZ_SECONDS=n for each, FUZZ_TARGETS="gzip zstd"
	@cargo fuzz --version >/dev/null 2>&1 || { echo "missing: cargo-fuzz - cargo install cargo-fuzz brings it"; exit 1; }
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p tests/fuzz/corpus/$$target; \
		cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none $$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -print_final_stats=1; \
	done
	cargo test --release --workspace --features logmill-encodings/long --test gb18030 -- all_inputs_of_four_bytes --nocapture
	@echo "fuzz: $(FUZZ_SECONDS) s each, nothing found: $(FUZZ_TARGETS)"

.PHONY: simulate
simulate: prerequisites ## The protocol under far more random schedules than the tests run; SCHEDULES=n
	cargo run --release -p logmill-simulate
