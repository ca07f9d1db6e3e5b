# Prints owner, deadline and result of the change that is neither confirmed nor reverted; nothing when there is none.
[ -L "$base/lock" ] || exit 0
change=$(readlink "$base/lock")
[ "$(words "$change/boot")" = "$(boot)" ] || exit 0
tell "$change"
