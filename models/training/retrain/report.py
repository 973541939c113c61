"""What was found, as a table for the terminal and the card."""

from .weighted_metric import Comparison

WORDS = {
    "better": "The new version is better on field data that neither was trained on.",
    "worse": "The new version is worse on field data that neither was trained on.",
    "not told apart": "The held-out field data do not tell the two versions apart.",
}


def metric_words(spec: dict) -> str:
    return f"F-beta (beta {spec['beta']:g})" if spec["name"] == "f-beta" else spec["name"]


def comparison_table(spec: dict, old: str, new: str, comparisons: dict[str, Comparison]) -> str:
    lines = [
        f"| {metric_words(spec)} | rows | {old} | {new} | difference | 95 % interval | only old right | only new right |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, c in comparisons.items():
        lines.append(
            f"| {name} | {c.rows:,} | {c.old:.3f} | {c.new:.3f} | {c.new - c.old:+.3f} | {c.low:+.3f} – {c.high:+.3f} "
            f"| {c.only_old_right} | {c.only_new_right} |"
        )
    return "\n".join(lines)
