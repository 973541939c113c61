#!/usr/bin/env bash
# Puts MLflow into a virtual environment of its own, where test/support/mlflow/mlflow-server.ts looks for it.
# Does nothing where this version is there already.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${ANDON_MLFLOW_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/andon/mlflow}"
if cmp -s "$here/requirements.txt" "$venv/installed.txt"; then exit 0; fi
echo "Installing MLflow into $venv (a minute or two)"
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r "$here/requirements.txt"
cp "$here/requirements.txt" "$venv/installed.txt"
