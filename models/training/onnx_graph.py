"""A small builder of ONNX graphs, so that preprocessing and network are one reproducible graph without an exporter."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 9
BATCH = "batch"


class GraphBuilder:
    """Appends nodes one by one. Values are named after their operator, so the same calls give the same bytes."""

    def __init__(self, name: str, input_name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT):
        self.name = name
        self.input = input_name
        self.value_info = helper.make_tensor_value_info(input_name, dtype, [BATCH, *shape])
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.counts: Counter[str] = Counter()

    def const(self, values, dtype=np.float32) -> str:
        name = self._fresh("const")
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes) -> str:
        """Appends one node and returns its output. `name` marks nodes that are quantized later."""
        output = name or self._fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def column(self, matrix: str, index: int) -> str:
        """One column of [N, k] as [N, 1]."""
        return self.op("Gather", matrix, self.const([index], np.int64), axis=1)

    def columns(self, matrix: str, indices: Sequence[int]) -> str:
        return self.op("Gather", matrix, self.const(list(indices), np.int64), axis=1)

    def one_hot(self, column: str, categories: int) -> str:
        """[N, 1] category index -> [N, categories]; an unknown index gives zeros."""
        equal = self.op("Equal", column, self.const([np.arange(categories)]))
        return self.op("Cast", equal, to=TensorProto.FLOAT)

    def standardize(self, matrix: str, mean: np.ndarray, std: np.ndarray, clip: float | None = None) -> str:
        """(x - mean) / std, and clipped so that a wild sensor value cannot leave the range seen in training."""
        scaled = self.op("Div", self.op("Sub", matrix, self.const(mean)), self.const(std))
        return scaled if clip is None else self.op("Clip", scaled, self.const(-clip), self.const(clip))

    def dense(self, matrix: str, weight: np.ndarray, bias: np.ndarray, name: str) -> str:
        """[N, in] @ [in, out] + [out]."""
        return self.op("Gemm", matrix, self.const(weight), self.const(bias), name=name)

    def mlp(self, matrix: str, layers: Sequence[tuple[np.ndarray, np.ndarray]], prefix: str = "dense") -> str:
        """Dense layers with ReLU between them; the last stays linear. Nodes: `{prefix}_1`, `{prefix}_1_relu`, ..."""
        for index, (weight, bias) in enumerate(layers, start=1):
            matrix = self.dense(matrix, weight, bias, f"{prefix}_{index}")
            if index < len(layers):
                matrix = self.op("Relu", matrix, name=f"{prefix}_{index}_relu")
        return matrix

    def mean_of_largest(self, matrix: str, count: int) -> str:
        """[N, k] -> [N, 1]."""
        name = self._fresh("topk")
        outputs = [name, f"{name}_indices"]
        self.nodes.append(helper.make_node("TopK", [matrix, self.const([count], np.int64)], outputs, name=name, axis=1))
        return self.op("ReduceMean", name, axes=[1], keepdims=1)

    def build(self, output_name: str, value: str, width: int) -> onnx.ModelProto:
        """The checked model with one float32 output [batch, width]."""
        nodes = [*self.nodes, helper.make_node("Identity", [value], [output_name], name=output_name)]
        output = helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [BATCH, width])
        graph = helper.make_graph(nodes, self.name, [self.value_info], [output], self.constants)
        model = helper.make_model(
            graph,
            producer_name="andon-training",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _fresh(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}_{self.counts[kind]}"


def hidden_nodes(layers: int, prefix: str = "dense") -> list[str]:
    """The nodes of an `mlp` to quantize: all but the last layer, whose cost is nil and whose rounding would show."""
    return [f"{prefix}_{i}{suffix}" for i in range(1, layers) for suffix in ("", "_relu")]
