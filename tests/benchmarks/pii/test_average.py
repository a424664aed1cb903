"""The mean of two files of weights."""

import numpy as np

from benchmarks.pii.training.average import mean


def test_each_array_is_the_mean_in_its_own_precision(tmp_path):
    for name, value in (("before", 1.0), ("after", 2.0)):
        halves, counts = np.full([2, 3], value, np.float16), np.array([1, 8])
        np.savez(tmp_path / f"{name}.npz", matrix=halves, dilations=counts)
    made = mean(tmp_path / "before.npz", tmp_path / "after.npz")
    assert made["matrix"].dtype == np.float16
    np.testing.assert_array_equal(made["matrix"], np.full([2, 3], 1.5))
    np.testing.assert_array_equal(made["dilations"], [1, 8])
