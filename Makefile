# Targets of the course; `make` alone lists them. Paths are relative, so that the folder may have any name.

PYTHON ?= python3
ifneq ($(origin PYTHON),file)
PYTHONS = "$(PYTHON)"
else
PYTHONS = python3 python3.13 python3.12 python3.11
endif

# sdk=3: the lessons' second editions, and the environment that they need.
ifeq ($(sdk),3)
VENV = build/sdk-v3
LOCK = requirements-sdk-v3.lock
PACKAGES = --no-deps -r $(LOCK) -e ./account -e .
DISPLAY_NAME = Python 3 (SageMaker course, SDK 3)
else
VENV = .venv
LOCK = requirements.lock
PACKAGES = -r requirements.txt
DISPLAY_NAME = Python 3 (SageMaker course)
endif
ENV = $(VENV)/bin/python
READY = $(VENV)/ready
TESTABLE = $(VENV)/testable
BENCHABLE = $(VENV)/benchable
PIP = $(ENV) -m pip install --quiet --no-user --disable-pip-version-check --no-build-isolation -c $(LOCK)
# uv takes a tenth of pip's time. Where it cannot be had, or does not reach what pip is set up to ask, pip does it.
UV = $(VENV)/bin/uv pip install --quiet --python $(ENV) --no-build-isolation -c $(LOCK)
INSTALL = course_install() { \
		[ -x $(VENV)/bin/uv ] && $(UV) "$$@" 2>/dev/null || $(ENV) tools/preflight/install.py $(PIP) "$$@"; \
	}; course_install
# What .venv was made for: a folder may be shared with a container, or with another machine.
PLACE = $(ENV) -c 'import os, sysconfig as s; print(os.path.realpath("."), s.get_platform(), s.get_python_version())'
# loadfile: the cells of a notebook belong to one worker, whose account they share. In the order of their
# names the files with long waits do not come last, as they would by their number of tests.
PYTEST = -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env \
	--nbval-cell-timeout 120 --nbval-sanitize-with tests/nbval_sanitize.cfg
# For insurance/10; not in requirements.lock, since on some machines it is very large.
PIP_TORCH = $(PIP) torch==2.13.0

# What is set for the reader's own Python is not meant for the course's: another `utils` on a path, a file to run first.
FOREIGN = PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONWARNINGS PYTHONINSPECT
unexport $(FOREIGN)
# Every kernel would compile the libraries anew: uv leaves that to the first.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONUTF8 = 1

# Jupyter, IPython and Matplotlib write below the home folder: where there is none to write to, below build.
ifneq ($(shell [ -d "$$HOME" ] && [ -w "$$HOME" ] && echo yes),yes)
export HOME ?= $(CURDIR)/build/home
export JUPYTER_CONFIG_DIR ?= $(CURDIR)/build/home/jupyter/config
export JUPYTER_DATA_DIR ?= $(CURDIR)/build/home/jupyter/data
export JUPYTER_RUNTIME_DIR ?= $(CURDIR)/build/home/jupyter/runtime
export IPYTHONDIR ?= $(CURDIR)/build/home/ipython
export MPLCONFIGDIR ?= $(CURDIR)/build/home/matplotlib
endif
# Where no file can be written for a while, Python would write it into the folder that it works in.
ifneq ($(shell cd "$${TMPDIR:-/tmp}" 2>/dev/null && [ -w . ] && echo yes),yes)
export TMPDIR := $(shell mkdir -p build/tmp 2>/dev/null && cd build/tmp && pwd -P)
endif

.PHONY: help setup course workbook lab progress test soak bench notebooks check-facts studio sdk-v3 kernel clean-aws parity-aws lock clean moved

