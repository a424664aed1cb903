import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

from dpcore.errors import ConfigError, NotPrivateError, NotSupportedError
from dpcore.ledger import Ledger
from dpcore.sampling import PoissonSampler, sampling_rng
from dpcore.session import private_session
from tests.dpcore.clipping import models
from tests.dpcore.fits import EXAMPLES, EXPECTED, X, Y, charged, linear, private, shared

# --- arithmetic -------------------------------------------------------------------------------------------


def one_step_by_hand(model, seed, clip, learning_rate, divisor):
    sampler = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=EXPECTED)
    drawn = sampler.draw(sampling_rng(seed))
    gradients = models.gradients_in_a_loop(model, keras.losses.BinaryCrossentropy(), X[drawn], Y[drawn])
    clip_is_felt = np.linalg.norm(gradients, axis=1) > clip
    assert clip_is_felt.any()
    before = models.flat(model.get_weights())
    return before - learning_rate * models.clipped_sum(gradients, clip) / divisor(len(drawn)), len(drawn)


def test_a_step_divides_the_clipped_sum_by_the_expected_batch_size():
    model, seed = linear(), 5
    expected, realised = one_step_by_hand(model, seed, 0.3, 0.1, lambda _: EXPECTED)
    wrong, _ = one_step_by_hand(model, seed, 0.3, 0.1, lambda drawn: drawn)
    assert realised != EXPECTED
    fitted = private(model, seed=seed, l2_norm_clip=0.3, noise_multiplier=0)
    charged(fitted, steps_per_epoch=1)
    assert fitted.ledger.seeded, "a fixed seed marks the charges"
    after = models.flat(model.get_weights())
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert np.abs(after - wrong).max() > 1e-4


def test_the_gradient_of_a_weight_regulariser_is_added_after_clip_and_division():
    model, seed = linear(kernel_regularizer=keras.regularizers.L2(3.0)), 5
    expected, _ = one_step_by_hand(model, seed, 0.3, 0.1, lambda _: EXPECTED)
    expected[:3] -= 0.1 * 2 * 3.0 * model.get_weights()[0][:, 0]
    charged(private(model, seed=seed, l2_norm_clip=0.3, noise_multiplier=0), steps_per_epoch=1)
    np.testing.assert_allclose(models.flat(model.get_weights()), expected, atol=1e-6)


def test_noise_is_added_once_per_step():
    size, steps = 50_000, 2
    model = keras.Sequential([layers.Input((1,)), layers.Dense(size, use_bias=False)])
    before = models.flat(model.get_weights())
    # Without weight, nothing but noise moves the model.
    fitted = private(model, loss="mse", l2_norm_clip=0.5, noise_multiplier=2.0, expected_batch_size=4)
    x, y = np.ones((6, 1), np.float32), np.ones((6, size), np.float32)
    charged(fitted, x, y, sample_weight=np.zeros(6), steps_per_epoch=steps)
    change = models.flat(model.get_weights()) - before

    def p_value(stddev_of_a_step):
        energy = (change**2).sum() / (steps * stddev_of_a_step**2)
        return 2 * min(stats.chi2.cdf(energy, size), stats.chi2.sf(energy, size))

    honest = 0.1 * 2.0 * 0.5 / 4
    assert p_value(honest) > 1e-7
    assert p_value(0.95 * honest) < 1e-12
    assert p_value(1.05 * honest) < 1e-12


def test_it_learns_and_trains_the_weights_of_the_wrapped_model():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5] > 0).astype(np.float32)
    model = linear()
    before = model.get_weights()
    fitted = private(
        model, optimizer=keras.optimizers.SGD(2.0), expected_batch_size=200, metrics=["accuracy"], seed=0
    )
    fitted.fit(x, y, epochs=2, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    accuracy = ((model(x).numpy()[:, 0] > 0.5) == y).mean()
    assert accuracy > 0.9


def test_loss_and_metrics_do_not_see_the_padding():
    model = linear()
    model.layers[-1].set_weights([np.zeros((3, 1)), np.full(1, 20.0)])
    fitted = private(
        model, optimizer=keras.optimizers.SGD(0.0), expected_batch_size=17, metrics=["accuracy", "mae"]
    )
    history, _, _ = charged(fitted, X, np.ones_like(Y), epochs=2)
    # A padding row has target 0 and would be entirely wrong.
    assert history["accuracy"] == [1, 1]
    np.testing.assert_allclose(history["mae"], 0, atol=1e-6)
    np.testing.assert_allclose(history["loss"], 0, atol=1e-6)
    history, _, _ = charged(fitted, X, np.zeros_like(Y), epochs=2)
    # Every example has a loss of 20, the logit, and a padding row has none.
    assert history["accuracy"] == [0, 0]
    np.testing.assert_allclose(history["loss"], 20, rtol=1e-4)


def test_batches_without_examples_are_trained_through():
    fitted = private(expected_batch_size=1)
    history, steps, charges = charged(fitted, steps_per_epoch=30)
    assert (steps, charges) == (30, [30])
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(models.flat(fitted.inner.get_weights())).all()


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"batch_size": 9},
            ConfigError,
            "batch_size must be left out or equal expected_batch_size=10; got 9",
        ),
        ({"class_weight": {0: 1.0, 1: 2.0}}, NotSupportedError, "class_weight .* pass sample_weight"),
        ({"validation_split": 1.5}, ConfigError, "validation_split must lie between 0 and 1"),
        ({"validation_split": 0.9}, ConfigError, "expected_batch_size must not exceed"),
        ({"sample_weight": np.ones(3)}, ConfigError, "sample_weight must be"),
    ],
)
def test_arguments_that_cannot_be_accounted_for_are_refused_before_any_charge(arguments, error, message):
    before = len(shared().ledger.charges)
    with pytest.raises(error, match=message):
        shared().fit(X, Y, verbose=0, **arguments)
    assert len(shared().ledger.charges) == before


