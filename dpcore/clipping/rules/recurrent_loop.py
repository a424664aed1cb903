"""A recurrence whose backward pass stops at what its gates get."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import tensorflow as tf


class Cell(Protocol):
    """One step of a recurrence, in two parts of which only the second is not affine."""

    def project(self, inputs: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """What the gates get, from the step's inputs and the output of the step before."""

    def project_back(self, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The gradients of both, from that of what the gates get."""

    def step(self, gates: tf.Tensor, states: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """The states, of which the first is the output; TensorFlow must know the gradient."""


def recurrence(
    cell: Cell, inputs: tf.Tensor, states: Sequence[tf.Tensor], mask: tf.Tensor | None
) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]:
    """Runs ``states = cell.step(cell.project(inputs[t], states[0]), states)`` over time.

    TensorFlow's own gradient of a loop keeps every intermediate value, and sums the gradient of every weight
    over time inside of it. This one keeps what the gates get and the states, takes the gradient through one
    step at a time, and gives none to weights: they follow from the gradient with respect to ``inputs``.

    Args:
      inputs: ``[time, batch, columns]``.
      states: each ``[batch, units]``.
      mask: ``[time, batch, 1]``; where it is false, the states stay as they are.

    Returns:
      The first state after every step, ``[time, batch, units]``, all states after the last step, and what
      the gates got, ``[time, batch, columns]``, the last without a gradient.
    """

    def masked_step(time: tf.Tensor, gates: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        after = cell.step(gates, states)
        if mask is None:
            return list(after)
        return [tf.where(mask[time], new, old) for new, old in zip(after, states, strict=True)]

    def run(inputs: tf.Tensor, *states: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Callable[..., Any]]:
        steps = inputs.shape[0] or tf.shape(inputs)[0]

        def forward(time: tf.Tensor, states: Any, written: Any) -> Any:
            gates = cell.project(inputs[time], states[0])
            after = masked_step(time, gates, states)
            kept = [array.write(time, value) for array, value in zip(written, [gates, *after], strict=True)]
            return time + 1, after, kept

        like_gates = cell.project(inputs[0], states[0])
        arrays = [_array(steps, value) for value in (like_gates, *states)]
        _, last, written = _loop(steps, forward, (0, list(states), arrays))
        gates, *after = [array.stack() for array in written]
        before = [tf.concat([first[None], all_[:-1]], 0) for first, all_ in zip(states, after, strict=True)]

        def gradient(d_outputs: tf.Tensor, *d_others: tf.Tensor) -> list[tf.Tensor]:
            d_last = d_others[: len(states)]

            def backward(count: tf.Tensor, d_states: Any, written: Any) -> Any:
                time = steps - 1 - count
                at_gates, old = gates[time], [values[time] for values in before]
                d_after = [d_states[0] + d_outputs[time], *d_states[1:]]
                with tf.GradientTape() as tape:
                    tape.watch([at_gates, old])
                    new = masked_step(time, at_gates, old)
                d_gates, d_old = tape.gradient(new, [at_gates, old], d_after, tf.UnconnectedGradients.ZERO)
                d_inputs, d_output = cell.project_back(d_gates)
                d_old[0] += d_output
                return count + 1, d_old, written.write(time, d_inputs)

            array = _array(steps, inputs[0])
            _, d_first, written = _loop(steps, backward, (0, list(d_last), array))
            return [written.stack(), *d_first]

        return (after[0], *last, gates), gradient

    outputs, *last, gates = tf.custom_gradient(run)(inputs, *states)
    return outputs, last, tf.stop_gradient(gates)


def _loop(steps: int | tf.Tensor, body: Callable[..., Any], variables: Any) -> Any:
    return tf.while_loop(lambda time, *_: time < steps, body, variables, parallel_iterations=1)


def _array(steps: int | tf.Tensor, like: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape)
