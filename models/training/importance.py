"""`python -m training importance …`: which inputs earn their cost? What the metric loses when one input says nothing.

An input says nothing when its values are dealt out among the rows (permutation importance: Breiman, "Random Forests", 2001;
Fisher, Rudin and Dominici, 2019). The model is not trained again, so two inputs that say the same share what they are worth:
the report names such a twin.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .data_files import DataError
from .report import write_section
from .retrain.export_file import read_export
from .retrain.recipe import recipe_of
from .retrain.refusal import Refusal
from .retrain.version import Champion, read_champion
from .retrain.weighted_metric import metric_of
from .splits import grouped_split

HERE = Path(__file__).parent
PERMUTATIONS = 20
RESAMPLES = 1000
SEED = 5
TWIN = 0.9  # rank correlation from which an input hardly says what another does not

HEAD = """# Which inputs earn their cost?

Made by `python -m training importance --package <folder> --data <folder with the data sets>`, run in `models/`; one
package alone replaces its own section. The loss is what the metric loses on held-out rows when the values of one input are
dealt out among the rows: mean of 20 deals, with a 95 % bootstrap interval over rows and deals. *earns it*: the whole
interval is above 0. *not seen*: on these rows the model does as well without what this input says; before it is taken
out, train without it and compare, because another input may stand in for it (*moves with*: rank correlation, 0.9 or
more). What an input costs is for people to say: `--costs costs.json` puts it beside the loss.
"""


@dataclass(frozen=True)
class Importance:
    name: str
    loss: float
    low: float
    high: float
    twin: str

    @property
    def words(self) -> str:
        if self.low > 0:
            return "earns it"
        return "does harm" if self.high < 0 else "not seen"


def importances(champion: Champion, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, list[Importance]]:
    """The metric on these rows, and each input, the most important first."""
    manifest, rng = champion.manifest, np.random.default_rng(SEED)
    labels = len(manifest["output"]["decision"]["labels"])
    names = [feature["name"] for feature in manifest["input"]["features"]]
    said = champion.version.decide(x)
    draws = rng.integers(0, len(x), (RESAMPLES, len(x)))
    score = lambda of, rows: metric_of(manifest["metric"], y[rows], of[rows], weight[rows], labels)  # noqa: E731
    everything = np.arange(len(x))
    whole = score(said, everything)
    whole_drawn = np.array([score(said, rows) for rows in draws])
    found = []
    for column, name in enumerate(names):
        dealt = [champion.version.decide(_dealt(x, column, rng)) for _ in range(PERMUTATIONS)]
        loss = whole - np.mean([score(of, everything) for of in dealt])
        drawn = [whole_drawn[i] - score(dealt[i % PERMUTATIONS], rows) for i, rows in enumerate(draws)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        found.append(Importance(name, float(loss), float(low), float(high), _twin(x, column, names)))
    return whole, sorted(found, key=lambda each: -each.loss)


def importance_table(found: list[Importance], costs: dict[str, str]) -> str:
    head, rule = "| input | loss | 95 % interval | | moves with |", "|---|---:|---:|---|---|"
    rows = [
        f"| {each.name} | {each.loss:.3f} | {each.low:.3f} – {each.high:.3f} | {each.words} | {each.twin} |"
        for each in found
    ]
    if costs:
        head, rule = f"{head} what it costs |", f"{rule}---|"
        rows = [f"{row} {costs.get(each.name, 'not stated')} |" for row, each in zip(rows, found, strict=True)]
    return "\n".join([head, rule, *rows])


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    try:
        champion = read_champion(options.package)
        manifest = champion.manifest
        rows, about = _field_rows(options.export, manifest) if options.export else _held_out(options.data, manifest)
        costs = _costs(options.costs, manifest)
        whole, found = importances(champion, *rows)
    except (Refusal, DataError) as error:
        print(f"importance: {error}", file=sys.stderr)
        return 2
    metric = manifest["metric"]["name"]
    body = f"{about} {metric} with all inputs: {whole:.3f}.\n\n{importance_table(found, costs)}"
    if options.export:
        print(body)
    else:
        write_section(options.report, f"{manifest['name']}-{manifest['version']}", body, HEAD)
    return 0


def _dealt(x: np.ndarray, column: int, rng: np.random.Generator) -> np.ndarray:
    changed = x.copy()
    changed[:, column] = rng.permutation(changed[:, column])
    return changed


def _twin(x: np.ndarray, column: int, names: list[str]) -> str:
    ranks = np.argsort(np.argsort(x, axis=0, kind="stable"), axis=0, kind="stable").astype(float)
    moves = x.std(axis=0) > 0
    if not moves[column]:
        return "stands still"
    others = [i for i in range(len(names)) if i != column and moves[i]]
    alike = {names[i]: abs(np.corrcoef(ranks[:, column], ranks[:, i])[0, 1]) for i in others}
    name = max(alike, key=alike.get, default="")
    return f"{name} ({alike[name]:.2f})" if name and alike[name] >= TWIN else ""


def _held_out(data_dir: Path | None, manifest: dict) -> tuple[tuple, str]:
    recipe = recipe_of(manifest)
    if recipe.load is None or data_dir is None:
        raise Refusal(f"{manifest['name']}: name --export, or --data for a model whose data set is known")
    x, y, groups = recipe.load(data_dir)
    test = grouped_split(y, groups, recipe.seed).test
    return (x[test], y[test], np.ones(test.sum())), f"{test.sum():,} held-out rows of {recipe.data_set}."


def _field_rows(export: Path, manifest: dict) -> tuple[tuple, str]:
    field = read_export(export, manifest)
    aside = f" {field.without_features:,} more have no features: they did not leave the device." if field.without_features else ""
    about = f"{len(field):,} labelled field samples, {field.first} to {field.last}.{aside}"
    return (field.x, field.y, field.weight), about


def _costs(path: Path | None, manifest: dict) -> dict[str, str]:
    """What people say that an input costs: a JSON object, input -> words. Raises Refusal."""
    if path is None:
        return {}
    try:
        costs = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal(f"{path} cannot be read: {error}") from error
    names = {feature["name"] for feature in manifest["input"]["features"]}
    unknown = sorted(set(costs) - names) if isinstance(costs, dict) else [f"no object in {path}"]
    if unknown or not all(isinstance(words, str) for words in costs.values()):
        raise Refusal(f"{path}: an object of input names and words is needed; not known: {', '.join(unknown) or '-'}")
    return costs


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training importance", description=__doc__)
    parser.add_argument("--package", type=Path, required=True, help="package folder of a model of named features")
    parser.add_argument("--data", type=Path, default=os.environ.get("ANDON_DATA_DIR"), help="or ANDON_DATA_DIR")
    parser.add_argument("--export", type=Path, help="labelled field data of `andon dataset export` in place of --data")
    parser.add_argument("--costs", type=Path, help='JSON: {"torque_nm": "a sensor of 400 EUR, calibrated each year"}')
    parser.add_argument("--report", type=Path, default=HERE / "IMPORTANCE.md", help="where the section is written")
    return parser.parse_args(arguments)
