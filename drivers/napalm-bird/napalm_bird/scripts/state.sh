# What a change leaves on the router, and the few things that every script does with it. POSIX sh with coreutils.
# Before it stand: include (the file that is ours), main (BIRD's own configuration file), socket (of birdc; empty: its default).
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
export PATH LC_ALL=C
base=/var/lib/napalm-bird

now() { date +%s; }
words() { cat "$1" 2>/dev/null; }
trace() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$base/history"; }

# ask COMMAND: birdc's answer with its codes (0003 Reconfigured, 0018 confirmed, 8002 refused, ...).
ask() { birdc ${socket:+-s "$socket"} -v "$1" 2>&1 </dev/null; }
says() { printf '%s\n' "$1" | grep -q "^$2"; }
spoken() { printf '%s\n' "$1" | sed -e '/^0001 /d' -e '/^0002-/d' -e 's/^[0-9]\{4\}[ -]//'; }

# moment WHAT: a time of `show status` in milliseconds since 1970; nothing where bird.conf sets a format without them.
moment() {
    text=$(printf '%s\n' "$status" | sed -n "s/^ *Last $1 on \([0-9-]\{10\}[ T][0-9:]\{8\}\.[0-9]*\)$/\1/p")
    [ -n "$text" ] && date -d "$text" +%s%3N
}

# loaded: how many milliseconds after its start BIRD has read the configuration that is in force. That names it: after an undo
# BIRD shows the old time again. The difference, since each time by itself moves with the clock and by a millisecond or two.
loaded() {
    status=$(ask 'show status')
    reboot=$(moment reboot) && echo $(($(moment reconfiguration) - reboot))
}
same() { [ -n "$1" ] && [ -n "$2" ] && [ "$1" -ge $(($2 - 2)) ] && [ "$1" -le $(($2 + 2)) ]; }

# load [FILE] [OPTION]: put a configuration into force; BIRD's words are left in $answer.
load() {
    answer=$(ask "configure${1:+ \"$1\"}${2:+ $2}")
    says "$answer" '000[345]'
}

# settled: wait until BIRD has done what it was told; it waits for protocols that go down.
settled() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        says "$(ask 'show status')" '0013 Daemon is up' && return 0
        sleep 0.2
    done
    return 1
}

control() {
    for one in "$socket" /run/bird/bird.ctl /run/bird.ctl /var/run/bird.ctl /usr/local/var/run/bird.ctl; do
        [ -S "$one" ] && echo "$one" && return 0
    done
    return 1
}

# ready: BIRD answers, reads the file that we think it reads, and that file is sound as it stands.
ready() {
    command -v birdc >/dev/null || exit 40
    answer=$(ask 'configure check')
    says "$answer" 0001 || { spoken "$answer"; exit 41; }
    reads=$(printf '%s\n' "$answer" | sed -n 's/^0002-Reading configuration from //p')
    [ "$reads" = "$main" ] || { echo "$reads"; exit 45; }
    says "$answer" 0020 || { spoken "$answer"; exit 48; }
    [ -n "$(loaded)" ] || { ask 'show status' | sed -n 's/^ *Last reboot on //p'; exit 39; }
    # BIRD makes its socket as the user that it runs as.
    user=$(stat -c '%u:%g' "$(control)" 2>/dev/null || stat -c '%u:%g' "$main")
}

# state: the folder that a change needs; a look needs none, and leaves nothing behind.
state() { mkdir -p "$base/changes" && chown "0:${user#*:}" "$base" "$base/changes" && chmod 710 "$base" "$base/changes" || exit 46; }

# unloaded: name what was changed after BIRD has read it. To load our change would put that into force, too.
unloaded() {
    status=$(ask 'show status')
    read_at=$(($(moment reconfiguration) + 50)) # the kernel stamps files a little behind its clock
    { echo "$main"; echo "$include"; included "$main"; } | sort -u | while IFS= read -r one; do
        [ -f "$one" ] && [ "$(stat -c %.3Z "$one" | tr -d .)" -gt "$read_at" ] && echo "$one"
    done
}

# An include stands at the beginning of a line; what it names may hold wildcards and is relative to the file that it stands in.
patterns() { sed -n 's/^[[:blank:]]*include[[:blank:]]*"\([^"]\{1,\}\)".*;.*/\1/p' "$1"; }
absolute() {
    case $1 in
        /*) echo "$1" ;;
        *) echo "$(dirname "$main")/$1" ;;
    esac
}
files() { (IFS=; for one in $1; do [ -f "$one" ] && echo "$one"; done); }
included() { patterns "$1" | while IFS= read -r one; do files "$(absolute "$one")"; done; }

# ours PATTERN: our file as the pattern names it, where it does; it may not be there yet.
ours() {
    case ${include##*/} in
        ${1##*/}) (IFS=; for one in ${1%/*}; do is_ours "$one/${include##*/}" && echo "$one/${include##*/}"; done) ;;
    esac
}
is_ours() { [ "${1##*/}" = "${include##*/}" ] && [ "${1%/*}" -ef "${include%/*}" ]; }

