"""A forest learns the weighted labels; a small network learns the forest's probabilities, also on unlabelled mixes."""

import warnings
from dataclasses import dataclass

import numpy as np
import onnx
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from ..runtime import predict
from .recipe import Recipe
from .training_rows import Rows

Layers = list[tuple[np.ndarray, np.ndarray]]

CLIP = 8.0  # standard deviations; a wild sensor value cannot leave what was seen in training
NEGLIGIBLE = 0.02  # a probability below it is no row of its own


@dataclass(frozen=True)
class Settings:
    """What the search chooses."""

    hidden: tuple[int, ...]
    epochs: int
    rate: float
    decay: float
    leaf: int  # fewest rows in a leaf of the forest
    hard_share: float  # how far the student trusts a label over its teacher, 0..1
    field_factor: float  # how much more a field row counts than one of the data set


@dataclass(frozen=True)
class Budget:
    """How much work one training is: less while searching than for the model that ships."""

    trees: int
    mixes: int


def train_student(recipe: Recipe, rows: Rows, labels: int, settings: Settings, budget: Budget, seed: int):
    """float32 graph [N, features] -> probability [N, 1] for two labels, probabilities [N, labels] for more."""
    x, y, weight = rows
    mixes = recipe.mix(x, budget.mixes) if recipe.mix else x[:0]
    graph, raw, width = recipe.graph_start()
    values = predict(graph.build("features", raw, width), np.concatenate([x, mixes]))
    mean, std = values[: len(y)].mean(axis=0), values[: len(y)].std(axis=0) + 1e-6
    soft = _teach(values, y, weight, labels, settings, budget, seed)
    soft[: len(y)] = settings.hard_share * np.eye(labels)[y] + (1 - settings.hard_share) * soft[: len(y)]
    trust = np.concatenate([weight, np.full(len(mixes), weight.mean())])
    layers = _fit(np.clip((values - mean) / std, -CLIP, CLIP), soft, trust, settings, seed)
    return _with_network(recipe, mean, std, layers, labels), len(layers)


def _teach(values, y, weight, labels: int, settings: Settings, budget: Budget, seed: int) -> np.ndarray:
    """Probabilities [N, labels] for all rows of `values`; only the first `len(y)` are labelled."""
    kind = RandomForestClassifier if labels == 2 else ExtraTreesClassifier
    forest = kind(budget.trees, min_samples_leaf=settings.leaf, max_features=None, random_state=seed)
    forest.fit(values[: len(y)], y, sample_weight=weight)
    soft = np.zeros((len(values), labels))
    soft[:, forest.classes_] = forest.predict_proba(values)
    return soft


def _fit(values: np.ndarray, soft: np.ndarray, trust: np.ndarray, settings: Settings, seed: int) -> Layers:
    """Cross-entropy against a distribution: a row stands once for each label that it may have, as heavy as it is likely."""
    row, label = np.nonzero(soft >= NEGLIGIBLE)
    network = MLPClassifier(
        settings.hidden,
        batch_size=256,
        learning_rate_init=settings.rate,
        alpha=settings.decay,
        max_iter=settings.epochs,
        n_iter_no_change=settings.epochs,
        random_state=seed,
    )
    share = trust[row] * soft[row, label]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(values[row], label, sample_weight=share / share.mean())
    layers = [
        (w.astype(np.float32), b.astype(np.float32)) for w, b in zip(network.coefs_, network.intercepts_, strict=True)
    ]
    return layers if len(network.classes_) in (2, soft.shape[1]) else _spread(layers, network.classes_, soft.shape[1])


def _spread(layers: Layers, classes: np.ndarray, labels: int) -> Layers:
    """A label that never occurred gets an output that never wins."""
    *hidden, (weight, bias) = layers
    wide, biases = np.zeros((len(weight), labels), np.float32), np.full(labels, -20, np.float32)
    wide[:, classes], biases[classes] = weight, bias
    return [*hidden, (wide, biases)]


def _with_network(recipe: Recipe, mean, std, layers: Layers, labels: int) -> onnx.ModelProto:
    graph, raw, _ = recipe.graph_start()
    logits = graph.mlp(graph.standardize(raw, mean, std, clip=CLIP), layers)
    if labels == 2:
        return graph.build("probability", graph.op("Sigmoid", logits), 1)
    return graph.build("probabilities", graph.op("Softmax", logits, axis=1), labels)
