"""Every public layer of Keras is known: a new one must be put on one of these lists."""

import inspect
from pathlib import Path

import keras
import pytest
from keras import layers

from dpcore.clipping.rules import registry, rule_of
from dpcore.errors import DpError
from dpcore.validation import check_model


def names(text):
    return text.split()


# With a rule, which is compared with a loop in one of the tests beside this one.
RULES = names("""
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Dense DepthwiseConv1D
    DepthwiseConv2D EinsumDense Embedding GRU GroupNormalization LSTM LayerNormalization PReLU
    RMSNormalization RNN ReversibleEmbedding SeparableConv1D SeparableConv2D SimpleRNN""")

# All weights are those of layers inside, which have rules.
INSIDE = names("Bidirectional GroupQueryAttention MultiHeadAttention TimeDistributed Pipeline")

# Through the layer alone, one example at a time.
WITHOUT_RULE = names("ConvLSTM1D ConvLSTM2D ConvLSTM3D GRUCell LSTMCell SimpleRNNCell StackedRNNCells")
WITHOUT_RULE += names("AdditiveAttention Attention STFTSpectrogram")

# With weights that are not trainable by gradients, or from elsewhere.
STATE = names("Normalization Discretization StringLookup IntegerLookup TextVectorization")
ELSEWHERE = names("FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper Layer Wrapper")

# Refused while it is to be trained: see dpcore.validation.
REFUSED = names("BatchNormalization SpectralNormalization")

WITHOUT_WEIGHTS = names("""
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AlphaDropout
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D CategoryEncoding CenterCrop
    Concatenate ContrastLimitedAdaptiveHistogramEqualization Cropping1D Cropping2D Cropping3D CutMix
    Dot Dropout ELU Equalization Flatten GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D HashedCrossing Hashing
    Identity InputLayer Lambda LeakyReLU Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D
    Maximum MelSpectrogram Minimum MixUp Multiply Permute RandAugment RandomBrightness RandomColorDegeneration
    RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
    RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
    RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector
    Rescaling Reshape Resizing Softmax Solarization SpatialDropout1D SpatialDropout2D
    SpatialDropout3D Subtract UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D""")

LISTS = (RULES, INSIDE, WITHOUT_RULE, STATE, ELSEWHERE, REFUSED, WITHOUT_WEIGHTS)
PUBLIC = {
    kind
    for kind in vars(layers).values()
    if isinstance(kind, type) and issubclass(kind, layers.Layer) and not issubclass(kind, keras.Model)
}


def test_every_public_layer_is_on_one_list():
    listed = [name for part in LISTS for name in part]
    assert len(set(listed)) == len(listed)
    assert PUBLIC - {getattr(layers, name) for name in listed} == set()
    assert {name for name in listed if not hasattr(layers, name)} == set()


def test_exactly_those_have_rules_that_are_listed():
    registered = {kind.__name__ for kind in registry._FORWARDS if kind in PUBLIC}
    assert registered == set(RULES)


@pytest.mark.parametrize("name", [*RULES, *INSIDE, *WITHOUT_RULE])
def test_a_test_compares_it_with_a_loop(name):
    if name in ("Pipeline", "ConvLSTM2D", "ConvLSTM3D", "SimpleRNNCell", "StackedRNNCells"):
        pytest.skip("by another of its kind")
    here = Path(__file__).parent
    texts = [path.read_text() for path in here.glob("test_*.py") if path != Path(__file__)]
    assert any(f"layers.{name}" in text for text in texts)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_layers_without_weights_have_none(name):
    kinds = [kind for kind in getattr(layers, name).__mro__ if issubclass(kind, layers.Layer)]
    for kind in kinds[: kinds.index(layers.Layer)]:
        assert "add_weight(" not in inspect.getsource(kind)
        assert "self.add_variable(" not in inspect.getsource(kind)


@pytest.mark.parametrize("name", WITHOUT_RULE[:4])
def test_those_that_go_the_general_way_have_no_rule(name):
    layer = getattr(layers, name)(*([2, 2] if name.startswith("Conv") else [2]))
    assert rule_of(layer) is None


@pytest.mark.parametrize(
    "layer", [layers.BatchNormalization, lambda: layers.SpectralNormalization(layers.Dense(2))]
)
def test_those_that_are_refused_are_refused(layer):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3), layer()])
    with pytest.raises(DpError):
        check_model(model)
