"""jax_privacy: the ordinary compiled step, and ``clipped_grad`` in microbatches."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import jax_privacy
import numpy as np
import optax
from jax_privacy import noise_addition

from timing import ORDINARY, Step, main
from workloads import L2_NORM_CLIP, LEARNING_RATE, NOISE_MULTIPLIER, Workload, workload

Parameters = Any
Model = Callable[[Parameters, jax.Array], jax.Array]
RNG = np.random.default_rng(0)
PREFIX = "microbatch "


def modes(spec: str) -> list[str]:
    """A few examples at a time. All at once, which is the default, takes a minute for a step of W2."""
    del spec
    return [ORDINARY, *(f"{PREFIX}{size}" for size in (16, 4, 1))]


def weights(*shape: int) -> jax.Array:
    """Random weights."""
    scale = np.sqrt(2 / np.prod(shape[:-1]))
    return jnp.asarray(RNG.normal(size=shape) * scale, jnp.float32)


def dense_parameters(*shape: int) -> dict[str, jax.Array]:
    """A kernel and a bias."""
    return {"kernel": weights(*shape), "bias": jnp.zeros(shape[-1])}


def dense(p: Parameters, x: jax.Array) -> jax.Array:
    return x @ p["kernel"] + p["bias"]


def conv(p: Parameters, x: jax.Array, padding: str) -> jax.Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    out = jax.lax.conv_general_dilated(x, p["kernel"], (2, 2), padding, dimension_numbers=dimensions)
    return jax.nn.relu(out + p["bias"])


def max_pool(x: jax.Array) -> jax.Array:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")


def cnn(sizes: Workload) -> tuple[Model, Parameters]:
    def model(p: Parameters, x: jax.Array) -> jax.Array:
        x = max_pool(conv(p["conv1"], x, "SAME"))
        x = max_pool(conv(p["conv2"], x, "VALID"))
        x = jax.nn.relu(dense(p["hidden"], x.reshape(len(x), -1)))
        return dense(p["head"], x)

    return model, {
        "conv1": dense_parameters(8, 8, 1, 16),
        "conv2": dense_parameters(4, 4, 16, 32),
        "hidden": dense_parameters(512, 32),
        "head": dense_parameters(32, sizes.classes),
    }


def mlp(sizes: Workload) -> tuple[Model, Parameters]:
    def model(p: Parameters, x: jax.Array) -> jax.Array:
        for hidden in p[:-1]:
            x = jax.nn.relu(dense(hidden, x))
        return dense(p[-1], x)

    widths = [*sizes.features, *[sizes.width] * sizes.depth, sizes.classes]
    return model, [dense_parameters(a, b) for a, b in pairwise(widths)]


def lstm_layer(p: Parameters, x: jax.Array) -> jax.Array:
    def cell(
        state: tuple[jax.Array, jax.Array], z: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        h, c = state
        i, f, g, o = jnp.split(z + h @ p["recurrent"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((len(x), len(p["recurrent"])))
    _, outputs = jax.lax.scan(cell, (zeros, zeros), jnp.swapaxes(dense(p["input"], x), 0, 1))
    return jnp.swapaxes(outputs, 0, 1)


def lstm(sizes: Workload) -> tuple[Model, Parameters]:
    def model(p: Parameters, x: jax.Array) -> jax.Array:
        x = p["tokens"][x]
        for layer in p["layers"]:
            x = lstm_layer(layer, x)
        return dense(p["head"], x)

    gates = 4 * sizes.width
    inputs = [64, *[sizes.width] * (sizes.depth - 1)]
    return model, {
        "tokens": weights(sizes.classes, 64),
        "layers": [
            {"input": dense_parameters(n, gates), "recurrent": weights(sizes.width, gates)} for n in inputs
        ],
        "head": dense_parameters(sizes.width, sizes.classes),
    }


def normalize(p: Parameters, x: jax.Array) -> jax.Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p["scale"] + p["bias"]


def attend(p: Parameters, x: jax.Array) -> jax.Array:
    q, k, v = (dense(p[name], x).reshape(*x.shape[:2], 4, -1) for name in ("query", "key", "value"))
    scores = jnp.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
    mixed = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores), v)
    return dense(p["output"], mixed.reshape(x.shape))


def transformer(sizes: Workload) -> tuple[Model, Parameters]:
    def model(p: Parameters, x: jax.Array) -> jax.Array:
        x = p["tokens"][x] + p["positions"]
        for block in p["blocks"]:
            x = normalize(block["norm1"], x + attend(block, x))
            hidden = jax.nn.relu(dense(block["hidden"], x))
            x = normalize(block["norm2"], x + dense(block["contract"], hidden))
        return dense(p["head"], x)

    width = sizes.width

    def block() -> Parameters:
        attention = {name: dense_parameters(width, width) for name in ("query", "key", "value", "output")}
        norms = {name: {"scale": jnp.ones(width), "bias": jnp.zeros(width)} for name in ("norm1", "norm2")}
        hidden, contract = dense_parameters(width, 4 * width), dense_parameters(4 * width, width)
        return {**attention, **norms, "hidden": hidden, "contract": contract}

    return model, {
        "tokens": weights(sizes.classes, width),
        "positions": weights(sizes.length, width),
        "blocks": [block() for _ in range(sizes.depth)],
        "head": dense_parameters(width, sizes.classes),
    }


MODELS = {"cnn": cnn, "mlp": mlp, "lstm": lstm, "transformer": transformer}


def privatizer(gradient: Any) -> optax.GradientTransformation:
    """Adds the noise."""
    stddev = NOISE_MULTIPLIER * gradient.sensitivity()
    return noise_addition.gaussian_privatizer(stddev=stddev, prng_key=jax.random.key(0))


def step(spec: str, mode: str) -> Step:
    """One step on a batch that is already there."""
    sizes = workload(spec)
    model, parameters = MODELS[sizes.model](sizes)
    x, y = map(jnp.asarray, sizes.data())

    def loss(p: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(model(p, x), y).mean()

    if mode == ORDINARY:
        gradient, optimizer = jax.grad(loss), optax.sgd(LEARNING_RATE)
    else:
        gradient = jax_privacy.clipped_grad(
            loss,
            l2_clip_norm=L2_NORM_CLIP,
            batch_argnums=(1, 2),
            normalize_by=float(sizes.batch_size),
            microbatch_size=int(mode[len(PREFIX) :]) if mode.startswith(PREFIX) else None,
        )
        optimizer = optax.chain(privatizer(gradient), optax.sgd(LEARNING_RATE))

    def update(state: tuple[Parameters, Any], x: jax.Array, y: jax.Array) -> tuple[Parameters, Any]:
        p, memory = state
        updates, memory = optimizer.update(gradient(p, x, y), memory)
        return optax.apply_updates(p, updates), memory

    compiled = jax.jit(update, donate_argnums=0)
    state = (parameters, optimizer.init(parameters))

    def run() -> None:
        nonlocal state
        state = jax.block_until_ready(compiled(state, x, y))

    size = sum(leaf.size for leaf in jax.tree.leaves(parameters))
    return Step(run, sizes.batch_size, size)


if __name__ == "__main__":
    main(step, modes, versions=f"jax_privacy {jax_privacy.__version__}, JAX {jax.__version__}")
