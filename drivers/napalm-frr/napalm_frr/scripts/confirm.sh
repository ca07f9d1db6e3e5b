# Expects: owner. Writes the startup file, stops the timer, frees the lock. The file is written in full before the
# decision is taken: with a full disk nothing is decided and the timer still reverts.
trap '' HUP PIPE
settle
[ -L "$base/lock" ] || { words "$base/last/outcome"; exit 50; }
change=$(readlink "$base/lock")
owned "$change"
cp -p "$startup" "$startup.napalm" && running >"$change/confirmed" && configuration <"$change/confirmed" >"$startup.napalm" &&
    [ -s "$startup.napalm" ] || { rm -f "$startup.napalm"; exit 53; }
mkdir "$change/decided" 2>/dev/null || { rm -f "$startup.napalm"; exit 54; }
# a file that is mounted by itself cannot be replaced; the timer still runs, and takes back what would not outlive a restart
mv "$startup.napalm" "$startup" 2>/dev/null || { rm -f "$startup.napalm"; rmdir "$change/decided"; exit 53; }
stop_timer "$change"
finish "$change" confirmed
exit 0
