# setup.sh - what ./run and ./test share: a Debian machine made ready, and the build.
#
# Sourced, from the project's root.  Nothing is installed that is there already, and apt is not
# called at all when nothing is missing.

build_packages="gcc libc6-dev make pkg-config libevent-dev libssl-dev libjansson-dev libpcre2-dev libzstd-dev zlib1g-dev
    libedit-dev libyaml-dev libsqlite3-dev libpq-dev"
test_packages="openssl libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev curl universal-ctags groff-base
    git procps chromium chromium-driver gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user openmpi-bin glpk-utils
    postgresql"

say() {
    printf '%s\n' "$*" >&2
}

# Prints those of the named packages that are not installed (one call: it is quick).
missing() {
    have=" $(dpkg-query -W -f '${Package}=${db:Status-Status} ' "$@" 2>/dev/null) "
    for p; do
        case $have in *" $p=installed "*) ;; *) printf '%s ' "$p" ;; esac
    done
}

# Runs a command as root: as it is, or by sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "not root, and there is no sudo"
        return 1
    fi
}

# In a session of its own: Ctrl-C must not stop dpkg half-way.  The caller's trap runs afterwards.
apt_install() {
    as_root setsid -w env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq -y \
        --no-install-recommends install "$@" >"$setup_log" 2>&1 </dev/null
}

# install PACKAGE...: installs what is missing; a package that can't be had is named with the
# reason, and the others are installed all the same.  Returns 1 if something is still missing.
install() {
    command -v dpkg-query >/dev/null || {
        say "this is no Debian: please see to these packages yourself: $*"
        return 1
    }
    want=$(missing "$@")
    [ -n "$want" ] || return 0
    setup_log=$(mktemp)
    say "installing: $want"
    as_root dpkg --configure -a >"$setup_log" 2>&1 </dev/null || say "dpkg --configure -a failed"
    as_root apt-get -o DPkg::Lock::Timeout=120 -qq update >"$setup_log" 2>&1 </dev/null ||
        say "apt-get update failed: $(grep '^[EW]:' "$setup_log" | head -n 1)"
    # shellcheck disable=SC2086 # a list of words
    apt_install $want || for p in $want; do
        apt_install "$p" || say "cannot install $p: $(grep '^E:' "$setup_log" | head -n 1)"
    done
    rm -f "$setup_log"
    want=$(missing "$@")
    [ -z "$want" ] || say "still missing: $want"
    [ -z "$want" ]
}

cores() {
    nproc 2>/dev/null || echo 1
}
