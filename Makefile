# Everything a person or a machine does with this repository. `make` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
# The binary itself, because npm's `forge` wrapper exits 0 when forge fails; looked up late, because `setup` installs it.
FORGE = $(firstword $(wildcard $(CURDIR)/node_modules/@foundry-rs/forge-*/bin/forge) forge)
# What `make demo` and `make bench` write, wherever cargo builds.
OUT := $(CURDIR)/target
REFEREE := examples/referee/build/referee.wasm
# The same in Rust; a package of its own, because it is a user's program.
REFEREE_RUST := $(CARGO_TARGET_DIR)/x86_64-unknown-linux-gnu/release/referee-rust
# One way to build everything, so that third-party code is built once and not again for every set of features.
BUILD := cargo build --locked --workspace --all-targets
VOUCH := $(CARGO_TARGET_DIR)/debug/vouch
# `npm ci` refuses a lock file that lacks the optional packages of other platforms, which is how one is written where the
# registry does not carry them; `npm install` then takes the same pinned versions.
NPM_FLAGS := --no-audit --no-fund --loglevel=error
NPM_CI := npm ci $(NPM_FLAGS) >/dev/null 2>&1 || npm install --no-save $(NPM_FLAGS)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

# --- setting up -------------------------------------------------------------------------------------------------

.PHONY: preflight
preflight:
	@tools/preflight

.PHONY: setup
setup: node_modules/.package-lock.json ## Install the pinned Node.js packages (forge, anvil, solc, OpenZeppelin)

node_modules/.package-lock.json: package.json package-lock.json
	$(NPM_CI)
	@touch $@

examples/referee/node_modules/.package-lock.json: examples/referee/package.json examples/referee/package-lock.json
	cd examples/referee && { $(NPM_CI); }
	@touch $@

$(REFEREE): examples/referee/node_modules/.package-lock.json $(wildcard examples/referee/src/*) wit/program.wit
	cd examples/referee && npm run --silent build

$(REFEREE_RUST): $(wildcard examples/referee-rust/src/*) examples/referee-rust/Cargo.lock
	cd examples/referee-rust && cargo build --locked --release

.PHONY: build
build: ## Build everything (debug)
	$(BUILD)

.PHONY: contracts
contracts: setup ## Compile the contracts
	cd contracts && $(FORGE) build --skip test

.PHONY: abi
abi: contracts ## Write contracts/abi from the compiled contracts
	node tools/export-abi.mjs
	node tools/snapshot-layout.mjs

# --- seeing it work ---------------------------------------------------------------------------------------------

.PHONY: demo
demo: preflight setup $(REFEREE) $(REFEREE_RUST) ## Run the whole story on this machine (KEEP=1 leaves the cloud running)
	$(BUILD)
	$(VOUCH) doctor
	$(CARGO_TARGET_DIR)/debug/vouch-demo --out $(OUT)/demo $(if $(KEEP),--keep)

.PHONY: bench
bench: setup ## Measure speed and memory against baselines (ONLY=compute for one group)
	cargo build --locked --release -p vouch -p vouch-testkit --bins
	$(CARGO_TARGET_DIR)/release/vouch-bench --out $(OUT)/bench $(if $(ONLY),--only $(ONLY))

.PHONY: vectors
vectors: ## Check the code against the golden vectors in DIR
	@test -n "$(DIR)" || { echo "usage: make vectors DIR=path/to/vectors" >&2; exit 2; }
	@$(BUILD) --quiet
	@$(VOUCH) vectors $(DIR)

# --- proving it -------------------------------------------------------------------------------------------------

.PHONY: test
test: preflight test-contracts test-rust test-examples ## Run every test

.PHONY: test-contracts
test-contracts: setup ## Run the Solidity tests
	cd contracts && FORGE_SNAPSHOT_CHECK=true $(FORGE) test

.PHONY: test-rust
test-rust: setup $(REFEREE) ## Run the Rust tests
	$(BUILD)
	cargo test --locked --workspace --no-fail-fast

.PHONY: test-examples
test-examples: examples/referee/node_modules/.package-lock.json ## Run the examples' own tests
	cd examples/referee && npm test --silent
	cd examples/referee-rust && cargo build --locked --release && node --test test/

.PHONY: interop
interop: ## Run programs of other people's making against this cloud (a performer in Python, a container engine; needs root, Debian and Docker, Podman or Buildah)
	VOUCH_CONTAINER_ENGINE=1 cargo test --locked -p vouch a_real_engine_builds
	tests/interop/performer-python/prepare.sh $(OUT)/interop/performer-python
	VOUCH_PERFORMER_PYTHON=$(OUT)/interop/performer-python cargo test --locked -p vouch-oci --test performer

.PHONY: check
check: check-format check-lints check-generated check-licences ## What must hold for every change, besides the tests

.PHONY: check-format
check-format: setup
	cargo fmt --all --check
	cd contracts && $(FORGE) fmt --check

.PHONY: check-lints
check-lints:
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: check-generated
check-generated: contracts ## Prove that the generated files in the repository are fresh
	node tools/export-abi.mjs --check
	node tools/snapshot-layout.mjs --check
	$(BUILD)
	$(VOUCH) openapi --check docs/openapi.json
	$(VOUCH) reference --check docs/cli.md
	$(VOUCH) metrics --check docs/metrics.md

.PHONY: check-licences
check-licences:
	node tools/check-licences.mjs
	@if command -v cargo-deny >/dev/null; then cargo deny --log-level error check bans licenses sources; \
	else echo "skipped: cargo deny (not installed; cargo install --locked cargo-deny)"; fi

.PHONY: nightly
nightly: setup $(REFEREE) ## The slow, deep tests
	cargo build --locked --release -p vouch -p vouch-testkit --bins
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --log-level error check bans licenses sources
	# Fresh rows of the share arithmetic, others every night; the contracts' tests read them beside the checked-in file.
	cargo build --locked --workspace --example share_vectors
	$(CARGO_TARGET_DIR)/debug/examples/share_vectors "$$(date +%F)" vectors/nightly 500
	cd contracts && FOUNDRY_PROFILE=nightly $(FORGE) test
	tools/prove
	# Ten thousand seeds of the simulator, other ones every night.
	PROPTEST_CASES=20000 VOUCH_SIM_SEEDS=10000 VOUCH_SIM_FIRST=$$(( $$(date +%s) / 86400 * 10000 )) \
		cargo test --locked --workspace
	VOUCH_FUZZ_SECONDS=60 cargo test --locked --workspace --test fuzz
	VOUCH_FUZZ_SECONDS=60 cargo test --locked --workspace --test image targets
	VOUCH_FAULTS_SECONDS=600 cargo test --locked --workspace --test faults -- --nocapture
	VOUCH_FAULTS_SECONDS=600 cargo test --locked --workspace --test stories through_pulled_cables -- --nocapture
	VOUCH_SOAK_SECONDS=3600 cargo test --locked --workspace --test soak -- --nocapture
	cd examples/referee-rust && cargo build --locked --release && REFEREE_SEED=$$(date +%s) REFEREE_GAMES=5000 node --test test/
	tools/guest/containers

.PHONY: fmt
fmt: setup ## Format everything
	cargo fmt --all
	cd contracts && $(FORGE) fmt

.PHONY: clean
clean: ## Remove what was built here
	rm -rf target contracts/out contracts/cache examples/*/build
