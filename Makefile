# One target per habit. Each sets up what it needs and is the same here and in CI.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VENV := $(CURDIR)/.venv
TOOLS := $(VENV)/.installed
export PATH := $(VENV)/bin:$(HOME)/.cargo/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

# What `make deploy` and the build targets take from the command line.
ENVIRONMENT ?= default
ARCHITECTURE ?= x86_64
STACK ?= contact-injection$(if $(filter-out default,$(ENVIRONMENT)),-$(ENVIRONMENT))
SHIPPED_ROUTES := functions/inject-contacts/routes.json
ROUTES ?= $(SHIPPED_ROUTES)
# The cases of routes are the folder beside them, where there is one. Which attributes are registered is known of the shipped
# routes alone: what the fixtures' tenant has.
CASES ?= $(wildcard $(dir $(ROUTES))cases)
SCHEMA ?= $(if $(filter $(SHIPPED_ROUTES),$(ROUTES)),tests/fixtures/upstream/schema.json)
PROFILE ?= guide
SEEDS ?= 10000
FROM ?= 0
# How many versions of the inject function a deployment leaves.
KEEP ?= 10
export ARCHITECTURE ROUTES CASES ENVIRONMENT PARAMETERS

# Which commit is built, and in which run: what makes each deployment a package, and so a version, of its own. `sam build` calls
# make once for each function, and both have to say the same, so that whoever calls it says it to them.
ifndef DEPLOYMENT_COMMIT
DEPLOYMENT_COMMIT := $(or $(GITHUB_SHA),$(shell commit=$$(git rev-parse HEAD 2>/dev/null) \
	&& echo "$$commit$$(git --no-optional-locks status --porcelain | sed -n '1s/.*/-dirty/p')" || echo unknown))
endif
ifndef DEPLOYMENT_RUN
DEPLOYMENT_RUN := $(if $(GITHUB_RUN_ID),$(GITHUB_RUN_ID).$(GITHUB_RUN_ATTEMPT),$(shell date -u +%Y-%m-%dT%H:%M:%SZ))
endif
export DEPLOYMENT_COMMIT DEPLOYMENT_RUN

.PHONY: help
help: ## this list
	@grep -hE '^[a-z -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z -]+):.*## /  make \1\t/' | expand -t 28

# Tools -----------------------------------------------------------------------------------------------------------
$(TOOLS): tests/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# Scanners of the templates and of the workflow, apart from the tools, whose pins they would fight.
CHECKS := $(CURDIR)/.venv-checks/.installed
$(CHECKS): tests/requirements-checks.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The peer of `make bench` keeps its packages apart from the tools'.
PEER := $(CURDIR)/.venv-peer/.installed
$(PEER): tests/peer/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --requirement $<
	touch $@

# Checks ------------------------------------------------------------------------------------------------------------
# One of each partition: aws, aws-us-gov, aws-cn. The second has no pipes.
REGIONS := us-east-1 us-gov-west-1 cn-north-1

.PHONY: test check lint style templates clippy compiled fmt audit simulate mutants busy-hour urgent-day fleet
# What is installed and what is compiled don't wait for each other.
test: ## every check and every test
	$(MAKE) --no-print-directory --jobs=$$(($$(getconf _NPROCESSORS_ONLN) + 1)) --output-sync=target lint compiled
	cargo test --locked --workspace --no-fail-fast

check: style clippy ## while you work: formats, lints and the tests that need nothing around them
	cargo test --locked --quiet --package contact-injection --package cxone-simulator --lib

lint: style templates clippy ## formats, lints, spelling, the templates and the workflow

style: $(TOOLS)
	cargo fmt --all --check
	taplo fmt --check
	typos

