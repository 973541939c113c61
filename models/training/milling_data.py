"""The milling data, and what a graph on them begins with: AI4I 2020, its six inputs, and the physics between them."""

import csv
from pathlib import Path

import numpy as np

from .data_files import data_file
from .onnx_graph import GraphBuilder

NAME = "milling-failure"
SEED = 2020
BETA = 2.0
MAX_FALSE_ALARMS = 0.02  # a crew stops listening to a model that is wrong on more than one good part in fifty
DATA_SHA256 = "7d0663a632a1a045144d504b34ab64e52efa3d55ad99d8d7c3a61b751e20c8fb"
DATASET = "AI4I 2020 Predictive Maintenance (UCI 601), CC BY 4.0"
LABELS = ["ok", "failure"]
TYPES = "LMH"
FEATURES = [
    {"name": "type", "categories": list(TYPES)},
    {"name": "air_temperature_k", "unit": "K", "min": 273.15, "max": 323.15},
    {"name": "process_temperature_k", "unit": "K", "min": 273.15, "max": 373.15},
    {"name": "rotational_speed_rpm", "unit": "rpm", "min": 0, "max": 4000},
    {"name": "torque_nm", "unit": "Nm", "min": 0, "max": 150},
    {"name": "tool_wear_min", "unit": "min", "min": 0, "max": 400},
]
AIR, PROCESS, SPEED, TORQUE, WEAR = range(1, 6)
COLUMNS = [
    "Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]", "Torque [Nm]", "Tool wear [min]",
]  # fmt: skip


def load(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features float32 [N, 6], failure 0/1 [N], and the tool that each row was cut with (wear falls at a change)."""
    path = data_file(data_dir, "ai4i2020/ai4i2020.csv", DATA_SHA256)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    values = [[TYPES.index(r["Type"]), *(float(r[c]) for c in COLUMNS)] for r in rows]
    features = np.array(values, dtype=np.float32)
    labels = np.array([int(r["Machine_failure"]) for r in rows])
    return features, labels, np.cumsum(np.diff(features[:, WEAR], prepend=0) < 0)


def handbook_rule(x: np.ndarray) -> np.ndarray:
    """What a maintenance handbook says: change the tool at 200 min of wear, and never go over 60 Nm."""
    return (x[:, WEAR] >= 200) | (x[:, TORQUE] >= 60)


def graph_start(engineered: bool) -> tuple[GraphBuilder, str]:
    """The raw input as one float matrix: one-hot type, the sensors, and with `engineered` what physics suggests."""
    graph = GraphBuilder(NAME, "input", [len(FEATURES)])
    column = {i: graph.column("input", i) for i in range(len(FEATURES))}
    parts = [graph.one_hot(column[0], len(TYPES)), *(column[i] for i in range(1, 6))]
    if engineered:
        power = graph.op("Mul", graph.op("Mul", column[TORQUE], column[SPEED]), graph.const(2 * np.pi / 60))
        rise = graph.op("Sub", column[PROCESS], column[AIR])
        strain = graph.op("Mul", column[TORQUE], column[WEAR])
        parts += [power, rise, strain]
    return graph, graph.op("Concat", *parts, axis=1)


def mixed_rows(x: np.ndarray, count: int) -> np.ndarray:
    """Unlabelled inputs that could have been: temperatures, speed with torque, wear and type of four different rows."""
    a, b, c, d = np.random.default_rng(SEED).integers(0, len(x), (4, count))
    mixed = x[a].copy()
    mixed[:, [SPEED, TORQUE]] = x[b][:, [SPEED, TORQUE]]
    mixed[:, WEAR], mixed[:, 0] = x[c][:, WEAR], x[d][:, 0]
    return mixed
