"""What a permission check costs in process: `decide` with a prepared subject."""

from dataclasses import dataclass
from uuid import UUID

from auth_core.access import (
    Decision,
    Reason,
    Resource,
    RoleBook,
    RoleScope,
    Standing,
    Subject,
    decide,
)
from auth_core.kernel import OrganizationId, TeamId, UserId
from tests.load.bench import Place, helper
from tests.load.client import BenchError
from tests.load.verifying import cpu_seconds

_ORGANIZATIONS, _TEAMS, _CHECKS = 10, 5, 50_000


@dataclass(frozen=True)
class Deciding:
    """Decisions per second and core: of the slowest kind of question, and the mean over all."""

    slowest_per_second: float
    mean_per_second: float


def deciding(place: Place) -> Deciding:
    """Measure in a process of its own. Raises BenchError for a decision that is not as it must."""
    with helper(place.cores.service) as pool:
        return pool.submit(_measure).result()


def _measure() -> Deciding:
    subject = _subject()
    costs = []
    for action, resource, reason in _questions():

        def check(action: str = action, resource: Resource = resource) -> Decision:
            return decide(subject, action, resource)

        if check().reason is not reason:
            raise BenchError(f"{action} on {resource} was decided otherwise")
        costs.append(cpu_seconds(check, _CHECKS))
    return Deciding(1 / max(costs), len(costs) / sum(costs))


def _subject() -> Subject:
    book = RoleBook()
    platform = book.find(RoleScope.PLATFORM, "user")
    member = book.find(RoleScope.ORGANIZATION, "member")
    in_team = book.find(RoleScope.TEAM, "member")
    if platform is None or member is None or in_team is None:
        raise BenchError("a built-in role is missing")
    teams = {TeamId(UUID(int=number)): in_team for number in range(_TEAMS)}
    standings = {
        OrganizationId(UUID(int=number)): Standing(member, teams)
        for number in range(_ORGANIZATIONS)
    }
    return Subject(user_id=UserId(UUID(int=1)), platform=(platform,), organizations=standings)


def _questions() -> list[tuple[str, Resource, Reason]]:
    # ids as they come from a request: equal, not the same objects
    here, team, me = OrganizationId(UUID(int=3)), TeamId(UUID(int=2)), UserId(UUID(int=1))
    elsewhere = OrganizationId(UUID(int=99))
    case = Resource(type="cases", organization_id=here)
    return [
        ("cases:read", case, Reason.ROLE),
        ("users:manage", case, Reason.MISSING_PERMISSION),
        ("cases:read", Resource(type="cases", organization_id=elsewhere), Reason.NOT_A_MEMBER),
        (
            "cases:write",
            Resource(type="cases", organization_id=here, team_id=team),
            Reason.ROLE,
        ),
        (
            "cases:delete",
            Resource(type="cases", organization_id=here, team_id=team, owner_id=me),
            Reason.OWNER,
        ),
        ("users:read", Resource(type="users"), Reason.MISSING_PERMISSION),
    ]
