import keras
import pytest
from keras import layers

from dpcore.clipping.vectorizable import PROVEN, not_vectorizable
from tests.dpcore.clipping import models


def _parts(model):
    parts = {type(part).__name__ for part in model._flatten_layers(include_self=True, recursive=True)}
    return parts | {type(part).__name__ for part in getattr(model, "operations", [])}


def test_every_layer_that_is_listed_is_in_a_model_that_is_compared_with_a_loop():
    built = [models.build(name) for name in models.VECTORIZED]
    assert set().union(*(_parts(model) for model in built)) == PROVEN


@pytest.mark.parametrize("name", models.VECTORIZED)
def test_models_of_listed_layers_are_vectorised(name):
    assert not_vectorizable(models.build(name)) == []


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("lstm", "LSTM"),
        ("gru", "GRU"),
        ("simple_rnn", "SimpleRNN"),
        ("attention", "MultiHeadAttention"),
        ("dropout", "Dropout"),
        ("frozen_batch_normalization", "BatchNormalization"),
        ("custom", "Custom"),
    ],
)
def test_other_layers_are_named(name, layer):
    assert any(f"({layer})" in obstacle for obstacle in not_vectorizable(models.build(name)))


def test_a_layer_inside_a_layer_is_found():
    inner = keras.Sequential([layers.Input((3,)), layers.Dropout(0.5, name="hidden")])
    assert not_vectorizable(keras.Sequential([layers.Input((3,)), inner])) == ["hidden (Dropout)"]


def test_an_operation_between_layers_is_found():
    inputs = layers.Input((3,))
    model = keras.Model(inputs, keras.ops.sin(layers.Dense(2)(inputs)))
    assert len(not_vectorizable(model)) == 1


def test_a_layer_of_the_same_name_from_elsewhere_is_not_trusted():
    class Dense(layers.Layer):
        def call(self, inputs):
            return inputs

    assert not_vectorizable(keras.Sequential([layers.Input((3,)), Dense(name="mine")])) == ["mine (Dense)"]


def test_a_subclassed_model_is_not_trusted():
    class Sequential(keras.Model):
        def call(self, inputs):
            return inputs

    assert not_vectorizable(Sequential(name="mine")) == ["mine (Sequential)"]
