# make demo: everything, on a sample corpus.  make test: the test suite.  Both set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# An index of Torch builds, where another than PyPI's is wanted: those without CUDA are much smaller.
TORCH_INDEX ?=

.PHONY: help demo test faults soak check audit format docs clean

help:
	@echo "make demo    set up, write a sample corpus, run the whole job on it, print where the page is"
	@echo "make test    set up, run the tests (TESTS='tests/kernels -k nmi' runs some)"
	@echo "make faults  set up, let N=500 faults happen, one at a time: nothing may be lost, wrong or hang; a table"
	@echo "             (FIRST=80 RECORD=FILE: from the 80th on, and its table counts those recorded before)"
	@echo "make soak    set up, run, change, kill and ask for MINUTES=60: memory and files have to stay flat; soak.svg"
	@echo "make check   set up, run ruff, mypy and the import rules"
	@echo "make audit   set up, compare what is installed with what was chosen: versions, files, licences"
	@echo "make format  set up, format the code"
	@echo "make docs    set up, write docs/*.md anew from the code"
	@echo "make clean   remove the demo and caches, not .venv"

$(INSTALLED): pyproject.toml constraints.txt constraints-hashes.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "semcorpus needs Python 3.11 or newer; $(PYTHON) is older. Name another one: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || \
	  { echo "This Python comes without venv and pip: install them first, on Debian and Ubuntu with 'apt install python3-venv'."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing semcorpus and what it needs into .venv (3.3 GB with Torch's CPU build; some minutes the first time) ..."
	@$(BIN)/python -m pip install -qq $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --disable-pip-version-check --require-hashes --no-deps -r constraints-hashes.txt
	@$(BIN)/python -m pip install -qq $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --disable-pip-version-check -c constraints.txt -e '.[full,s3,kubernetes,approximate,xarray,dev]'
	@touch $@

demo: $(INSTALLED)
	@test -f demo/truth.parquet || { rm -rf demo demo.part && echo "Drawing the sample corpus ..." && $(BIN)/semcorpus demo demo.part --quiet && mv demo.part demo; }
	@$(BIN)/semcorpus run demo/corpus demo/index --labels classes=demo/labels --engines dask,ray

TESTS ?= tests
test: $(INSTALLED)
	@$(BIN)/python -m pytest $(TESTS)

N ?= 500
FIRST ?= 0
RECORD ?=
faults: $(INSTALLED)
	@SEMCORPUS_FAULTS=$(N) SEMCORPUS_FAULTS_FIRST=$(FIRST) SEMCORPUS_FAULTS_RECORD=$(RECORD) $(BIN)/python -m pytest tests/faults -q

MINUTES ?= 60
soak: $(INSTALLED)
	@$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --plot soak.svg

check: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: $(INSTALLED)
	@$(BIN)/python -m deploy.audit

format: $(INSTALLED)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(INSTALLED)
	@$(BIN)/python -m docs.generate

clean:
	@rm -rf demo demo.part build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
