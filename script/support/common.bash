# Shared by the scripts of this folder: `source "$(dirname "$0")/support/common.bash"`.
# Moves to the repository's root, and gives words for what every script says.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# shellcheck disable=SC2034 # for the scripts that source this
# Where tools that no package manager of the system gives are kept; ignored by git.
tools=$root/.build-tools

# Tells what happens, an argument a line, on standard error: standard output belongs to the command's result.
say() { printf '%s\n' "$@" >&2; }

# Ends with a reason and, after it, what to do. The status is 3: the environment lacks something.
lacks() {
    say "error: $1"
    shift
    for line in "$@"; do say "       $line"; done
    exit 3
}

# Prints the comment block at the head of the calling script as its help.
help_of() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"; }

# Stops unless the Swift compiler is there and new enough.
require_swift() {
    command -v swift >/dev/null 2>&1 || lacks "there is no 'swift' in PATH" \
        "install Swift 6.2 or later: https://www.swift.org/install/linux/"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    [ "$(printf '6.2\n%s\n' "${version:-0}" | sort -V | head -n 1)" = 6.2 ] || lacks \
        "Swift ${version:-of unknown version} is too old" \
        "install Swift 6.2 or later: https://www.swift.org/install/linux/"
}

# The folders that hold Swift sources of ours and exist.
source_folders() {
    local folder
    for folder in Sources Tests Examples Benchmarks Fuzz; do
        if [ -d "$folder" ]; then echo "$folder"; fi
    done
}
