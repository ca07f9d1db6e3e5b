"""Every template for every variant, against the golden files; `--update-golden` writes them anew."""

from pathlib import Path
from typing import Any

import pytest

from tasks.linux.templates import environment
from tests.render import router_variants
from tests.render.variants import VARIANTS, rendered

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_rendered_as_its_golden_files_say(
    variant: str, intent_of: Any, pytestconfig: pytest.Config
) -> None:
    texts = rendered(variant, intent_of(**VARIANTS[variant]))
    home = GOLDEN / variant
    if pytestconfig.getoption("update_golden"):
        for name, text in texts.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, encoding="utf-8")
        for path in home.rglob("*"):
            if path.is_file() and str(path.relative_to(home)) not in texts:
                path.unlink()
    stands = {
        str(path.relative_to(home)): path.read_text(encoding="utf-8") for path in home.rglob("*") if path.is_file()
    }
    assert sorted(stands) == sorted(texts)
    for name, text in texts.items():
        assert text == stands[name], name


@pytest.mark.parametrize(("variant", "platform"), router_variants.every())
def test_a_router_is_told_what_its_golden_file_says(
    variant: str, platform: str, intent_of: Any, pytestconfig: pytest.Config
) -> None:
    text = router_variants.rendered(variant, platform, intent_of(**router_variants.inventory(variant, platform)))
    golden = GOLDEN / "routers" / variant / f"{platform}.conf"
    if pytestconfig.getoption("update_golden"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_every_golden_folder_belongs_to_a_variant() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {*VARIANTS, "routers"}


def test_no_golden_file_of_a_router_is_left_over() -> None:
    stands = {(path.parent.name, path.stem) for path in (GOLDEN / "routers").rglob("*.conf")}
    assert stands == set(router_variants.every())


def test_every_template_is_rendered(intent_of: Any) -> None:
    used = environment()
    assert used.cache is not None
    used.cache.clear()
    for variant, arguments in VARIANTS.items():
        rendered(variant, intent_of(**arguments))
    for variant, platform in router_variants.every():
        router_variants.rendered(variant, platform, intent_of(**router_variants.inventory(variant, platform)))
    of_hosts = [
        name for name in used.list_templates() if not name.startswith("report/")
    ]  # a page is written by kubepeer/page
    assert sorted(name for _, name in used.cache) == sorted(of_hosts)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_rendered_file_ends_with_one_newline_and_has_no_trailing_spaces(variant: str, intent_of: Any) -> None:
    for name, text in rendered(variant, intent_of(**VARIANTS[variant])).items():
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not [line for line in text.splitlines() if line != line.rstrip()], name
