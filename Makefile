# Two commands for a fresh machine with Python 3.11 (pip, venv) and make:
#   make demo    sets everything up, makes the synthetic cohort, runs the whole analysis, writes demo/reports/
#   make test    sets everything up, runs the tests
PY ?= $(shell command -v python3.11 || command -v python3)
# uv does not read pip's settings; a local folder of wheels (a CPU build of torch, say) is handed on.
WHEELS := $(or $(UV_FIND_LINKS),$(PIP_FIND_LINKS),$(shell $(PY) -m pip config get global.find-links 2>/dev/null))
ifneq ($(WHEELS),)
export UV_FIND_LINKS := $(WHEELS)
endif
BIN := .venv/bin

.PHONY: demo test lint constraints clean
.DEFAULT_GOAL := demo

.venv/.stamp: pyproject.toml constraints.txt
	$(PY) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable ".[all]" --group dev
	$(BIN)/python -m hybridx.radiomics.compiling
	touch $@

demo: .venv/.stamp
	$(BIN)/hybridx demo --out demo

test: .venv/.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb

# The versions that were tested together; a lock file would force one build of torch or hold a local path.
constraints: .venv/.stamp
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable | sed -E 's/(==[^+]+)\+[a-z0-9.]+$$/\1/' > constraints.txt

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
