"""The numbers a model is judged by. Positive class = label 1."""

from collections.abc import Callable

import numpy as np


def f_beta(labels: np.ndarray, predicted: np.ndarray, beta: float) -> float:
    """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); 0 when there is nothing to find and nothing found."""
    labels, predicted = labels.astype(bool), predicted.astype(bool)
    hits, misses, alarms = (labels & predicted).sum(), (labels & ~predicted).sum(), (~labels & predicted).sum()
    below = (1 + beta**2) * hits + beta**2 * misses + alarms
    return float((1 + beta**2) * hits / below) if below else 0.0


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the classes that occur in `labels`."""
    return float(np.mean([f_beta(labels == c, predicted == c, 1.0) for c in np.unique(labels)]))


def recall(labels: np.ndarray, predicted: np.ndarray) -> float:
    return float(predicted[labels == 1].mean())


def false_alarm_rate(labels: np.ndarray, predicted: np.ndarray) -> float:
    return float(predicted[labels == 0].mean())


def choose_threshold(labels: np.ndarray, scores: np.ndarray, beta: float, max_false_alarms: float = 1.0) -> float:
    """The cut with the best f-beta among those under the false-alarm budget; midway between two scores, so that
    a rounding difference on another CPU does not move a sample over it. Use validation data, never test data."""
    distinct = np.unique(scores.astype(np.float64))
    cuts = np.round((distinct[1:] + distinct[:-1]) / 2, 6)
    allowed = [c for c in cuts if false_alarm_rate(labels, scores >= c) <= max_false_alarms]
    return float(max(allowed, key=lambda c: f_beta(labels, scores >= c, beta)))


def interval(
    labels: np.ndarray, predicted: np.ndarray, score: Callable[[np.ndarray, np.ndarray], float], seed: int = 1
) -> tuple[float, float]:
    """95 % bootstrap percentile interval of `score`, 1000 resamples of the rows."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(labels), (1000, len(labels)))
    low, high = np.quantile([score(labels[d], predicted[d]) for d in draws], [0.025, 0.975])
    return float(low), float(high)