help:
	@echo 'make setup       Makes the environment .venv from requirements.lock: once, a minute or two, 1 GB of disk.'
	@echo 'make course      Runs every lesson, two at a time, in about 2 minutes; series=salary runs one series.'
	@echo 'make workbook    Makes workbook, your own copy of the lessons; what you changed in it stays as it is.'
	@echo 'make lab         Makes workbook and opens it in JupyterLab; options="--port 9000" hands it options.'
	@echo 'make progress    Says which exercises you have done, and which are open.'
	@echo 'make test        Runs every check: code, embedded account, notebooks, in about 15 minutes.'
	@echo 'make soak        Runs the checks that take very long: every lesson under a policy, and more.'
	@echo 'make bench       Measures the account beside other libraries, in half an hour; only="csv squared", scale=0.1.'
	@echo 'make notebooks   Runs the notebooks and stores their outputs in them.'
	@echo 'make check-facts  Prints what the course says about AWS that can age: prices, limits, dates, with their sources.'
	@echo 'make sdk-v3      Runs the checks of the second editions, for version 3 of the SDK, in an environment of their own.'
	@echo 'make studio      Runs the lessons with the packages of SageMaker Studio, in an environment of its own.'
	@echo 'make kernel      Makes .venv the kernel "python3" of your Jupyter (for SageMaker Studio).'
	@echo 'make clean-aws   Deletes what the lessons left running; with COURSE_AWS=aws in your AWS account.'
	@echo 'make parity-aws  Asks your AWS account (COURSE_AWS=aws) what the embedded one guesses, for about $$1.90; only=tuning.'
	@echo 'make lock        Solves the two locks again; upgrade=yes takes the newest versions.'
	@echo 'make clean       Stops the embedded account; removes .venv and build, not what the account holds, nor your workbook.'
	@echo
	@echo 'All but help, studio, lock and clean make .venv first if it is missing or out of date.'
	@echo 'With sdk=3 setup, course, lab, notebooks and kernel are about the second editions.'

setup: $(READY)
	@echo 'The environment $(VENV) is ready.'

course: $(READY)
	@mkdir -p build 2>/dev/null && [ -w build ] || { echo 'This folder is read-only, and make course writes to build:' \
		'copy the course to a folder of your own. make lab works here, too.' >&2; exit 2; }
	@$(ENV) -m tools.lessons run $(if $(series),--series "$(series)")

workbook: $(READY)
	@$(ENV) -m tools.lessons workbook

progress: $(READY)
	@$(ENV) -m tools.lessons progress

