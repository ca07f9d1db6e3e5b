# Usage: revert.sh CHANGE REASON. Brings back what was in force before CHANGE. The timer runs this copy on the router; it needs
# nobody else.
change=$1
reason=$2
trap '' HUP PIPE

# The timer may fire while a commit or a confirmation still works: wait for it, but not for one that died.
waited=0
while busy "$change" && [ $waited -lt 600 ]; do
    sleep 1
    waited=$((waited + 1))
done

# One of confirm and revert decides; mkdir lets only the first one pass.
mkdir "$change/decided" 2>/dev/null && has_lock "$change" || { echo decided; exit 0; }
result=
said=
if take_back "$change"; then
    finish "$change" "reverted ($reason)${result:+: $result}"
    echo "$result"
else
    rmdir "$change/decided"
    trace "${change##*/} revert failed ($reason)"
    printf '%s\n' "$said"
    exit 4
fi
