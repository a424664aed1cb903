"""Lookups, tied and untied, with repeated ids, masks and low-rank updates, against a loop."""

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.dpcore.clipping.checks import check, in_a_loop, inputs_of, model_of, precision, randomize
from tests.dpcore.clipping.test_rules import lora, together

LOOKUPS = [
    (lambda i: layers.Embedding(8, 3)(i), ()),
    (lambda i: layers.Embedding(8, 3)(i), (1,)),
    (lambda i: layers.Embedding(8, 3)(i), (12,)),
    (lambda i: layers.Embedding(8, 3)(i), (3, 4)),
    (lambda i: layers.Embedding(8, 2)(i), (None,)),
    (lambda i: layers.Embedding(8, 2)(i - 8), (5,)),
    (lambda i: layers.GlobalAveragePooling1D()(layers.Embedding(8, 3, mask_zero=True)(i)), (9,)),
    (lambda i: layers.ReversibleEmbedding(8, 3)(i), (6,)),
    (lambda i: lora(layers.Embedding(8, 3), i), (6,)),
    (lambda i: lora(layers.Embedding(8, 3), i), (2, 3)),
]


def reversible(**options):
    def both_ways(ids):
        embedding = layers.ReversibleEmbedding(8, 3, **options)
        x = layers.Dense(3, activation="tanh")(embedding(ids))
        return embedding(x, reverse=True)

    return both_ways


def test_lookups():
    with precision("float64"):
        model = together(LOOKUPS, dtype="int32")
        check(model, inputs_of(model, 5), rtol=1e-6)


def test_an_embedding_that_is_looked_up_twice():
    def twice(ids):
        embedding = layers.Embedding(8, 3)
        return embedding(ids), embedding(7 - ids)

    with precision("float64"):
        check(model_of(twice, (5,), dtype="int32"))


@pytest.mark.parametrize("time", [1, 3, 90])
@pytest.mark.parametrize(
    "options", [{}, {"tie_weights": False}, {"logit_soft_cap": 2.0}], ids=["tied", "untied", "capped"]
)
def test_embeddings_that_are_used_both_ways(options, time):
    with precision("float64"):
        check(model_of(reversible(**options), (time,), dtype="int32"))


def test_a_tied_embedding_with_lora():
    model = model_of(reversible(), (4,), dtype="int32")
    model.layers[1].enable_lora(2)
    randomize(model)
    check(model)


def test_an_embedding_that_is_used_both_ways_over_a_sequence_of_unknown_length():
    with precision("float64"):
        check(model_of(reversible(), (None,), dtype="int32"))


def test_the_norm_of_repeated_ids_is_not_the_root_of_the_sum_of_squares():
    model = model_of(
        lambda i: layers.GlobalAveragePooling1D()(layers.Embedding(8, 3)(i)), (6,), dtype="int32"
    )
    x = [tf.constant([[1] * 6, [1, 2, 3, 4, 5, 6]])]
    same, different = np.linalg.norm(in_a_loop(model, x), axis=1)
    assert same > 2 * different
    check(model, x)
