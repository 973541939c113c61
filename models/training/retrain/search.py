"""Chooses settings with Hyperopt (TPE): a bounded number of trainings, seeded, judged on validation rows alone."""

from collections.abc import Callable

import numpy as np
from hyperopt import STATUS_OK, Trials, fmin, hp, space_eval, tpe

from .recipe import Recipe
from .student import Budget, Settings, train_student
from .training_rows import TrainingRows
from .version import Version, with_threshold
from .weighted_metric import metric_of

SEARCH_BUDGET = Budget(trees=60, mixes=8_000)


def settings_space(recipe: Recipe) -> dict:
    return {
        "hidden": hp.choice("hidden", recipe.hidden),
        "epochs": hp.choice("epochs", [20, 40, 80]),
        "rate": hp.loguniform("rate", np.log(1e-3), np.log(1e-2)),
        "decay": hp.loguniform("decay", np.log(1e-5), np.log(1e-2)),
        "leaf": hp.choice("leaf", [1, 2, 4, 8]),
        "hard_share": hp.choice("hard_share", [0.0, 0.25, 0.5]),
        "field_factor": hp.choice("field_factor", [1.0, 4.0, 16.0]),
    }


def search_settings(
    recipe: Recipe,
    rows: TrainingRows,
    spec: dict,
    labels: int,
    *,
    trials: int,
    seed: int,
    told: Callable[[int, float], None],
) -> tuple[Settings, float]:
    """The best settings and their metric on the validation rows. `told(trial, best so far)` after each training."""
    validation, space, history = rows.validation(), settings_space(recipe), Trials()

    def loss(chosen: dict) -> dict:
        settings = Settings(**chosen)
        model, _ = train_student(recipe, rows.train(settings.field_factor), labels, settings, SEARCH_BUDGET, seed)
        version = decided(model, rows, spec, labels, recipe)
        score = metric_of(spec, validation[1], version.decide(validation[0]), validation[2], labels)
        best = max([score, *(-known for known in history.losses() if known is not None)])
        told(len(history.trials), best)
        return {"loss": -score, "status": STATUS_OK}

    best = fmin(
        loss,
        space,
        algo=tpe.suggest,
        max_evals=trials,
        trials=history,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
        verbose=False,
    )
    return Settings(**space_eval(space, best)), -min(history.losses())


def decided(model, rows: TrainingRows, spec: dict, labels: int, recipe: Recipe) -> Version:
    if labels > 2:
        return Version(model, None)
    return with_threshold(model, rows.validation(), spec, recipe.max_false_alarms)
