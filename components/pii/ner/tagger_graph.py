"""The quick tagger's two ONNX models, put together from its weights.

One gives a vector to a word by itself. The other reads the vectors of a sentence with convolutions in 8-bit
arithmetic: the inputs' ranges were measured once, and sums of integers are exact, so that a finding cannot
depend on what else is in a batch.
"""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from components.pii.ner.weights import scale_and_zero

WORDS_AT_ONCE = 64
"""The word model reads exactly so many words."""


def word_model(weights: Mapping[str, np.ndarray], table: tuple[np.ndarray, float, int]) -> bytes:
    """From ``pieces [64, p]`` (-1 where none), ``last [64]``, ``shares [64, 1]`` (one by the number of
    pieces), ``signs`` and ``ends`` to ``vectors [64, width]``."""
    graph = _Graph(weights)
    levels, scale, zero = table
    # The row that index -1 takes: no piece.
    graph.constants["levels"] = np.concatenate([levels, np.full((1, levels.shape[1]), zero, levels.dtype)])
    graph.constants |= {"scale": np.array(scale, np.float32), "zero": np.array(zero, levels.dtype)}
    graph.constants |= {"first": np.array(0, np.int64), "one": np.array([1], np.int64)}
    graph.add("Gather", ["levels", "pieces"], "piece_levels")
    graph.add("DequantizeLinear", ["piece_levels", "scale", "zero"], "vectors_of_pieces")
    graph.add("ReduceSum", ["vectors_of_pieces", "one"], "sum", keepdims=0)
    graph.add("Mul", ["sum", "shares"], "mean")
    graph.add("Gather", ["vectors_of_pieces", "first"], "first_piece", axis=1)
    graph.add("Gather", ["levels", "last"], "last_levels")
    graph.add("DequantizeLinear", ["last_levels", "scale", "zero"], "last_piece")
    graph.add("Concat", ["mean", "first_piece", "last_piece"], "known", axis=1)
    graph.add("MatMul", ["known", graph.weight("pieces")], "of_pieces")
    graph.add("MatMul", ["signs", graph.weight("signs")], "of_signs")
    graph.add("Gather", [graph.weight("ends"), "ends"], "each_end")
    graph.add("ReduceSum", ["each_end", "one"], "all_ends", keepdims=0)
    graph.add("MatMul", ["all_ends", graph.weight("end_mix")], "of_ends")
    graph.add("Sum", ["of_pieces", "of_signs", "of_ends", graph.weight("pieces.bias")], "hidden")
    graph.add("Relu", ["hidden"], "active")
    graph.add("MatMul", ["active", graph.weight("word")], "mixed")
    graph.add("Add", ["mixed", graph.weight("word.bias")], "vectors")
    size = WORDS_AT_ONCE
    return graph.bytes(
        {
            "pieces": (TensorProto.INT64, [size, "p"]),
            "last": (TensorProto.INT64, [size]),
            "shares": (TensorProto.FLOAT, [size, 1]),
            "signs": (TensorProto.FLOAT, [size, "s"]),
            "ends": (TensorProto.INT64, [size, "e"]),
        },
        "vectors",
        [size, "w"],
    )


def sentence_model(weights: Mapping[str, np.ndarray]) -> bytes:
    """From ``words [texts, words, width]`` and ``mask [texts, words, 1]`` to
    ``odds [texts, words, 1 + kinds]``."""
    graph = _Graph(weights)
    graph.add("Mul", ["words", "mask"], "hidden.0")
    for block, dilation in enumerate(weights["dilations"].tolist()):
        hidden, quantised = f"hidden.{block}", graph.quantised(f"hidden.{block}", weights["ranges"][block])
        for side, shift in (("before", dilation), ("after", -dilation)):
            graph.constants[f"{side}.{block}"] = np.array([0, shift, 0, 0, -shift, 0], np.int64)
            graph.add("Pad", [quantised, f"{side}.{block}", f"{hidden}.zero"], f"{hidden}.{side}")
        graph.add("Concat", [f"{hidden}.before", quantised, f"{hidden}.after"], f"{hidden}.three", axis=2)
        graph.product(f"{hidden}.three", f"block.{block}", hidden, f"{hidden}.sum")
        graph.add("Relu", [f"{hidden}.sum"], f"{hidden}.more")
        graph.add("Add", [hidden, f"{hidden}.more"], f"{hidden}.all")
        graph.add("Mul", [f"{hidden}.all", "mask"], f"hidden.{block + 1}")
    last = f"hidden.{len(weights['dilations'])}"
    graph.product(graph.quantised(last, weights["ranges"][-1]), "out", last, "logits")
    graph.add("Softmax", ["logits"], "odds", axis=-1)
    return graph.bytes(
        {"words": (TensorProto.FLOAT, ["b", "t", "w"]), "mask": (TensorProto.FLOAT, ["b", "t", 1])},
        "odds",
        ["b", "t", "k"],
    )


class _Graph:
    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights
        self._nodes: list = []
        self.constants: dict[str, np.ndarray] = {}

    def add(
        self, operation: str, inputs: list[str], output: str, domain: str = "", **attributes: int
    ) -> None:
        self._nodes.append(helper.make_node(operation, inputs, [output], domain=domain, **attributes))

    def weight(self, name: str) -> str:
        self.constants[f"w.{name}"] = self._weights[name].astype(np.float32)
        return f"w.{name}"

    def quantised(self, name: str, limits: np.ndarray) -> str:
        scale, zero = scale_and_zero(limits)
        self.constants |= {f"{name}.scale": scale, f"{name}.zero": zero}
        self.add("QuantizeLinear", [name, f"{name}.scale", f"{name}.zero"], f"{name}.levels")
        return f"{name}.levels"

    def product(self, levels: str, name: str, source: str, output: str) -> None:
        """The product of 8-bit ``levels``, scaled as ``source`` is, and the weights of this name."""
        weights = self._weights[name].astype(np.float32)
        scales = np.maximum(np.abs(weights).max(axis=0) / 127, 1e-12).astype(np.float32)
        self.constants[f"w.{name}"] = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
        self.constants[f"w.{name}.scale"] = scales
        inputs = [levels, f"w.{name}", f"{source}.scale", f"w.{name}.scale", f"{source}.zero", ""]
        self.add("MatMulIntegerToFloat", [*inputs, self.weight(f"{name}.bias")], output, "com.microsoft")

    def bytes(self, inputs: dict[str, tuple[int, list]], output: str, shape: list) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "tagger",
            [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
