import numpy as np
import pytest
import tensorflow as tf

from dpcore.data import split_validation, training_arrays
from dpcore.errors import ConfigError, NotSupportedError

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


def test_arrays_get_weights_of_one():
    x, y, weight = training_arrays(X, Y, None)
    assert x is X
    assert y is Y
    np.testing.assert_array_equal(weight, np.ones(10, np.float32))


def test_nests_and_weights_are_kept():
    x, y, weight = training_arrays({"a": X, "b": X}, [Y, Y], range(10))
    assert set(x) == {"a", "b"}
    assert len(y) == 2
    np.testing.assert_array_equal(weight, np.arange(10, dtype=np.float32))


@pytest.mark.parametrize("batch", [1, 3, 10, 20])
def test_a_data_set_gives_its_examples_in_order(batch):
    x, y, weight = training_arrays(dataset(X, Y).batch(batch), None, None)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weight, np.ones(10))


def test_a_data_set_may_carry_weights_and_nests():
    x, _, weight = training_arrays(dataset({"a": X}, Y, np.arange(10.0)).batch(4), None, None)
    np.testing.assert_array_equal(x["a"], X)
    np.testing.assert_array_equal(weight, np.arange(10))


@pytest.mark.parametrize(
    ("x", "y", "weight", "error", "message"),
    [
        (X, None, None, ConfigError, "y must be given"),
        (X, Y[:9], None, ConfigError, r"same number of examples, at least one; got \[9, 10\]"),
        ({"a": X, "b": X[:3]}, Y, None, ConfigError, r"got \[3, 10\]"),
        (X[:0], Y[:0], None, ConfigError, r"at least one; got \[0\]"),
        (X, Y, np.ones(9), ConfigError, r"sample_weight must be \[10\]; got shape \[9\]"),
        (X, Y, 1.0, ConfigError, r"sample_weight must be \[10\]; got shape \[\]"),
        (dataset(X, Y).batch(2), Y, None, ConfigError, "must come from it"),
        (dataset(X, Y).batch(2).repeat(), None, None, ConfigError, "must be finite"),
        (dataset(X).batch(2), None, None, ConfigError, "must yield batches"),
        (dataset(X, Y).batch(2).take(0), None, None, ConfigError, "at least one"),
        (iter([(X, Y)]), None, None, NotSupportedError, "x must be arrays or a finite tf.data.Dataset; got"),
        (X.tolist(), Y, None, NotSupportedError, "got list"),
        (None, Y, None, NotSupportedError, "got NoneType"),
    ],
)
def test_what_cannot_be_sampled_is_refused(x, y, weight, error, message):
    with pytest.raises(error, match=message):
        training_arrays(x, y, weight)


def test_validation_takes_the_last_examples():
    train, validation = split_validation(training_arrays({"a": X}, Y, None), 0.3)
    np.testing.assert_array_equal(train[1], Y[:7])
    np.testing.assert_array_equal(validation[0]["a"], X[7:])
    assert len(train[2]) == 7


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, np.nan])
def test_a_bad_share_is_refused(share):
    with pytest.raises(ConfigError, match="validation_split must lie between 0 and 1; got"):
        split_validation(training_arrays(X, Y, None), share)
