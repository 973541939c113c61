"""A manifest's one number on weighted rows, and the paired difference of two models with its interval."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000


def metric_of(spec: dict, truth: np.ndarray, said: np.ndarray, weight: np.ndarray, labels: int) -> float:
    """`spec` is the manifest's `metric`: f-beta of label 1, macro-f1 over the labels that occur, or accuracy."""
    table = np.bincount(truth * labels + said, weights=weight, minlength=labels * labels)
    return metric_of_counts(spec, table.reshape(labels, labels))


def metric_of_counts(spec: dict, table: np.ndarray) -> float:
    """`table[truth, said]` holds weights. 0 where there is nothing to find and nothing found."""
    if spec["name"] == "accuracy":
        return _ratio(np.trace(table), table.sum())
    if spec["name"] == "f-beta":
        return _f_beta(table, 1, spec["beta"])
    occurring = [label for label in range(len(table)) if table[label].sum() > 0]
    return float(np.mean([_f_beta(table, label, 1.0) for label in occurring])) if occurring else 0.0


def _f_beta(table: np.ndarray, label: int, beta: float) -> float:
    hits = table[label, label]
    misses, alarms = table[label].sum() - hits, table[:, label].sum() - hits
    return _ratio((1 + beta**2) * hits, (1 + beta**2) * hits + beta**2 * misses + alarms)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else 0.0


@dataclass(frozen=True)
class Comparison:
    """Old and new on the same rows. `low` and `high`: 95 % interval of new - old."""

    rows: int
    old: float
    new: float
    low: float
    high: float
    only_old_right: int
    only_new_right: int

    @property
    def verdict(self) -> str:
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not told apart"


def compare(
    spec: dict, truth: np.ndarray, old: np.ndarray, new: np.ndarray, weight: np.ndarray, labels: int, seed: int = 1
) -> Comparison:
    """Percentile bootstrap of the paired difference (Efron & Tibshirani 1993, ch. 13): whole rows are drawn, so that what
    the two have in common cancels out."""
    rng = np.random.default_rng(seed)
    score = lambda said, rows: metric_of(spec, truth[rows], said[rows], weight[rows], labels)  # noqa: E731
    everything = np.arange(len(truth))
    gains = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, len(truth), len(truth))
        gains.append(score(new, drawn) - score(old, drawn))
    low, high = np.quantile(gains, [0.025, 0.975])
    return Comparison(
        rows=len(truth),
        old=score(old, everything),
        new=score(new, everything),
        low=float(low),
        high=float(high),
        only_old_right=int(((old == truth) & (new != truth)).sum()),
        only_new_right=int(((new == truth) & (old != truth)).sum()),
    )
