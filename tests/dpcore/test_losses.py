import keras
import numpy as np
import pytest
import tensorflow as tf

from dpcore.clipping import clipped_gradient_sum
from dpcore.errors import ConfigError, NotPrivateError
from dpcore.losses import ExampleLoss, as_loss, check_loss
from tests.dpcore.clipping import models


def check(loss, y=None, outputs=None):
    check_loss(
        loss,
        as_loss(loss),
        ExampleLoss(as_loss(loss)),
        tf.zeros([1, 4]) if y is None else y,
        tf.zeros([1, 4]) if outputs is None else outputs,
    )


def squared(y_true, y_pred):
    return tf.reduce_sum((y_true - y_pred) ** 2, axis=-1)


def in_batch_softmax(y_true, y_pred):
    scores = tf.matmul(y_pred, y_pred, transpose_b=True)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(tf.shape(y_pred)[0]), scores)


def centred(y_true, y_pred):
    return squared(y_true, y_pred - tf.reduce_mean(y_pred, axis=0))


def pairwise(y_true, y_pred):
    return tf.reduce_mean(tf.nn.relu(y_pred[:, None, 0] - y_pred[None, :, 0] + 0.1), axis=1)


def relative_to_the_batch(y_true, y_pred):
    return squared(y_true, y_pred) / tf.reduce_max(tf.abs(y_true))


def centred_targets(y_true, y_pred):
    return squared(y_true - tf.reduce_mean(y_true, axis=0), y_pred)


PER_EXAMPLE = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "squared_hinge",
]


@pytest.mark.parametrize("loss", [*PER_EXAMPLE, keras.losses.Huber(0.3), squared])
def test_losses_that_score_every_example_by_itself_are_taken(loss):
    check(loss)


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "mean", "mean_with_sample_weight"])
def test_every_reduction_is_taken(reduction):
    check(keras.losses.MeanSquaredError(reduction=reduction))


def test_whole_number_targets_and_sequences_are_taken():
    check("sparse_categorical_crossentropy", tf.zeros([1], tf.int32))
    check("sparse_categorical_crossentropy", tf.zeros([1, 5], tf.int32), tf.zeros([1, 5, 4]))
    check("mse", tf.zeros([1]), tf.zeros([1, 1]))


@pytest.mark.parametrize(
    "loss", [in_batch_softmax, centred, pairwise, relative_to_the_batch, centred_targets]
)
def test_losses_that_mix_examples_are_refused(loss):
    with pytest.raises(
        NotPrivateError, match=rf"{loss.__name__} of a batch.* depends on others.*scores every"
    ):
        check(loss)


@pytest.mark.parametrize("loss", [lambda y, p: tf.reduce_mean((y - p) ** 2), keras.losses.Dice()])
def test_losses_that_return_one_value_for_a_batch_are_refused(loss):
    with pytest.raises(
        NotPrivateError, match=r"one value per example, shape \[batch, ...\].*returned shape \(\)"
    ):
        check(loss)


@pytest.mark.parametrize("reduction", [None, "none"])
def test_a_loss_without_reduction_is_refused(reduction):
    with pytest.raises(ConfigError, match="mean_squared_error is not reduced over the batch"):
        check(keras.losses.MeanSquaredError(reduction=reduction))


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        keras.losses.MeanSquaredError(),
        keras.losses.MeanSquaredError(reduction="sum"),
        keras.losses.mean_squared_error,
        lambda y_true, y_pred: tf.reduce_mean((y_true - y_pred) ** 2, axis=-1),
    ],
)
def test_names_objects_and_functions_give_the_same_clipped_sum(loss):
    model = models.build("dense")
    x, y = models.data(model, 3)
    expected = models.clipped_sum(
        models.gradients_in_a_loop(model, keras.losses.MeanSquaredError(), x, y), 0.5
    )
    total, _ = clipped_gradient_sum(model, loss, x, y, l2_norm_clip=0.5)
    np.testing.assert_allclose(models.flat(total), expected, atol=1e-5)


def test_functions_get_targets_of_the_outputs_rank():
    shapes = []

    def seen(y_true, y_pred):
        shapes.append((tuple(y_true.shape), tuple(y_pred.shape)))
        return squared(y_true, y_pred)

    as_loss(seen)(tf.zeros([3]), tf.zeros([3, 1]))
    assert shapes == [((3, 1), (3, 1))]


def test_clipping_refuses_such_losses_too():
    model = models.build("dense")
    with pytest.raises(NotPrivateError, match="centred"):
        clipped_gradient_sum(model, centred, *models.data(model, 3), l2_norm_clip=1.0)
