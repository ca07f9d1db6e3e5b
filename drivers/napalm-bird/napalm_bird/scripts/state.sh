# How BIRD does what the shared scripts ask for (napalm_unix_router, scripts/state.sh).
# Before it stand: include (the file that is ours), main (BIRD's own configuration file), socket (of birdc; empty: its default).

# ask COMMAND: birdc's answer with its codes (0003 Reconfigured, 0018 confirmed, 8002 refused, ...).
ask() { birdc ${socket:+-s "$socket"} -v "$1" 2>&1 </dev/null; }
says() { printf '%s\n' "$1" | grep -q "^$2"; }
spoken() { printf '%s\n' "$1" | sed -e '/^0001 /d' -e '/^0002-/d' -e 's/^[0-9]\{4\}[ -]//'; }

# moment WHAT: a time of `show status` in milliseconds since 1970; nothing where bird.conf sets a format without them.
moment() {
    text=$(printf '%s\n' "$status" | sed -n "s/^ *Last $1 on \([0-9-]\{10\}\)[ T]\([0-9:]\{8\}\.[0-9]*\)$/\1 \2/p")
    [ -n "$text" ] && milliseconds "$text"
}

# milliseconds TIME: a local time with parts of a second, which busybox' date does not know.
milliseconds() {
    seconds_of=$(date -d "${1%.*}" +%s) || return 1
    part=${1##*.}000
    echo "$seconds_of${part%"${part#???}"}"
}

# loaded: how many milliseconds after its start BIRD has read the configuration that is in force. That names it: after an undo
# BIRD shows the old time again. The difference, since each time by itself moves with the clock and by a millisecond or two.
# BIRD 3 reckons each from two clocks that its threads set anew meanwhile (lib/timer.c: tm_format_time), so that on a busy machine
# one of the two may be told otherwise by more than that: two looks must agree.
loaded() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        seen=$(look) || return 1
        ! same "$seen" "$(look)" || break
    done
    echo "$seen"
}
look() {
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
        pause 0.2
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
    needs chgrp chown dirname ls mktemp
    answer=$(ask 'configure check')
    says "$answer" 0001 || { spoken "$answer"; exit 41; }
    reads=$(printf '%s\n' "$answer" | sed -n 's/^0002-Reading configuration from //p')
    [ "$reads" = "$main" ] || { echo "$reads"; exit 45; }
    says "$answer" 0020 || { spoken "$answer"; exit 48; }
    [ -n "$(loaded)" ] || { ask 'show status' | sed -n 's/^ *Last reboot on //p'; exit 39; }
    # BIRD makes its socket as the user that it runs as.
    user=$(owner_of "$(control || echo "$main")")
}

# owner_of FILE: its user and group, by number.
owner_of() { ls -ldn "$1" | { read -r _ _ user group _ && echo "$user:$group"; }; }

# state: the folder that a change needs; a look needs none, and leaves nothing behind.
state() { mkdir -p "$base/changes" && chown "0:${user#*:}" "$base" "$base/changes" && chmod 710 "$base" "$base/changes" || exit 46; }

# unloaded: name what was changed after BIRD has read it. To load our change would put that into force, too.
unloaded() {
    status=$(ask 'show status')
    read_at=$(($(moment reconfiguration) + 50)) # the kernel stamps files a little behind its clock
    configured | while IFS= read -r one; do
        [ "$(changed_at "$one")" -gt "$read_at" ] && echo "$one"
    done
}
configured() {
    { echo "$main"; echo "$include"; included "$main"; } | sort -u | while IFS= read -r one; do [ -f "$one" ] && echo "$one"; done
}

# sums: what BIRD's files hold; changed_since FILE: name those that hold something else than the sums in FILE say, or are gone or new.
sums() { configured | while IFS= read -r one; do sha256sum "$one"; done; }
changed_since() {
    sums >"$1.now"
    for pair in "$1 $1.now" "$1.now $1"; do grep -vxF -f ${pair% *} ${pair#* }; done | sed 's/^[0-9a-f]* *//' | sort -u
    rm -f "$1.now"
}

# changed_at FILE: in milliseconds since 1970. Where there is no stat, `ls` says it (GNU's with parts of a second); busybox knows
# whole seconds alone, and then a change in the very second in which BIRD read its files is not seen; one after our own
# commit is (changed_since).
changed_at() {
    at=$(stat -c %.3Z "$1" 2>/dev/null)
    [ -n "$at" ] || at=$(date -d "$(ls -ldc --full-time "$1" | { read -r _ _ _ _ _ day time _ && echo "$day ${time%.*}"; })" +%s)
    case $at in
        *.*) echo "${at%.*}${at#*.}" ;;
        *) echo "${at}000" ;;
    esac
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

in_force() { same "$(loaded)" "$(words "$1/loaded")"; }

# take_back CHANGE: BIRD's own `undo` where our change is still what is in force.
take_back() {
    current=$(loaded)
    if stays "$1"; then
        says "$(ask 'configure undo')" '000[345]'
        settled
    fi
    if stays "$1"; then
        # BIRD has nothing to go back to: its own files say the same, and a copy of them does if their owner broke them since.
        load || load "$1/back/bird.conf" || { said=$(spoken "$answer"); return 1; }
        settled
    fi
}
stays() { in_force "$1" || { [ ! -s "$1/loaded" ] && same "$(loaded)" "$current" && ! same "$current" "$(cat "$1/old")"; }; }

becomes_last() { [ "$2" = confirmed ] || [ "$1" = "$(readlink "$base/last")" ]; }

# decide CHANGE: it was decided without us, by BIRD's timer, a restart, somebody's `configure`, or by a confirmation that was
# killed half-way.
decide() {
    if [ -f "$1/confirmed" ]; then
        prepare "$1/candidate" && place && load
        finish "$1" confirmed
    elif in_force "$1"; then
        overdue "$1"
    elif [ "$(now)" -ge "$(cat "$1/deadline")" ]; then
        stop_timer "$1"
        finish "$1" "reverted (not confirmed in time)"
    else
        stop_timer "$1"
        finish "$1" "reverted (BIRD was restarted, or somebody made it read its files again)"
    fi
}
