# The two commands are `make demo` and `make test`. Everything here only calls what does
# the work: deploy/local (the stack) and tests/run (the checks).

# A folder for each clone: cargo gives the same names to what two clones build.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/longshore/target-$(shell pwd -P | sha256sum | cut -c1-12)
STACK := deploy/local/stack

.PHONY: help demo up watch-check down status clean build test bench chaos schemas lint fmt

help:
	@echo 'make demo    install what is missing, build, start all, sync a sample shop, verify it'
	@echo 'make test    everything that CI runs'
	@echo 'make up      build and start the local stack, or what of it does not run; WATCH=1 with Prometheus'
	@echo 'make watch-check ask that Prometheus for all targets and every expression of rules and dashboards'
	@echo 'make bench   how fast it is, beside the floor and its peers; ONLY=engine for one part'
	@echo 'make chaos   everything breaks under load, for MINUTES=10, and nothing is lost; SEED=n repeats'
	@echo 'make schemas real applications'"'"' schemas between all flavours of servers; ONLY=zabbix PAIR=mariadb:mysql9 for some'
	@echo 'make down    end the local stack; its data stays'
	@echo 'make status  what runs, with pids and addresses'
	@echo 'make clean   end the local stack and remove its data'
	@echo 'make build   build the programs into .local/bin'
	@echo 'make lint    the checks of `make test` that need no server'
	@echo 'make fmt     format the Rust code'

demo down clean build watch-check:
	@$(STACK) $@

up:
	@$(STACK) up $(if $(WATCH),--watch)

# Its exit code says whether all runs; here the words do.
status:
	@$(STACK) status || true

test:
	@tests/run

# The newest table stands in tests/bench/README.md.
bench:
	@tests/bench/run $(ONLY)

# A short one runs in `make test`.
chaos:
	@tests/chaos/run "$(MINUTES)" "$(SEED)"

# Real applications' schemas from Debian's packages, between servers of every flavour.
schemas:
	@tests/schemas/run $(ONLY) $(PAIR)

lint:
	@tests/run lint

fmt:
	cargo fmt
