"""Models around one layer."""

import keras
from keras import layers

SEQUENCE, IMAGE = (6, 4), (8, 8, 3)


def model_of(layer, shape=(4,), batch=None, calls=None, dtype=None):
    """A model with ``layer`` beside a trained one, so that nothing but the layer can be wrong with it."""
    inputs = layers.Input(shape, batch_size=batch, dtype=dtype)
    spare = layers.Input((1,), batch_size=batch)
    outputs = calls(layer, inputs) if calls else layer(inputs)
    return keras.Model([inputs, spare], [outputs, layers.Dense(1)(spare)])


def pair(layer, x):
    return layer([x, x])


def attended(layer, x):
    return layer(x, x)
