"""What the password policy costs in process: its blocklist, the account's names included."""

from dataclasses import dataclass

from auth_core.credentials import PasswordPolicy, shipped_blocklist
from auth_core.credentials.password import parse_password
from tests.load.bench import Place, helper
from tests.load.verifying import cpu_seconds

_CHECKS = 5_000
_NAMES = ("john.doe", "john.doe@example.com", "John Doe")
_PASSWORDS = (
    "correct horse battery staple",
    "kX9#mQ2vLp7$wRt4",
    "Gr4ndm0ther's c@t eats f1sh",
    "My grandmother's cat eats 3 fish on Sundays!",
    "пароль и ещё немного",
)


@dataclass(frozen=True)
class Checking:
    """Microseconds beyond what any check of the length costs: of the slowest password, and mean."""

    slowest_us: float
    mean_us: float


def checking(place: Place) -> Checking:
    """Measure in a process of its own."""
    with helper(place.cores.service) as pool:
        return pool.submit(_measure).result()


def _measure() -> Checking:
    policy = PasswordPolicy(shipped_blocklist())
    costs = []
    for password in _PASSWORDS:

        def check(password: str = password) -> object:
            return policy.check_offline(password, names=_NAMES)

        def parse(password: str = password) -> object:
            return parse_password(password)

        costs.append(cpu_seconds(check, _CHECKS) - cpu_seconds(parse, _CHECKS))
    return Checking(max(costs) * 1e6, sum(costs) / len(costs) * 1e6)
