"""LSTM, GRU and SimpleRNN, also inside of Bidirectional and RNN.

What the gates get is ``x kernel + h recurrent_kernel + bias``, with ``h`` the output of the step before, so
that the gradient with respect to it gives those of all three.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.gradients import Blocks, PerExample, Product
from dpcore.clipping.rules.any_layer import forward_of_any_layer
from dpcore.clipping.rules.recurrent_loop import recurrence
from dpcore.clipping.rules.registry import Gradients, Tap, register_forward, replaced

# One for each gate, or one for all; None where nothing is dropped.
_Masks = Sequence[tf.Tensor | None]


class _Product:
    """``x kernel`` as a function of ``x``, in which each block of columns has a dropout mask of its own."""

    def __init__(self, kernel: tf.Tensor, masks: _Masks) -> None:
        self.masks, self.blocks = masks, tf.split(kernel, len(masks), axis=-1)
        # Transposed here once and not by the gradient of a matrix product at every step.
        self.transposed = [tf.transpose(block) for block in self.blocks]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return tf.custom_gradient(lambda x: (self._forward(x), self.back))(x)

    def back(self, gradient: tf.Tensor) -> tf.Tensor:
        """The gradient with respect to ``x``."""
        gradients = tf.split(gradient, len(self.masks), axis=-1)
        parts = zip(gradients, self.transposed, self.masks, strict=True)
        return tf.add_n([_dropped(tf.tensordot(part, block, 1), mask) for part, block, mask in parts])

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        parts = zip(self.blocks, self.masks, strict=True)
        return tf.concat([tf.tensordot(_dropped(x, mask), block, 1) for block, mask in parts], axis=-1)


class _SimpleRNN:
    """The cell's computation, and how its weights' gradients follow from that of what its gates get."""

    def __init__(self, cell: Any, dropout: _Masks, recurrent_dropout: _Masks) -> None:
        self.cell, self.dropout, self.recurrent_dropout = cell, dropout, recurrent_dropout
        self.bias = None if cell.bias is None else tf.cast(cell.bias, cell.compute_dtype)
        self.of_x = _Product(tf.cast(cell.kernel, cell.compute_dtype), dropout)
        self.set_up(tf.cast(cell.recurrent_kernel, cell.compute_dtype))

    def set_up(self, recurrent_kernel: tf.Tensor) -> None:
        """Prepares what is the same for all steps."""
        self.of_h = _Product(recurrent_kernel, self.recurrent_dropout)

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """What the gates get from the layer's inputs, for all steps at once."""
        return self.of_x(x) if self.bias is None else self.of_x(x) + self.bias

    def project(self, inputs: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """What the gates get in one step, with the output of the step before."""
        return inputs + self.of_h(h)

    def project_back(self, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The gradients of both."""
        return gradient, self.of_h.back(gradient)

    def step(self, gates: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The states after a step."""
        return [self.cell.activation(gates)]

    def gradients(self, x: tf.Tensor, h: tf.Tensor, gates: tf.Tensor, gradient: tf.Tensor) -> Gradients:
        """Of the cell's variables; all arguments are ``[batch, time, ...]``, ``h`` of the step before."""
        yield self.cell.kernel, _gradient(x, gradient, self.dropout)
        yield self.cell.recurrent_kernel, _gradient(h, gradient, self.recurrent_dropout)
        if self.bias is not None:
            yield self.cell.bias, tf.reduce_sum(gradient, axis=1)


class _LSTM(_SimpleRNN):
    """Hochreiter and Schmidhuber 1997; the gates are input, forget, candidate and output."""

    def step(self, gates: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        i, f, candidate, o = tf.split(gates, 4, axis=-1)
        i, f, o = (self.cell.recurrent_activation(gate) for gate in (i, f, o))
        c = f * states[1] + i * self.cell.activation(candidate)
        return [o * self.cell.activation(c), c]


class _GRU(_SimpleRNN):
    """Cho et al. 2014, with the reset gate before the product with the recurrent kernel."""

    def set_up(self, recurrent_kernel: tf.Tensor) -> None:
        units = recurrent_kernel.shape[0]
        self.of_h = _Product(recurrent_kernel[:, : 2 * units], self.recurrent_dropout[:2])
        self.of_reset_h = _Product(recurrent_kernel[:, 2 * units :], self.recurrent_dropout[-1:])

    def project(self, inputs: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        gates, candidate = tf.split(inputs, [2 * h.shape[-1], h.shape[-1]], axis=-1)
        return tf.concat([gates + self.of_h(h), candidate], axis=-1)

    def project_back(self, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return gradient, self.of_h.back(tf.split(gradient, [2 * self.cell.units, self.cell.units], -1)[0])

    def step(self, gates: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        (h,) = states
        z, r, candidate = tf.split(gates, 3, axis=-1)
        z, r = self.cell.recurrent_activation(z), self.cell.recurrent_activation(r)
        return [z * h + (1 - z) * self.cell.activation(candidate + self.of_reset_h(r * h))]

    def gradients(self, x: tf.Tensor, h: tf.Tensor, gates: tf.Tensor, gradient: tf.Tensor) -> Gradients:
        r = self.cell.recurrent_activation(tf.split(gates, 3, axis=-1)[1])
        of_both, of_candidate = tf.split(gradient, [2 * h.shape[-1], h.shape[-1]], axis=-1)
        recurrent = _gradient_of_parts((h, of_both), (r * h, of_candidate), self.recurrent_dropout)
        for variable, found in super().gradients(x, h, gates, gradient):
            yield variable, recurrent if variable is self.cell.recurrent_kernel else found


class _GRUResetAfter(_SimpleRNN):
    """With the reset gate after the product, which is then a fourth thing that the step gets."""

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        return self.of_x(x) if self.bias is None else self.of_x(x) + self.bias[0]

    def project(self, inputs: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        sizes = [2 * h.shape[-1], h.shape[-1]]
        gates, x_candidate = tf.split(inputs, sizes, axis=-1)
        of_h = self.of_h(h) if self.bias is None else self.of_h(h) + self.bias[1]
        of_gates, h_candidate = tf.split(of_h, sizes, axis=-1)
        return tf.concat([gates + of_gates, x_candidate, h_candidate], axis=-1)

    def project_back(self, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        units = self.cell.units
        both, of_x, of_h = tf.split(gradient, [2 * units, units, units], axis=-1)
        return tf.concat([both, of_x], axis=-1), self.of_h.back(tf.concat([both, of_h], axis=-1))

    def step(self, gates: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        (h,) = states
        z, r, x_candidate, h_candidate = tf.split(gates, 4, axis=-1)
        z, r = self.cell.recurrent_activation(z), self.cell.recurrent_activation(r)
        return [z * h + (1 - z) * self.cell.activation(x_candidate + r * h_candidate)]

    def gradients(self, x: tf.Tensor, h: tf.Tensor, gates: tf.Tensor, gradient: tf.Tensor) -> Gradients:
        r = self.cell.recurrent_activation(tf.split(gates, 4, axis=-1)[1])
        of_both, of_x = tf.split(gradient, [2 * h.shape[-1], h.shape[-1]], axis=-1)
        of_h = tf.cast(r, of_x.dtype) * of_x
        yield self.cell.kernel, _gradient_of_parts((x, of_both), (x, of_x), self.dropout)
        yield self.cell.recurrent_kernel, _gradient_of_parts((h, of_both), (h, of_h), self.recurrent_dropout)
        if self.bias is not None:
            both, x_bias, h_bias = (tf.reduce_sum(part, axis=1) for part in (of_both, of_x, of_h))
            yield self.cell.bias, tf.stack([tf.concat([both, b], -1) for b in (x_bias, h_bias)], axis=1)


_KEEPING_LOOPS = {layer.inner_loop for layer in (keras.layers.RNN, keras.layers.LSTM, keras.layers.GRU)}


@register_forward(keras.layers.LSTM)
@register_forward(keras.layers.GRU)
@register_forward(keras.layers.SimpleRNN)
@register_forward(keras.layers.RNN)
def recurrent(tap: Tap, layer: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs the loop of a known cell in the place of Keras' own."""
    kind = _kind(layer)
    if kind is None:
        return forward_of_any_layer(layer.trainable_variables)(tap, layer, call, *args, **kwargs)

    def inner_loop(sequences: tf.Tensor, initial_state: Any, mask: Any, training: Any = False) -> Any:
        sequences = tf.cast(sequences, layer.cell.compute_dtype)
        states, mask = keras.tree.flatten(initial_state), keras.tree.flatten(mask)[0]
        cell = kind(
            layer.cell,
            _masks(training, layer.cell.dropout, lambda: layer.cell.get_dropout_mask(sequences[:, 0])),
            _masks(
                training,
                layer.cell.recurrent_dropout,
                lambda: layer.cell.get_recurrent_dropout_mask(states[0]),
            ),
        )
        return _loop(tap, layer, cell, sequences, states, mask)

    with replaced(layer, inner_loop=inner_loop):
        return call(*args, **kwargs)


def _kind(layer: Any) -> type[_SimpleRNN] | None:
    """What computes as the layer's cell does, if it is one of Keras' own in one of Keras' own loops."""
    if type(layer).inner_loop not in _KEEPING_LOOPS:
        return None
    if type(layer.cell) is keras.layers.GRUCell:
        return _GRUResetAfter if layer.cell.reset_after else _GRU
    return {keras.layers.SimpleRNNCell: _SimpleRNN, keras.layers.LSTMCell: _LSTM}.get(type(layer.cell))


def _masks(training: Any, rate: float, masks: Callable[[], Any]) -> _Masks:
    return keras.tree.flatten(masks()) if training and 0 < rate < 1 else [None]


def _loop(
    tap: Tap,
    layer: Any,
    cell: _SimpleRNN,
    sequences: tf.Tensor,
    initial_state: list[tf.Tensor],
    mask: tf.Tensor | None,
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """As ``inner_loop`` of Keras: the last output, all outputs and the last states."""
    mask = None if mask is None else tf.cast(mask, tf.bool)[..., None]
    if layer.go_backwards:
        sequences, mask = (None if s is None else tf.reverse(s, [1]) for s in (sequences, mask))
    inputs = cell.inputs(sequences)

    def gradients(gradient: tf.Tensor) -> Gradients:
        before = tf.concat([initial_state[0][:, None], h[:, :-1]], axis=1)
        return cell.gradients(sequences, before, _swapped(gates), gradient)

    tap(inputs, gradients)
    steps_first = None if mask is None else _swapped(mask)
    h, states, gates = recurrence(cell, _swapped(inputs), initial_state, steps_first)
    h = _swapped(h)
    outputs = h
    if mask is not None:
        # Before the first step that counts Keras gives zeros, whatever the initial state.
        given = mask if layer.zero_output_for_mask else tf.cumsum(tf.cast(mask, tf.int32), axis=1) > 0
        outputs = tf.where(given, h, tf.zeros_like(h))
    return outputs[:, -1], outputs, states


def _gradient(left: tf.Tensor, right: tf.Tensor, masks: _Masks) -> PerExample:
    """The gradient of such a kernel, for inputs and gradient ``[batch, time, ...]``."""
    blocks = tf.split(right, len(masks), axis=-1)
    parts = [Product(_dropped(left, mask), block) for mask, block in zip(masks, blocks, strict=True)]
    return parts[0] if len(parts) == 1 else Blocks(parts)


def _gradient_of_parts(
    gates: tuple[tf.Tensor, tf.Tensor], candidate: tuple[tf.Tensor, tf.Tensor], masks: _Masks
) -> PerExample:
    """The same for a GRU, given left and right for its two gates and for its candidate."""
    return Blocks([_gradient(*gates, masks[:2]), _gradient(*candidate, masks[-1:])])


def _dropped(x: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """``x``, of one step or of all, without what is dropped at every step."""
    if mask is None:
        return x
    return x * tf.cast(mask if x.shape.rank == 2 else mask[:, None], x.dtype)


def _swapped(values: tf.Tensor) -> tf.Tensor:
    """``[batch, time, ...]`` as ``[time, batch, ...]``, or the other way."""
    return tf.transpose(values, [1, 0, 2])
