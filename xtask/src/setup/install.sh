# Installs the packages named as arguments. Runs as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Debian starts a service when its package is installed. The tests start their own servers, in private folders
# and on their own ports, and the machine's owner asked for neither.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

install() {
    apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@"
}

# The package lists of a fresh machine are empty, those of an old one name versions that are gone.
install "$@" || { apt-get update -qq && install "$@"; }
