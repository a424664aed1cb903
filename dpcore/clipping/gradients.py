"""The per-example gradients of one variable, kept in the form in which they are cheapest.

Almost every layer's gradient is, example by example, a matrix product of what went in and what came back:
for a dense layer ``left^T right`` with its inputs and the gradient with respect to its outputs. A product of
``[time, rows]`` and ``[time, columns]`` need not be multiplied out to know its norm (the ghost norm of Li et
al. 2022, https://arxiv.org/abs/2110.05679, section 4), nor to be summed over the batch with a weight for each
example (book-keeping, Bu et al. 2023, https://arxiv.org/abs/2210.00038).
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import tensorflow as tf

# Multiplying a product out writes and reads each of its elements a few times. On a CPU, one element costs as
# much time as about this many multiplications inside a matrix product; and it is not to take much more memory
# than its factors, which are there anyway.
_ELEMENT_COST = 20
_MOST_MEMORY = 1.5

# Up to this many steps, rows with the same index are found by comparing each with each.
_SHORT = 256

# What rounding may cost the squared norm of a sum over time, the least that such a norm is taken for, and
# from where it does not matter: in units in the last place of the squared sum of the lengths summed.
_ROUNDING, _LEAST, _EXACT = 64, 256, 2**14

# Squares above this count as infinite. Otherwise a factor so small that its square is 0 could hide that the
# other one is huge, and with it the product.
_LARGEST_SQUARE = 1e24


class PerExample(ABC):
    """One gradient for every example of a batch."""

    @abstractmethod
    def squared_norms(self) -> tf.Tensor:
        """The squared L2 norm of each example's gradient, ``[batch]``."""

    @abstractmethod
    def weighted_sum(self, factors: tf.Tensor) -> tf.Tensor:
        """Sum over examples of factor x gradient; ``factors`` are ``[batch]``."""

    @abstractmethod
    def instantiated(self) -> tf.Tensor:
        """The gradients themselves, ``[batch, ...]``."""

    @abstractmethod
    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "PerExample":
        """The same with ``function`` applied to every floating point tensor ``[batch, ...]`` in it."""


