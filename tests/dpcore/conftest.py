import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def _collect_garbage():
    """Frees what the accountants leave before graphs are built: later that takes ten seconds and more."""
    yield
    gc.collect()
