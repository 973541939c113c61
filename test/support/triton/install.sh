#!/usr/bin/env bash
# Puts the Triton clients from PyPI into a virtual environment of its own, where test/support/triton/triton-clients.ts
# looks for it. Does nothing where these versions are there already.
# perf_analyzer is built for glibc 2.38 and newer. An older Debian gets the few libraries that it needs from the next
# release, unpacked beside it and used by nothing else; where that fails, the tests say so and skip it.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${ANDON_TRITON_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/andon/triton}"
stamp="$(cat "$here/requirements.txt" "$here/install.sh" | sha256sum)"
if [ "$(cat "$venv/installed.txt" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
echo "Installing the Triton clients into $venv (a minute)"
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r "$here/requirements.txt"

analyzer() {
  local wheels="$venv/perf" libs="$venv/perf/debs"
  "$venv/bin/pip" download --quiet --no-deps --only-binary=:all: --platform manylinux_2_38_x86_64 \
    -d "$wheels" perf-analyzer==2.60.0
  "$venv/bin/python" -m zipfile -e "$wheels"/perf_analyzer-*.whl "$wheels"
  local program="$wheels/perf_analyzer/bin/perf_analyzer"
  chmod +x "$program"
  if "$program" --version >/dev/null 2>&1; then
    ln -s "$program" "$venv/bin/perf_analyzer"
    return
  fi
  mkdir -p "$libs/lists/partial" "$libs/root"
  # From wherever this machine has its own packages.
  local mirror
  mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v -e security -e updates | head -1)"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$libs/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$libs/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$libs/lists" -o "Dir::Cache=$libs/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  "${apt[@]}" update
  (cd "$libs" && "${apt[@]}" download libc6 libstdc++6 libgcc-s1 zlib1g libssl3t64 libzstd1)
  for deb in "$libs"/*.deb; do dpkg-deb -x "$deb" "$libs/root"; done
  local lib="$libs/root/usr/lib/x86_64-linux-gnu"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$lib/ld-linux-x86-64.so.2" "$lib" "$program" >"$venv/bin/perf_analyzer"
  chmod +x "$venv/bin/perf_analyzer"
  "$venv/bin/perf_analyzer" --version >/dev/null
}
analyzer || { echo "perf_analyzer is not to be had on this machine" >&2; rm -f "$venv/bin/perf_analyzer"; }
echo "$stamp" >"$venv/installed.txt"
