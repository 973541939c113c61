"""RESULTS.md: what each job measured, side by side. A job replaces its own section and leaves the others."""

import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .runtime import Model, latency_us, median_us

HEAD = """# Results

Made by `python -m training all --data <folder with the data sets>`, run in `models/`; one job alone replaces its own
section. Metric: held-out test rows, with a 95 % bootstrap interval. Latency: median of one call, CPU, one thread, with
the preprocessing inside the graph; it depends on the machine, so compare within a table only. A model that is not an
ONNX file (a teacher) is given with its pickled size and its time in Python.
"""


@dataclass(frozen=True)
class Teacher:
    """A scikit-learn model, or several, that never ships."""

    estimators: list
    predict: Callable[[np.ndarray], np.ndarray]
    sample: np.ndarray


@dataclass(frozen=True)
class Row:
    """One line of the comparison. `model` is None for a rule, which costs nothing."""

    name: str
    score: float
    interval: tuple[float, float]
    detail: str = ""
    model: Model | Teacher | None = None
    shipped: str = ""


def results_table(metric: str, rows: list[Row], inputs: np.ndarray) -> str:
    lines = [
        f"| | {metric} | 95 % interval | detail | size | batch 1 | batch 32, a sample | ships as |",
        "|---|---:|---:|---|---:|---:|---:|---|",
    ]
    for row in rows:
        low, high = row.interval
        lines.append(
            f"| {row.name} | {row.score:.3f} | {low:.3f} – {high:.3f} | {row.detail} | {_cost(row.model, inputs)} "
            f"| {row.shipped} |"
        )
    return "\n".join(lines)


def score_table(metric: str, rows: list[Row]) -> str:
    """The same for a card: no size or latency, so that a package has the same bytes on every run."""
    lines = [f"| | {metric} | 95 % interval | detail |", "|---|---:|---:|---|"]
    for row in rows:
        low, high = row.interval
        lines.append(f"| {row.name} | {row.score:.3f} | {low:.3f} – {high:.3f} | {row.detail} |")
    return "\n".join(lines)


def write_section(results: Path, job: str, body: str, head: str = HEAD) -> None:
    """Puts `## job` into a report such as RESULTS.md, sections in alphabetical order."""
    old = results.read_text() if results.exists() else ""
    sections = dict(re.findall(r"^## (\S+)\n\n(.*?)(?=\n## |\Z)", old, flags=re.MULTILINE | re.DOTALL))
    sections[job] = body.strip() + "\n"
    results.write_text(head + "".join(f"\n## {name}\n\n{sections[name]}" for name in sorted(sections)))


def _cost(model: Model | Teacher | None, inputs: np.ndarray) -> str:
    if model is None:
        return "| |"
    if isinstance(model, Teacher):
        size = len(pickle.dumps(model.estimators))
        one, many = (median_us(lambda n=n: model.predict(model.sample[:n]), runs=20) for n in (1, 32))
    else:
        size = model.stat().st_size if isinstance(model, Path) else model.ByteSize()
        one, many = (latency_us(model, inputs, batch) for batch in (1, 32))
    return f"{size / 1024:,.1f} KiB | {one:,.0f} µs | {many / 32:,.2f} µs"
