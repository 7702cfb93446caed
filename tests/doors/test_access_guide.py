"""The program of the access guide, as it stands there."""

import re
from pathlib import Path

from tests.doors.test_readme_programs import run
from tests.e2e.running import ROOT

GUIDE = Path(ROOT) / "docs" / "guides" / "access.md"


async def test_the_program_of_the_guide_says_what_it_says_there() -> None:
    text = GUIDE.read_text()
    programs = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    [program] = [each for each in programs if "asyncio.run" in each]

    said = await run(program)

    assert f"prints `{said.strip()}`" in text
    assert "True role owner\n" == said
