"""What the suites are for: adapters that break a law fail them."""

import pytest

from auth_core.testing import InMemoryStore, InMemoryUnitOfWork
from auth_core.testing.contracts import CrashLawsContract
from auth_core.testing.contracts.crash_laws import _WORKS


class CommitsByItself(InMemoryUnitOfWork):
    """Takes the end of the block for a commit, as some do."""

    async def __aexit__(self, exc_type, exc, traceback):
        if self._transaction._open:
            await self.commit()
        await super().__aexit__(exc_type, exc, traceback)


LAW = CrashLawsContract.test_what_was_dropped_midway_left_nothing_and_another_worker_can_do_it


@pytest.mark.parametrize("drop", ["left", "failed", "cancelled"])
@pytest.mark.parametrize("work", _WORKS.values(), ids=_WORKS)
async def test_a_unit_of_work_that_commits_by_itself_fails(work, drop):
    store = InMemoryStore()

    def unit_of_work():
        return CommitsByItself(store)

    with pytest.raises(AssertionError) as broken:
        await LAW(CrashLawsContract(), unit_of_work, unit_of_work, work, drop)

    assert "assert not await holds(uow)" == str(broken.traceback[-1].statement).strip()
