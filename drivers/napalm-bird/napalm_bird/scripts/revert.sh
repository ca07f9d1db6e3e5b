# Usage: revert.sh CHANGE REASON. Brings back what was in force before CHANGE. The guard runs this copy on the router.
change=$1
reason=$2
trap '' HUP PIPE

# The guard may fire while a commit or a confirmation still works: wait for it, but not for one that died.
waited=0
while busy "$change" && [ $waited -lt 600 ]; do
    sleep 1
    waited=$((waited + 1))
done

# One of confirm and revert decides; mkdir lets only the first one pass.
mkdir "$change/decided" 2>/dev/null || { echo decided; exit 0; }
current=$(loaded)
stays() { in_force "$change" || { [ ! -s "$change/loaded" ] && same "$(loaded)" "$current" && ! same "$current" "$(cat "$change/old")"; }; }
if stays; then
    says "$(ask 'configure undo')" '000[345]'
    settled
fi
if stays; then
    # BIRD has nothing to go back to: its own files say the same, and a copy of them does if their owner broke them since.
    load || load "$change/back/bird.conf" || {
        rmdir "$change/decided"
        trace "$(basename "$change") revert failed ($reason)"
        spoken "$answer"
        exit 4
    }
    settled
fi
finish "$change" "reverted ($reason)"
