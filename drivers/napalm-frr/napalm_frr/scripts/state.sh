# What a change leaves on the router, and the few things that every script does with it. POSIX sh; dash and busybox run it.
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
export PATH LC_ALL=C
base=/var/lib/napalm-frr
startup=/etc/frr/frr.conf

now() { date +%s; }
boot() { cat /proc/sys/kernel/random/boot_id; }
running() { vtysh -c 'show running-config' 2>/dev/null; }
# As `write memory` leaves it: without the words before, and without the `end` that only `show running-config` says.
configuration() { sed -e '/^Building configuration\.\.\.$/d' -e '/^Current configuration:$/d' -e '/^end$/d' | sed '/^[^!]/,$!d'; }
trace() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$base/history"; }
words() { cat "$1" 2>/dev/null; }
reload_program() {
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

# reload DIRECTORY: make what runs what DIRECTORY/frr.conf says. Pointing --confdir at that directory keeps frr-reload.py
# from writing the startup file (it writes unless the file it is given is CONFDIR/frr.conf).
reload() {
    cp /etc/frr/vtysh.conf "$1/vtysh.conf" 2>/dev/null || : >"$1/vtysh.conf"
    python3 "$(reload_program)" --reload --stdout --log-level error --confdir "$1" --rundir "$1" "$1/frr.conf" \
        >>"$1/log" 2>&1 </dev/null
}

# restore CHANGE: bring back what ran and what the startup file held before CHANGE. The way back was worked out when the change
# was made; what it leaves open is frr-reload.py's work, which may need a second pass: some commands (bgp default
# ipv4-unicast) change what other lines mean.
restore() {
    work=$1/restore
    mkdir -p "$work"
    configuration <"$1/running" >"$work/frr.conf"
    result=failed
    [ -s "$1/back" ] && apply "$1/back" >>"$work/log"
    for pass in 1 2 3; do
        running >"$work/now"
        cmp -s "$1/running" "$work/now" && result=identical && break
        reload "$work"
        running >"$work/now"
        cmp -s "$1/running" "$work/now" && result=identical && break
        if [ "$(sort "$1/running" | cksum)" = "$(sort "$work/now" | cksum)" ]; then
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

# stop_timer CHANGE: not for the timer itself, whose process group it would end.
stop_timer() {
    if [ -f "$1/unit" ]; then
        systemctl stop "$(cat "$1/unit").timer" 2>/dev/null
    elif [ -f "$1/timer" ]; then
        kill -- "-$(cat "$1/timer")" 2>/dev/null
    fi
}

# finish CHANGE WORD: the change is decided; it becomes the last one, older ones go, and the lock is free.
finish() {
    echo "$2" >"$1/outcome"
    trace "$(basename "$1") $2 ($(words "$1/owner"))"
    tail -n 500 "$base/history" >"$base/history.new" && mv "$base/history.new" "$base/history"
    rm -f "$base/last"
    ln -s "$1" "$base/last"
    for old in "$base"/changes/*; do
        [ "$old" != "$1" ] && [ -f "$old/outcome" ] && rm -rf "$old"
    done
    rm -f "$base/lock"
}

# clear_stale: a lock whose change can no longer revert by itself is dealt with as it would have done.
clear_stale() {
    [ -L "$base/lock" ] || return 0
    stale=$(readlink "$base/lock")
    if [ -f "$stale/applying" ] && kill -0 "$(cat "$stale/applying")" 2>/dev/null; then
        return 1
    fi
    if [ ! -f "$stale/deadline" ]; then
        rm -rf "$stale" "$base/lock" # it ended before it touched anything
    elif [ "$(words "$stale/boot")" != "$(boot)" ]; then
        finish "$stale" "reverted (the router restarted and read its old startup file)"
    elif [ "$(now)" -gt $(($(cat "$stale/deadline") + 60)) ]; then
        sh "$stale/revert.sh" "$stale" "overdue" >/dev/null
    fi
    [ ! -L "$base/lock" ]
}
