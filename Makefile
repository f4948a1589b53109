# Everything here makes what it needs: `make demo` and `make test` are enough on a fresh machine.
# With uv on the PATH it is used; otherwise plain venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RIVALS := .venv-bench
UV := $(shell command -v uv 2>/dev/null)
ifneq ($(UV),)
  INSTALL := uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
  CREATE := uv venv --quiet --python $(PYTHON) --allow-existing $(VENV)
else
  INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
  CREATE := $(PYTHON) -m venv $(VENV)
endif

.PHONY: demo test test-long test-live check bench serve clean

demo: $(VENV)/.installed  ## the main job on real input
	@$(BIN)/ask-copilot demo $(ARGS)

test: $(VENV)/.installed-dev node_modules/.installed  ## all the tests
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not long and not live" $(ARGS)

test-long: $(VENV)/.installed-dev node_modules/.installed  ## the hours-deep versions: kill points, fuzzing
	@$(BIN)/python -m pytest -m long --timeout 14400 $(ARGS)

test-live: $(VENV)/.installed-dev  ## a few paid calls of every runtime whose key is in the environment
	@$(BIN)/python -m pytest -m live $(ARGS)

check: $(VENV)/.installed-dev  ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright

bench: $(VENV)/.installed-dev $(RIVALS)/.installed  ## the benchmarks, as ratios against a named rival
	@for name in $(notdir $(basename $(filter-out %/__init__.py,$(wildcard benchmarks/*.py)))); do \
	  echo; $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

serve: $(VENV)/.installed  ## the service
	@$(BIN)/ask-copilot serve $(ARGS)

clean:
	rm -rf $(VENV) $(RIVALS) node_modules build dist *.egg-info

$(VENV)/bin/python:
	@$(CREATE)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Ask Copilot into $(VENV) …"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Ask Copilot and its test tools into $(VENV) …"
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# The rivals need other versions of what we need. One that can't be installed is a row that says so.
$(RIVALS)/.installed: pyproject.toml benchmarks/rivals/constraints.txt | $(VENV)/bin/python
	@echo "Installing the rivals into $(RIVALS) …"
	@$(BIN)/python -m venv $(RIVALS)
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["bench"], sep="\n")' > $(RIVALS)/wanted
	@while read -r wanted; do \
	  $(RIVALS)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint benchmarks/rivals/constraints.txt "$$wanted" \
	  || echo "$$wanted could not be installed: the benchmarks say so."; done < $(RIVALS)/wanted
	@touch $@

# The scripted provider of the chat tests. Without npm they are skipped, unless everything is required.
node_modules/.installed: package.json package-lock.json
	@mkdir -p node_modules
	@if command -v npm >/dev/null; then echo "Installing the test tools of package.json …"; \
	  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; fi
	@touch $@
