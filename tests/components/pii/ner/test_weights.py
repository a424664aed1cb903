import numpy as np
import onnx
import onnxruntime
import pytest

from components.pii.ner.weights import ADAPTER, fast_model, rampart_folder, unpacked

IDS = np.array([[2, 1500, 320, 77, 4100, 9, 3]], np.int64)


@pytest.fixture(scope="module")
def shipped() -> onnx.ModelProto:
    return onnx.load(str(rampart_folder() / "onnx" / "model_q4.onnx"))


def _run(model: bytes, ids: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return session.run(None, feed)[0]


def test_four_bit_weights_are_unpacked_as_onnxruntime_does(shipped) -> None:
    graph = shipped.graph
    node = next(one for one in graph.node if one.op_type == "MatMulNBits")
    constants = {one.name: one for one in graph.initializer}
    weights = unpacked(node, constants)
    rows, columns = weights.shape
    single = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, [rows, rows])],
        [onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, [rows, columns])],
        [constants[name] for name in node.input[1:] if name],
    )
    model = onnx.helper.make_model(single, opset_imports=shipped.opset_import, ir_version=shipped.ir_version)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result = session.run(None, {node.input[0]: np.eye(rows, dtype=np.float32)})[0]
    np.testing.assert_allclose(result, weights, atol=1e-4)


def test_eight_bits_say_what_four_bits_say(shipped, tmp_path) -> None:
    """Without the adapter's corrections the fast model is the shipped one, up to rounding."""
    with np.load(ADAPTER) as corrections:
        plain = {name: value for name, value in corrections.items() if name.endswith(".range")}
    bias = next(one for one in shipped.graph.initializer if one.name == "classifier.bias")
    np.savez(tmp_path / "plain.npz", **plain, **{"classifier.bias": onnx.numpy_helper.to_array(bias)})
    path = rampart_folder() / "onnx" / "model_q4.onnx"
    slow, fast = _run(path.read_bytes(), IDS), _run(fast_model(path, tmp_path / "plain.npz"), IDS)
    np.testing.assert_allclose(fast, slow, atol=1.5)
    assert np.array_equal(fast.argmax(-1), slow.argmax(-1))


def test_a_row_does_not_depend_on_the_batch() -> None:
    model = fast_model(rampart_folder() / "onnx" / "model_q4.onnx")
    other = np.array([[2, 5, 6, 7, 8, 9, 3]], np.int64)
    together = _run(model, np.concatenate([IDS, other]))
    np.testing.assert_allclose(together[:1], _run(model, IDS), atol=1e-3)
