# The two commands of a newcomer are `make demo` and `make test`. Both set up what they need.
# Wanted on the machine: Python 3.11 and make. uv is fetched from PyPI into .tools if it is missing.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := $(shell command -v uv || echo .tools/bin/uv)
WORKDIR ?= work

# With bytecode, `import tfx` takes a quarter of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test kubeflow-test gpu-test check lint types wheel lock setup benchmark benchmark-peers clean

demo: setup
	.venv/bin/tfx-privacy run --with-baseline --workdir $(WORKDIR)

test: setup
	.venv/bin/pytest

kubeflow-test: setup  ## The image and the pipeline in containers, too: needs Docker, or root and podman.
	kubeflow/test.sh build/kubeflow

gpu-test: setup  ## Right and quick on this machine's GPU; says so where there is none.
	.venv/bin/pytest -rs tests/dpcore/test_gpu.py
	.venv/bin/python benchmarks/gpu.py

check: lint types wheel

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pytest tests/test_layering.py

types: setup
	.venv/bin/mypy --strict dpcore
	.venv/bin/mypy

wheel: setup  ## The wheel, imported where nothing but it and its dependencies are installed.
	rm -rf build/wheel && mkdir -p build/wheel
	$(UV) build --quiet --wheel --out-dir build/wheel
	$(UV) venv --quiet --python $(PYTHON) build/wheel/env
	$(UV) pip sync --quiet --python build/wheel/env/bin/python --compile-bytecode --require-hashes requirements.lock
	$(UV) pip install --quiet --python build/wheel/env/bin/python --no-deps build/wheel/*.whl
	cd build/wheel && env/bin/python -I ../../tests/import_wheel.py && env/bin/tfx-privacy --help > /dev/null

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml | uv
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --python .venv/bin/python --compile-bytecode --require-hashes requirements.lock
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --editable .
	touch $@

.PHONY: uv
uv:
	@command -v $(UV) > /dev/null || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv; }

IMAGE_LOCK = $(UV) pip compile pyproject.toml --extra storage -c requirements.lock --generate-hashes --universal \
	--python-version 3.11 --no-header --no-annotate --quiet --no-emit-package libclang

lock: uv  ## After a change to the dependencies in pyproject.toml.
	$(UV) pip compile pyproject.toml --all-extras --group dev --generate-hashes --universal --python-version 3.11 --no-header --quiet --upgrade -o requirements.lock
	$(IMAGE_LOCK) kubeflow/requirements-cpu.in --no-emit-package tensorflow -o kubeflow/requirements-cpu.lock
	$(IMAGE_LOCK) kubeflow/requirements-gpu.in --override kubeflow/requirements-gpu.in -o kubeflow/requirements-gpu.lock

benchmark: benchmark-peers
	.venv/bin/python benchmarks/step.py --peers --memory

benchmark-peers: setup | uv
	.venv/bin/python benchmarks/environments.py --uv $(UV)

clean:
	rm -rf .venv .tools build dist work
