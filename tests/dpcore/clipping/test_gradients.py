"""Forms of per-example gradients against NumPy: the form never changes the result."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from dpcore.clipping import gradients as forms
from dpcore.clipping.gradients import Arrangement, Blocks, Instantiated, OneHot, Product, total

BATCH = 3
CHEAP, DEAR = 1e-9, 1e9


@pytest.fixture(params=[CHEAP, DEAR], ids=["multiplied out", "not multiplied out"])
def form(request, monkeypatch):
    monkeypatch.setattr(forms, "_ELEMENT_COST", request.param)


def product(rng, time, rows, columns, arrangement=None, dtype=np.float64):
    left, right = rng.normal(size=(BATCH, time, rows)), rng.normal(size=(BATCH, time, columns))
    return Product(tf.constant(left, dtype), tf.constant(right, dtype), arrangement)


def lookup(rng, time, rows, columns, dtype=np.float64):
    ids = tf.constant(rng.integers(0, rows, (BATCH, time)), tf.int32)
    return Product(OneHot(ids, rows), tf.constant(rng.normal(size=(BATCH, time, columns)), dtype))


def numbers(part):
    """What a gradient is, by NumPy alone: ``[batch, ...]``."""
    if isinstance(part, Instantiated):
        return part.values.numpy()
    if isinstance(part, Blocks):
        return np.concatenate([numbers(block) for block in part.parts], axis=-1)
    left = part.left
    left = np.eye(left.depth)[left.indices.numpy()] if isinstance(left, OneHot) else left.numpy()
    result = np.einsum("btr,btc->brc", left, part.right.numpy())
    if part.arrangement is None:
        return result
    arrangement = part.arrangement
    if arrangement.axes:
        result = result.reshape(BATCH, *arrangement.axes)
        result = result.transpose(0, *(axis + 1 for axis in arrangement.order))
    return result.reshape(BATCH, *arrangement.shape)


def check(found, expected, rtol=1e-12):
    factors = np.array([0.3, 0.0, 2.0])
    squares = np.square(expected.reshape(BATCH, -1)).sum(1)
    np.testing.assert_allclose(found.squared_norms(), squares, rtol=rtol)
    assert found.instantiated().shape == expected.shape
    np.testing.assert_allclose(found.instantiated(), expected, rtol=rtol, atol=rtol * 100)
    weighted = found.weighted_sum(tf.constant(factors, found.squared_norms().dtype))
    np.testing.assert_allclose(weighted, np.tensordot(factors, expected, 1), rtol=rtol, atol=rtol * 100)


SHAPES = [tuple(np.random.default_rng(i).integers(1, 9, 3)) for i in range(12)]
SHAPES += [(1, 4, 3), (1, 1, 1), (30, 2, 3), (30, 1, 8), (2, 9, 1)]


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("time", "rows", "columns"), SHAPES)
def test_products(time, rows, columns):
    rng = np.random.default_rng(time)
    for make in (product, lookup):
        part = make(rng, time, rows, columns)
        check(part, numbers(part))


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("rows", "columns"), [(6, 4), (6, 40)])
def test_arrangements(rows, columns):
    rng = np.random.default_rng(0)
    for arrangement in (
        Arrangement((2, 3, columns)),
        Arrangement((rows * columns,)),
        Arrangement((3, columns, 2), (2, 3, columns), (1, 2, 0)),
        Arrangement((3 * columns, 2), (2, 3, columns), (2, 1, 0)),
    ):
        part = product(rng, 5, rows, columns, arrangement)
        check(part, numbers(part))


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("seed", range(4))
def test_totals_of_everything_that_one_variable_may_get(seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 8, 2)
    given = [product(rng, time, rows, columns) for time in (1, 4, 20)]
    given += [lookup(rng, time, rows, columns) for time in (1, 5)]
    given += [Instantiated(tf.constant(rng.normal(size=(BATCH, rows, columns))))]
    for count in (1, 2, 3, 6):
        for parts in itertools.combinations(given, count):
            check(total(parts), sum(numbers(part) for part in parts), rtol=1e-9)


@pytest.mark.usefixtures("form")
def test_totals_of_products_that_are_arranged_in_different_ways():
    rng = np.random.default_rng(0)
    parts = [
        product(rng, 3, 4, 6, Arrangement((2, 2, 6))),
        product(rng, 2, 2, 12, Arrangement((2, 2, 6))),
        product(rng, 3, 4, 6, Arrangement((2, 2, 6), (2, 2, 6), (1, 0, 2))),
    ]
    for pair in itertools.permutations(parts, 2):
        check(total(pair), numbers(pair[0]) + numbers(pair[1]))


@pytest.mark.usefixtures("form")
def test_blocks_are_added_block_by_block():
    rng = np.random.default_rng(0)

    def blocks():
        return Blocks(
            [product(rng, 4, 3, 2), lookup(rng, 2, 3, 5), Instantiated(tf.ones([3, 3, 1], "double"))]
        )

    one, other = blocks(), blocks()
    check(one, numbers(one))
    check(total([one, other]), numbers(one) + numbers(other), rtol=1e-9)
    whole = Instantiated(tf.constant(rng.normal(size=(BATCH, 3, 8))))
    check(total([one, whole]), numbers(one) + numbers(whole))


def test_a_function_goes_over_all_that_is_floating_point():
    rng = np.random.default_rng(0)
    for part in (
        product(rng, 2, 3, 4),
        lookup(rng, 2, 3, 4),
        Instantiated(tf.ones([BATCH, 2], "double")),
        total([product(rng, 2, 3, 4), lookup(rng, 2, 3, 4)]),
    ):
        single = part.map(lambda t: tf.cast(t, tf.float32))
        assert single.squared_norms().dtype == tf.float32
        np.testing.assert_allclose(single.squared_norms(), part.squared_norms(), rtol=1e-5)


@pytest.mark.parametrize("time", [1, 600])
def test_norms_of_lookups_over_long_sequences_take_no_more_memory_than_the_lookups(time):
    rng = np.random.default_rng(time)
    run = tf.function(lambda ids, right: Product(OneHot(ids, 50), right).squared_norms())
    part = lookup(rng, time, 50, 2)
    graph = run.get_concrete_function(part.left.indices, part.right).graph
    sizes = [output.shape.num_elements() or 0 for op in graph.get_operations() for output in op.outputs]
    assert max(sizes) <= max(BATCH * time * 2, 8)
    np.testing.assert_allclose(run(part.left.indices, part.right), np.square(numbers(part)).sum((1, 2)))


@pytest.mark.parametrize("make", [product, lookup])
def test_products_of_unknown_length_and_under_xla(make):
    part = make(np.random.default_rng(0), 9, 5, 4)
    is_lookup = isinstance(part.left, OneHot)

    def found(left, right):
        part = Product(OneHot(left, 5) if is_lookup else left, right)
        return part.squared_norms(), part.weighted_sum(tf.ones([BATCH], right.dtype))

    left = part.left.indices if is_lookup else part.left
    unknown = tf.TensorSpec([None, None] if is_lookup else [None, None, 5], left.dtype)
    signature = [unknown, tf.TensorSpec([None, None, 4], tf.float64)]
    for options in ({"input_signature": signature}, {"jit_compile": True}):
        squares, added = tf.function(found, **options)(left, part.right)
        np.testing.assert_allclose(squares, np.square(numbers(part)).sum((1, 2)), rtol=1e-12)
        np.testing.assert_allclose(added, numbers(part).sum(0), rtol=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_shows_in_the_norm_of_its_example_alone(bad):
    rng = np.random.default_rng(0)
    poison = np.ones([BATCH, 1, 1])
    poison[1] = bad
    for time, make in itertools.product((1, 3, 40), (product, lookup)):
        part = make(rng, time, 4, 3)
        for sick in (
            Product(part.left, part.right * poison),
            total([part, Product(part.left, part.right * poison)]),
            total([product(rng, 2, 4, 3), lookup(rng, 2, 4, 3), Product(part.left, part.right * poison)]),
        ):
            squares = sick.squared_norms().numpy()
            assert np.isfinite(squares[[0, 2]]).all()
            assert not np.isfinite(squares[1])


def test_norms_that_cancel_out_over_time_are_not_below_what_rounding_leaves(monkeypatch):
    """The inner products of a huge sum that is all but 0 are nothing but rounding errors."""
    monkeypatch.setattr(forms, "_ELEMENT_COST", DEAR)
    rng = np.random.default_rng(0)
    left = np.repeat(rng.normal(size=(1000, 1, 4)), 8, axis=1).astype("f")
    right = rng.normal(size=(1000, 8, 4)).astype("f")
    right -= right.mean(1, keepdims=True)
    part = Product(tf.constant(left), tf.constant(right))
    true = np.linalg.norm(np.einsum("btr,btc->brc", left.astype("d"), right.astype("d")), axis=(1, 2))
    assert (part.inner_products(part).numpy() < np.square(true)).any(), "the case is no case"
    assert (np.sqrt(part.squared_norms()) >= true).all()


@pytest.mark.parametrize("time", [1, 2])
def test_a_tiny_factor_does_not_hide_a_huge_one(time):
    left, right = np.full([BATCH, time, 4], 1e-20, "f"), np.full([BATCH, time, 3], 1e19, "f")
    part = Product(tf.constant(left), tf.constant(right))
    true = time * np.sqrt(12) * 0.1
    # An example whose norm is not finite contributes nothing.
    assert not (np.sqrt(part.squared_norms()) < 0.999 * true).any()


def test_terms_that_cancel_never_make_a_norm_too_small():
    """In float32, with terms over time that cancel up to a hundredth: rounding is on the safe side."""
    rng = np.random.default_rng(0)
    height = rng.uniform(1, 2, [64, 1, 1])
    left = np.concatenate([height, height * (1 + 10 ** rng.uniform(-2.6, -1.5, [64, 1, 1]))], axis=1)
    left = (left * np.ones([1, 1, 512])).astype("f")
    right = np.array([1, -1], "f")[None, :, None] * np.ones([64, 1, 512], "f")
    true = 512 * np.abs(left[:, 0, 0].astype(float) - left[:, 1, 0])
    found = np.sqrt(Product(tf.constant(left), tf.constant(right)).squared_norms())
    assert (found >= 0.999 * true).all()
