# Expects: candidate(). The daemon knows one word that it does not take.
candidate | grep -n nonsense && exit 43
exit 0