def test_batches_that_were_not_sampled_are_refused():
    with pytest.raises(NotPrivateError, match=r"was not Poisson sampled.*Use fit\(\)"):
        shared().train_on_batch(X, Y)
    charged(shared())
    with pytest.raises(NotPrivateError, match="outside fit"):
        shared().train_function(iter(tf.data.Dataset.from_tensors((X, Y, Y[:, 0]))))


def test_layers_losses_and_optimizers_that_are_not_private_are_refused():
    with pytest.raises(NotPrivateError, match="Use GroupNormalization"):
        private(keras.Sequential([layers.Input((3,)), layers.BatchNormalization(), layers.Dense(1)]))
    with pytest.raises(NotPrivateError, match="one value per example"):
        private(loss=lambda y, p: tf.reduce_mean((y - p) ** 2)).fit(X, Y, verbose=0)
    with pytest.raises(NotPrivateError, match="adds a loss of its own"):
        private(linear(activity_regularizer="l2")).fit(X, Y, verbose=0)
    with pytest.raises(ConfigError, match=r"compile\(\) needs a loss"):
        private(loss=None).fit(X, Y, verbose=0)


def test_a_layer_that_is_unfrozen_after_wrapping_is_refused():
    model = keras.Sequential(
        [layers.Input((3,)), layers.BatchNormalization(trainable=False), layers.Dense(1)]
    )
    fitted = private(model, loss="mse")
    model.layers[0].trainable = True
    with pytest.raises(NotPrivateError, match="Use GroupNormalization"):
        fitted.fit(X, Y, verbose=0)


class Watcher(layers.Layer):
    """Remembers the last example in a weight that is not trained."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(shape[-1],), trainable=False, initializer="zeros", name="seen")

    def call(self, inputs):
        self.seen.assign(inputs[0])
        return inputs


def test_a_layer_that_keeps_what_it_saw_is_refused_and_not_recorded():
    with private_session(Ledger(), "a") as session:
        model = keras.Sequential([layers.Input((3,)), Watcher(), layers.Dense(1)])
        with pytest.raises(NotPrivateError, match="seen is not trainable and yet changed during training"):
            private(model, loss="mse", seed=0).fit(X, Y, verbose=0, steps_per_epoch=1)
    assert session.differences({variable.path: variable.numpy() for variable in model.weights})


def test_random_layers_are_trained():
    model = keras.Sequential([layers.Input((3,)), layers.Dropout(0.5), layers.Dense(1)])
    assert charged(private(model, loss="mse"), steps_per_epoch=1)[1:] == (1, [1])


# --- inputs, outputs, exports -----------------------------------------------------------------------------


def test_named_inputs_and_outputs():
    inputs = {name: layers.Input((3,), name=name) for name in ("a", "b")}
    joined = layers.Concatenate()(list(inputs.values()))
    model = keras.Model(
        inputs, {"u": layers.Dense(1, name="u")(joined), "v": layers.Dense(2, name="v")(joined)}
    )
    fitted = private(
        model, loss={"u": "mse", "v": "mae"}, loss_weights={"u": 1.0, "v": 2.0}, metrics={"u": ["mae"]}
    )
    history, steps, charges = charged(fitted, {"a": X, "b": X}, {"u": Y, "v": X[:, :2]})
    assert (steps, charges) == (6, [6])
    assert {"loss", "u_mae"} <= set(history)


def test_a_model_without_declared_inputs_is_built_by_fit():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Dense(1)])
    fitted = private(model, loss="mse")
    assert charged(fitted, X.astype(np.float64), Y.astype(np.int64), steps_per_epoch=2)[1:] == (2, [2])
    assert model.predict(X, verbose=0).shape == (EXAMPLES, 1)


def test_what_is_exported_is_the_wrapped_model(tmp_path):
    fitted = private()
    charged(fitted)
    fitted.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(X), fitted.inner.predict(X, verbose=0), atol=1e-6)
    fitted.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is keras.Sequential
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), fitted.inner.predict(X, verbose=0))
    content = json.dumps(loaded.get_config())
    assert "private" not in content.lower()


def test_weights_written_by_one_model_do_not_vouch_for_another():
    with private_session(Ledger(), "a") as session:
        fitted = private(ledger=Ledger())
        charged(fitted, steps_per_epoch=1)
    assert fitted.ledger is not session.ledger
    assert session.differences({v.path: v.numpy() for v in fitted.inner.weights}) == [
        "no PrivateModel was trained"
    ]
