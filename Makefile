# Thin names over the real commands. `make demo` and `make test` need only Python >= 3.11, Rust, a C linker and the package registries.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
CORE := $(VENV)/core.stamp
BENCH := $(VENV)/bench.stamp

.PHONY: demo test faults faults-sabotage load soak soak-sabotage bench bench-gate bench-peers check lint format localnet clean

demo: $(CORE) ## a market crash, liquidated for real on a local Solana VM
	@$(BIN)/liquidation-engine demo $(ARGS)

test: $(CORE) lint ## everything: formats, types, Rust and Python tests, the demo in short forms
	cargo test --workspace --locked --quiet
	$(BIN)/python -m pytest $(ARGS)

faults: $(CORE) ## a crash at every stage boundary and what else may fail, each judged by the auditor; prints a table
	$(BIN)/python -m pytest tests/faults -m faults $(ARGS)

soak: ## 1e9 positions judged by an independent oracle, none may be missed; ARGS="--seconds 60 --json" and others
	@cargo run --release --locked --quiet --package soak -- $(ARGS)

soak-sabotage: ## plants nine faults in the screen, one at a time; the soak must find each
	@cargo run --release --locked --quiet --package soak --features sabotage -- $(ARGS)

bench: $(BENCH) ## criterion, pytest-benchmark, the goals table beside its peers, growth to ten million with plots; half an hour
	cargo bench --locked --quiet --package bench-peers --bench book
	$(BIN)/python -m pytest benches/suite
	-$(BIN)/python -m benches.side_by_side $(ARGS)
	$(BIN)/python -m benches.report

bench-gate: $(BENCH) ## the ratios of the goals table in a short run: fails where one misses 60 % of its goal
	$(BIN)/python -m benches.side_by_side --gate --rounds 11 $(ARGS)

bench-peers: ## driftpy in an environment of its own, for the row that is beside it
	@test -x .venv-driftpy/bin/python || $(PYTHON) -m venv .venv-driftpy
	@.venv-driftpy/bin/python -m pip install --quiet --disable-pip-version-check driftpy==0.8.89

load: $(CORE) ## the queue and the workers under load: throughput, overhead, a backlog, leaders killed; a quarter of an hour
	$(BIN)/python -m benches.load $(ARGS)

faults-sabotage: $(CORE) ## breaks each promise on purpose and names the test that turned red
	$(BIN)/python tests/faults/sabotage.py $(ARGS)

lint: $(CORE) ## ruff, mypy --strict, rustfmt, clippy
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --strict --no-error-summary python
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

format: $(CORE)
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .
	cargo fmt --all

localnet: $(CORE) ## a local Solana VM behind JSON-RPC on 127.0.0.1:8899
	@$(BIN)/liquidation-engine localnet --port 8899 $(ARGS)

$(BIN)/maturin: constraints.txt
	@command -v cargo >/dev/null || { echo "cargo was not found: install Rust 1.89 or newer (https://rustup.rs), then run this again"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name a newer one with make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt maturin
	@touch $@

$(CORE): $(BIN)/maturin pyproject.toml $(RUST_SOURCES)
	@echo "building the Rust core and installing the Python packages into $(VENV) ..."
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

$(BENCH): $(CORE)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[dev,bench]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-driftpy target .demo
