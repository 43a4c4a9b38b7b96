# The verbs. All of them work from nothing but Python 3.11 or newer with its venv module.
# The distribution's own Python first: it is compiled for speed (with profiles, and without a shared library), which
# one that stands before it on the PATH often is not, and a third of that is to be had. `make PYTHON=python3.13 ...` for another.
PYTHON ?= $(shell for one in /usr/bin/python3 python3; do \
	$$one -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$one)
VENV := .venv
BIN := $(VENV)/bin
CONTESTANTS := build/contestants
DEMO_STAMP := $(VENV)/.installed-demo
STAMP := $(VENV)/.installed
BUILT_FROM := pyproject.toml requirements.lock hatch_build.py src/objectlens/area/area.c
# Older ones know no --group. A .venv that was made by hand, as the README says, has the pip of its Python.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[all]'

.PHONY: help demo test check lint soak keys oracle fuzz chaos crashes many big clients consistency torch s3-tests bench docs lock clean

help:
	@echo 'make demo    the main job from nothing, with a picture at the end; KEEP=1 leaves the server running'
	@echo 'make test    all tests'
	@echo 'make check   what CI runs: lint and test'
	@echo 'make lint    format, ruff, mypy, the import contract'
	@echo 'make chaos   clients that break off, processes that are killed; ROUNDS=50 SEED=7 for more, and others'
	@echo 'make crashes  a server that is killed under load, and what is left; ROUNDS=200 SEED=7 for fewer, and others'
	@echo 'make many    100,000 keys in one prefix, listed in bounded memory; KEYS=1000000 for more'
	@echo 'make big     a 5 GiB object in by multipart and out by ranges, in bounded memory; SIZE=1GiB for less, STORE=seaweedfs for elsewhere'
	@echo 'make clients  other S3 clients with files of 100 MiB; LARGE=1000 for more'
	@echo 'make consistency  sources and functions that change under 16 readers; random requests; ROUNDS=50 CASES=1000 for more'
	@echo 'make torch   the S3 connector for PyTorch on managed answers; installs some gigabytes'
	@echo 'make soak    thousands of transformed GETs, and what they leave behind; ROUNDS=10 for longer'
	@echo 'make keys    100,000 keys in one folder of a bucket elsewhere; KEYS=1000000 for more'
	@echo 'make oracle  the policy evaluator against a naive one; CASES=100000 of them'
	@echo 'make fuzz    every decoder path of the native transforms; SECONDS=3600 before a release, ONLY=table for some'
	@echo 'make s3-tests S3_TESTS=DIR   the public suite ceph/s3-tests, of which DIR is a clone; ONLY=copy for some, ACLS=true for account.acls'
	@echo 'make bench   every claim of speed'
	@echo 'make docs    the parts of the documentation that are made from the code'
	@echo 'make lock    requirements.lock anew, from the newest versions'
	@echo 'make clean   remove what the others made'

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(DEMO_STAMP): $(BUILT_FROM) | $(VENV)/bin/python
	@echo 'Installing objectlens and its packages into $(VENV), once; this takes a minute.'
	$(PIP)
	$(INSTALL) --group demo
	touch $@

$(STAMP): $(BUILT_FROM) | $(VENV)/bin/python
	@echo 'Installing objectlens, its packages and the test tools into $(VENV), once; this takes a minute.'
	$(PIP)
	$(INSTALL) --group dev
	touch $@ $(DEMO_STAMP)

demo: $(DEMO_STAMP)
	KEEP='$(KEEP)' $(BIN)/python examples/demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: lint test

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

chaos: $(STAMP)
	OBJECTLENS_CHAOS_ROUNDS='$(or $(ROUNDS),20)' OBJECTLENS_CHAOS_SEED='$(or $(SEED),1)' $(BIN)/python -m pytest tests/chaos
	OBJECTLENS_FUNCTIONS_ISOLATION=strict $(BIN)/python -m pytest tests/conformance/functions/test_hostile_functions.py
	OBJECTLENS_CRASH_CASES_EVERY=1 $(BIN)/python -m pytest tests/unit/stores/test_stores_versions_crash.py

