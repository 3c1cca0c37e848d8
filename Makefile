# `make` lists what it can do.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Whole files side by side: those of one file share their servers.
SIDE_BY_SIDE := -n $(or $(JOBS),2) --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1

##@ Run

.PHONY: run
run: $(VENV)/.local ## Everything on this machine: sweep it, show what is wrong; Ctrl-C stops it
	@exec $(BIN)/aiops run --tied

.PHONY: demo
demo: $(VENV)/.local lab-tools ## Three real hosts, three faults, watched until they are healed (as root)
	@exec $(BIN)/aiops demo --tied

.PHONY: shell
shell: $(VENV)/.local ## A Python shell with the tasks imported, talking to a running `make run`
	@exec $(BIN)/aiops shell

##@ Check

.PHONY: test
test: $(VENV)/.dev $(VENV)-dashboard/.done tools ## The tests: real Redis, MQTT, sshd, the whole system as processes; JOBS=2 at once
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m "not lab and not litellm and not slow and not faults and not mcp" $(ARGS)

.PHONY: slow
slow: $(VENV)/.dev $(VENV)-triage/.done tools ## The slow tests: real Ansible runs, killed processes and servers, LLM providers
	@.ci/tools pages
	@code=0; $(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m "slow and not lab and not litellm and not faults and not mcp" $(ARGS) || code=$$?; \
	$(VENV)-triage/bin/python -m pytest -q -m "litellm and not lab" tests/llm tests/pipeline/test_llm.py tests/pipeline/test_footprint.py tests/pipeline/test_redaction.py || code=$$?; exit $$code

.PHONY: fleet
fleet: $(VENV)/.dev $(VENV)-triage/.done tools ## The tests on real Debian hosts (root): the lab, every playbook, the whole loop
	@code=0; $(BIN)/python -m pytest -q -m "lab and not litellm and not clock and not long and not deployed" $(ARGS) || code=$$?; \
	$(VENV)-triage/bin/python -m pytest -q -m "lab and litellm" tests/pipeline/test_injection_lab.py || code=$$?; exit $$code

.PHONY: stories
stories: $(VENV)/.dev lab-tools ## The stories of the mission, a fault per guardian, thirty quiet sweeps (root): STORY_SHIPPERS=30 QUIET_SWEEPS=30
	@STORY_SHIPPERS=$(or $(STORY_SHIPPERS),6) QUIET_SWEEPS=$(or $(QUIET_SWEEPS),30) $(BIN)/python -m pytest -q -m "long and lab" $(ARGS)

.PHONY: deployed
deployed: $(VENV)/.dev lab-tools ## Deployed by its own playbook onto hosts of the lab (root): the loop, an upgrade that goes back, undeploy: DEPLOY_HOSTS=2 or 5
	@DEPLOY_HOSTS=$(or $(DEPLOY_HOSTS),2) $(BIN)/python -m pytest -q -m deployed tests/deploy $(ARGS)

.PHONY: schedule-proof
schedule-proof: $(VENV)/.dev lab-tools ## The shipped crontab on real hosts (root): three faults seen, repaired and closed with nobody asking; six minutes
	@$(BIN)/python -m pytest -q -m clock tests/pipeline/test_schedule_lab.py $(ARGS)

.PHONY: faults
faults: $(VENV)/.dev tools ## Processes killed at every border of a repair, outages of the broker, then the campaign (root): SEED=1 INCIDENTS=100
	@$(MAKE) --no-print-directory borders campaign

.PHONY: borders
borders: $(VENV)/.dev tools ## Processes killed at every border of a repair, and outages of the broker (root)
	@.ci/tools faults
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m faults tests/faults $(ARGS)

.PHONY: campaign
campaign: $(VENV)/.dev tools ## 100 incidents while everything that can break does so (root): SEED=1 INCIDENTS=100
	@.ci/tools faults
	@$(BIN)/python -m tests.faults --incidents $(or $(INCIDENTS),100) --seed $(or $(SEED),1)

.PHONY: mcp
mcp: $(VENV)/.dev $(VENV)-mcp/.done tools ## MCP both ways: hostile servers, servers and clients that others wrote (npm, PyPI, Chromium); about three minutes
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m "mcp and not lab" tests/mcp $(ARGS)

.PHONY: nightly
nightly: $(VENV)/.dev tools ## A campaign of 1,000 incidents with the date as its seed; its result is written into docs/faults
	@.ci/tools faults
	@$(BIN)/python -m tests.faults --incidents 1000 --seed $$(date -u +%Y%m%d) --write docs/faults

.PHONY: fast
fast: $(VENV)/.dev ## The tests that need nothing but Python
	@$(BIN)/python -m pytest -q tests/unit tests/catalogues $(ARGS)

.PHONY: triage-eval
triage-eval: $(VENV)/.local ## Rate the judgement: CASES=tests/triage/cases.jsonl [ANSWERS=folder] [BY=rules|both|answers]
	@$(BIN)/aiops triage-eval $(or $(CASES),tests/triage/cases.jsonl) $(if $(ANSWERS),--answers $(ANSWERS)) $(if $(BY),--by $(BY))

.PHONY: prove-triage
prove-triage: $(VENV)/.dev $(VENV)-triage/.done tools ## What triage promises, line by line (docs/triage.md): LINE=1 to 7, or all; 3 needs root
	@BIN=$(BIN) TRIAGE=$(VENV)-triage/bin .ci/prove-triage $(LINE)

.PHONY: lint
lint: $(VENV)/.dev ## Style, types, import contracts, playbooks, shell
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@.ci/lint-playbooks $(BIN)

.PHONY: rules
rules: tools ## The alert rules and the tests of each, with promtool
	@promtool check rules grafana/prometheus/rules.yml
	@cd grafana/prometheus && promtool test rules rules.test.yml

.PHONY: supply
supply: $(VENV)/.dev $(VENV)-triage/.done ## What the dependencies brought: files that start by themselves, licences, who got what
	@.ci/supply $(VENV) $(VENV)-triage

.PHONY: vulnerabilities
vulnerabilities: $(VENV)-audit/.done ## Known vulnerabilities of every locked version (asks osv.dev)
	@for lock in constraints/*.txt; do echo "$$lock"; $(VENV)-audit/bin/pip-audit --vulnerability-service osv --timeout 20 --disable-pip --require-hashes --progress-spinner off -r $$lock; done

.PHONY: matrix
matrix: ## The fast tests on every Python from 3.11 to 3.13 that is found
	@.ci/matrix

.PHONY: bench
bench: $(VENV)/.dev tools footprint ## What it costs, as ratios measured side by side in one run: a storm, the bridge, a sweep of 60 hosts, idle processes
	@$(BIN)/python -m bench.storm
	@$(BIN)/python -m bench.bridge
	@$(BIN)/python -m bench $(ARGS)

.PHONY: footprint
footprint: $(VENV)/.dev $(VENV)-triage/.done tools ## What the idle processes hold in memory, and when they are there: into docs/footprint.md
	@$(VENV)-triage/bin/python -m bench.footprint --write $(ARGS)

##@ Write

.PHONY: fmt
fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/.dev ## Write the generated tables of the documentation and the event schema anew
	@$(BIN)/python -m aiops.adapters.event_schema
	@$(BIN)/python docs/generate.py

.PHONY: dashboard
dashboard: $(VENV)-dashboard/.done ## Write Grafana's dashboard anew from grafana/dashboard.py
	@$(VENV)-dashboard/bin/python grafana/dashboard.py

.PHONY: lock
lock: ## Lock the dependencies anew, nothing younger than a week (needs uv)
	@.ci/lock

##@ Set up

.PHONY: tools
tools: ## Install the system packages that the tests use, or say which tests are left out
	@.ci/tools

.PHONY: lab-tools
lab-tools:
	@.ci/tools lab

.PHONY: clean
clean: ## Delete what was built here; data under var/ stays
	@rm -rf $(VENV) .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; call: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3-venv is missing: apt install python3-venv" >&2; exit 1; }

$(VENV)/.local: constraints/local.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing aiops into $(VENV) ..." >&2
	@$(BIN)/pip install --quiet --require-hashes -r constraints/local.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: constraints/dev.txt $(VENV)/.local
	@echo "installing the test tools into $(VENV) ..." >&2
	@$(BIN)/pip install --quiet --require-hashes -r constraints/dev.txt
	@touch $@

# litellm is installed only where triage runs: an environment of its own, as on CT190.
$(VENV)-triage/.done: constraints/triage.txt constraints/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing the triage worker's environment into $(VENV)-triage ..." >&2
	@rm -rf $(VENV)-triage && $(PYTHON) -m venv $(VENV)-triage
	@$(VENV)-triage/bin/pip install --quiet --require-hashes -r constraints/triage.txt -r constraints/dev.txt
	@$(VENV)-triage/bin/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)-audit/.done: constraints/audit.txt | $(VENV)/bin/python
	@rm -rf $(VENV)-audit && $(PYTHON) -m venv $(VENV)-audit
	@$(VENV)-audit/bin/pip install --quiet --require-hashes -r constraints/audit.txt
	@touch $@

# What writes the dashboard, and nothing else: nobody who runs aiops needs it.
$(VENV)-dashboard/.done: constraints/dashboard.txt | $(VENV)/bin/python
	@rm -rf $(VENV)-dashboard && $(PYTHON) -m venv $(VENV)-dashboard
	@$(VENV)-dashboard/bin/pip install --quiet --require-hashes -r constraints/dashboard.txt
	@touch $@

# Servers and a client that nobody here wrote, in the versions that the tests were written against.
$(VENV)-mcp/.done: .ci/strangers | $(VENV)/bin/python
	@.ci/strangers $(VENV)-mcp
	@touch $@

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
