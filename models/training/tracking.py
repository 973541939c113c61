"""Logs parameters, metrics and packages to MLflow when it is installed; needs no server and is silent without it."""

import json
import os
from pathlib import Path

import numpy as np

try:
    import mlflow
except ImportError:
    mlflow = None


def log_run(job: str, params: dict, metrics: dict[str, float]) -> None:
    """Into the run that `mlflow run` opened, or into a new one a job under MLFLOW_TRACKING_URI."""
    if not _is_wanted():
        return
    if not os.environ.get("MLFLOW_RUN_ID"):
        mlflow.set_experiment("andon")
    with mlflow.start_run(run_name=job):
        mlflow.log_params({f"{job}/{key}": value for key, value in params.items()})
        mlflow.log_metrics({f"{job}/{_metric_key(name)}": value for name, value in metrics.items()})


def log_package(folder: Path) -> None:
    """A package as a registered ONNX model with all that `andon mlflow pull` needs, in a run of its own: signature, input
    example, what the manifest says as `andon` metadata, and what MLflow has no place for as artifacts under `andon/`."""
    if not _is_wanted():
        return
    import onnx

    manifest = json.loads((folder / "manifest.json").read_text())
    golden = json.loads((folder / manifest["golden"]["file"]).read_text())["samples"]
    tensor, dtype, shape = _input_of(manifest["input"])
    example = np.array([sample["input"] for sample in golden[:2]], dtype=dtype).reshape(-1, *shape)
    with mlflow.start_run(run_id=_new_run(f"{manifest['name']} {folder.name}")):
        mlflow.log_metrics(
            {"andon.offline": manifest["metric"]["offline"], "andon.baseline": manifest["metric"]["baseline"]["value"]}
        )
        for name in (manifest["golden"]["file"], manifest["baselineProfile"], "card.md"):
            mlflow.log_artifact(str(folder / name), "andon")
        mlflow.onnx.log_model(
            onnx.load(str(folder / manifest["model"]["file"])),
            name="model",
            signature=_signature(tensor, dtype, shape, manifest["output"], len(golden[0]["output"])),
            input_example={tensor: example},
            metadata={"andon": _facts(manifest)},
            registered_model_name=manifest["name"] if mlflow.get_tracking_uri().startswith("http") else None,
            pip_requirements=["onnx", "onnxruntime"],
            save_as_external_data=False,
        )


def _is_wanted() -> bool:
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow-skinny has no database, so a folder it is
    return mlflow is not None and bool(os.environ.get("MLFLOW_TRACKING_URI") or os.environ.get("MLFLOW_RUN_ID"))


def _new_run(name: str) -> str:
    """Under the run that `mlflow run` opened, which is left for the job's own figures."""
    experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or mlflow.set_experiment("andon").experiment_id
    parent = os.environ.get("MLFLOW_RUN_ID")
    tags = {"mlflow.parentRunId": parent} if parent else {}
    return mlflow.MlflowClient().create_run(experiment, tags=tags, run_name=name).info.run_id


def _input_of(given: dict) -> tuple[str, str, list[int]]:
    """Name, type and shape (without the batch) of the graph's input."""
    if given["kind"] == "tensor":
        return given["tensor"], given["dtype"], given["shape"]
    width = given["length"] if given["kind"] == "window" else len(given["features"])
    return given["tensor"], "float32", [width]


def _signature(tensor: str, dtype: str, shape: list[int], output: dict, width: int):
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    return ModelSignature(
        Schema([TensorSpec(np.dtype(dtype), (-1, *shape), tensor)]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, width), output["tensor"])]),
    )


def _facts(manifest: dict) -> dict:
    """What a manifest says beyond graph and signature. Name and version are those of the registered model."""
    decision, lineage = manifest["output"]["decision"], manifest["lineage"]
    return {
        **{key: manifest[key] for key in ("tag", "summary", "precision", "metric") if key in manifest},
        "input": {key: value for key, value in manifest["input"].items() if key != "tensor"},
        "output": manifest["output"]["tensor"],
        "labels": decision["labels"],
        **({"threshold": decision["threshold"]} if "threshold" in decision else {}),
        "tolerance": manifest["golden"]["tolerance"],
        **{key: lineage[key] for key in ("dataset", "dataSha256", "script", "seed")},
    }


def _metric_key(name: str) -> str:
    """MLflow allows letters, digits, `_-./ ` and, in newer versions, colons."""
    return "".join(c if c.isalnum() or c in "_-. " else " " for c in name)
