# Prints owner, deadline and result of the change that is neither confirmed nor reverted; nothing when there is none.
[ ! -d "$base" ] || [ -x "$base" ] || exit 38
[ -L "$base/lock" ] || exit 0
change=$(readlink "$base/lock")
busy "$change" || [ -f "$change/confirmed" ] || in_force "$change" || exit 0
tell "$change"
