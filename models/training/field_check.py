"""A field that follows the published process rules of AI4I 2020, to compare versions where many failures are known.

Rules: S. Matzka, "Explainable Artificial Intelligence for Predictive Maintenance Applications", 2020, and the text of
UCI data set 601. This is a simulation: the real held-out rows decide what a card claims, this only adds failures.
"""

from dataclasses import dataclass

import numpy as np

from .measure import false_alarm_rate, recall

WEAR_MIN_PER_PART = (2, 3, 5)  # type L, M, H
OVERSTRAIN_MIN_NM = (11_000, 12_000, 13_000)
TOOL_FAILS_BEFORE_CHANGE = 0.4  # 46 of 120 tools in the published rows
FORGET = 0.99  # how slowly the temperature walks come back to their mean


def simulate_field(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 [rows, 6] in the order of the model, and labels int [rows]."""
    rng = np.random.default_rng(seed)
    features = np.zeros((rows, 6), dtype=np.float32)
    labels = np.zeros(rows, dtype=int)
    air = rise = wear = 0.0
    tool_life = rng.uniform(200, 240)
    for i in range(rows):
        kind = rng.choice(3, p=[0.6, 0.3, 0.1])
        air = FORGET * air + rng.normal(0, 2 * np.sqrt(1 - FORGET**2))
        rise = FORGET * rise + rng.normal(0, 0.72 * np.sqrt(1 - FORGET**2))
        gap = 10 - 0.35 * air + rise  # the process follows the air by 0.65, as in the published rows
        torque = abs(rng.normal(40, 10))
        # 2860 W shared over the torque, with noise: the relation of the published rows (speed falls as torque grows).
        speed = max(1168.0, 985 + 20_500 / max(torque, 10.9) + rng.normal(0, 45))
        power = torque * speed * 2 * np.pi / 60
        features[i] = [kind, round(300 + air, 1), round(300 + air + gap, 1), round(speed), round(torque, 1), wear]
        worn = wear >= tool_life
        failures = [
            worn and rng.random() < TOOL_FAILS_BEFORE_CHANGE,
            gap < 8.6 and speed < 1380,
            power < 3500 or power > 9000,
            wear * torque > OVERSTRAIN_MIN_NM[kind],
            rng.random() < 0.001,
        ]
        labels[i] = any(failures)
        wear += WEAR_MIN_PER_PART[kind]
        if worn:
            wear, tool_life = 0.0, rng.uniform(200, 240)
    return features, labels


@dataclass(frozen=True)
class Paired:
    """Old against new on the same samples; counts a 1000 samples where only one of the two is wrong."""

    old_recall: float
    new_recall: float
    old_false_alarms: float
    new_false_alarms: float
    only_old_misses: float
    only_new_misses: float
    only_old_alarms: float
    only_new_alarms: float


def compare(labels: np.ndarray, old: np.ndarray, new: np.ndarray) -> Paired:
    per_1000 = lambda mask: float(1000 * mask.mean())  # noqa: E731
    failed = labels == 1
    return Paired(
        recall(labels, old),
        recall(labels, new),
        false_alarm_rate(labels, old),
        false_alarm_rate(labels, new),
        per_1000(failed & ~old & new),
        per_1000(failed & old & ~new),
        per_1000(~failed & old & ~new),
        per_1000(~failed & ~old & new),
    )
