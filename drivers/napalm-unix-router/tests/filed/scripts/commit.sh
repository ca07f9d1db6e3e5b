# Expects: id, owner, message, seconds, expected, candidate(), revert_script().
trap '' HUP PIPE
change=$base/changes/$id
refuse() { rm -f "$base/lock"; rm -rf "$change"; exit "$1"; }
needs
mkdir -p "$change" && echo $$ >"$change/busy" || exit 46
settle
take_lock "$change"
echo "$owner" >"$change/owner" && candidate >"$change/candidate" && revert_script >"$change/revert.sh" &&
    cp "$site/running" "$change/running" || refuse 46
grep -n poison "$change/candidate" && refuse 43
[ "$(sha256sum <"$change/running" | cut -d' ' -f1)" = "$expected" ] || refuse 44
echo $(($(now) + seconds)) >"$change/deadline"
arm "$change" "$seconds" || refuse 47
trace "$id commit $owner $message"
cp "$change/candidate" "$site/running"
rm -f "$change/busy"
