"""Reads what `andon dataset export` wrote: CSV, or Parquet where pyarrow is installed."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .refusal import Refusal

# A label that is seen once in fifty parts counts fifty times; rarer sights would let single rows rule the figures.
LARGEST_WEIGHT = 50.0


@dataclass(frozen=True)
class FieldData:
    """Labelled samples with features, oldest first."""

    x: np.ndarray  # float32 [N, features]
    y: np.ndarray  # label index [N]
    weight: np.ndarray  # trust in the label / chance that it was seen [N]
    part: np.ndarray  # number of the part [N]: rows of one part stay on one side of every split
    first: str  # time of the oldest and the newest sample, as exported
    last: str
    without_features: int
    foreign_labels: int

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.x[mask], self.y[mask], self.weight[mask]


def read_export(path: Path, manifest: dict) -> FieldData:
    """Rows whose label `manifest` knows and that hold all of its features. Raises Refusal."""
    features, labels = manifest["input"]["features"], manifest["output"]["decision"]["labels"]
    columns = [f"feature_{feature['name']}" for feature in features]
    found, without, foreign = [], 0, 0
    for line, row in enumerate(_rows(path, columns), start=2):
        if row["label"] not in labels:
            foreign += 1
        elif any(row[column] in ("", None) for column in columns):
            without += 1
        else:
            found.append(_sample(row, columns, features, labels, line))
    if not found:
        raise Refusal(
            f"{path} has no labelled sample with features ({without} without). Features leave a device only where its "
            'slot says "privacy": "features".'
        )
    found.sort(key=lambda sample: sample[0])
    times, x, y, weight, parts = zip(*found, strict=True)
    numbers = {part: number for number, part in enumerate(dict.fromkeys(parts))}
    return FieldData(
        x=np.array(x, dtype=np.float32),
        y=np.array(y),
        weight=np.array(weight),
        part=np.array([numbers[part] for part in parts]),
        first=times[0],
        last=times[-1],
        without_features=without,
        foreign_labels=foreign,
    )


def _sample(row: dict, columns: list[str], features: list[dict], labels: list[str], line: int) -> tuple:
    try:
        values = [_value(row[column], feature) for column, feature in zip(columns, features, strict=True)]
        weight, propensity = float(row["weight"]), float(row["propensity"])
        # Exports from before devices thinned out what they keep have no such column.
        kept = float(row.get("kept_share", 1))
        if not (weight >= 0 and 0 < propensity <= 1 and 0 < kept <= 1):
            raise ValueError(f"weight {weight}, propensity {propensity}, kept_share {kept}")
    except ValueError as error:
        raise Refusal(f"line {line} of the export cannot be read: {error}") from error
    part = row["correlation_id"] or row["prediction_id"]
    return (
        str(row["time"]),
        values,
        labels.index(row["label"]),
        min(weight / (propensity * kept), LARGEST_WEIGHT),
        (row["device"], part),
    )


def _value(cell, feature: dict) -> float:
    if "categories" in feature:
        return float(feature["categories"].index(cell))
    value = float(cell)
    if not np.isfinite(value):
        raise ValueError(f"{feature['name']} is {cell}")
    return value


def _rows(path: Path, columns: list[str]) -> Iterator[dict]:
    needed = ["prediction_id", "device", "time", "correlation_id", "label", "weight", "propensity", *columns]
    try:
        if path.suffix == ".parquet":
            yield from _parquet_rows(path, needed)
        else:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                _refuse_missing(path, needed, reader.fieldnames or [])
                yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refusal(f"{path} cannot be read: {error}") from error


def _parquet_rows(path: Path, needed: list[str]) -> Iterator[dict]:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise Refusal("reading Parquet takes pyarrow (pip install pyarrow); or export as CSV") from error
    try:
        file = ParquetFile(path)
        _refuse_missing(path, needed, file.schema_arrow.names)
        optional = [column for column in ["kept_share"] if column in file.schema_arrow.names]
        for batch in file.iter_batches(columns=[*needed, *optional]):
            yield from batch.to_pylist()
    except ArrowInvalid as error:
        raise Refusal(f"{path} is no Parquet file: {error}") from error


def _refuse_missing(path: Path, needed: list[str], there) -> None:
    missing = [column for column in needed if column not in there]
    if missing:
        raise Refusal(f"{path} has no column {', '.join(missing)}: is it an export of this model's slot?")
