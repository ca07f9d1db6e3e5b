# Expects: owner, reason. Takes back the pending change, or else the last one that was confirmed.
trap '' HUP PIPE
clear_stale
if [ -L "$base/lock" ]; then
    change=$(readlink "$base/lock")
    [ "$(cat "$change/owner")" = "$owner" ] || { cat "$change/owner"; exit 51; }
    stop_timer "$change"
    exec sh "$change/revert.sh" "$change" "$reason"
fi
change=$(readlink "$base/last" 2>/dev/null) || exit 60
[ "$(words "$change/outcome")" = confirmed ] || { words "$change/outcome"; exit 60; }
ln -sn "$change" "$base/lock" || exit 42
running >"$change/now"
if ! cmp -s "$change/confirmed" "$change/now"; then
    rm -f "$base/lock"
    exit 61
fi
restore "$change" || { words "$change/restore/log"; exit 4; }
finish "$change" "rolled back: $(cat "$change/result")"
cat "$change/result"
