"""What the training data looked like, so that a device can measure drift against it."""

import numpy as np

BINS = 10
MAX_PAIRED = 64  # features; beyond, the pairs are too many to watch


def baseline_profile(
    names: list[str],
    rows: np.ndarray,
    predicted: np.ndarray,
    label_count: int,
    categories: dict[str, int] | None = None,
) -> dict:
    """`rows` float [N, k] in the order of `names`, `predicted` label index [N]; `categories`: name -> category count."""
    categories = categories or {}
    exact = rows.astype(str).astype(np.float64)  # the decimals that were measured, not those of float32
    features = [_feature(name, exact[:, i], categories.get(name)) for i, name in enumerate(names)]
    shares = np.bincount(predicted.astype(int), minlength=label_count) / len(predicted)
    return {
        "rows": len(predicted),
        "features": features,
        **({"correlations": _correlations(exact, features)} if 1 < len(names) <= MAX_PAIRED else {}),
        "labelShares": shares.tolist(),
    }


def _correlations(values: np.ndarray, features: list[dict]) -> list[float]:
    """Of the grades of all pairs, upper triangle row by row: the grade is the middle rank of a value's bin, as
    `protocol/drift/correlation-shift.ts` takes it on the device. 0 where one of the two stands still."""
    grades = np.empty_like(values)
    for i, feature in enumerate(features):
        shares = np.array(feature["shares"])
        middle = np.cumsum(shares) - shares / 2
        grades[:, i] = middle[np.searchsorted(feature["edges"], values[:, i])]
    moves = grades.std(axis=0) > 0
    table = np.zeros((len(features), len(features)))
    table[np.ix_(moves, moves)] = np.corrcoef(grades[:, moves], rowvar=False)
    return [round(float(table[a, b]), 4) for a in range(len(features)) for b in range(a + 1, len(features))]


def _feature(name: str, values: np.ndarray, categories: int | None) -> dict:
    edges = np.arange(1, categories) - 0.5 if categories else _quantile_edges(values)
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    shares = (counts + 0.5) / (
        len(values) + 0.5 * len(counts)
    )  # half a count each: no bin is empty, so PSI stays finite
    return {
        "name": name,
        "mean": float(values.mean()),
        "std": float(values.std()),
        "edges": edges.tolist(),
        "shares": shares.tolist(),
    }


def _quantile_edges(values: np.ndarray) -> np.ndarray:
    """Cut points near the deciles, each midway between two values that occur, so that no value lies on an edge.
    Fewer than 9 where values repeat a lot (a 0/1 feature has one)."""
    distinct = np.unique(values)
    after = np.searchsorted(distinct, np.quantile(values, np.arange(1, BINS) / BINS), side="right")
    after = np.unique(np.clip(after, 1, len(distinct) - 1))
    return (distinct[after - 1] + distinct[after]) / 2