# mirror FOLDER: make FOLDER/bird.conf, which means what $main means, but reads FOLDER/candidate.conf in the place of our file.
# A line stays a line: BIRD's words about the owner's lines keep their numbers.
mirror() {
    count=0
    while IFS= read -r line || [ -n "$line" ]; do
        pattern=
        case $line in *include*\"*\"*\;*)
            pattern=$(printf '%s\n' "$line" | sed -n 's/^[[:blank:]]*include[[:blank:]]*"\([^"]\{1,\}\)".*;.*/\1/p')
            ;;
        esac
        if [ -z "$pattern" ]; then
            printf '%s\n' "$line"
            continue
        fi
        pattern=$(absolute "$pattern")
        after=$(printf '%s\n' "$line" | sed 's/^[[:blank:]]*include[[:blank:]]*"[^"]*"[[:blank:]]*;//')
        if [ -n "$(ours "$pattern")" ]; then
            count=$((count + 1))
            { files "$pattern"; ours "$pattern"; } | sort -u | while IFS= read -r one; do
                is_ours "$one" && one=$1/candidate.conf
                printf 'include "%s";\n' "$one"
            done >"$1/include-$count.conf"
            pattern=$1/include-$count.conf
        fi
        printf 'include "%s";%s\n' "$pattern" "$after"
    done <"$main" >"$1/bird.conf" && [ -s "$1/bird.conf" ] || exit 46
    [ "$count" -gt 0 ] || exit 52
    readable "$1"
}

# readable FOLDER: BIRD reads it as the user that it runs as, and nobody else does.
readable() { chown -R "$user" "$1" && chmod 500 "$1" && chmod 600 "$1"/*; }

# proven FOLDER: BIRD really reads the candidate there: it stumbles over a word that cannot be.
proven() {
    cp -p "$1/candidate.conf" "$1/kept" && echo 'napalm bird asks whether this file is read' >"$1/candidate.conf" || exit 46
    probe=$(ask "configure check \"$1/bird.conf\"")
    mv "$1/kept" "$1/candidate.conf"
    case $probe in *"$1/candidate.conf:1:"*) ;; *) exit 52 ;; esac
}

# place FILE: make our file what FILE is, at once or not at all. The name in between is hidden from wildcards.
# The owner and the mode of the file stay; a new one belongs to BIRD alone.
prepare() {
    staged=${include%/*}/.${include##*/}.napalm
    if [ -f "$include" ]; then cp -p "$include" "$staged" && chmod o= "$staged"; else : >"$staged" && chown "$user" "$staged" && chmod 640 "$staged"; fi &&
        cat "$1" >"$staged" && cmp -s "$1" "$staged" || { rm -f "$staged"; return 1; }
}
place() { mv "$staged" "$include"; }

stop_timer() {
    if [ -f "$1/unit" ]; then
        systemctl stop "$(cat "$1/unit").timer" 2>/dev/null
    elif [ -f "$1/timer" ]; then
        kill -- "-$(cat "$1/timer")" 2>/dev/null
    fi
}

# finish CHANGE WORDS: the change is decided; it becomes the last one, older ones go, and the lock is free.
finish() {
    echo "$2" >"$1/outcome"
    trace "$(basename "$1") $2 ($(words "$1/owner"))"
    tail -n 500 "$base/history" >"$base/history.new" && mv "$base/history.new" "$base/history"
    if [ "$2" = confirmed ] || [ "$1" = "$(readlink "$base/last")" ]; then
        rm -f "$base/last"
        ln -s "$1" "$base/last"
    fi
    for old in "$base"/changes/*; do
        [ "$old" != "$1" ] && [ "$old" != "$(readlink "$base/last")" ] && [ -f "$old/outcome" ] && rm -rf "$old"
    done
    rm -f "$base/lock"
}

busy() { [ -f "$1/busy" ] && kill -0 "$(cat "$1/busy")" 2>/dev/null; }
in_force() { same "$(loaded)" "$(words "$1/loaded")"; }

# settle: a lock whose change was decided without us (by BIRD's timer, a restart, somebody's `configure`, or by a confirmation
# that was killed half-way) is brought to its end. Fails when a change is really pending.
settle() {
    [ -L "$base/lock" ] || return 0
    stale=$(readlink "$base/lock")
    busy "$stale" && return 1
    if [ ! -f "$stale/deadline" ]; then
        rm -rf "$stale" "$base/lock" # it ended before it touched anything
    elif [ -f "$stale/confirmed" ]; then
        prepare "$stale/candidate" && place && load
        finish "$stale" confirmed
    elif in_force "$stale"; then
        [ "$(now)" -gt $(($(cat "$stale/deadline") + 60)) ] && sh "$stale/revert.sh" "$stale" overdue >/dev/null
    elif [ "$(now)" -ge "$(cat "$stale/deadline")" ]; then
        stop_timer "$stale"
        finish "$stale" "reverted (not confirmed in time)"
    else
        stop_timer "$stale"
        finish "$stale" "reverted (BIRD was restarted, or somebody made it read its files again)"
    fi
    [ ! -L "$base/lock" ]
}
