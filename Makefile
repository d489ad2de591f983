# Two commands: `make demo` and `make test`. Both make the environment first if it is not there.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
DEMO    = demo
# Test files that run at once. Most of the time of the long ones is waiting for sweeps, which wait for their trials.
JOBS   ?= 4
# Where it is set, each of these, and each process that they start, would compile all tests and all of ours anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-release lint types unit docs browser test-hydra14 test-next test-sqlalchemy14 test-torchx-nightly test-long test-slurm test-engines test-chaos bench race clean env format

env: $(READY)

# torch first and pinned: left to the other packages, pip may pick a build of several GB.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,docs]'
	touch $@

demo: env
	$(BIN)/python example_project/train.py -m +experiment=nas hydra.sweep.dir=$(DEMO)

test: lint types unit

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: env
	$(BIN)/mypy

unit: env browser
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=30

# The documentation as a site of static files; a link that leads nowhere fails it, as in `make test`. To look at it, with
# its search: python -m http.server --bind 127.0.0.1 --directory build/site
docs: env
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --site-dir build/site

# For the tests of pages, closed terminals and completion, which are left out where these are missing; only root can install.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null && command -v tmux >/dev/null \
	  && command -v zsh >/dev/null && command -v fish >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium tmux zsh fish >/dev/null; \
	  fi || true; }

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What would be uploaded, in dist/, and installed with all that it requires into an environment of its own.
test-release: env
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	AX_MO_TEST_RELEASE=$(CURDIR)/dist $(BIN)/python -m pytest tests/test_wheel.py tests/test_installed.py

# Hydra's own test suites, and ours from end to end, against the next Hydra in an environment of its own.
test-hydra14:
	$(MAKE) env VENV=.venv-hydra14
	.venv-hydra14/bin/pip install --quiet -r constraints-hydra14.txt
	AX_MO_TEST_LONG=1 .venv-hydra14/bin/python -m pytest tests/hydra_suites $(if $(wildcard tests/end_to_end/test_*.py),tests/end_to_end)

# What comes next of the libraries that we lean on: the tests that touch them, in an environment of its own with their
# newest releases and pre-releases, beyond our bounds. torch stays as it is: another one is several GB.
NEXT = ax-platform botorch gpytorch torchx hydra-core hydra-joblib-launcher omegaconf SQLAlchemy numpy pandas scipy
test-next:
	$(MAKE) env VENV=.venv-next
	.venv-next/bin/pip install --quiet --pre -U $(NEXT) $(shell grep '^torch==' constraints.txt)
	.venv-next/bin/pip freeze | grep -iE '^($(shell echo $(NEXT) | tr ' ' '|'))=='
	AX_MO_TEST_LONG=1 .venv-next/bin/python -m pytest -n $(JOBS) --dist loadfile tests/test_workarounds.py tests/optimizer tests/storage \
	  tests/search_space tests/hydra_project tests/runner tests/test_notebook.py tests/html_report/test_figures.py \
	  tests/hydra_suites tests/end_to_end/test_resume.py

# TorchX as it will be: its nightly has four schedulers left, and is beyond our bounds.
TORCHX_NIGHTLY = $(CURDIR)/.torchx-nightly
test-torchx-nightly: env
	$(BIN)/pip install --quiet --no-deps --upgrade --target $(TORCHX_NIGHTLY) torchx-nightly
	PYTHONPATH=$(TORCHX_NIGHTLY) $(BIN)/python -c "import torchx; print('TorchX', torchx.__version__)"
	PYTHONPATH=$(TORCHX_NIGHTLY) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/runner tests/slurm \
	  tests/engines tests/end_to_end/test_dry_run.py tests/end_to_end/test_starting.py tests/end_to_end/test_interrupts.py

# The oldest SQLAlchemy that we take: the projects that pin it are many.
SQLALCHEMY14 = $(CURDIR)/.sqlalchemy14
test-sqlalchemy14: env
	$(BIN)/pip install --quiet --no-deps --upgrade --target $(SQLALCHEMY14) SQLAlchemy==1.4.54
	PYTHONPATH=$(SQLALCHEMY14) $(BIN)/python -m pytest tests/storage/test_store.py tests/core/test_urls.py \
	  tests/storage/test_damage.py tests/storage/test_snapshot.py tests/end_to_end/test_resume.py

# What `make test` has no time for: tests whose like runs there, and the same tests with their studies at full length, trials
# that train, every poison, every shape, and more points.
test-long: env browser
	AX_MO_TEST_LONG=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "long or longer"

# On a Slurm, which root starts here where none answers; `make test` runs a share of this with shell scripts.
test-slurm: env
	@sinfo -h >/dev/null 2>&1 || bash tests/slurm/up.sh
	AX_MO_TEST_SLURM=1 $(BIN)/python -m pytest tests/slurm tests/runner/test_awkward_strings.py

# Engines that share no disk, and a Ray of two nodes in a network of its own: it listens on all interfaces.
test-engines: env
	$(BIN)/pip install --quiet -c constraints.txt -e '.[ray]'
	unshare -n sh -c 'ip link set lo up && exec $(BIN)/python -m pytest tests/engines tests/runner/test_awkward_strings.py'

# The whole chaos suite: an hour or two, and a table of what was survived.
test-chaos: env browser
	AX_MO_TEST_CHAOS=1 $(BIN)/python -m pytest tests/chaos tests/end_to_end/test_hangup.py

bench: env
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/trial_overhead.py
	$(BIN)/python benchmarks/trial_start.py
	$(BIN)/python benchmarks/worker_idle.py
	$(BIN)/python benchmarks/loop_cost.py
	$(BIN)/python benchmarks/resume.py
	$(BIN)/python benchmarks/space.py
	$(BIN)/python benchmarks/callback_cost.py
	$(BIN)/python benchmarks/front.py

# Studies on the seeds that nothing is tuned on, for days on few cores; one that was stopped goes on.
RACE_JOBS ?= 1
race: env
	$(BIN)/pip install --quiet -c constraints.txt -e '.[race]'
	$(BIN)/python benchmarks/race.py --claims --batch 1 4 --trials 80 --jobs $(RACE_JOBS) --results claims.jsonl

clean:
	rm -rf $(DEMO) outputs multirun .pytest_cache .mypy_cache .ruff_cache
