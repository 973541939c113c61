"""`python -m training <job|all> --data <folder>`: trains, measures and writes the packages and RESULTS.md.

`python -m training retrain …` makes the next version of one from labelled field data (docs/training.md).
`python -m training importance …` says which inputs of one earn their cost (docs/drift.md).
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

from .data_files import DataError
from .job import Job

JOBS = ["milling-failure", "steel-surface", "bearing-temperature", "tile-inspection"]
HERE = Path(__file__).parent


def main() -> int:
    if sys.argv[1:2] == ["retrain"]:
        from .retrain.command import main as retrain

        return retrain(sys.argv[2:])
    if sys.argv[1:2] == ["importance"]:
        from .importance import main as importance

        return importance(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("job", choices=[*JOBS, "all"])
    parser.add_argument("--data", type=Path, default=os.environ.get("ANDON_DATA_DIR"), help="or ANDON_DATA_DIR")
    parser.add_argument("--models", type=Path, default=HERE.parent, help="where the package folders are written")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    args = parser.parse_args()
    if args.data is None:
        parser.error("say where the data sets are: --data <folder> or ANDON_DATA_DIR")
    for name in JOBS if args.job == "all" else [args.job]:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as work_dir:
            module = importlib.import_module(f".{name.replace('-', '_')}", __package__)
            try:
                module.run(Job(args.data, args.models, args.results, Path(work_dir)))
            except DataError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
        print(f"{name}: done in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