templates: $(TOOLS) $(CHECKS)
	for region in $(REGIONS); do AWS_DEFAULT_REGION=$$region sam validate --lint; done
	for region in $(filter-out us-gov-west-1,$(REGIONS)); do \
		AWS_DEFAULT_REGION=$$region sam validate --lint --template outcomes.yaml; done
	cfn-lint --regions $(REGIONS) -- docs/senders/*.yaml
	$(dir $(CHECKS))bin/checkov --config-file .checkov.yaml
	$(dir $(CHECKS))bin/zizmor --offline --quiet .github/workflows

# Each makes use of the jobs that make still has.
clippy:
	+cargo clippy --locked --workspace --all-targets -- --deny warnings
	+cargo check --locked --package contact-injection --no-default-features

compiled: clippy
	+cargo test --locked --workspace --no-run

fmt: $(TOOLS) ## formats Rust and TOML
	cargo fmt --all
	taplo fmt

simulate: ## the pipeline in virtual time, one seed after the other: SEEDS=N, FROM=seed, PROFILE=guide|cxone
	cargo run --locked --quiet --profile simulation --package simulation -- --profile $(PROFILE) --seeds $(SEEDS) --from $(FROM)

# A mutant is one small mistake, such as a `<` for a `<=`: those that no test notices show what no test asks. Each is built in
# one copy of the tree. The domain has the crate's own tests for a judge; the stories, which need everything around them, the
# simulation. A property's first counterexample is enough, so none is made smaller.
BASE ?= $(shell git rev-parse --quiet --verify origin/main || echo HEAD~1)
mutants: ## mistakes that no test notices, in what changed since BASE=origin/main, or FILES="shared/src/domain/time.rs"
	command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
	mkdir -p .local/mutants .local/mutants-stories
	git diff --merge-base $(BASE) -- shared/src > .local/mutants.diff
	export CARGO_TARGET_DIR=$${CARGO_TARGET_DIR:-$(CURDIR)/target} PROPTEST_CASES=64 PROPTEST_MAX_SHRINK_ITERS=0; \
	status=0; for judge in mutants mutants-stories; do \
		cargo mutants --config .cargo/$$judge.toml --output .local/$$judge \
			$(if $(FILES),$(addprefix --file ,$(FILES)),--in-diff .local/mutants.diff) || status=$$?; \
	done; exit $$status

audit: ## licences, bans and sources of every dependency
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --locked check licenses bans sources

busy-hour: ## queues that fill and drain in virtual time, with their health known and without
	cargo run --locked --quiet --package simulation -- --busy-hour

urgent-day: ## a bulk load and urgent events in virtual time, with a lane of their own and without
	cargo run --locked --quiet --profile simulation --package simulation -- --urgent-day

fleet: ## a thousand clients and workers, a million events, in virtual time and within AWS's limits; writes docs/scale.md
	cargo run --locked --quiet --profile simulation --package simulation -- --fleet --write docs/scale.md

# Without a schema no case of a route that flattens can be checked. $(call check-routes,PROFILE,MORE)
check-routes = cargo run --locked --quiet --package operator --bin contact-injection -- \
	check --cxone-profile $1 --routes $(ROUTES) $(if $(SCHEMA),--schema $(SCHEMA)) $2 $(CASES)
.PHONY: routes
routes: ## the routes and their cases, offline: ROUTES=file CASES=folder SCHEMA=file PROFILE=cxone ARGS="--explain"
	@$(call check-routes,$(PROFILE),$(ARGS))

# Figures and fuzzing -----------------------------------------------------------------------------------------------
.PHONY: bench fuzz
bench: $(TOOLS) $(PEER) ## what the functions cost, beside the same job in Python: BENCH="--full", or parts of it
	mkdir -p docs
	cargo run --locked --quiet --package contact-injection-tests --bin bench -- --write docs/bench.md --summary README.md $(BENCH)

# Each reader of outside text, from the fixtures on, for so many seconds. What it finds is added to the corpus and kept.
SECONDS ?= 60
FUZZ_TARGETS ?= event routes mapping answers schema health
CORPUS := shared/fuzz/corpus
fuzz: ## fuzzes every reader of outside text: SECONDS=3600 for each, FUZZ_TARGETS="event routes"
	command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	mkdir -p $(addprefix $(CORPUS)/,event routes mapping answers schema health)
	find tests/fixtures/upstream -mindepth 2 -name '*.json' -exec cp -t $(CORPUS)/event {} + -exec cp -t $(CORPUS)/mapping {} +
	cp functions/inject-contacts/routes.json $(CORPUS)/routes/shipped.json
	cp tests/fixtures/demo/routes.json $(CORPUS)/routes/demo.json
	cp tests/fixtures/upstream/schema.json $(CORPUS)/schema/
	cp -r shared/fuzz/seeds/. $(CORPUS)/
	for target in $(FUZZ_TARGETS); do \
		cargo +nightly fuzz run --fuzz-dir shared/fuzz $$target -- -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1; \
	done

# Stack -------------------------------------------------------------------------------------------------------------
LOCAL := cargo run --locked --quiet --package contact-injection-tests --bin local --
OPERATOR := cargo run --locked --quiet --package operator --bin contact-injection -- --stack $(STACK)

.PHONY: demo up simulator deployable deploy dry-run dead-letters redrive resolve pause resume versions protect
demo: $(TOOLS) ## the whole stack on this machine: deploys it, sends sample events, shows what became of each: PROFILE=guide|cxone
	$(LOCAL) demo $(PROFILE)

up: $(TOOLS) ## the same stack, left running until Ctrl-C; it prints how the commands below reach it
	$(LOCAL) up

simulator: ## a CXone simulator on a free port of loopback, until Ctrl-C
	cargo run --locked --quiet --package cxone-simulator -- --port 0 --config tests/fixtures/demo/tenant.json

# A parameter's value, as `sam deploy` will take it: the last one of PARAMETERS, else the one of the environment's file.
parameter = $(subst ",,$(subst ',,$(strip $(if $(filter $1=%,$(PARAMETERS)),\
	$(patsubst $1=%,%,$(lastword $(filter $1=%,$(PARAMETERS)))),\
	$(shell sed -n 's/ *\#.*//; s/^$1: *//p' environments/$(ENVIRONMENT).yaml)))))
