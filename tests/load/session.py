"""Both services side by side, and the rounds that they run."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.load.bench import Generator, Place, helper, own_database
from tests.load.counting import Counter
from tests.load.machine import rss_bytes
from tests.load.report import Findings
from tests.load.rounds import Round, Rounds, Signing, one_round
from tests.load.scenarios import Accounts, Scenario, Side, scenarios
from tests.load.service import FLOOR_COMMAND, OUR_COMMAND, Started, serving

_FIRST_ROUND = 4
"""The first round has a quarter of the requests and is not counted: pools grow, code warms up."""
_SERVICES: dict[Side, tuple[Sequence[str], str]] = {
    "floor": (FLOOR_COMMAND, "/floor/get"),
    "ours": (OUR_COMMAND, "/health"),
    "es256": (OUR_COMMAND, "/health"),
}
_MEGABYTE = 1_000_000


class Session:
    """What is running while requests are measured."""

    def __init__(
        self,
        places: dict[Side, Place],
        services: dict[Side, Started],
        generator: Generator,
        signing: Signing,
    ) -> None:
        self._places = places
        self._services = services
        self._generator = generator
        self._signing = signing
        self._scenarios = scenarios(
            *(Accounts(generator, services[side].port) for side in ("ours", "es256"))
        )

    def chosen(self, names: Sequence[str]) -> list[Scenario]:
        """The scenarios with these names."""
        return [scenario for scenario in self._scenarios if scenario.name in names]

    def measure(self, names: Sequence[str], rounds: int, requests: int, found: Findings) -> None:
        """Time the rounds, then count what single requests do."""
        chosen = self.chosen(names)
        for scenario in chosen:
            self._round(scenario, requests // _FIRST_ROUND)
        timed: defaultdict[str, list[Round]] = defaultdict(list)
        signatures, issues = [], []
        for _ in range(rounds):
            signatures.append(self._signing.milliseconds())
            issues.append(self._signing.issue_milliseconds())
            for scenario in chosen:
                timed[scenario.name].append(self._round(scenario, requests))
        found.signature_ms = statistics.median(signatures)
        found.issue_ms = statistics.median(issues)
        found.rounds = {name: Rounds.of(some) for name, some in timed.items()}
        for side, service in self._services.items():
            found.rss_mb[side] = rss_bytes(service.worker) / _MEGABYTE
        for scenario in chosen:
            counter = Counter(self._places[scenario.side], self._generator)
            found.counts[scenario.name] = counter.count(scenario, self._services[scenario.side])

    def _round(self, scenario: Scenario, requests: int) -> Round:
        service, place = self._services[scenario.side], self._places[scenario.side]
        return one_round(scenario, service, self._generator, place.redis, requests)


@contextmanager
def session(place: Place, *, connections: int) -> Iterator[Session]:
    """Start the floors and our service on one core, the load generator on the other."""
    core = place.cores.service
    with ExitStack() as stack:
        es256 = own_database(place, "es256", JWT_ALGORITHM="ES256")
        places: dict[Side, Place] = {"floor": place, "ours": place, "es256": es256}
        services: dict[Side, Started] = {
            side: stack.enter_context(
                serving(
                    command, places[side].environ, core=core, health=health, log=place.service_log
                )
            )
            for side, (command, health) in _SERVICES.items()
        }
        generator = Generator(stack.enter_context(helper(place.cores.rest)), connections)
        signing = Signing(stack.enter_context(helper(core)))
        yield Session(places, services, generator, signing)
