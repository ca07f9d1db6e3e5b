# Expects: candidate() that prints the whole file. Has BIRD's own parser look at it; nothing in force is touched.
ready
work=$base/check.$$
trap 'rm -rf "$work"' EXIT
mkdir "$work" && candidate >"$work/candidate.conf" || exit 46
mirror "$work"
proven "$work"
answer=$(ask "configure check \"$work/bird.conf\"")
says "$answer" 0020 || { spoken "$answer"; exit 43; }
