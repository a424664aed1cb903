import copy
import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from dpcore import noise as noise_module
from dpcore.errors import ConfigError, NotSupportedError
from dpcore.noise import ClippedSum, NoiseSource, add_gaussian_noise

SIZE = 200_000
# What the system draws is never the same: so seldom may one of the tens of numbers that a test looks at be
# wrong by chance.
CHANCE = 1e-9
BOTH_ROADS = pytest.mark.parametrize("jit_compile", [False, True], ids=["aes", "xla"])


def in_numpy(radius, angle):
    normals = np.empty([2, *np.shape(radius)], np.float32)
    noise_module._box_muller_into(normals, np.array(radius), np.array(angle), 1.0)
    return normals


BOX_MULLERS = pytest.mark.parametrize(
    "box_muller",
    [
        in_numpy,
        noise_module._box_muller,
        tf.function(noise_module._box_muller, jit_compile=True),
    ],
    ids=["numpy", "tensorflow", "xla"],
)


def noise(source, clip=1.0, noise_multiplier=1.0, size=SIZE, jit_compile=False):
    def step():
        return add_gaussian_noise(
            ClippedSum([tf.zeros([size])], clip),
            noise_multiplier=noise_multiplier,
            source=source,
            jit_compile=jit_compile,
        )

    (noised,) = tf.function(step, jit_compile=True)() if jit_compile else step()
    return noised.numpy()


def normals(count):
    """Standard normals as they are drawn in a step, without the copies of TensorFlow."""
    return noise_module._aes_normals(count, NoiseSource.from_system().next_key)


def p_value(sample, stddev, bounds=(2, 3, 4)):
    """How likely N(0, stddev^2) is to look like this: as a whole, in mean, variance and both tails."""
    scaled = np.sort(sample) / np.float32(stddev)
    size = len(scaled)
    energy = float((scaled.astype(np.float64) ** 2).sum())
    below = special.ndtr(scaled.astype(np.float64))
    ranks = np.arange(size + 1) / size
    distance = max((ranks[1:] - below).max(), (below - ranks[:-1]).max())
    values = [
        stats.kstwo.sf(distance, size),
        2 * min(stats.chi2.cdf(energy, size), stats.chi2.sf(energy, size)),
        2 * stats.norm.sf(abs(scaled.mean(dtype=np.float64)) * math.sqrt(size)),
    ]
    return min(*values, tail_p_value(scaled, bounds))


def tail_p_value(scaled, bounds):
    """How likely N(0, 1) is to have as many values beyond each of the bounds, on either side."""
    return min(
        stats.binomtest(int(count), len(scaled), stats.norm.sf(bound)).pvalue
        for bound in bounds
        for count in ((scaled > bound).sum(), (scaled < -bound).sum())
    )


@pytest.mark.parametrize(
    ("clip", "noise_multiplier", "jit_compile"),
    [(1.0, 1.0, False), (0.1, 1.1, False), (50.0, 8.0, False), (3.0, 0.5, True)],
)
def test_noise_is_normal_with_clip_times_multiplier_and_the_test_would_notice_if_not(
    clip, noise_multiplier, jit_compile
):
    sample = noise(NoiseSource.from_seed(1), clip, noise_multiplier, jit_compile=jit_compile)
    stddev = clip * noise_multiplier
    assert p_value(sample, stddev) > 1e-3
    for wrong in (0.95, 1.05):
        assert p_value(wrong * sample, stddev) < 1e-6
    assert p_value(sample + 0.05 * stddev, stddev) < 1e-6
    assert p_value(np.clip(sample, -2.9 * stddev, 2.9 * stddev), stddev) < 1e-6


@BOTH_ROADS
def test_noise_from_the_system_is_normal(jit_compile):
    assert p_value(noise(NoiseSource.from_system(), jit_compile=jit_compile), 1.0) > CHANCE


def test_twenty_million_draws_are_normal_to_the_tails_and_a_short_tail_would_be_noticed():
    sample = normals(20_000_000)
    bounds = (2, 3, 4, 4.5, 5, 5.5)
    assert np.isfinite(sample).all()
    assert p_value(sample, 1.0, bounds) > CHANCE
    assert p_value(sample, 1.002, bounds) < CHANCE, "twelve deviations, of which six are asked for"
    assert tail_p_value(np.clip(sample, -4.5, 4.5), bounds) < CHANCE


@BOX_MULLERS
def test_the_radius_reaches_nine_standard_deviations_as_often_as_it_should(box_muller):
    wanted = np.arange(1.0, 9.25, 0.25)
    bits = (2.0**63 * np.exp(-(wanted**2) / 2)).astype(np.int64)  # P(radius > r) = exp(-r^2 / 2)
    for signed in (bits, -bits):
        radius, zero = box_muller(signed.astype(np.float32), np.zeros(33, np.float32))
        np.testing.assert_allclose(radius, wanted, atol=0.01)
        np.testing.assert_array_equal(zero, 0)