deployable: ## whether it may be deployed: a production that alarms somebody, and routes that keep what their cases say
	@test -f 'environments/$(ENVIRONMENT).yaml' \
		|| { echo 'deploy: there is no environments/$(ENVIRONMENT).yaml' >&2; exit 2; }
	@test '$(ENVIRONMENT)' != production || test -n '$(call parameter,AlarmTopicArn)' || { echo 'deploy: production has' \
		'no alarm topic: name an SNS topic as AlarmTopicArn in environments/production.yaml, or in PARAMETERS' >&2; exit 2; }
	@$(call check-routes,$(call parameter,CxoneProfile),--boundary $(call parameter,ComplianceBoundary))

OVERRIDES = --parameter-overrides file://environments/$(ENVIRONMENT).yaml Architecture=$(ARCHITECTURE) $(PARAMETERS)
# Old versions that stay are no reason to call a deployment failed. A production that could be deleted is one.
deploy: deployable $(TOOLS) ## to the AWS account of the shell: ENVIRONMENT=staging ARCHITECTURE=arm64 PARAMETERS="RateLimit=240" CONFIRM=no
	sam build --config-env $(ENVIRONMENT) $(OVERRIDES)
	sam deploy --config-env $(ENVIRONMENT) --stack-name $(STACK) $(OVERRIDES) $(if $(filter no,$(CONFIRM)),--no-confirm-changeset)
	$(if $(filter production,$(ENVIRONMENT)),$(OPERATOR) protect)
	$(OPERATOR) versions --prune $(KEEP) || echo 'deployed, and old versions are left: `make versions` says which' >&2

# The operator's program; what it takes besides goes into ARGS, as in ARGS="--reason expired --json".
ARGS ?=
dry-run: ## checks the events of a JSON list against the stack's routes and CXone: EVENTS=file.json
	@test -n "$(EVENTS)" || { echo 'usage: make dry-run EVENTS=file.json' >&2; exit 2; }
	@$(OPERATOR) dry-run $(ARGS) '$(EVENTS)'

dead-letters: ## what could not be injected, and why: ARGS="--reason expired"
	@$(OPERATOR) dead-letters $(ARGS)

redrive: ## sends dead letters back to the queue that they came from: ARGS="--rate 10"
	@$(OPERATOR) redrive $(ARGS)

resolve: ## decides about an event whose outcome is unknown: KEY=<idempotency key> AS=injected|retry
	@$(OPERATOR) resolve $(ARGS) '$(KEY)' '$(AS)'

pause resume: ## the event source mappings off, and on again: nothing is received meanwhile
	@$(OPERATOR) $@ $(ARGS)

versions: ## the inject function's versions, which is live and which one to go back to: ARGS="--prune 10"
	@$(OPERATOR) versions $(ARGS)

protect: ## makes the stack hard to lose, as a deployment of production does
	@$(OPERATOR) protect $(ARGS)

# Called by `sam build`: the binary, beside it the routes that both functions read, and the cases by which a new version of the
# inject function is tried. Both binaries are built at once, so that they share their dependencies. cargo-lambda's own release
# optimizations stay off, since they abort on a panic, and unwinding is what keeps a panic one record's own.
.PHONY: build-InjectFunction build-SyncFunction
build-InjectFunction: FUNCTION := inject-contacts
build-SyncFunction: FUNCTION := sync-registry
build-InjectFunction build-SyncFunction: $(TOOLS)
	cargo lambda build --locked --release --disable-optimizations --$(subst _,-,$(ARCHITECTURE)) \
		--package inject-contacts --package sync-registry --lambda-dir .local/lambda
	cp .local/lambda/$(FUNCTION)/bootstrap $(ROUTES) functions/inject-contacts/routes.schema.json "$(ARTIFACTS_DIR)/"
	$(if $(and $(filter inject-contacts,$(FUNCTION)),$(CASES)),mkdir -p "$(ARTIFACTS_DIR)/cases" && \
		find $(CASES) -maxdepth 1 -name '*.json' -exec cp -t "$(ARTIFACTS_DIR)/cases" {} +)
	@$(deployment) > "$(ARTIFACTS_DIR)/deployment.txt"

# What is deployed, and none of it secret. No make of its own writes it, since one might write its folder's name into it.
deployment = { cat environments/$(ENVIRONMENT).yaml && printf '%s\n' "Architecture=$(ARCHITECTURE) $$PARAMETERS" \
	"Commit: $$DEPLOYMENT_COMMIT" "Run: $$DEPLOYMENT_RUN"; }
.PHONY: deployment
deployment:
	@$(deployment)
