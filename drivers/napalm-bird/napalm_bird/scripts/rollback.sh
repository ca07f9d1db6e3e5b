# Expects: owner, reason. Takes back the pending change, or else the last one that was confirmed.
trap '' HUP PIPE
ready
settle
roll_back_pending
lock_last_confirmed
undone() { rm -f "$base/lock"; exit "$1"; }
cmp -s "$change/candidate" "$include" || undone 61
changed=$(unloaded)
[ -z "$changed" ] || { echo "$changed"; undone 49; }
if [ -f "$change/absent" ] && mv "$include" "$change/gone" && says "$(ask 'configure check')" 0020; then
    load && settled
else
    prepare "$change/before" || undone 46
    place
    load && settled || {
        said=$(spoken "$answer")
        prepare "$change/candidate" && place
        echo "$said"
        undone 4
    }
fi
finish "$change" "rolled back"
