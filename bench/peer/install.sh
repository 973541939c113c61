#!/usr/bin/env bash
# Puts MLServer into a virtual environment of its own, where bench/http-servers.ts looks for it.
set -euo pipefail
venv="${ANDON_MLSERVER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/andon/mlserver}"
if [ -f "$venv/installed.txt" ]; then exit 0; fi
echo "Installing MLServer into $venv (a minute or two)"
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet mlserver==1.7.1 onnxruntime==1.32.0
touch "$venv/installed.txt"
