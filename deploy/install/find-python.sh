#!/bin/sh
# Prints a Python of at least 3.11, the one the pinned packages were tried with first.
set -eu

for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$candidate" ] || continue
    # A shim of a version manager is found although it runs nothing: so run it.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
done
echo "no Python of at least 3.11 was found: install python3.11, or set PYTHON" >&2
exit 1
