# Expects: owner, reason. Takes back the pending change, or else the last one that was confirmed.
trap '' HUP PIPE
ready
settle
if [ -L "$base/lock" ]; then
    change=$(readlink "$base/lock")
    [ "$(cat "$change/owner")" = "$owner" ] || { cat "$change/owner"; exit 51; }
    stop_timer "$change"
    exec sh "$change/revert.sh" "$change" "$reason"
fi
change=$(readlink "$base/last" 2>/dev/null) || exit 60
[ "$(words "$change/outcome")" = confirmed ] || { words "$change/outcome"; exit 60; }
ln -sn "$change" "$base/lock" || exit 42
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
