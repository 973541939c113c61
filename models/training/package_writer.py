"""Writes one model package folder: model.onnx, baseline.json, golden.json, card.md and manifest.json.

The formats are those of `protocol/manifest.ts`. `andon sign` then puts the package on the signed list of what may run.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .onnx_graph import OPSET
from .runtime import predict
from .tracking import log_package

MAX_PACKAGE_BYTES = 2_000_000


@dataclass(frozen=True)
class Package:
    """What a manifest says, in Python names. `input`, `decision` and `metric` are the manifest's own objects."""

    name: str
    version: int
    summary: str
    precision: str
    model: Path
    input: dict
    decision: dict
    metric: dict
    baseline_profile: dict
    golden: list[dict]
    tolerance: float
    dataset: str
    data_sha256: str
    script: str
    seed: int
    card: str
    tag: str | None = None
    parent: str | None = None
    output: str = "probability"

    @property
    def folder_name(self) -> str:
        return f"{self.version}-{self.tag}" if self.tag else str(self.version)


def write_package(package: Package, models_dir: Path) -> str:
    """Replaces the folder `models_dir/name/version[-tag]`, and logs it where MLflow listens. Returns the package's identity: the sha256 of manifest.json."""
    folder = models_dir / package.name / package.folder_name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    shutil.copyfile(package.model, folder / "model.onnx")
    (folder / "baseline.json").write_text(_json(package.baseline_profile))
    (folder / "golden.json").write_text(_json({"samples": package.golden}, indent=None))
    (folder / "card.md").write_text(package.card.strip() + "\n")
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    total = sum(entry["sizeBytes"] for entry in files.values())
    if total > MAX_PACKAGE_BYTES:
        raise ValueError(f"{folder} holds {total} bytes, more than {MAX_PACKAGE_BYTES}")
    manifest = _json(_manifest(package, files)).encode()
    (folder / "manifest.json").write_bytes(manifest)
    log_package(folder)
    return hashlib.sha256(manifest).hexdigest()


def golden_samples(model: Path, inputs: np.ndarray, labels: np.ndarray, clear: np.ndarray, count: int) -> list[dict]:
    """`count` samples, the labels in turn, from the rows where `clear` says the decision is far from a tie.
    Outputs are those of `model` itself, one sample at a time."""
    rows_of = [np.flatnonzero(clear & (labels == label)) for label in np.unique(labels)]
    in_turn = [rows[turn] for turn in range(count) for rows in rows_of if turn < len(rows)]
    chosen = inputs[in_turn[:count]]
    outputs = predict(model, chosen, batch=1)
    return [
        {"input": _numbers(row), "output": _numbers(output), "label": int(labels[index])}
        for row, output, index in zip(chosen, outputs, in_turn, strict=False)
    ]


def _manifest(package: Package, files: dict) -> dict:
    lineage = {
        "dataset": package.dataset,
        "dataSha256": package.data_sha256,
        "script": f"models/training/{package.script}",
        "seed": package.seed,
    }
    return {
        "formatVersion": 1,
        "name": package.name,
        "version": package.version,
        **({"tag": package.tag} if package.tag else {}),
        "summary": package.summary,
        "precision": package.precision,
        "model": {"file": "model.onnx", "opset": OPSET},
        "input": package.input,
        "output": {"tensor": package.output, "decision": package.decision},
        "metric": package.metric,
        "golden": {"file": "golden.json", "tolerance": package.tolerance},
        "baselineProfile": "baseline.json",
        "lineage": {**lineage, **({"parent": package.parent} if package.parent else {})},
        "files": files,
    }


def _entry(path: Path) -> dict:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}


def _numbers(values: np.ndarray) -> list[float | int]:
    """Shortest decimals that read back as the same float32 (or the integers of a uint8 tensor)."""
    flat = values.reshape(-1)
    if flat.dtype == np.uint8:
        return flat.tolist()
    return [float(str(v)) for v in flat.astype(np.float32)]


def _json(value: dict, indent: int | None = 2) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
