# Expects: owner.
trap '' HUP PIPE
settle
[ -L "$base/lock" ] || exit 50
change=$(readlink "$base/lock")
owned "$change"
mkdir "$change/decided" 2>/dev/null || exit 54
stop_timer "$change"
finish "$change" confirmed
