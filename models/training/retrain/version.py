"""A model with its decision: what the champion or a candidate says of rows."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data_files import sha256_of
from ..runtime import Model, predict
from .refusal import Refusal
from .training_rows import Rows
from .weighted_metric import metric_of


@dataclass(frozen=True)
class Version:
    model: Model
    threshold: float | None  # of two labels; None: the largest output

    def decide(self, x: np.ndarray) -> np.ndarray:
        """Label index [N]."""
        if len(x) == 0:
            return np.zeros(0, dtype=int)
        outputs = predict(self.model, x)
        return outputs.argmax(axis=1) if self.threshold is None else (outputs[:, 0] >= self.threshold).astype(int)


@dataclass(frozen=True)
class Champion:
    version: Version
    manifest: dict
    manifest_sha256: str


def read_champion(folder: Path) -> Champion:
    """A package folder whose model takes named features. Raises Refusal."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        kind, decision = manifest["input"]["kind"], manifest["output"]["decision"]
        model = folder / manifest["model"]["file"]
        expected = manifest["files"][manifest["model"]["file"]]["sha256"]
        if sha256_of(model) != expected:
            raise Refusal(f"{model} is not the file that its manifest names")
    except (OSError, ValueError, KeyError) as error:
        raise Refusal(f"{folder} is no package folder: {error!r}") from error
    if kind != "features" or decision["kind"] not in ("threshold", "argmax") or "release" in decision:
        raise Refusal(f"{manifest['name']}: only models of named features that end in a threshold or an argmax retrain")
    return Champion(Version(model, decision.get("threshold")), manifest, sha256_of(path))


def with_threshold(model: Model, rows: Rows, spec: dict, max_false_alarms: float) -> Version:
    """The cut with the best metric on weighted validation rows among those under the budget of false alarms; midway
    between two scores, so that a rounding difference on another CPU moves no sample over it."""
    x, y, weight = rows
    scores = predict(model, x)[:, 0].astype(np.float64)
    distinct = np.unique(scores)
    cuts = np.unique(np.round((distinct[1:] + distinct[:-1]) / 2, 6))
    good = y == 0

    def alarms(cut: float) -> float:
        return float((weight * (scores >= cut))[good].sum() / weight[good].sum())

    allowed = [cut for cut in cuts if alarms(cut) <= max_false_alarms]
    if not allowed:
        return Version(model, 0.5)
    score = lambda cut: metric_of(spec, y, (scores >= cut).astype(int), weight, 2)  # noqa: E731
    return Version(model, float(max(allowed, key=score)))