@BOX_MULLERS
def test_no_bits_give_anything_infinite(box_muller):
    edges = [0, 1, -1, 2**62, 2**63 - 1, -(2**63)]
    turns = [0, 1, -1, 2**30, -(2**30), 2**31 - 1, -(2**31)]
    radius, angle = np.meshgrid(np.float32(edges), np.float32(turns))
    pair = np.array(box_muller(radius, angle))
    assert np.isfinite(pair).all()
    assert 9.4 < np.abs(pair).max() < 9.5


@BOX_MULLERS
def test_the_rounding_of_box_muller_is_as_documented(box_muller):
    rng = np.random.default_rng(0)
    radius, angle = rng.integers(-(2**63), 2**63, 10**6), rng.integers(-(2**31), 2**31, 10**6)
    exact = np.sqrt(-2 * np.log(np.abs(radius / 2**63))) * np.exp(1j * np.pi * angle / 2**31)
    pair = box_muller(radius.astype(np.float32), angle.astype(np.float32))
    for drawn, right in zip(pair, (exact.real, exact.imag), strict=True):
        error = np.abs(drawn - right)
        assert error.mean() < 1.5e-7
        assert error.max() < 1e-3


def test_neighbours_pairs_and_chunks_are_independent():
    size = 1_000_000
    for sample in np.split(normals(2 * size), 2), normals(2 * size).reshape(-1, 2).T:
        assert_independent(*sample)
    sample = normals(size)
    for lag in (1, 2, 3, 4, noise_module._PAIRS, size // 2 - 1, size // 2, size // 2 + 1):
        assert_independent(sample[:-lag], sample[lag:])
    repeated = np.concatenate([sample[: size // 2], sample[: size // 2] ** 2 - 1])
    with pytest.raises(AssertionError):
        assert_independent(*np.split(repeated, 2))


def assert_independent(first, second):
    """Neither the values nor their squares or absolute values are correlated."""
    for f in (np.array, np.square, np.abs):
        for g in (np.array, np.square, np.abs):
            assert abs(np.corrcoef(f(first), g(second))[0, 1]) < 6 / math.sqrt(len(first))


def test_noise_is_added_to_the_sum_and_no_noise_changes_nothing_and_draws_nothing():
    values = [tf.constant([[1.0, -2.0]]), tf.constant(3.0)]
    source = NoiseSource.from_seed(1)
    same = add_gaussian_noise(ClippedSum(values, 2.0), noise_multiplier=0, source=source)
    assert [value.numpy().tolist() for value in same] == [[[1.0, -2.0]], 3.0]
    zero = noise(NoiseSource.from_seed(1), size=4)
    (noised,) = add_gaussian_noise(ClippedSum([tf.fill([4], 10.0)], 1.0), noise_multiplier=1, source=source)
    np.testing.assert_allclose(noised, 10 + zero, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrap", "jit_compile", "traced"),
    [(lambda f: f, False, 3), (tf.function, False, 1), (lambda f: tf.function(f, jit_compile=True), True, 1)],
    ids=["eager", "graph", "xla"],
)
def test_noise_is_independent_across_variables_steps_and_sources(wrap, jit_compile, traced):
    size = 50_000
    source = NoiseSource.from_system()
    traces = []

    def step():
        clipped = ClippedSum([tf.zeros([size]), tf.zeros([size // 10, 10])], 1.0)
        noised = add_gaussian_noise(clipped, noise_multiplier=1.0, source=source, jit_compile=jit_compile)
        traces.append([value.shape.as_list() for value in noised])
        return noised

    run = wrap(step)
    draws = [value.numpy().ravel() for _ in range(3) for value in run()]
    assert traces == [[[size], [size // 10, 10]]] * traced
    draws.append(noise(NoiseSource.from_system(), size=size, jit_compile=jit_compile))
    correlations = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlations).max() < 6 / math.sqrt(size)
    assert np.corrcoef(draws[0], draws[0])[0, 1] > 0.99, "a repeated draw would be noticed"


@BOTH_ROADS
def test_every_turn_of_a_loop_in_a_graph_and_every_call_draws_anew(jit_compile):
    source = NoiseSource.from_system()

    def draw():
        clipped = ClippedSum([tf.zeros([4])], 1.0)
        return add_gaussian_noise(clipped, noise_multiplier=1.0, source=source, jit_compile=jit_compile)[0]

    @tf.function(jit_compile=jit_compile)
    def steps():
        draws = tf.TensorArray(tf.float32, 6, element_shape=[4])
        for turn in tf.range(3):
            draws = draws.write(2 * turn, draw()).write(2 * turn + 1, draw())
        return draws.stack()

    assert len(np.unique(np.concatenate([steps(), steps()]), axis=0)) == 12


def test_xla_without_jit_compile_fails_instead_of_using_other_noise():
    clipped, source = ClippedSum([tf.zeros([3])], 1.0), NoiseSource.from_system()

    def step():
        return add_gaussian_noise(clipped, noise_multiplier=1.0, source=source)

    with pytest.raises(tf.errors.InvalidArgumentError, match="PyFunc"):
        tf.function(step, jit_compile=True)()


def test_sources_from_the_system_are_all_different_and_not_seeded():
    sources = [NoiseSource.from_system() for _ in range(20)]
    assert len({tuple(noise(source, size=2)) for source in sources}) == 20
    assert not any(source.seeded for source in sources)
    for word in np.array([source.generator.state for source in sources]).T:
        assert len(set(word)) == 20, "key and both halves of the counter are drawn"


@BOTH_ROADS
def test_sources_from_a_seed_repeat_and_say_so(jit_compile):
    first, second, other = (NoiseSource.from_seed(seed) for seed in (1, 1, 2))
    assert first.seeded
    draws = [noise(source, size=9, jit_compile=jit_compile) for source in (first, second, other, first)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()
    assert (draws[0] != draws[3]).all(), "the next step has other noise"


def test_the_keystream_is_aes_256_in_counter_mode():
    # The blocks of counters 0, 1 and 2 under a key of zeros, from McGrew and Viega, "The Galois/Counter Mode
    # of Operation": H of test case 13, the tag of test case 13, and the ciphertext of test case 14.
    keystream = noise_module._keystream(bytes(32)).update(bytes(48))
    assert keystream.hex() == (
        "dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738bcea7403d4d606b6e074ec5d3baf39d18"
    )
    assert noise_module._keystream(bytes(32), 2).update(bytes(16)) == keystream[32:], (
        "chunks go on where others end"
    )


def test_normals_are_made_of_the_keystream_and_every_bit_is_used_once():
    (first, second) = noise_module._aes_normals(2, lambda: bytes(32))
    radius = int.from_bytes(bytes.fromhex("dc95c078a2408989"), "little", signed=True)
    angle = math.pi * int.from_bytes(bytes.fromhex("ad48a214"), "little", signed=True) / 2**31
    scale = math.sqrt(-2 * math.log(abs(radius) / 2**63))
    np.testing.assert_allclose([first, second], [scale * math.cos(angle), scale * math.sin(angle)], rtol=1e-5)
    many = noise_module._aes_normals(5 * noise_module._PAIRS, lambda: bytes(32))
    assert len(np.unique(many)) > 0.99 * len(many), "no chunk repeats another"


@pytest.mark.parametrize("shapes", [[[]], [[], [3], [2, 1, 2]], [[0], [1]], [[noise_module._PAIRS * 2 + 1]]])
def test_one_draw_serves_variables_of_any_shape(shapes):
    keys = []
    source = NoiseSource.from_seed(1)  # of so many draws from the system one is 0 every two thousand times
    counted = NoiseSource(lambda: keys.append(source.next_key()) or keys[-1], source.generator, seeded=False)
    values = [tf.zeros(shape) for shape in shapes]
    noised = add_gaussian_noise(ClippedSum(values, 1.0), noise_multiplier=1.0, source=counted)
    assert [value.shape.as_list() for value in noised] == shapes
    assert all((value != 0).numpy().all() for value in noised)
    assert len(keys) == 1


def test_a_value_without_a_static_shape_is_refused():
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def step(value):
        return add_gaussian_noise(
            ClippedSum([value], 1.0), noise_multiplier=1.0, source=NoiseSource.from_seed(0)
        )

    with pytest.raises(NotSupportedError, match="noise needs static shapes; got"):
        step(tf.zeros([2]))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_noise_is_added_in_float32_and_the_sum_takes_the_type_of_the_value(dtype):
    # The spacing of float16 and bfloat16 at 256 is 0.25 and 2: noise rounded first would be coarser.
    values = [tf.fill([1000], tf.cast(256 + 2**-40, dtype))]
    (noised,) = add_gaussian_noise(
        ClippedSum(values, 1.0), noise_multiplier=1.0, source=NoiseSource.from_seed(0)
    )
    assert noised.dtype == dtype
    wanted = tf.cast(256 + noise(NoiseSource.from_seed(0), size=1000), dtype)
    np.testing.assert_array_equal(noised, wanted)


def test_a_source_is_not_copied_and_threads_and_forks_do_not_repeat_it():
    source = NoiseSource.from_system()
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            duplicate(source)
    with ThreadPoolExecutor(8) as pool:
        for each in (source, NoiseSource.from_seed(0)):
            draws = list(pool.map(lambda _, source=each: tuple(noise(source, size=4)), range(200)))
            assert len(set(draws)) == 200
    keys = []
    for _ in range(2):
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            os.write(writing, source.next_key())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            keys.append(pipe.read())
    assert len({*keys, source.next_key()}) == 3


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_bad_noise_multiplier_is_refused(bad):
    with pytest.raises(ConfigError, match="noise_multiplier must be finite and >= 0; got"):
        noise(NoiseSource.from_seed(0), noise_multiplier=bad)