lab: $(READY)
	@lessons=workbook; $(ENV) -m tools.lessons workbook || { [ -r workbook/00_start_here.ipynb ] || lessons=notebooks; \
		echo "Opening $$lessons/ as it is."; }; \
	if [ -n "$$COURSE_DATA" ]; then COURSE_DATA=$$(cd "$$COURSE_DATA" && pwd) || exit 2; export COURSE_DATA; fi; \
	set -- $$lessons/00_start_here.ipynb $(options); \
	if [ "$$(id -u)" = 0 ]; then set -- "$$@" --allow-root; fi; \
	if [ "$$(uname)" != Darwin ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY$$BROWSER" ]; then \
		echo 'There is no screen here for a browser: open the link below, which ends in token=….'; set -- "$$@" --no-browser; \
	fi; \
	$(ENV) -m jupyterlab "$$@"

test: $(TESTABLE)
	@$(ENV) $(PYTEST) tests notebooks
	@$(MAKE) --no-print-directory sdk-v3

sdk-v3:
	@$(MAKE) --no-print-directory setup sdk=3
	@build/sdk-v3/bin/python $(PYTEST) tests/sdk_v3 notebooks

soak: $(TESTABLE)
	@$(ENV) -m pytest -m soak tests

bench: $(BENCHABLE)
	@$(ENV) tests/benchmarks/run.py $(only) $(if $(scale),--scale $(scale))

notebooks: $(READY)
	@$(ENV) -m tools.lessons regenerate
ifneq ($(sdk),3)
	@$(MAKE) --no-print-directory notebooks sdk=3
endif

check-facts: $(READY)
	@$(ENV) -m tools.facts

# As in Studio, but for its SDK. With a file of tests, so that their conftest leaves out what is not installed.
studio:
	$(PYTHON) -m venv --clear build/studio && build/studio/bin/python -m pip install --quiet setuptools
	build/studio/bin/python -m pip install --quiet --no-build-isolation -c docs/studio-4.4-constraints.txt \
		-r requirements.txt pytest pytest-xdist
	build/studio/bin/python $(PYTEST) tests/course/test_sanitize.py notebooks

kernel: $(READY)
	@if [ "$(origin JUPYTER_DATA_DIR)" = file ]; then \
		echo 'Your home folder cannot be written, and Jupyter looks for kernels there: name a folder of its own' \
		'in JUPYTER_DATA_DIR, for this command and for Jupyter.' >&2; exit 2; \
	fi; \
	spec=$$($(ENV) -c 'from jupyter_core.paths import jupyter_data_dir as d; print(d())')/kernels/python3/kernel.json; \
	if [ -e "$$spec" ] && ! grep -q 'SageMaker course' "$$spec"; then \
		echo "You already have a kernel python3 of your own: $$spec. It was left as it is." >&2; exit 1; \
	fi; \
	$(ENV) -m ipykernel install --user --name python3 --display-name '$(DISPLAY_NAME)' \
		$(foreach name,$(FOREIGN),--env $(name) '') --env PYTHONUTF8 1 \
	&& echo 'Undo with: jupyter kernelspec remove python3'

clean-aws: $(READY)
	@$(ENV) -c "from utils import clean_up, start; clean_up(start('clean-up'))"

parity-aws: $(TESTABLE)
	@$(ENV) tests/parity aws $(if $(only),--only "$(only)"); status=$$?; if [ $$status -ne 2 ]; then $(ENV) tests/parity report; fi; exit $$status

lock:
	$(PYTHON) -m venv --clear build/lock && build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 $(if $(upgrade),--upgrade) \
		--no-emit-package regression-on-sagemaker --no-emit-package embedded-aws-account --custom-compile-command 'make lock' \
		--output-file requirements.lock requirements.txt requirements-test.txt
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 $(if $(upgrade),--upgrade) \
		--no-emit-package regression-on-sagemaker --no-emit-package embedded-aws-account --custom-compile-command 'make lock' \
		--override requirements-sdk-v3.txt --output-file requirements-sdk-v3.lock requirements.txt requirements-sdk-v3.txt

clean:
	-@if [ -x $(ENV) ]; then $(ENV) -m local_aws stop; fi
	if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name progress.jsonl -exec rm -rf {} +; rmdir build 2>/dev/null || true; fi
	rm -rf .venv *.egg-info account/build account/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find account data exercises notebooks solutions tests tools utils -name __pycache__ -o -name .ipynb_checkpoints | while read -r f; do rm -rf "$$f"; done

# .venv names this folder and the Python it was made with: it is made again if one of them is gone or another one.
ifneq ($(shell $(PLACE) 2>/dev/null),$(shell cat $(READY) 2>/dev/null || echo none))
$(READY): moved
endif
moved:

$(READY): $(LOCK) requirements.txt $(wildcard account/pyproject.toml)
	@python=; \
	for candidate in $(PYTHONS); do \
		"$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
		&& python=$$candidate && break; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'The course needs Python 3.11, 3.12 or 3.13; found none of them as:' $(PYTHONS). >&2; \
		echo 'Install one, or name it: make setup PYTHON=/path/to/python3.12' >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python comes without venv. On Debian and Ubuntu: sudo apt install $$("$$python" -c \
		'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 1; \
	fi; \
	if ! { mkdir -p $(VENV) && [ -w $(VENV) ]; } 2>/dev/null; then \
		echo 'This folder is read-only, and $(VENV) has to be made in it: copy the course to a folder of your own.' >&2; exit 1; \
	fi; \
	if ! { printf '#!/bin/sh\n' > $(VENV)/runs && chmod +x $(VENV)/runs && $(VENV)/runs; } 2>/dev/null; then \
		rm -f $(VENV)/runs; rmdir $(VENV); \
		echo 'No program can be run in this folder (noexec): copy the course to another file system.' >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version): a minute or two and 1 GB of disk, once."; \
	"$$python" -m venv --clear $(VENV)
	@$(PIP) 'uv>=0.9,<1' 2>/dev/null || true
	@$(INSTALL) setuptools
	@$(INSTALL) $(PACKAGES)
	@# JupyterLab would ask the network for news and for newer versions.
	@$(ENV) -m jupyter labextension disable '@jupyterlab/apputils-extension:announcements' 2>/dev/null
	@$(PLACE) > $(READY)

$(TESTABLE): $(READY) requirements-test.txt
	@$(INSTALL) -r requirements-test.txt
	@if [ "$(torch)" = yes ] || ! $(PIP_TORCH) --dry-run --report - 2>/dev/null | grep -qE '"name": "(nvidia|cuda)-'; then \
		$(PIP_TORCH) || echo 'PyTorch could not be installed: the checks of insurance/10 are left out.'; \
	else \
		echo 'PyTorch was left out, for it would bring several GB for graphics cards: make test torch=yes installs it.'; \
	fi
	@touch $(TESTABLE)

# `make test torch=yes` brings it after all.
ifeq ($(torch),yes)
ifneq ($(shell $(ENV) -c 'import importlib.util as u; print(u.find_spec("torch") is not None)' 2>/dev/null),True)
$(TESTABLE): moved
endif
endif

$(BENCHABLE): $(READY) requirements-bench.txt
	@$(INSTALL) -r requirements-bench.txt
	@touch $(BENCHABLE)
