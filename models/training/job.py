"""What every job is given: where the data is, and where its results go."""

from dataclasses import dataclass
from pathlib import Path

import onnx


@dataclass(frozen=True)
class Job:
    data_dir: Path
    models_dir: Path
    results: Path
    work_dir: Path

    def save(self, model: onnx.ModelProto, name: str) -> Path:
        path = self.work_dir / f"{name}.onnx"
        onnx.save(model, str(path))
        return path