@dataclass(frozen=True)
class Instantiated(PerExample):
    """Gradients that are there as they are: ``values`` of shape ``[batch, ...]``."""

    values: tf.Tensor

    def squared_norms(self) -> tf.Tensor:
        return _squares(self.values)

    def weighted_sum(self, factors: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(factors, self.values, 1)

    def instantiated(self) -> tf.Tensor:
        return self.values

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "Instantiated":
        return Instantiated(function(self.values))


@dataclass(frozen=True)
class OneHot:
    """Rows of an identity matrix, by their index: ``indices`` ``[batch, time]`` below ``depth``."""

    indices: tf.Tensor
    depth: int


@dataclass(frozen=True)
class Product(PerExample):
    """Gradients that are the sum over time of outer products, ``left[i, t] x right[i, t]``.

    Attributes:
      left: ``[batch, time, rows]``, or one-hot rows.
      right: ``[batch, time, columns]``.
      arrangement: how ``[rows, columns]`` becomes the variable's shape, where it is not that already.
    """

    left: tf.Tensor | OneHot
    right: tf.Tensor
    arrangement: "Arrangement | None" = None

    def squared_norms(self) -> tf.Tensor:
        if self._is_one_outer_product:
            return tf.square(self.bounds())
        if self._is_cheaper_multiplied_out:
            return _squares(self._multiplied_out)
        if isinstance(self.left, OneHot) and not (self.right.shape[1] or math.inf) <= _SHORT:
            return _squares(_sums_of_equal(self.left.indices, self.right))
        left, right = tf.cast(_gram(self.left, self.left), self.right.dtype), _gram(self.right, self.right)
        lengths = _lengths(tf.linalg.diag_part(left)) * _lengths(tf.linalg.diag_part(right))
        return _no_less_than_rounding(
            tf.reduce_sum(left * right, axis=[1, 2]), tf.reduce_sum(lengths, axis=1)
        )

    def weighted_sum(self, factors: tf.Tensor) -> tf.Tensor:
        left, right = self.left, self.right
        if isinstance(left, OneHot):
            weighted = _flat(right * factors[:, None, None])
            return tf.math.unsorted_segment_sum(weighted, tf.reshape(left.indices, [-1]), left.depth)
        if self._is_cheaper_multiplied_out and not self._is_one_outer_product:
            return self._arranged(tf.tensordot(factors, self._multiplied_out, 1))
        if self._is_tall:
            right = right * factors[:, None, None]
            return self._arranged(tf.matmul(_flat(right), _flat(left), transpose_a=True))
        left = left * factors[:, None, None]
        return self._arranged(tf.matmul(_flat(left), _flat(right), transpose_a=True))

    def instantiated(self) -> tf.Tensor:
        return self._arranged(self._multiplied_out)

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "Product":
        left = self.left if isinstance(self.left, OneHot) else function(self.left)
        return replace(self, left=left, right=function(self.right))

    def inner_products(self, other: "Product") -> tf.Tensor:
        """The inner product of each example's gradient with the other's, ``[batch]``."""
        return tf.reduce_sum(_gram(self.left, other.left) * _gram(self.right, other.right), axis=[1, 2])

    def bounds(self) -> tf.Tensor:
        """What each example's norm would be if nothing cancelled out over time, ``[batch]``."""
        lengths = _lengths(_square_sums(self.right))
        if not isinstance(self.left, OneHot):
            lengths *= _lengths(_square_sums(self.left))
        return tf.reduce_sum(lengths, axis=1)

    @property
    def _is_one_outer_product(self) -> bool:
        return self.right.shape[1] == 1 and not isinstance(self.left, OneHot)

    @property
    def _is_cheaper_multiplied_out(self) -> bool:
        """Whether the norm costs less by multiplying out than by the inner products over time."""
        if isinstance(self.left, OneHot) or self.right.shape[1] is None:
            return False
        time, rows, columns = self.right.shape[1], self.left.shape[-1], self.right.shape[-1]
        factors, elements = time * (rows + columns), rows * columns
        return bool(time * factors > _ELEMENT_COST * elements and elements <= _MOST_MEMORY * factors)

    @property
    def _is_tall(self) -> bool:
        """Whether products are formed transposed, because long rows make for faster matrix products."""
        return not isinstance(self.left, OneHot) and bool(self.left.shape[-1] > self.right.shape[-1])

    @cached_property
    def _multiplied_out(self) -> tf.Tensor:
        """``[batch, rows, columns]``, or transposed if tall."""
        left = self.left
        if isinstance(left, OneHot):
            left = tf.one_hot(left.indices, left.depth, dtype=self.right.dtype)
        if self._is_tall:
            return tf.matmul(self.right, left, transpose_a=True)
        return tf.matmul(left, self.right, transpose_a=True)

    def _arranged(self, products: tf.Tensor) -> tf.Tensor:
        if self._is_tall:
            products = tf.linalg.matrix_transpose(products)
        return products if self.arrangement is None else self.arrangement(products)


@dataclass(frozen=True)
class Arrangement:
    """Rows and columns of a product, split into ``axes``, taken in another ``order``, in a new ``shape``."""

    shape: tuple[int, ...]
    axes: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    def __call__(self, products: tf.Tensor) -> tf.Tensor:
        batch = [tf.shape(products)[0]] if products.shape.rank == 3 else []
        if self.axes:
            products = tf.reshape(products, [*batch, *self.axes])
            offset = len(batch)
            order = [*range(offset), *(axis + offset for axis in self.order)]
            products = tf.transpose(products, order)
        return tf.reshape(products, [*batch, *self.shape])


@dataclass(frozen=True)
class Blocks(PerExample):
    """Gradients whose last axis is made of blocks, each of which comes in a form of its own."""

    parts: Sequence[PerExample]

    def squared_norms(self) -> tf.Tensor:
        return tf.add_n([part.squared_norms() for part in self.parts])

    def weighted_sum(self, factors: tf.Tensor) -> tf.Tensor:
        return tf.concat([part.weighted_sum(factors) for part in self.parts], axis=-1)

    def instantiated(self) -> tf.Tensor:
        return tf.concat([part.instantiated() for part in self.parts], axis=-1)

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "Blocks":
        return Blocks([part.map(function) for part in self.parts])


@dataclass(frozen=True)
class _Sum(PerExample):
    """Products whose sum is the gradient, where they cannot be joined into one."""

    products: Sequence[Product]

    def squared_norms(self) -> tf.Tensor:
        own = [product.squared_norms() for product in self.products]
        mixed = [2 * a.inner_products(b) for a, b in itertools.combinations(self.products, 2)]
        return _no_less_than_rounding(tf.add_n(own + mixed), tf.add_n([p.bounds() for p in self.products]))

    def weighted_sum(self, factors: tf.Tensor) -> tf.Tensor:
        return tf.add_n([product.weighted_sum(factors) for product in self.products])

    def instantiated(self) -> tf.Tensor:
        return tf.add_n([product.instantiated() for product in self.products])

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "_Sum":
        return _Sum([product.map(function) for product in self.products])


def total(parts: Sequence[PerExample]) -> PerExample:
    """The sum of several gradients of one variable, as of a layer that is called more than once.

    The norm of a sum is not the sum of norms, so products are joined along time.
    """
    if len(parts) == 1:
        return parts[0]
    products = [part for part in parts if isinstance(part, Product) and _fits(part, parts[0])]
    if len(products) == len(parts):
        dense = [part for part in products if not isinstance(part.left, OneHot)]
        one_hot = [part for part in products if isinstance(part.left, OneHot)]
        joined = [_joined(group) for group in (dense, one_hot) if group]
        return joined[0] if len(joined) == 1 else _Sum(joined)
    blocks = [part.parts for part in parts if isinstance(part, Blocks)]
    if len(blocks) == len(parts) and len({len(own) for own in blocks}) == 1:
        return Blocks([total(same) for same in zip(*blocks, strict=True)])
    return Instantiated(tf.add_n([part.instantiated() for part in parts]))


def flat_time(values: tf.Tensor) -> tf.Tensor:
    """``[batch, ..., features]`` as ``[batch, time, features]``: all axes between are time."""
    if values.shape.rank == 3:
        return values
    time = values.shape[1:-1]
    steps = math.prod(time) if time.is_fully_defined() else -1
    return tf.reshape(values, [tf.shape(values)[0], steps, values.shape[-1]])


def _joined(products: Sequence[Product]) -> Product:
    if len(products) == 1:
        return products[0]
    first = products[0]
    right = tf.concat([product.right for product in products], axis=1)
    if isinstance(first.left, OneHot):
        indices = tf.concat([product.left.indices for product in products], axis=1)
        return replace(first, left=OneHot(indices, first.left.depth), right=right)
    return replace(first, left=tf.concat([product.left for product in products], axis=1), right=right)


def _fits(part: Product, first: PerExample) -> bool:
    """Whether both are products of the same shape and arrangement."""
    return (
        isinstance(first, Product)
        and part.arrangement == first.arrangement
        and part.right.shape[-1] == first.right.shape[-1]
    )


def _squares(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(values), axis=list(range(1, values.shape.rank)))


def _square_sums(rows: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(rows), axis=-1)


def _lengths(squares: tf.Tensor) -> tf.Tensor:
    """The norms of rows, ``[batch, time]``, from their squares."""
    return tf.sqrt(tf.where(squares > _LARGEST_SQUARE, tf.constant(math.inf, squares.dtype), squares))


def _no_less_than_rounding(squares: tf.Tensor, bounds: tf.Tensor) -> tf.Tensor:
    """Squared norms; where the terms of their sums cancel, with what rounding may have taken from them."""
    unit = np.finfo(squares.dtype.as_numpy_dtype).eps * tf.square(bounds)
    careful = tf.maximum(squares + _ROUNDING * unit, _LEAST * unit)
    # Not the other way round, in which a bound that is not finite would prove a norm.
    return tf.where(squares >= _EXACT * unit, squares, careful)


def _sums_of_equal(indices: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The sums over time of values with the same index, as ``[batch, time, columns]`` with zeros behind."""
    order = tf.argsort(indices, axis=1)
    indices, values = (tf.gather(tensor, order, axis=1, batch_dims=1) for tensor in (indices, values))
    batch, time = tf.unstack(tf.shape(indices))
    is_new = tf.cast(indices[:, 1:] != indices[:, :-1], tf.int32)
    place = tf.cumsum(tf.pad(is_new, [[0, 0], [1, 0]]), axis=1) + tf.range(batch)[:, None] * time
    sums = tf.math.unsorted_segment_sum(_flat(values), tf.reshape(place, [-1]), batch * time)
    return tf.reshape(sums, tf.shape(values))


def _flat(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, [-1, values.shape[-1]])


def _gram(rows: tf.Tensor | OneHot, others: tf.Tensor | OneHot) -> tf.Tensor:
    """Inner products of all rows of one with all rows of the other, ``[batch, time, other time]``."""
    if isinstance(rows, OneHot) and isinstance(others, OneHot):
        return tf.cast(rows.indices[:, :, None] == others.indices[:, None, :], tf.float32)
    if isinstance(rows, OneHot):
        return tf.linalg.matrix_transpose(_gram(others, rows))
    if isinstance(others, OneHot):
        return tf.gather(rows, others.indices, axis=2, batch_dims=1)
    return tf.matmul(rows, others, transpose_b=True)
