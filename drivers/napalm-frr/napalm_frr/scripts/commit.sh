# Expects: id, owner, message, seconds, expected (checksum of what runs), engine (merge or reload), vouched (do by_vtysh and way_back
# lead where they should?), and functions that print files: candidate (as it was loaded), fragment (what is applied, or what
# frr-reload.py is given), by_vtysh (what is applied where there is no frr-reload.py), secrets_forward (see secrets.py), way_back (see
# ways.py), revert_script. Prints what runs afterwards; the controller judges it.
trap '' HUP PIPE
change=$base/changes/$id

refuse() { rm -f "$base/lock"; rm -rf "$change"; exit "$1"; }

command -v vtysh >/dev/null || exit 40
reload_program >/dev/null || [ "$vouched" = yes ] || exit 41
needs
[ -f "$startup" ] || exit 45
mkdir -p "$change" && echo $$ >"$change/busy" || { rm -rf "$change"; exit 46; }
chmod 700 "$base"
settle
take_lock "$change"
echo "$owner" >"$change/owner" && echo "$message" >"$change/message" && echo "$engine" >"$change/engine" &&
    boot >"$change/boot" && candidate >"$change/candidate" && fragment >"$change/fragment" && by_vtysh >"$change/by_vtysh" &&
    secrets_forward >"$change/forward" && way_back >"$change/back" && revert_script >"$change/revert.sh" && running >"$change/running" &&
    cp -p "$startup" "$change/startup" && cmp -s "$startup" "$change/startup" || refuse 46

grep -q '^no service integrated-vtysh-config' "$change/running" && refuse 49
can_save >"$change/check" || { cat "$change/check"; refuse 52; }
vtysh -c 'configure terminal' -c end >"$change/check" 2>&1
grep -i lock "$change/check" && refuse 48
vtysh -C -f "$change/candidate" >"$change/check" 2>&1 || { cat "$change/check"; refuse 43; }
[ "$(sha256sum <"$change/running" | cut -d' ' -f1)" = "$expected" ] || refuse 44

# Armed before anything is touched: whatever happens from here on, the router comes back by itself.
echo $(($(now) + seconds)) >"$change/deadline"
arm "$change" "$seconds" || refuse 47
trace "$id commit $owner $message"

if [ "$engine" = reload ] && reload_program >/dev/null; then
    mkdir -p "$change/apply"
    cp "$change/fragment" "$change/apply/frr.conf"
    [ -s "$change/forward" ] && apply "$change/forward" >>"$change/apply/log"
    reload "$change/apply" || reload "$change/apply"
    echo $? >"$change/code"
    cp "$change/apply/log" "$change/log"
else
    apply "$change/by_vtysh" >"$change/log"
    echo $? >"$change/code"
fi
rm -f "$change/busy"
running >"$change/after"
cat "$change/log" >&2
cat "$change/after"
