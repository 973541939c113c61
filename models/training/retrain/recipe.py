"""What retraining must know of a job beyond what the champion's manifest says; any other model gets a plain one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .. import milling_data, steel_data
from ..onnx_graph import GraphBuilder

Decide = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    # The data set of the first versions: features, label index, group of related rows. None: there is field data alone.
    load: Callable[[Path], tuple[np.ndarray, np.ndarray, np.ndarray]] | None
    data_set: str
    seed: int
    # The graph's first part: builder, name of the matrix that the network reads, its width.
    graph_start: Callable[[], tuple[GraphBuilder, str, int]]
    # Unlabelled rows that could have been, for the student to learn from its teacher. None: no way is known.
    mix: Callable[[np.ndarray, int], np.ndarray] | None
    baseline: Callable[[np.ndarray, np.ndarray, np.ndarray], Decide]
    hidden: list[tuple[int, ...]]
    max_false_alarms: float = 1.0


def recipe_of(manifest: dict) -> Recipe:
    return {milling_data.NAME: MILLING, steel_data.NAME: STEEL}.get(manifest["name"]) or plain_recipe(manifest)


def _load_milling(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return milling_data.load(data_dir)


def _milling_graph() -> tuple[GraphBuilder, str, int]:
    graph, raw = milling_data.graph_start(engineered=True)
    return graph, raw, 11


MILLING = Recipe(
    load=_load_milling,
    data_set=milling_data.DATASET,
    seed=milling_data.SEED,
    graph_start=_milling_graph,
    mix=milling_data.mixed_rows,
    baseline=lambda _x, _y, _weight: milling_data.handbook_rule,
    hidden=[(32, 16), (24, 12), (48, 24)],
    max_false_alarms=milling_data.MAX_FALSE_ALARMS,
)


def _load_steel(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, _, _ = steel_data.load(data_dir)
    return x, y, np.arange(len(y))


def _linear(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Decide:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(x, y, logisticregression__sample_weight=weight).predict


STEEL = Recipe(
    load=_load_steel,
    data_set=steel_data.DATASET,
    seed=steel_data.SEED,
    graph_start=steel_data.graph_start,
    mix=steel_data.between_neighbours,
    baseline=_linear,
    hidden=[(64, 32), (48, 24), (96, 48)],
)


def plain_recipe(manifest: dict) -> Recipe:
    """Numbers as they are, categories one-hot, nothing but field data."""
    features = manifest["input"]["features"]

    def graph_start() -> tuple[GraphBuilder, str, int]:
        graph = GraphBuilder(manifest["name"], manifest["input"]["tensor"], [len(features)])
        columns = [graph.column(graph.input, i) for i in range(len(features))]
        parts = [
            graph.one_hot(column, len(feature["categories"])) if "categories" in feature else column
            for column, feature in zip(columns, features, strict=True)
        ]
        width = sum(len(feature.get("categories", [0])) for feature in features)
        return graph, graph.op("Concat", *parts, axis=1), width

    def most_frequent(_x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Decide:
        label = np.bincount(y, weights=weight).argmax()
        return lambda x: np.full(len(x), label)

    return Recipe(
        load=None,
        data_set="field data",
        seed=1,
        graph_start=graph_start,
        mix=None,
        baseline=most_frequent,
        hidden=[(32, 16), (24,), (48, 24)],
    )
