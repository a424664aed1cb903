"""The clip itself: from per-example norms to per-example factors."""

import tensorflow as tf


def clip_factors(norms: tf.Tensor, l2_norm_clip: float) -> tf.Tensor:
    """The factor by which each example's gradient is scaled so that its L2 norm is at most the clip.

    An example whose norm is NaN or infinite gets the factor 0: it contributes nothing.

    Args:
      norms: per-example L2 norms over all variables together, ``[batch]``.
      l2_norm_clip: the largest norm that is left alone.

    Returns:
      Factors in [0, 1], ``[batch]``, finite.
    """
    factors = l2_norm_clip / tf.maximum(norms, l2_norm_clip)
    return tf.where(tf.math.is_finite(norms), factors, tf.zeros_like(norms))


def global_norms(gradients: list[tf.Tensor]) -> tf.Tensor:
    """L2 norms over all variables together, in float32: ``[batch, ...]`` each to ``[batch]``."""
    squares = [
        tf.reduce_sum(tf.square(tf.cast(g, tf.float32)), axis=list(range(1, g.shape.rank))) for g in gradients
    ]
    return tf.sqrt(tf.add_n(squares))
