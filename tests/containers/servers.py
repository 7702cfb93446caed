"""PostgreSQL and Valkey in containers, started by testcontainers.

As a program it runs a command against them and removes them again:

    python -m tests.containers.servers pytest tests/contract

The command finds them in TEST_POSTGRES_URL and TEST_REDIS_URL. The images come from
TEST_POSTGRES_IMAGE and TEST_REDIS_IMAGE; the official ones are the default.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

POSTGRES_IMAGE = os.environ.get("TEST_POSTGRES_IMAGE") or "postgres:18"
REDIS_IMAGE = os.environ.get("TEST_REDIS_IMAGE") or "valkey/valkey:9.0"

# Stand-in images mean that no registry is in reach, and then neither is Ryuk's own image: the
# context managers below remove the containers. testcontainers reads this when it is imported.
if POSTGRES_IMAGE.startswith("localhost/"):
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

from testcontainers.community.postgres import PostgresContainer  # noqa: E402
from testcontainers.core.container import DockerContainer  # noqa: E402
from testcontainers.core.wait_strategies import ExecWaitStrategy  # noqa: E402

# test data may be lost in a power cut
_POSTGRES_COMMAND = "postgres -c fsync=off -c synchronous_commit=off -c max_connections=400"


@dataclass(frozen=True)
class Servers:
    postgres_url: str
    redis_url: str


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start both servers, and remove them and their volumes whatever happens."""
    with ExitStack() as stack:
        postgres = stack.enter_context(
            PostgresContainer(POSTGRES_IMAGE, driver=None, command=_POSTGRES_COMMAND),
        )
        redis = stack.enter_context(
            DockerContainer(REDIS_IMAGE)
            .with_exposed_ports(6379)
            .with_command(["valkey-server", "--maxmemory-policy", "noeviction", "--save", ""])
            .waiting_for(ExecWaitStrategy(["valkey-cli", "ping"])),
        )
        yield Servers(
            postgres_url=postgres.get_connection_url(),
            redis_url=f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}/0",
        )


def main(command: list[str]) -> int:
    if not command:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    # a polite end must run the finalisers too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    with running_servers() as servers:
        took = time.monotonic() - began
        sys.stderr.write(f"containers: {POSTGRES_IMAGE}, {REDIS_IMAGE} are up ({took:.1f} s)\n")
        urls = {"TEST_POSTGRES_URL": servers.postgres_url, "TEST_REDIS_URL": servers.redis_url}
        return subprocess.run(command, env=os.environ | urls, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