crashes: $(STAMP)
	OBJECTLENS_CRASHES_ROUNDS='$(or $(ROUNDS),200)' OBJECTLENS_CRASHES_SEED='$(or $(SEED),1)' \
		$(BIN)/python -m pytest -s tests/crashes

many: $(STAMP)
	OBJECTLENS_MANY_KEYS='$(or $(KEYS),100000)' $(BIN)/python -m pytest -s tests/scale/test_many_keys.py

big: $(STAMP)
	OBJECTLENS_BIG_SIZE='$(or $(SIZE),5GiB)' OBJECTLENS_BIG_STORE='$(STORE)' $(BIN)/python -m pytest -s tests/scale/test_big_object.py

clients: $(STAMP)
	OBJECTLENS_CLIENTS_LARGE='$(or $(LARGE),100)' $(BIN)/python -m pytest --timeout 600 tests/conformance/clients

consistency: $(STAMP)
	OBJECTLENS_CONSISTENCY_ROUNDS='$(or $(ROUNDS),20)' $(BIN)/python -m pytest -s --timeout 7200 tests/chaos/test_consistency.py
	OBJECTLENS_MANAGED_EXAMPLES='$(or $(CASES),300)' $(BIN)/python -m pytest --timeout 7200 tests/conformance/managed/test_managed_property.py

torch: $(STAMP)
	$(PYTHON) -m venv build/torch
	build/torch/bin/python -m pip install --quiet s3torchconnector
	OBJECTLENS_TORCH_PYTHON='$(CURDIR)/build/torch/bin/python' $(BIN)/python -m pytest --timeout 600 tests/torch/check_torch.py

soak: $(STAMP)
	OBJECTLENS_SOAK_ROUNDS='$(or $(ROUNDS),3)' $(BIN)/python -m pytest tests/soak

keys: $(STAMP)
	OBJECTLENS_KEYS='$(or $(KEYS),100000)' $(BIN)/python -m pytest tests/soak/test_many_remote_keys.py

oracle: $(STAMP)
	OBJECTLENS_ORACLE_CASES='$(or $(CASES),100000)' $(BIN)/python -m pytest --timeout 3600 tests/properties/test_iam_oracle.py

fuzz: $(STAMP)
	$(BIN)/python tests/fuzz/transforms/fuzz_decoders.py --seconds '$(or $(SECONDS),60)' --only '$(ONLY)'

# The suite's own packages are in an environment of their own.
s3-tests: $(STAMP) build/s3-tests/venv/.installed
	PYTHONPATH='tests' $(BIN)/python -m conformance.s3_tests '$(S3_TESTS)' --python "$$PWD/build/s3-tests/venv/bin/python" --only '$(ONLY)' --acls '$(or $(ACLS),false)'

build/s3-tests/venv/.installed:
	test -f '$(S3_TESTS)/requirements.txt' || { echo 'say where a clone of ceph/s3-tests is: make s3-tests S3_TESTS=DIR'; exit 2; }
	$(PYTHON) -m venv build/s3-tests/venv
	build/s3-tests/venv/bin/python -m pip install --quiet -r '$(S3_TESTS)/requirements.txt'
	touch $@

bench: $(CONTESTANTS)/.installed
	$(BIN)/python benchmarks

# What cannot be installed here is named as missing by the benchmark. nginx with its image filter comes from the system:
# apt install nginx libnginx-mod-http-image-filter
$(CONTESTANTS)/.installed: $(STAMP)
	$(BIN)/python -m pip install --quiet --group bench
	$(PYTHON) -m venv $(CONTESTANTS)
	$(CONTESTANTS)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	-$(CONTESTANTS)/bin/python -m pip install --quiet --group contestants
	-npm install --no-audit --no-fund --prefix $(CONTESTANTS)/npm ipx@3
	touch $@

docs: $(STAMP)
	$(BIN)/python docs/generate.py

# In an environment of its own, so that nothing that happens to be installed gets in.
lock:
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	build/lock/bin/python -m pip install --quiet '.[all]' --group dev
	build/lock/bin/python -m pip freeze --exclude objectlens > requirements.lock

clean:
	rm -rf $(VENV) build dist demo-output src/objectlens/area/area.so .mypy_cache .ruff_cache .hypothesis
