# Expects: owner, reason.
trap '' HUP PIPE
settle
roll_back_pending
lock_last_confirmed
take_back "$change" && finish "$change" "rolled back: $result"
