"""What a probing host is asked: one script that opens all connections of its cells, and counts. Pure.

It needs sh, awk, date and sed, and one of curl and wget (busybox' own, too); for full packets curl, and ping of iputils for ICMP. All cells
run at the same time, each in the background. What a cell has counted is written at once, in less than PIPE_BUF bytes (POSIX, write):
lines of two cells never run into each other.
"""

import shlex
from collections.abc import Iterable

from tasks.services.matrix import Cell

AT_ONCE = 20  # connections of one cell at the same time
CHUNK = 60  # connections between two looks at the clock
# A service that was made a moment ago has its rules and its routes after so long; where one connection is given more time, so is that
SETTLE_SECONDS, SETTLE_TIMEOUTS = 8, 4

# A request of two digits, ten to ninety-nine: all have the same length
PREPARE = f"""unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
end=$(( $(date +%s) + {{seconds}} ))
if command -v curl >/dev/null 2>&1; then tool=curl; elif command -v wget >/dev/null 2>&1; then tool=wget; else tool=none; fi
together=
[ $tool != curl ] || ! curl -Z --no-progress-meter --version >/dev/null 2>&1 || together='-Z --no-progress-meter --parallel-max {AT_ONCE}'
watched() {{{{  # command: ended when its time is up; for a machine without timeout(1)
  "$@" & ours=$!
  ( trap 'kill $wakes' TERM; sleep {{timeout}} & wakes=$!; wait $wakes; kill $ours ) >/dev/null 2>&1 & dog=$!
  wait $ours; code=$?; kill $dog 2>/dev/null; return $code
}}}}
bounded=watched wait_for=
if command -v timeout >/dev/null 2>&1; then bounded='timeout {{timeout}}'
elif wget --help 2>&1 | grep -q -e ' -T '; then bounded= wait_for='-T {{timeout}}'; fi
open() {{{{  # number url padding prefix: the addresses that were seen, a line each, and what went wrong
  case $tool in
  curl) $4 curl -sS -N --http1.0 -A '' -H Accept: ${{{{3:+-H "X-Padding: $3"}}}} $together --max-time {{timeout}} \\
    "http://$2/?[10-$(( $1 + 9 ))]" 2>&1 ;;
  wget) i=0; while [ $i -lt $1 ]; do i=$(( i + 1 ))
    $bounded $4 wget -q $wait_for -O - "http://$2/?$i" 2>/dev/null || echo "wget: $?"; [ $(date +%s) -lt $end ] || break; done ;;
  esac
}}}}
count() {{{{ awk -v cell=$1 '
  /^curl: \\([0-9]+\\)/ {{{{ sub(/\\).*/, ")"); bad[$0]++; next }}}}
  /^wget: / {{{{ bad[$0]++; next }}}}
  /^[0-9.]+:[0-9]+$/ {{{{ sub(/:[0-9]+$/, ""); good[$0]++; next }}}}
  /./ {{{{ bad["answer: " substr($0, 1, 60)]++ }}}}
  END {{{{ for (one in good) print cell, "from", good[one], one; for (one in bad) print cell, "not", bad[one], one }}}}'; }}}}
cell() {{{{  # cell number url padding prefix
  left=$2
  while [ $left -gt 0 ] && [ $(date +%s) -lt $end ]; do
    now=$left; [ $now -le {CHUNK} ] || now={CHUNK}; left=$(( left - now ))
    open $now "$3" "$4" "$5"
  done | count $1
}}}}
settled() {{{{  # as cell, again until all are answered
  until=$(( $(date +%s) + {{settle}} ))
  while said=$(cell "$@"); do
    case "$said" in *" not "*) ;; ?*) break ;; esac
    [ $(date +%s) -lt $until ] || break
    end=$(( until + {{timeout}} + 1 )); sleep 1
  done
  [ -z "$said" ] || printf '%s\\n' "$said"
}}}}
way() {{{{  # address else: the MTU of the card that leads there
  dev=$(ip route get $1 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
  mtu_of=$(ip link show dev "$dev" 2>/dev/null | sed -n 's/.* mtu \\([0-9]*\\).*/\\1/p'); echo ${{{{mtu_of:-$2}}}}; }}}}
smaller() {{{{ if [ $1 -lt $2 ]; then echo $1; else echo $2; fi; }}}}
full() {{{{  # cell number address:port address mtu
  mtu=$(smaller $5 $(way $4 $5)); echo "$1 size $mtu"
  [ $tool = curl ] || return
  head="GET /?10 HTTP/1.0__Host: $3__X-Padding: ____"
  cell $1 $2 "$3" "$(printf "%$(( mtu - {{headers}} - ${{{{#head}}}} ))s" '' | sed 's/ /a/g')"
}}}}
echo_full() {{{{  # cell address mtu
  ping -V 2>/dev/null | grep -q iputils || return
  mtu=$(smaller $3 $(way $2 $3))
  ping -n -M do -c 3 -i 0.3 -W 1 -s $(( mtu - 28 )) $2 2>&1 | awk -v cell=$1 '/bytes from/ {{{{ came++ }}}}
    match($0, /mtu ?= ?[0-9]+/) {{{{ told = substr($0, RSTART, RLENGTH); gsub(/[^0-9]/, "", told) }}}}
    END {{{{ print cell, "echo", came + 0, told + 0 }}}}'
}}}}
"""
TCP_HEADERS = 52  # IPv4's 20 bytes, TCP's 20, and its time stamps (RFC 7323)
ADDRESSES = "awk '/32 host LOCAL/ { print before } { before = $2 }' /proc/net/fib_trie | sort -u"
TOOL = "command -v curl || command -v wget || exit 1"


def questions(cells: Iterable[Cell], *, seconds: int, timeout: int, mtu: int) -> dict[str, str]:
    """The questions of one host, by name: its own addresses, whether it has a tool, and the traffic.

    Args:
        cells: in the order in which their answers are numbered.
        seconds: after which no further connection is opened.
        timeout: seconds that one connection has to its answer.
        mtu: what the cluster's network should carry.

    """
    lines = [PREPARE.format(seconds=seconds, timeout=timeout, settle=settling(timeout), headers=TCP_HEADERS)]
    for number, cell in enumerate(cells):
        lines += [f"{line} &" for line in _lines(number, cell, mtu)]
    return {"addresses": ADDRESSES, "tool": f"( {TOOL} )", "traffic": "\n".join([*lines, "wait"])}


def card_mtu(interface: str) -> str:
    """How a machine tells the MTU of a card; /sys may show another network namespace than the one that it is in."""
    return f"ip link show dev {interface} | sed -n 's/.* mtu \\([0-9]*\\).*/\\1/p'"


def settling(timeout: int) -> int:
    """The seconds that a new service is given."""
    return SETTLE_SECONDS + SETTLE_TIMEOUTS * timeout


def longest(seconds: int, timeout: int) -> int:
    """The seconds after which the script has ended whatever the network does."""
    return max(seconds, settling(timeout)) + CHUNK // AT_ONCE * timeout + timeout


def _lines(number: int, cell: Cell, mtu: int) -> list[str]:
    target = cell.target
    if cell.full:
        lines = [f"full {number} {cell.connections} {target.authority} {target.address} {mtu}"]
        return [*lines, f"echo_full {number} {target.address} {mtu}"] if target.kind == "pod" else lines
    inside = f"nsenter -t {cell.source.process} -n" if cell.source.process else ""
    verb = "settled" if target.local else "cell"
    return [f"{verb} {number} {cell.connections} {target.authority} '' {shlex.quote(inside)}"]
