# Usage: revert.sh CHANGE REASON. The timer runs this copy on the router; it needs nobody else.
change=$1
reason=$2
trap '' HUP PIPE

# A timer may fire while the commit is still being applied: wait for it, but not for one that died.
waited=0
while [ -e "$change/applying" ] && kill -0 "$(cat "$change/applying")" 2>/dev/null && [ $waited -lt 600 ]; do
    sleep 1
    waited=$((waited + 1))
done

# One of confirm and revert decides; mkdir lets only the first one pass.
mkdir "$change/decided" 2>/dev/null || { echo decided; exit 0; }
echo "$reason" >"$change/reason"
if restore "$change"; then
    finish "$change" "reverted ($reason): $(cat "$change/result")"
    cat "$change/result"
else
    rmdir "$change/decided"
    trace "$(basename "$change") revert failed ($reason)"
    echo failed
    cat "$change/restore/log"
    exit 4
fi
