# Expects: owner. Our file is written in full before the decision is taken: with a full disk nothing is decided and the
# timer still reverts. Then BIRD reads its own files again, which is no change for it: what is in force is what it finds there.
trap '' HUP PIPE
[ -L "$base/lock" ] || { tail -n 1 "$base/history" 2>/dev/null; exit 50; }
ready
settle
[ -L "$base/lock" ] || { tail -n 1 "$base/history"; exit 54; }
change=$(readlink "$base/lock")
owned "$change"
changed=$({ unloaded; [ ! -s "$change/sums" ] || changed_since "$change/sums"; } | sort -u)
[ -z "$changed" ] || { echo "$changed"; exit 56; }
prepare "$change/candidate" && echo $$ >"$change/busy" || { rm -f "$staged"; exit 53; }
mkdir "$change/decided" 2>/dev/null || { rm -f "$staged"; exit 54; }
# "Nothing to do" is the answer where BIRD has lost its own timer (see revert.sh); what counts is what is in force now.
ask 'configure confirm' >/dev/null
if ! in_force "$change"; then
    rm -f "$staged" "$change/busy"
    rmdir "$change/decided"
    settle
    exit 54
fi
: >"$change/confirmed"
stop_timer "$change"
place || { echo "$include"; exit 58; }
load || { finish "$change" confirmed; spoken "$answer"; exit 59; }
finish "$change" confirmed
exit 0
