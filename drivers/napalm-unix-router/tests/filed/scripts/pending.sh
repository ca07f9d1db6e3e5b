[ -L "$base/lock" ] || exit 0
tell "$(readlink "$base/lock")"
