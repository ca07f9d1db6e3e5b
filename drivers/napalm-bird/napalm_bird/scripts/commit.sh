# Expects: id, owner, message, seconds, expected (checksum of our file as it was read), and functions that print files:
# candidate (the whole file that is wanted), revert_script.
trap '' HUP PIPE
failed=
change=$base/changes/$id

refuse() { rm -f "$base/lock"; rm -rf "$change"; exit "$1"; }

ready
state
mkdir -p "$change" && echo $$ >"$change/busy" && chmod 710 "$change" && chgrp "${user#*:}" "$change" || { rm -rf "$change"; exit 46; }
settle
take_lock "$change"
mkdir "$change/live" "$change/back" && echo "$owner" >"$change/owner" && echo "$message" >"$change/message" &&
    candidate >"$change/live/candidate.conf" && cp "$change/live/candidate.conf" "$change/candidate" &&
    revert_script >"$change/revert.sh" || refuse 46
if [ -f "$include" ]; then cp "$include" "$change/before"; else : >"$change/before" && : >"$change/absent"; fi &&
    cp "$change/before" "$change/back/candidate.conf" && cmp -s "$change/before" "$change/back/candidate.conf" || refuse 46
[ "$(sha256sum <"$change/before" | cut -d' ' -f1)" = "$expected" ] || refuse 44
changed=$(unloaded)
[ -z "$changed" ] || { echo "$changed"; refuse 49; }
sums >"$change/sums" || refuse 46
for each in live back; do
    said=$(mirror "$change/$each" && proven "$change/$each")
    code=$?
    [ $code = 0 ] || { echo "$said"; refuse $code; }
done
answer=$(ask "configure check \"$change/live/bird.conf\"")
says "$answer" 0020 || { spoken "$answer"; refuse 43; }

# BIRD reverts by itself. The guard looks two seconds later whether it did: a `configure` by somebody else that BIRD refuses
# makes BIRD forget what it would have gone back to.
settled || refuse 57
old=$(loaded)
echo "$old" >"$change/old" && echo $(($(now) + seconds)) >"$change/deadline" || refuse 46
arm "$change" $((seconds + 2)) || refuse 47
trace "$id commit $owner $message"

if ! load "$change/live/bird.conf" "timeout $seconds"; then
    spoken "$answer"
    if says "$answer" 8002; then
        stop_timer "$change"
        refuse 43
    fi
    failed=yes
fi
settled
loaded >"$change/loaded"
rm -f "$change/busy"
if [ -n "$failed" ] || [ ! -s "$change/loaded" ] || [ "$(cat "$change/loaded")" -le $((old + 2)) ]; then # less: it was restarted
    rm -f "$change/loaded"
    stop_timer "$change"
    sh "$change/revert.sh" "$change" "BIRD did not take it" >/dev/null
    exit 55
fi
