#!/usr/bin/env bash
# Write what uv.lock pins as requirement files with hashes, for an installation without uv.
# Run it after uv.lock has changed; a test compares them.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || ls .cache/uv-*/bin/uv)
export UV_PYTHON_DOWNLOADS=never
export_group() { "$uv" export --quiet --frozen --no-emit-project --no-annotate --no-header "$@"; }
export_group --no-dev --extra controller --extra camera >packaging/python/requirements.txt
export_group --only-group build >packaging/python/requirements-build.txt
