"""The new version as a package folder: measured on field data, its parent the champion, its data the export."""

from dataclasses import asdict, dataclass

import numpy as np

from ..baseline_profile import baseline_profile
from ..package_writer import Package, golden_samples
from ..runtime import predict
from .export_file import FieldData
from .recipe import Recipe
from .report import WORDS, comparison_table, metric_words
from .student import Settings
from .training_rows import TrainingRows
from .version import Champion, Version
from .weighted_metric import Comparison, metric_of

TOLERANCE = 0.03
GOLDEN_SAMPLES = 48


@dataclass(frozen=True)
class Found:
    """All that a retraining came to."""

    champion: Champion
    recipe: Recipe
    field: FieldData
    rows: TrainingRows
    settings: Settings
    trials: int
    seed: int
    version: Version
    precision: str
    comparisons: dict[str, Comparison]
    export_sha256: str
    uses_data_set: bool


def next_package(found: Found, number: int) -> Package:
    manifest = found.champion.manifest
    decision = dict(manifest["output"]["decision"])
    if found.version.threshold is not None:
        decision["threshold"] = found.version.threshold
    test_x, test_y, test_weight = found.rows.field_test
    train_x, train_y, train_weight = found.rows.train(1.0)
    features, labels = manifest["input"]["features"], decision["labels"]
    baseline = found.recipe.baseline(train_x, train_y, train_weight)
    said = baseline(test_x).astype(int)
    field = found.comparisons[FIELD]
    return Package(
        name=manifest["name"],
        version=number,
        summary=manifest["summary"],
        precision=found.precision,
        model=found.version.model,
        input=manifest["input"],
        output="probability" if found.version.threshold is not None else "probabilities",
        decision=decision,
        metric={
            **manifest["metric"],
            "offline": round(field.new, 4),
            "baseline": {
                "name": _baseline_name(found),
                "value": round(metric_of(manifest["metric"], test_y, said, test_weight, len(labels)), 4),
            },
        },
        # Drift is measured against what the field looks like now, or it would be reported for ever.
        baseline_profile=baseline_profile(
            [feature["name"] for feature in features],
            found.rows.field_train[0],
            found.version.decide(found.rows.field_train[0]),
            len(labels),
            {f["name"]: len(f["categories"]) for f in features if "categories" in f},
        ),
        golden=golden_samples(found.version.model, test_x, test_y, _clear(found.version, test_x), GOLDEN_SAMPLES),
        tolerance=TOLERANCE,
        dataset=_dataset(found),
        data_sha256=found.export_sha256,
        script="retrain",
        seed=found.seed,
        card=_card(found, number, labels),
        parent=found.champion.manifest_sha256,
    )


FIELD, DATA_SET = "held-out field data", "the data set's test rows"


def _clear(version: Version, x: np.ndarray) -> np.ndarray:
    outputs = predict(version.model, x)
    if version.threshold is not None:
        return np.abs(outputs[:, 0] - version.threshold) > 2 * TOLERANCE
    top = np.sort(outputs, axis=1)
    return top[:, -1] - top[:, -2] > 2 * TOLERANCE


def _dataset(found: Found) -> str:
    field = f"{len(found.field):,} labelled field samples of {found.field.first[:10]} to {found.field.last[:10]}"
    return f"{found.recipe.data_set}, and {field}" if found.uses_data_set else field


def _short(value) -> str:
    return (
        f"{value:.2g}"
        if isinstance(value, float)
        else " x ".join(map(str, value))
        if isinstance(value, tuple)
        else str(value)
    )


def _baseline_name(found: Found) -> str:
    return found.champion.manifest["metric"]["baseline"]["name"] if found.recipe.load else "most frequent label"


def _card(found: Found, number: int, labels: list[str]) -> str:
    manifest, spec = found.champion.manifest, found.champion.manifest["metric"]
    counts = np.bincount(found.field.y, minlength=len(labels))
    seen = ", ".join(f"{label} {count:,}" for label, count in zip(labels, counts, strict=True))
    settings = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in asdict(found.settings).items())
    old, new = f"version {manifest['version']}", f"version {number}"
    return f"""# {manifest["name"]} {number}

Retrained from version {manifest["version"]} with labelled field data. {WORDS[found.comparisons[FIELD].verdict]}

- **Data**: {_dataset(found)}. Labels of the field: {seen}.
  A row counts as much as its label is trusted, divided by the chance that it was seen. The manifest's `dataSha256` is that of the export file.
- **Split**: the newest 40 % of the field rows judge and do nothing else; of the others a quarter chose the settings and
  the threshold. All rows of one part are on one side.
- **Settings**: the best of {found.trials} that Hyperopt tried, seed {found.seed}: {settings}.
- **Precision**: {found.precision}; the first layers only, calibrated on training rows.
- **Baseline**: {_baseline_name(found)}, measured on the same held-out rows.

## Compared on the same rows

{metric_words(spec)}, paired; the interval is of the difference.

{comparison_table(spec, old, new, found.comparisons)}

## Limits

Field labels are what feedback rules and operators concluded; a rule that is wrong teaches what is wrong. Samples without
a label took no part. The figures hold for the lines and the weeks that the export is from.
"""
