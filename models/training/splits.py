"""Splits into train, validation and test that keep related rows on one side."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold


@dataclass(frozen=True)
class Split:
    """Boolean row masks."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def grouped_split(labels: np.ndarray, groups: np.ndarray, seed: int) -> Split:
    """60 / 20 / 20 with a like share of each label; no group is in two parts."""
    folds = np.zeros(len(labels), dtype=int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(splitter.split(labels, labels, groups)):
        folds[rows] = fold
    return Split(train=folds > 1, validation=folds == 1, test=folds == 0)
