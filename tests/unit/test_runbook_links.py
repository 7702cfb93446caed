"""Alerts lead to runbooks, and runbooks to what there is."""

import re
from pathlib import Path

import pytest
import yaml

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
PAGES = sorted(OPERATIONS.glob("*.md"))
RUNBOOKS = {
    *("backup-and-restore.md", "key-compromise.md", "master-key-rotation.md", "redis-loss.md"),
    *("postgresql-failover.md", "upgrade-and-rollback.md", "capacity.md"),
}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
RULES = [
    rule
    for group in yaml.safe_load((OPERATIONS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for place, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), place
        assert not anchor or anchor in anchors(target), f"{place}#{anchor}"


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_names_a_runbook_that_is_there(rule: dict[str, dict[str, str]]) -> None:
    place, _, anchor = rule["annotations"]["runbook"].partition("#")
    target = OPERATIONS.parents[1] / place

    assert target in PAGES
    assert not anchor or anchor in anchors(target)
    assert f"`{rule['alert']}`" in (OPERATIONS / "alerts.md").read_text(encoding="utf-8")


def test_every_runbook_is_reached_from_the_alerts_and_says_what_not_to_do() -> None:
    linked = {place for place, _ in LINK.findall((OPERATIONS / "alerts.md").read_text())}

    assert linked >= RUNBOOKS
    for name in RUNBOOKS:
        assert "do-not" in anchors(OPERATIONS / name), name


def test_a_missing_anchor_is_noticed() -> None:
    page = OPERATIONS / "backup-and-restore.md"

    assert "after-a-restore-to-an-earlier-moment" in anchors(page)
    assert "after-a-restore" not in anchors(page)
