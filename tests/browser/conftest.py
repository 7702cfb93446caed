"""A real browser, and real services to look at."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, Tab, browsing, program
from tests.e2e.running import Service, services_in

VERIFIED = {"REGISTRATION_MODE": "verified"}
INVITE = {"REGISTRATION_MODE": "invite"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Without one the tests fail in CI, and are skipped elsewhere."""
    found = program()
    if found is None:
        reason = "no Chromium here: as root on Debian, `apt-get install -y chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with browsing(found) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A new tab, as wide as a desktop, in English."""
    with browser.tab() as tab:
        yield tab.sized((1280, 800)).speaking("en")


@pytest.fixture(scope="session")
def site() -> Iterator[Service]:
    """A deployment where addresses are proven before there is an account."""
    with services_in(Path(tempfile.mkdtemp(prefix="fm-e2e-"))) as services:
        yield services(VERIFIED).start()


@pytest.fixture(scope="session")
def invite_site() -> Iterator[Service]:
    """A deployment where one is invited."""
    with services_in(Path(tempfile.mkdtemp(prefix="fm-e2e-"))) as services:
        yield services(INVITE).start()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where the pictures go; BROWSER_PICTURES names another folder, to look at them."""
    folder = Path(os.environ.get("BROWSER_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
