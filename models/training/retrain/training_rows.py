"""Which rows train, which choose, and which alone judge: by time in the field; the data set as it was split before."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from ..splits import grouped_split
from .export_file import FieldData
from .recipe import Recipe

HELD_OUT_SHARE = 0.4  # of the field rows, the newest: what comes next looks most like them
VALIDATION_FOLDS = 4

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # features [N, k], label index [N], weight [N]


@dataclass(frozen=True)
class TrainingRows:
    base_train: Rows
    base_validation: Rows
    base_test: Rows
    field_train: Rows
    field_validation: Rows
    field_test: Rows

    def train(self, field_factor: float) -> Rows:
        """Of both; a field row counts `field_factor` times."""
        x, y, weight = self.field_train
        return _stacked(self.base_train, (x, y, field_factor * weight))

    def validation(self) -> Rows:
        """Of both, each half of the whole weight: many old rows must not outvote few new ones."""
        base, field = self.base_validation, self.field_validation
        factor = base[2].sum() / field[2].sum() if len(base[1]) and field[2].sum() else 1.0
        return _stacked(base, (field[0], field[1], factor * field[2]))


def split_rows(recipe: Recipe, data_dir: Path | None, field: FieldData, seed: int) -> TrainingRows:
    """The data set's own parts are those of the first training, so that its test rows were never trained on."""
    empty = (field.x[:0], field.y[:0], field.weight[:0])
    base = [empty, empty, empty]
    if recipe.load and data_dir:
        x, y, groups = recipe.load(data_dir)
        split = grouped_split(y, groups, recipe.seed)
        base = [(x[m], y[m], np.ones(m.sum())) for m in (split.train, split.validation, split.test)]
    test = np.arange(len(field)) >= round(len(field) * (1 - HELD_OUT_SHARE))
    # A part that is judged on is not trained on, also where it was seen twice.
    known = ~test & ~np.isin(field.part, field.part[test])
    validation = np.zeros(len(field), dtype=bool)
    rows = np.flatnonzero(known)
    splitter = StratifiedGroupKFold(VALIDATION_FOLDS, shuffle=True, random_state=seed)
    _, chosen = next(iter(splitter.split(rows, field.y[rows], field.part[rows])))
    validation[rows[chosen]] = True
    parts = (field.rows(mask) for mask in (known & ~validation, validation, test))
    return TrainingRows(*base, *parts)


def _stacked(a: Rows, b: Rows) -> Rows:
    return tuple(np.concatenate(pair) for pair in zip(a, b, strict=True))
