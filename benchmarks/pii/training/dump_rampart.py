"""Writes Rampart's weights as plain arrays in half precision: python -m ... OUT.npz"""

from pathlib import Path

import numpy as np
import onnx
import typer
from onnx import numpy_helper
from tokenizers import Tokenizer

from components.pii.ner.weights import layer_name, rampart_folder, unpacked


def main(out: Path) -> None:
    """Matrices ``[inputs, outputs]`` by layer, vectors by their names in the model, the two ends."""
    graph = onnx.load(str(rampart_folder() / "onnx" / "model_q4.onnx")).graph
    constants = {one.name: one for one in graph.initializer}
    arrays = {
        layer_name(node): unpacked(node, constants) for node in graph.node if node.op_type == "MatMulNBits"
    }
    for name, value in constants.items():
        if name.startswith("bert.embeddings.") and name.endswith("_quantized"):
            stem = name.removesuffix("_quantized")
            scale, zero = (
                numpy_helper.to_array(constants[f"{stem}_{part}"]) for part in ("scale", "zero_point")
            )
            arrays[stem] = (numpy_helper.to_array(value).astype(np.float32) - zero) * scale
        elif name.startswith(("bert.", "classifier")) and not name.endswith(("_scale", "_zero_point")):
            arrays[name] = numpy_helper.to_array(value)
    tokenizer = Tokenizer.from_file(str(rampart_folder() / "tokenizer.json"))
    ends = {"first": tokenizer.token_to_id("[CLS]"), "last": tokenizer.token_to_id("[SEP]")}
    halves = {name: value.astype(np.float16) for name, value in arrays.items()}
    np.savez_compressed(out, **halves, **{name: np.array(number) for name, number in ends.items()})


if __name__ == "__main__":
    typer.run(main)
