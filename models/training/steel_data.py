"""The steel data, and what a graph on them begins with: Steel Plates Faults, 27 features, long tails as logarithms."""

from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from .data_files import data_file
from .onnx_graph import GraphBuilder

NAME = "steel-surface"
SEED = 27
DATA_SHA256 = "5c1e270d42b950a569407f74e87e7ef6f013aef592ed627617395c9abdecc344"
NAMES_SHA256 = "887dbfa140b48877b706865ef277550dc0203699243c600e24bfe8b090a9a953"
DATASET = "Steel Plates Faults (UCI 198), CC BY 4.0"
INPUTS = 27
X_MIN, X_MAX, Y_MIN, Y_MAX = range(4)
# Long tails: places along the coil, areas, perimeters, sums, thickness, and the near-zero indices.
LOGARITHMIC = [2, 3, 4, 5, 6, 7, 13, 17]
UNITS = {"steel_plate_thickness": "mm", "pixels_areas": "px", "x_perimeter": "px", "y_perimeter": "px"}


def load(data_dir: Path) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Features float32 [N, 27], class [N], feature names and label names, both in snake_case."""
    names_path = data_file(data_dir, "steel-plates-faults/Faults27x7_var", NAMES_SHA256)
    names = [name.lower() for name in names_path.read_text().split()]
    lines = data_file(data_dir, "steel-plates-faults/Faults.NNA", DATA_SHA256).read_text().splitlines()
    table = np.array([line.strip().strip('"').split("\t") for line in lines if line.strip()], dtype=np.float64)
    return table[:, :INPUTS].astype(np.float32), table[:, INPUTS:].argmax(axis=1), names[:INPUTS], names[INPUTS:]


def feature_of(name: str) -> dict:
    """Limits are those of the definition: an index of the data set lies in 0..1 or -1..1, a size is not negative."""
    if name in ("orientation_index", "luminosity_index"):
        return {"name": name, "min": -1, "max": 1}
    if name.startswith("typeofsteel") or name == "sigmoidofareas" or (name.endswith("_index") and "log" not in name):
        return {"name": name, "min": 0, "max": 1}
    if name.endswith("of_luminosity") and not name.startswith("sum"):
        return {"name": name, "min": 0, "max": 255}
    return {"name": name, **({"unit": UNITS[name]} if name in UNITS else {}), "min": 0}


def graph_start() -> tuple[GraphBuilder, str, int]:
    """All features, logarithms of those with a long tail, and the width and height of the fault."""
    graph = GraphBuilder(NAME, "input", [INPUTS])
    plain = graph.columns("input", [i for i in range(INPUTS) if i not in LOGARITHMIC])
    tails = graph.columns("input", LOGARITHMIC)
    sides = graph.op("Sub", graph.columns("input", [X_MAX, Y_MAX]), graph.columns("input", [X_MIN, Y_MIN]))
    positive = graph.op("Relu", graph.op("Concat", tails, sides, axis=1))
    logs = graph.op("Log", graph.op("Add", positive, graph.const(0.01)))
    return graph, graph.op("Concat", plain, logs, axis=1), INPUTS + 2


def between_neighbours(x: np.ndarray, count: int) -> np.ndarray:
    """Unlabelled inputs on the line between a row and one of its five nearest; the teacher names them."""
    rng = np.random.default_rng(SEED)
    scaled = StandardScaler().fit_transform(x)
    near = NearestNeighbors(n_neighbors=6).fit(scaled).kneighbors(scaled, return_distance=False)[:, 1:]
    rows = rng.integers(0, len(x), count)
    others = near[rows, rng.integers(0, 5, count)]
    return (x[rows] + rng.random((count, 1)) * (x[others] - x[rows])).astype(np.float32)
