# How FRR does what the shared scripts ask for (napalm_unix_router, scripts/state.sh).
startup=/etc/frr/frr.conf

boot() { cat /proc/sys/kernel/random/boot_id; }
running() { vtysh -c 'show running-config' 2>/dev/null; }
# As `write memory` leaves it: without the words before, and without the `end` that only `show running-config` says.
configuration() { sed -e '/^Building configuration\.\.\.$/d' -e '/^Current configuration:$/d' -e '/^end$/d' | sed '/^[^!]/,$!d'; }
reload_program() {
    command -v python3 >/dev/null || return 1
    for one in /usr/lib/frr/frr-reload.py /usr/libexec/frr/frr-reload.py /usr/lib64/frr/frr-reload.py /usr/sbin/frr-reload.py; do
        [ -f "$one" ] && echo "$one" && return 0
    done
    return 1
}

# apply FILE: hand a file to FRR line by line. A newer vtysh sends it to all daemons at once, from one process each, unless
# it is told not to: lines for one daemon would overtake those for another, and what two of them say would be mixed up.
apply() {
    one_by_one=
    vtysh --help 2>&1 | grep -q -e --no-fork && one_by_one=--no-fork
    vtysh $one_by_one -f "$1" 2>&1 </dev/null
}

# can_save: could the confirmation write the startup file? A copy beside it is made and removed; it is as large as what it replaces. A file
# that is a mount of its own, as in many containers, cannot be replaced.
can_save() {
    grep -q " $startup " /proc/mounts && echo "$startup is a mount of its own" && return 1
    cp -p "$startup" "$startup.napalm" 2>&1 && cmp "$startup" "$startup.napalm" 2>&1
    saved=$?
    rm -f "$startup.napalm" 2>/dev/null
    return $saved
}

# reload DIRECTORY: make what runs what DIRECTORY/frr.conf says. Pointing --confdir at that directory keeps frr-reload.py
# from writing the startup file (it writes unless the file it is given is CONFDIR/frr.conf).
reload() {
    cp /etc/frr/vtysh.conf "$1/vtysh.conf" 2>/dev/null || : >"$1/vtysh.conf"
    python3 "$(reload_program)" --reload --stdout --log-level error --confdir "$1" --rundir "$1" "$1/frr.conf" \
        >>"$1/log" 2>&1 </dev/null
}

# restore CHANGE: bring back what ran and what the startup file held before CHANGE. The way back was worked out when the change
# was made; what it leaves open is frr-reload.py's work, which may need a second pass: some commands (bgp default
# ipv4-unicast) change what other lines mean. Without frr-reload.py the way is gone again.
restore() {
    work=$1/restore
    mkdir -p "$work"
    configuration <"$1/running" >"$work/frr.conf"
    result=failed
    [ -s "$1/back" ] && apply "$1/back" >>"$work/log"
    for pass in 1 2 3; do
        running >"$work/now"
        cmp -s "$1/running" "$work/now" && result=identical && break
        if reload_program >/dev/null; then reload "$work"; else apply "$1/back" >>"$work/log"; fi
        running >"$work/now"
        cmp -s "$1/running" "$work/now" && result=identical && break
        if [ "$(sort "$1/running" | sha256sum)" = "$(sort "$work/now" | sha256sum)" ]; then
            result=reordered
            break
        fi
    done
    restore_startup "$1" || result=failed
    echo "$result" >"$1/result"
    [ "$result" != failed ]
}

restore_startup() {
    cmp -s "$1/startup" "$startup" && return 0
    cp -p "$1/startup" "$startup.napalm" && mv "$startup.napalm" "$startup"
}

take_back() {
    restore "$1" && return 0
    said="failed
$(words "$1/restore/log")"
    return 1
}
becomes_last() { true; }
decide() {
    if [ "$(words "$1/boot")" != "$(boot)" ]; then
        finish "$1" "reverted (the router restarted and read its old startup file)"
    else
        overdue "$1"
    fi
}
