import functools

import keras
import pytest

from dpcore.errors import NotPrivateError
from dpcore.validation import check_losses

DICE = r"axis=None: the overlap is computed once for the whole batch.*axis=\(1, 2, 3\)"
CIRCLE = "compared with all others in the batch.*SparseCategoricalCrossentropy"
AXIS = "has axis=0: axis 0 holds the examples.*axis=-1"


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("dice", f"loss dice has {DICE}"),
        ("Dice", f"loss Dice has {DICE}"),
        (keras.losses.dice, DICE),
        (keras.losses.Dice(), DICE),
        (keras.losses.Dice(axis=(0, 1)), r"axis=\(0, 1\)"),
        (keras.losses.Tversky(), f"loss Tversky has {DICE}"),
        ("tversky", DICE),
        ("circle", CIRCLE),
        (keras.losses.Circle(), f"loss Circle: .*{CIRCLE}"),
        (keras.losses.CosineSimilarity(axis=0), f"loss CosineSimilarity {AXIS}"),
        (functools.partial(keras.losses.cosine_similarity, axis=0), AXIS),
        (keras.losses.CategoricalCrossentropy(axis=0), AXIS),
        (keras.losses.SparseCategoricalCrossentropy(axis=0), AXIS),
        (keras.losses.BinaryFocalCrossentropy(axis=0), AXIS),
    ],
)
def test_losses_across_the_batch_are_refused_with_a_way_out(loss, message):
    for nest in (loss, [None, loss], {"u": "mse", "v": loss}):
        with pytest.raises(NotPrivateError, match=message):
            check_losses(nest)


REFUSED = {"Circle", "Dice", "Tversky"}
KERAS = [
    name for name in dir(keras.losses) if isinstance(getattr(keras.losses, name), type) and name != "Loss"
]


@pytest.mark.parametrize("name", KERAS)
def test_every_keras_loss_is_taken_or_refused_as_it_comes(name):
    assert set(KERAS) >= REFUSED
    if name in REFUSED:
        with pytest.raises(NotPrivateError):
            check_losses(getattr(keras.losses, name)())
    else:
        check_losses(getattr(keras.losses, name)())


@pytest.mark.parametrize(
    "loss",
    [
        None,
        keras.losses.Dice(axis=(1, 2, 3)),
        keras.losses.Tversky(axis=[1, 2]),
        keras.losses.CosineSimilarity(),
        functools.partial(keras.losses.dice, axis=-1),
        functools.partial(keras.losses.circle, ref_labels=[0], ref_embeddings=[[1.0]]),
        lambda y_true, y_pred: y_true - y_pred,
    ],
)
def test_neighbours_that_score_every_example_by_itself_are_taken(loss):
    check_losses(loss)


def test_all_losses_are_told_at_once():
    with pytest.raises(NotPrivateError) as caught:
        check_losses({"a": "dice", "b": "mse", "c": ["circle", None]})
    assert str(caught.value).startswith("2 things break the guarantee")
    assert "- never: loss dice has axis=None" in str(caught.value)
    assert "- never: loss circle: each example" in str(caught.value)
