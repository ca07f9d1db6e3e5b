# What a change leaves on the router, and what the scripts of every daemon do with it. POSIX sh; dash and busybox run it.
# Before it stands: base (the folder of lock, changes and history). A daemon's own state.sh, after it, says
#   take_back CHANGE         bring back what was in force before CHANGE; $result says how well, or $said why not
#   becomes_last CHANGE HOW  does a change that ended so become the one that a rollback looks at?
#   decide CHANGE            bring a change that has the lock, and that nobody works on, to its end if it is over
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
export PATH LC_ALL=C

now() { date +%s; }
words() { cat "$1" 2>/dev/null; }
trace() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$base/history"; }
pause() { sleep "${1:-0.1}" 2>/dev/null || sleep 1; } # not every busybox knows parts of a second

# needs PROGRAM ...: leave, and name all at once that are not there. What the shell has built in is not asked for.
needs() {
    missing=
    for one in cat chmod cmp cp cut date grep ln mkdir mv readlink rm rmdir sed sha256sum sleep sort tail tr "$@"; do
        command -v "$one" >/dev/null || missing="$missing $one"
    done
    [ -z "$missing" ] || { echo "${missing# }"; exit 37; }
}

# The timer where there is no systemd: a shell that outlives the session. It takes its number away before it reverts, so that
# from then on nobody stops it.
wait_and_revert='
trap "" HUP INT PIPE
trap "kill \"\$sleeper\" 2>/dev/null; exit 0" TERM
sleep "$2" &
sleeper=$!
echo $$ >"$1/timer"
wait "$sleeper"
rm -f "$1/timer"
trap - TERM
exec sh "$1/revert.sh" "$1" "not confirmed in time"'

# arm CHANGE SECONDS: let CHANGE/revert.sh run after so many seconds, whatever becomes of the controller and its session.
# systemd ends what a session leaves behind where it is told to (KillUserProcesses), so where it runs it is asked for a timer of
# its own. Else a shell: in a session of its own (setsid), or one that ignores the hangup (nohup), or an orphan that does so by
# itself, which is all that OpenWrt's busybox has. CHANGE/armed says which one; it is only believed once it is seen to wait.
arm() {
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
        unit=${base##*/}-${1##*/}
        if systemd-run --quiet --collect --unit="$unit" --on-active="$2" --timer-property=AccuracySec=100ms \
            /bin/sh "$1/revert.sh" "$1" "not confirmed in time" >&2; then
            echo "$unit" >"$1/unit"
            echo systemd >"$1/armed"
            return 0
        fi
    fi
    for detach in setsid nohup ''; do
        [ -z "$detach" ] || command -v $detach >/dev/null || continue
        ($detach sh -c "$wait_and_revert" sh "$1" "$2" >/dev/null 2>&1 </dev/null &)
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            armed "$1" && echo "${detach:-sh}" >"$1/armed" && return 0
            pause
        done
    done
    return 1
}

# armed CHANGE: is the shell that will revert it waiting? A number alone may be another process's since the router restarted.
armed() {
    [ -s "$1/timer" ] && timer=$(words "$1/timer") && kill -0 "$timer" 2>/dev/null || return 1
    case $(tr '\0' ' ' <"/proc/$timer/cmdline") in *"$1"*) ;; *) return 1 ;; esac
}

# stop_timer CHANGE: not for the timer itself, which would end its own work.
stop_timer() {
    if [ -f "$1/unit" ]; then
        systemctl stop "$(cat "$1/unit").timer" 2>/dev/null
    elif armed "$1" && kill "$timer"; then
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 "$timer" 2>/dev/null || break
            pause
        done
    fi
}

# One change at a time: the lock is a link to it.
tell() { echo "$(words "$1/owner") $(words "$1/deadline") $(words "$1/result")"; }
take_lock() {
    ln -sn "$1" "$base/lock" 2>/dev/null && return 0
    rm -rf "$1"
    tell "$(readlink "$base/lock")"
    exit 42
}
owned() { [ "$(words "$1/owner")" = "$owner" ] || { words "$1/owner"; exit 51; }; }
busy() { [ -f "$1/busy" ] && kill -0 "$(words "$1/busy")" 2>/dev/null; }

# settle: a lock whose change can no longer end by itself is dealt with as it would have done. Fails when a change is really pending.
settle() {
    stale=
    [ -L "$base/lock" ] || return 0
    stale=$(readlink "$base/lock")
    busy "$stale" && return 1
    if [ -f "$stale/deadline" ]; then
        decide "$stale"
    else
        rm -rf "$stale" "$base/lock" # it ended before it touched anything
    fi
    [ ! -L "$base/lock" ]
}
overdue() { [ "$(now)" -gt $(($(cat "$1/deadline") + 60)) ] && sh "$1/revert.sh" "$1" overdue >/dev/null; }

# has_lock CHANGE: is it still this one that is pending? A timer may come late, when another call has dealt with its change and
# the next one has begun.
has_lock() { [ "$(readlink "$base/lock" 2>/dev/null)" = "$1" ]; }

# finish CHANGE HOW: the change is decided; it becomes the last one, older ones go, and its lock is free.
finish() {
    echo "$2" >"$1/outcome"
    trace "${1##*/} $2 ($(words "$1/owner"))"
    tail -n 500 "$base/history" >"$base/history.new" && mv "$base/history.new" "$base/history"
    if becomes_last "$1" "$2"; then
        rm -f "$base/last"
        ln -s "$1" "$base/last"
    fi
    for old in "$base"/changes/*; do
        [ "$old" != "$1" ] && [ "$old" != "$(readlink "$base/last")" ] && [ -f "$old/outcome" ] && rm -rf "$old"
    done
    ! has_lock "$1" || rm -f "$base/lock"
}

# roll_back_pending: what is pending is taken back, and with it the script ends. It ends, too, where the change that settle has found
# is taken back by now: that was the one that was meant, and not the last confirmed one before it.
roll_back_pending() {
    if [ ! -L "$base/lock" ]; then
        [ -z "$stale" ] || [ "$(words "$stale/outcome")" = confirmed ] || exit 0
        return 0
    fi
    change=$(readlink "$base/lock")
    owned "$change"
    stop_timer "$change"
    exec sh "$change/revert.sh" "$change" "$reason"
}

# lock_last_confirmed: the last change, if it was confirmed, is what a rollback goes back behind.
lock_last_confirmed() {
    change=$(readlink "$base/last" 2>/dev/null) || exit 60
    [ "$(words "$change/outcome")" = confirmed ] || { words "$change/outcome"; exit 60; }
    ln -sn "$change" "$base/lock" || exit 42
}
