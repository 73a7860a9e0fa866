#!/bin/sh
# Installs what the demo (or "viewer", "test", "browser") needs and does not find. Debian and Ubuntu
# by apt; elsewhere it only says what is missing. No system service is started, none is stopped: the
# pipeline starts its own Orthanc and Redis on free ports.
set -eu

purpose="${1:-demo}"
PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=""

need() { # need PACKAGE COMMAND: the package gives the command
    command -v "$2" >/dev/null 2>&1 || missing="$missing $1"
}

has_dicomweb() {
    for folder in /usr/lib/orthanc /usr/share/orthanc/plugins /usr/local/share/orthanc/plugins; do
        for file in "$folder"/libOrthancDicomWeb.so*; do
            [ -e "$file" ] && return 0
        done
    done
    return 1
}

need orthanc Orthanc
has_dicomweb || missing="$missing orthanc-dicomweb"
if [ "$purpose" = test ]; then
    need dcmtk dcmdump
    need dicom3tools dciodvfy
    need redis-server redis-server
fi
if [ "$purpose" = viewer ] || [ "$purpose" = browser ]; then
    need npm npm
fi
if [ "$purpose" = browser ]; then
    need chromium chromium
fi
python="$(sh "$(dirname "$0")/find-python.sh")"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing="$missing $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
fi

[ -n "$missing" ] || exit 0
echo "missing:$missing"

if ! command -v apt-get >/dev/null 2>&1; then
    echo "install them with the package manager of this machine, then run this again" >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "run as root: apt-get install$missing" >&2; exit 1; }
    as_root="sudo"
fi

# Packages of servers start them at once, on ports that may be taken. Exit status 101 of this file
# forbids it (invoke-rc.d). It goes again whatever happens, and is never put over another one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" </dev/null
}

# shellcheck disable=SC2086  # one word a package
apt install --no-install-recommends $missing || {
    apt update
    apt install --no-install-recommends $missing
}
