# "make help" lists the commands.
PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=

BIN := $(VENV)/bin
PINS := constraints.txt
PROJECT_FILES := pyproject.toml setup.cfg $(PINS)
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c $(PINS)
TORCH := $(shell sed -n 's/^torch==//p' $(PINS))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo docs test test-slow reliability test-lowest test-highest lint format pins clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=...       the Python for $(VENV) (3.11 or newer; now $(PYTHON))"
	@echo "  PYTEST_ARGS=...  further arguments for pytest, such as '-k splits'"

demo: $(VENV)/.demo-installed ## Pretrain, transfer and evaluate on a simulated screen
	@$(BIN)/python examples/demo.py

test: $(VENV)/.dev-installed ## Run the tests, except slow ones
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

test-slow: $(VENV)/.dev-installed ## Run all tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "" $(PYTEST_ARGS)

docs: $(VENV)/.docs-installed ## Build the documentation site; warnings are errors
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "Open docs/_build/index.html in a browser."

reliability: $(VENV)/.dev-installed ## Run the tests of the 40 promises, print what they hold
	@$(BIN)/python tests/reliability.py -n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

test-lowest: ## Run the tests with the lowest versions that are allowed
	@test -d .venv-lowest || $(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/python .ci/versions.py lowest > .venv-lowest/versions.txt
	@$(MAKE) --no-print-directory .test-versions WHICH=lowest \
	  CONSTRAINTS='-c .venv-lowest/versions.txt'

test-highest: ## Run the tests with the newest versions there are
	@test -d .venv-highest || $(PYTHON) -m venv .venv-highest
	@$(MAKE) --no-print-directory .test-versions WHICH=highest \
	  CONSTRAINTS='--upgrade --upgrade-strategy eager'

.PHONY: .test-versions
.test-versions:
	@.venv-$(WHICH)/bin/python -m pip install -qq --disable-pip-version-check \
	  $(CONSTRAINTS) --editable '.[boosting,excel,h5,plots,report,test]'
	@.venv-$(WHICH)/bin/python -m pip list --disable-pip-version-check
	@.venv-$(WHICH)/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal \
	  $(PYTEST_ARGS)

pins: $(VENV)/.created ## Write the newest versions to constraints.txt
	@$(BIN)/python .ci/versions.py pins

lint: $(VENV)/.dev-installed ## Check style, format, types and spelling
	@failed=0; \
	$(BIN)/ruff check --output-format=concise . || failed=1; \
	$(BIN)/ruff format --check . || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/codespell || failed=1; \
	exit $$failed

format: $(VENV)/.dev-installed ## Format the code and apply automatic fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Remove the environment, caches and build files
	rm -rf $(VENV) .venv-lowest .venv-highest build dist *.egg-info
	rm -rf docs/_build docs/api docs/gallery docs/sg_execution_times.rst
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "'$(PYTHON)' was not found. Use Python 3.11 or newer: make PYTHON=python3.12 ..."; \
	  exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.11 or newer is required."; \
	  echo "Use another one: make PYTHON=python3.12 ..."; \
	  exit 1; } >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# pip -qq shows no progress, so announce large downloads before they start.
$(VENV)/.torch-installed: $(VENV)/.created $(PINS)
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null \
	  && ! $(INSTALL) --dry-run --no-deps torch==$(TORCH)+cpu >/dev/null 2>&1; then \
	  echo "No NVIDIA GPU found, and no CPU-only build of torch $(TORCH) is available to"; \
	  echo "pip: it will install the CUDA build, several gigabytes. To avoid this, stop"; \
	  echo "now and see 'A smaller torch' in docs/platforms.md."; \
	fi
	@echo "Installing torch $(TORCH) into $(VENV) (once) ..."
	@$(INSTALL) torch
	@touch $@

$(VENV)/.demo-installed: $(VENV)/.torch-installed $(PROJECT_FILES)
	@echo "Installing sklearn_csg2a and its dependencies into $(VENV) (once) ..."
	@$(INSTALL) --editable '.[plots]'
	@touch $@

$(VENV)/.dev-installed: $(VENV)/.torch-installed $(PROJECT_FILES)
	@echo "Installing sklearn_csg2a with test and lint tools into $(VENV) (once) ..."
	@$(INSTALL) --editable '.[plots,report,test,lint]'
	@touch $@

$(VENV)/.docs-installed: $(VENV)/.torch-installed $(PROJECT_FILES)
	@echo "Installing sklearn_csg2a with documentation tools into $(VENV) (once) ..."
	@$(INSTALL) --editable '.[docs]'
	@touch $@
