"""From one configuration of indented lines to another: hier-config's remediation. Pure.

Whoever imports this waits for hier-config: tasks/platforms/indented.py does where two configurations differ, which they do in few runs.
"""

from collections.abc import Iterable, Iterator

from hier_config import HConfig, HConfigChild, Platform, WorkflowRemediation, get_hconfig, get_hconfig_driver
from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule

from tasks.platforms.lines import Line, text_of


def remediation(
    kind: str,
    before: Iterable[Line],
    after: Iterable[Line],
    *,
    overwritten: Iterable[str] = (),
    negations: Iterable[tuple[str, str]] = (),
) -> str:
    """The lines that change one into the other, sections closed.

    Args:
        kind: the member of hier-config's Platform.
        before: what stands.
        after: what is wanted in its place.
        overwritten: statements of which a second replaces the first; patterns with what they stand under, outermost first, > between.
        negations: (search, replace) for what follows `no` in another form than the line itself; patterns as above.

    """
    driver = get_hconfig_driver(Platform[kind])
    for search, replace in negations:
        driver.rules.negation_sub.append(
            NegationSubRule(match_rules=_lineage(search), search=rf"^no {search.split('>')[-1]}$", replace=replace)
        )
    for search in overwritten:
        driver.rules.idempotent_commands.append(IdempotentCommandsRule(match_rules=_lineage(search)))
    trees = (get_hconfig(driver, text_of(lines)) for lines in (before, after))
    return "".join(f"{line}\n" for line in _written(WorkflowRemediation(*trees).remediation_config, 0))


def _lineage(search: str) -> tuple[MatchRule, ...]:
    """Rules for a line and what it stands under: patterns, outermost first, with > between."""
    return tuple(MatchRule(re_search=f"^{part}") for part in search.split(">"))


def _written(section: HConfig | HConfigChild, depth: int) -> Iterator[str]:
    for child in sorted(section.children):
        yield f"{' ' * depth}{child.text}"
        if child.children:
            yield from _written(child, depth + 1)
            yield f"{' ' * depth}exit"
