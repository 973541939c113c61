"""Where the data sets are, and proof of which bytes a model was trained on."""

import hashlib
from pathlib import Path


class DataError(Exception):
    """A data file is missing or is not the file that the job was written for."""


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def data_file(data_dir: Path, name: str, sha256: str) -> Path:
    """The path of one data file. Raises DataError if it is missing or its sha256 differs."""
    path = data_dir / name
    if not path.is_file():
        raise DataError(f"{path} is missing; README.md says where each data set comes from")
    found = sha256_of(path)
    if found != sha256:
        raise DataError(f"{path} has sha256 {found}, but the job was written for {sha256}")
    return path


def checked_folder(folder: Path, sums_sha256: str) -> Path:
    """A folder whose SHA256SUMS file has the given sha256 and whose files all match it."""
    sums = data_file(folder, "SHA256SUMS", sums_sha256)
    for line in sums.read_text().splitlines():
        digest, name = line.split(maxsplit=1)
        data_file(folder, name.lstrip("*"), digest)
    return folder
