"""What dnf and yum are told on a node, as scripts of its shell. Pure."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from tasks.nodes.managers.manager import patiently

RPM_LOG = "/run/kubepeer-rpm.log"
IDS = "kubepeer-"  # of our repositories: one of the same name that somebody has made by hand stays another
LOOK_UP_SECONDS = 180
LOCKED = (
    "already locked by|another copy is running|t create transaction lock on"  # dnf/lock.py; yum's cli.py; lib/rpmlock.c
)
MARK = "@ "  # tells what was found from what is said beside it

# A repository that was prepared by hand as Kubernetes' documentation says has exclude=kubelet kubeadm kubectl, and what somebody has locked
# is what we lock anew. dnf waits for another one without an end unless it is told not to.
OPTIONS = "--disableexcludes=all --setopt=exit_on_lock=1"
# The keys of metadata are taken here: who is only asked what it would do takes none, and calls the signature bad.
FRESH = {
    "dnf": "patiently transaction --refresh makecache",
    "yum": "patiently transaction clean expire-cache\npatiently transaction makecache fast",
}
ONLY_OURS = f"--disablerepo='*' --enablerepo='{IDS}*'"

# The address that could not be had comes before what it is called in the end; a conflict is told over several lines.
CAUSE = """first_error() {
    awk '/^ *- (Curl error|Status code)/ { sub(/^ *- /, ""); if (!fetch) fetch = $0 }
         why { sub(/^ *- /, "; "); problem = problem $0; why = 0 }
         /^ *Problem[ 0-9]*:/ && !problem { sub(/^ *Problem[ 0-9]*: */, ""); problem = $0; why = 1 }
         /( is not signed|^Public key for .* is not installed|are not correct for this package)\\.?$/ { if (!key) key = $0 }
         /^Error: ./ { if (!error) error = $0 }
         NF { last = $0 }
         END { print fetch ? fetch : problem ? problem : key ? key : error ? error : last }' "$1"
}
"""
LOOK_UP = """(
t=$(mktemp -d /run/kubepeer-rpm.XXXXXX) || exit 1
trap 'rm -rf -- "$t"' EXIT; trap 'exit 1' HUP INT PIPE TERM
mkdir "$t/repos"
{keys}printf '%s' {repositories} | sed "s|@/|$t/|g" >"$t/repos/kubepeer.repo"
{look}
has() {{ grep -q "^{mark}\\($1\\) " "$t/said"; }}
look "$t/repos"
{elsewhere}sed -n 's/^{mark}//p' "$t/said"
)"""
# The machine's own repositories are large: only where ours cannot be all.
ELSEWHERE = """{ has kubelet && has cri-tools && has 'containerd\\|containerd\\.io'; } || look "$t/repos,/etc/yum.repos.d"
"""
# Plugins may write to the machine (RHEL's subscription manager renews its repositories' file), and are not asked.
DNF_LOOK = """look() {{
    timeout {seconds} dnf -y --noplugins {options} --setopt=cachedir="$t/cache" --setopt=persistdir="$t/persist" --setopt=logdir="$t/log" \\
        --setopt=reposdir="$1" --setopt=retries=1 --setopt=timeout=15 repoquery --available \\
        --qf '{mark}%{{name}} %{{epoch}}:%{{version}}-%{{release}}' {names} >"$t/said" 2>&1 && return
    [ $? -ne 124 ] || echo "Error: no end after {seconds} s" >>"$t/said"
    first_error "$t/said"
    exit 100
}}"""
# yum has no such options: a configuration of its own, with what stands in the machine's of proxies. Its list is of three columns, which
# run over several lines where they are long; nothing that fits is an error to it.
YUM_LOOK = """look() {{
    printf '%s\\n' "cachedir=$t/cache" "persistdir=$t/persist" "logfile=$t/log" "reposdir=$1" \\
        plugins=0 retries=1 timeout=15 exit_on_lock=1 >"$t/settings"
    sed -e '/^ *\\(cachedir\\|persistdir\\|logfile\\|reposdir\\|plugins\\|retries\\|timeout\\|exit_on_lock\\) *=/d' \\
        -e "/^\\[main\\]/r $t/settings" /etc/yum.conf >"$t/yum.conf"
    timeout {seconds} yum -y -c "$t/yum.conf" {options} makecache fast >"$t/said" 2>&1 || {{
        [ $? -ne 124 ] || echo "Error: no end after {seconds} s" >>"$t/said"
        first_error "$t/said"
        exit 100
    }}
    yum -q -C -c "$t/yum.conf" {options} list available --showduplicates {names} 2>/dev/null | awk '
        columns {{
            for (n = 1; n <= NF; n++) row[count++] = $n
            if (count == 3) {{ sub(/\\.[^.]*$/, "", row[0]); print "{mark}" row[0], row[1] }}
            if (count >= 3) count = 0
        }}
        /^Available Packages/ {{ columns = 1 }}' >"$t/said"
}}"""
LOOKS = {"dnf": DNF_LOOK, "yum": YUM_LOOK}


def look_up(
    manager: str, repositories: str, keyrings: Mapping[str, str], names: Iterable[str], *, only_ours: bool
) -> str:
    """Lists what the repositories have, NAME EPOCH:VERSION-RELEASE a line, and leaves nothing behind."""
    keys = ""
    for path, text in keyrings.items():
        place = f"keys{path}"
        keys += f'd="$t"/{shlex.quote(place)}; mkdir -p "$(dirname "$d")"; printf \'%s\' {shlex.quote(text)} >"$d"\n'
        repositories = repositories.replace(f"file://{path}", f"file://@/{place}")
    look = LOOKS[manager].format(
        seconds=LOOK_UP_SECONDS, options="--disableexcludes=all", mark=MARK, names=" ".join(names)
    )
    elsewhere = "" if only_ours else ELSEWHERE
    return CAUSE + LOOK_UP.format(
        keys=keys, repositories=shlex.quote(repositories), look=look, mark=MARK, elsewhere=elsewhere
    )


def install(
    manager: str, commands: Sequence[tuple[str, Sequence[str]]], names: Sequence[str], *, only_ours: bool
) -> str:
    """The transaction, after it was shown that it removes nothing.

    Args:
        manager: dnf or yum.
        commands: install or downgrade, and the packages with their versions: yum downgrades by a command of its own.
        names: of the packages that must be there at the end; yum is content with some of them.
        only_ours: from the inventory's repositories alone.

    """
    only = ONLY_OURS if only_ours else ""
    weak = "--setopt=install_weak_deps=False" if manager == "dnf" else ""  # as --no-install-recommends of apt
    told = [f"{command} {' '.join(specs)}" for command, specs in commands]
    before = "\n".join(f"patiently would {words}\nkeeps_all" for words in told)
    after = "\n".join(f"patiently transaction {words}" for words in told)
    return f"""{patiently(RPM_LOG, CAUSE, LOCKED)}export LC_ALL=C
options="{OPTIONS} --disableplugin=versionlock {weak}"
transaction() {{ {manager} -y $options {only} "$@"; }}
would() {{
    code=0
    {manager} --assumeno $options {only} "$@" || code=$?
    [ $code -ne 1 ] || ! grep -q -x -E 'Operation aborted\\.|Exiting on user command' {RPM_LOG} || code=0
    return $code
}}
keeps_all() {{
    removed=$(awk '/^[A-Z][A-Za-z ]*:$/ {{ section = /^Remov/ }}
                   section && /^ [^ ]/ {{ print $1 }}
                   $1 == "replacing" {{ sub(/\\.[^.]*$/, "", $2); print $2 }}' {RPM_LOG} | tr '\\n' ' ')
    [ -z "$removed" ] || {{ echo "{manager} would remove ${{removed% }}: nothing was installed" >&2; exit 100; }}
}}
{FRESH[manager]}
{before}
{after}
for p in {" ".join(names)}; do rpm -q --quiet "$p" || {{ echo "{manager} has not installed $p" >&2; exit 100; }}; done
rm -f {RPM_LOG}"""
