"""The programs in the README, as they stand there."""

import asyncio
import re
import sys
from pathlib import Path
from uuid import uuid4

from tests.e2e.running import ROOT, environment
from tests.serving import development

PROGRAMS = re.findall(
    r"^```python\n(.*?)^```$",
    (Path(ROOT) / "README.md").read_text().partition("## In process")[2],
    re.DOTALL | re.MULTILINE,
)


def lines(program: str) -> int:
    return sum(bool(line.strip()) for line in program.splitlines())


async def run(program: str, **settings: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=ROOT,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert 0 == process.returncode, err.decode()
    return out.decode()


async def test_in_memory_it_takes_ten_lines() -> None:
    assert 10 >= lines(PROGRAMS[0])

    assert "Ending(ended=True, live_sessions=1)\n" == await run(PROGRAMS[0])


async def test_on_servers_it_takes_twenty_lines(postgres_url: str, redis_url: str) -> None:
    assert 20 >= lines(PROGRAMS[1])
    servers = development(postgres_url, redis_url)
    del servers["ENVIRONMENT"]

    # under another name: the database is that of all tests, and one of them may be john.doe
    name = f"john.{uuid4().hex[:12]}"
    said = await run(PROGRAMS[1].replace("john.doe", name), **servers)

    assert f"{name}@example.com ('user',)\ninvalid_token\n" == said
