"""Logs small ONNX models to a tracking server the way a training does, and prints their ids as JSON."""

import json
import sys

import mlflow
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from onnx import TensorProto, helper, numpy_helper

NO_REQUIREMENTS = ["onnx"]  # else MLflow starts a process a model to find them out
FACTS = {
    "summary": "A tiny model for tests.",
    "features": [{"name": "a", "unit": "K"}, {"name": "b", "min": -10, "max": 10}],
    "labels": ["ok", "failure"],
    "threshold": 0.5,
    "metric": {"name": "f-beta", "beta": 2.0, "baseline": {"name": "a guess"}},
    "dataset": "made up",
    "dataSha256": "0" * 64,
    "seed": 7,
}
BASELINE = {
    "rows": 10,
    "features": [{"name": n, "mean": 0.5, "std": 0.3, "edges": [0.5], "shares": [0.5, 0.5]} for n in ("a", "b")],
    "labelShares": [0.5, 0.5],
}
EXAMPLE = np.array([[1, 2], [3, 1]], dtype=np.float32)


def tiny(weight: float) -> onnx.ModelProto:
    """probability = sigmoid(weight * (a - b))"""
    weights = numpy_helper.from_array(np.array([[weight], [-weight]], dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["probability"])],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", 1])],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def tensor_signature() -> ModelSignature:
    return ModelSignature(
        Schema([TensorSpec(np.dtype(np.float32), (-1, 2), "input")]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, 1), "probability")]),
    )


def log_tiny(weight: float) -> dict:
    with mlflow.start_run() as run:
        mlflow.log_dict(BASELINE, "andon/baseline.json")
        mlflow.log_metrics({"andon.offline": 0.75, "andon.baseline": 0.25})
        info = mlflow.onnx.log_model(
            tiny(weight),
            name="model",
            signature=tensor_signature(),
            input_example={"input": EXAMPLE},
            metadata={"andon": FACTS},
            registered_model_name="tiny",
            pip_requirements=NO_REQUIREMENTS,
        )
    return {"runId": run.info.run_id, "modelVersion": int(info.registered_model_version)}


def log_incomplete() -> dict:
    """A column signature, and nothing of ours; then one with no signature at all."""
    columns = Schema([ColSpec(DataType.double, "a"), ColSpec(DataType.long, "b")])
    with mlflow.start_run() as run:
        keep = {"pip_requirements": NO_REQUIREMENTS}
        mlflow.onnx.log_model(tiny(1), name="columns", signature=ModelSignature(columns), **keep)
        mlflow.onnx.log_model(tiny(1), name="unsigned", **keep)
    return {"runId": run.info.run_id}


def log_other_flavor() -> dict:
    class Echo(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    with mlflow.start_run() as run:
        mlflow.pyfunc.log_model(name="python", python_model=Echo(), pip_requirements=[])
    return {"runId": run.info.run_id}


def main() -> None:
    mlflow.set_tracking_uri(sys.argv[1])
    mlflow.set_experiment("andon-tests")
    first, second = log_tiny(1), log_tiny(2)
    mlflow.MlflowClient().set_registered_model_alias("tiny", "champion", str(first["modelVersion"]))
    out = {"first": first, "second": second, "incomplete": log_incomplete(), "other": log_other_flavor()}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
