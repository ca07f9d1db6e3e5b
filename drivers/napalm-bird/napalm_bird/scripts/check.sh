# Expects: candidate() that prints the whole file. Has BIRD's own parser look at it; nothing in force is touched.
ready
work=$(mktemp -d /run/napalm-bird.XXXXXX 2>/dev/null || mktemp -d) || exit 46
trap 'rm -rf "$work"' EXIT
candidate >"$work/candidate.conf" || exit 46
mirror "$work"
proven "$work"
answer=$(ask "configure check \"$work/bird.conf\"")
says "$answer" 0020 || { spoken "$answer"; exit 43; }
