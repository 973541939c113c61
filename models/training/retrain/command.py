"""`python -m training retrain …`: the next version of a model from labelled field data, measured; nothing is released."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

from ..data_files import DataError, sha256_of
from ..onnx_graph import hidden_nodes
from ..package_writer import write_package
from ..quantize import quantize
from ..runtime import check_batch_independence
from ..tracking import log_run
from .export_file import FieldData, read_export
from .next_package import DATA_SET, FIELD, Found, next_package
from .recipe import recipe_of
from .refusal import Refusal
from .report import WORDS, comparison_table
from .search import decided, search_settings
from .student import Budget, train_student
from .training_rows import split_rows
from .version import Champion, Version, read_champion
from .weighted_metric import compare, metric_of

# int8 may cost this much of the metric on the validation rows; more, and float32 ships.
INT8_MAY_COST = 0.01


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as work_dir:
            found = retrain(options, Path(work_dir))
            number = options.version or _next_number(options.out, found.champion)
            _tell(found, number)
            verdict = found.comparisons[FIELD].verdict
            if verdict == "worse" or (options.only_if_better and verdict != "better"):
                raise Refusal("Nothing was written.", exit_code=3)
            package = next_package(found, number)
            folder = options.out / package.name / package.folder_name
            if folder.exists():
                raise Refusal(f"{folder} is there already; name another --version or --out")
            write_package(package, options.out)
    except (Refusal, DataError) as error:
        print(f"retrain: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 2)
    log_run("retrain", {"trials": options.trials, "seed": options.seed}, {"field": found.comparisons[FIELD].new})
    print(f"\nWritten in {time.monotonic() - start:.0f} s: {folder}")
    print(f"Nothing is released. Read its card, then: andon sign {folder} && andon publish {folder}")
    return 0


def retrain(options: argparse.Namespace, work_dir: Path) -> Found:
    """Trains and measures. Raises Refusal when the export cannot carry a new version, DataError."""
    champion = read_champion(options.champion)
    manifest, spec = champion.manifest, champion.manifest["metric"]
    labels = manifest["output"]["decision"]["labels"]
    field = read_export(options.export, manifest)
    _refuse_too_few(field, labels, options)
    recipe = recipe_of(manifest)
    rows = split_rows(recipe, options.data, field, options.seed)

    def told(trial: int, best: float) -> None:
        print(f"trial {trial} of {options.trials}: best so far {best:.3f} on validation rows", file=sys.stderr)

    settings, _ = search_settings(recipe, rows, spec, len(labels), trials=options.trials, seed=options.seed, told=told)
    train = rows.train(settings.field_factor)
    budget = Budget(options.trees, options.mixes)
    model, depth = train_student(recipe, train, len(labels), settings, budget, options.seed)
    version, precision = _smallest_good(model, depth, rows, spec, len(labels), recipe, work_dir)
    check_batch_independence(version.model, rows.field_test[0])
    parts = {FIELD: rows.field_test, **({DATA_SET: rows.base_test} if len(rows.base_test[1]) else {})}
    comparisons = {
        name: compare(spec, y, champion.version.decide(x), version.decide(x), weight, len(labels))
        for name, (x, y, weight) in parts.items()
    }
    return Found(
        champion=champion,
        recipe=recipe,
        field=field,
        rows=rows,
        settings=settings,
        trials=options.trials,
        seed=options.seed,
        version=version,
        precision=precision,
        comparisons=comparisons,
        export_sha256=sha256_of(options.export),
        uses_data_set=len(rows.base_train[1]) > 0,
    )


def _smallest_good(model, depth: int, rows, spec: dict, labels: int, recipe, work_dir: Path) -> tuple[Version, str]:
    """int8 where it costs next to nothing on the validation rows, else float32."""
    x, y, weight = rows.validation()
    float_path = work_dir / "float32.onnx"
    onnx.save(model, str(float_path))
    calibration = np.concatenate([rows.base_train[0], rows.field_train[0]])
    int8_path = quantize(model, calibration, hidden_nodes(depth), work_dir / "int8.onnx")
    versions = [decided(path, rows, spec, labels, recipe) for path in (float_path, int8_path)]
    plain, small = (metric_of(spec, y, version.decide(x), weight, labels) for version in versions)
    return (versions[1], "int8") if small >= plain - INT8_MAY_COST else (versions[0], "float32")


def _refuse_too_few(field: FieldData, labels: list[str], options: argparse.Namespace) -> None:
    counts = np.bincount(field.y, minlength=len(labels))
    seen = ", ".join(f"{label} {count:,}" for label, count in zip(labels, counts, strict=True))
    aside = f" {field.without_features:,} more labels have no features." if field.without_features else ""
    if len(field) < options.min_labels:
        raise Refusal(
            f"too few labels: {len(field):,} with features ({seen}), and {options.min_labels:,} are needed.{aside} "
            "Wait for more feedback, or export from further back (--since)."
        )
    if (counts >= options.min_per_label).sum() < 2 or (len(labels) == 2 and counts.min() < options.min_per_label):
        raise Refusal(
            f"too few of a kind: {seen}, and {options.min_per_label} of each are needed to compare two versions.{aside}"
        )


def _next_number(out: Path, champion: Champion) -> int:
    """One more than the champion and than any version in the folder."""
    folder = out / champion.manifest["name"]
    there = [path.name.split("-")[0] for path in folder.iterdir()] if folder.is_dir() else []
    return 1 + max([champion.manifest["version"], *(int(name) for name in there if name.isdigit())])


def _tell(found: Found, number: int) -> None:
    manifest, field = found.champion.manifest, found.field
    print(f"{manifest['name']}: {len(field):,} labelled samples with features, {field.first} to {field.last}")
    if field.without_features:
        print(f"{field.without_features:,} labelled samples have no features and took no part.")
    if field.foreign_labels:
        print(f"{field.foreign_labels:,} labels are none of this model's and took no part.")
    if not found.uses_data_set:
        print("Trained on field data alone; --data adds the data set that the first versions were made from.")
    old, new = f"version {manifest['version']}", f"version {number} ({found.precision})"
    print(f"\n{comparison_table(manifest['metric'], old, new, found.comparisons)}\n")
    print(WORDS[found.comparisons[FIELD].verdict])


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training retrain", description=__doc__)
    parser.add_argument("--export", type=Path, required=True, help="file of `andon dataset export`, .csv or .parquet")
    parser.add_argument("--champion", type=Path, required=True, help="package folder of the version that runs now")
    parser.add_argument("--data", type=Path, help="folder of the first data sets; without it, field data alone")
    parser.add_argument("--out", type=Path, required=True, help="package folders are written below it")
    parser.add_argument("--version", type=int, help="otherwise one more than the newest that is there")
    parser.add_argument("--trials", type=int, default=20, help="trainings that Hyperopt may spend")
    parser.add_argument("--trees", type=int, default=300, help="of the forest that teaches the version that ships")
    parser.add_argument("--mixes", type=int, default=60_000, help="unlabelled rows that it teaches on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--min-labels", type=int, default=500)
    parser.add_argument("--min-per-label", type=int, default=20)
    parser.add_argument("--only-if-better", action="store_true", help="write nothing unless the interval is above 0")
    return parser.parse_args(arguments)
