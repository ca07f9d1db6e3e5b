# Expects: owner, reason. Takes back the pending change, or else the last one that was confirmed.
trap '' HUP PIPE
settle
roll_back_pending
lock_last_confirmed
running >"$change/now"
if ! cmp -s "$change/confirmed" "$change/now"; then
    rm -f "$base/lock"
    exit 61
fi
restore "$change" || { words "$change/restore/log"; exit 4; }
finish "$change" "rolled back: $(cat "$change/result")"
cat "$change/result"
