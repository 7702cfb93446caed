"""The contract of `DomainNames`."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from auth_core.organizations import DomainNames, LookupFailed
from auth_core.testing.contracts.making import fresh_name

Publish = Callable[[str, Sequence[str]], None]
"""Gives a name these TXT records, from now on and no others."""
Silence = Callable[[], None]
"""Lets the DNS answer nobody any more."""


def fresh_domain() -> str:
    """A name that nobody has published."""
    return f"_challenge.{fresh_name()}.example"


class DomainNamesContract:
    """Needs ``domain_names``, a `DomainNames`; ``publish``, a `Publish`; and ``silence``, a
    `Silence`.
    """

    async def test_records_come_whole(self, domain_names: DomainNames, publish: Publish) -> None:
        name, texts = fresh_domain(), ["fm-auth-domain=abc", "v=spf1 -all", "x" * 200]
        publish(name, texts)

        assert sorted(texts) == sorted(await domain_names.texts(name))

    async def test_where_there_is_no_record_there_is_none_and_that_is_not_remembered(
        self, domain_names: DomainNames, publish: Publish
    ) -> None:
        name = fresh_domain()

        before = list(await domain_names.texts(name))
        publish(name, ["there"])
        after = list(await domain_names.texts(name))
        publish(name, ["changed"])

        assert ([], ["there"]) == (before, after)
        assert ["changed"] == list(await domain_names.texts(name))

    async def test_many_at_once_each_get_their_own(
        self, domain_names: DomainNames, publish: Publish
    ) -> None:
        names = [fresh_domain() for _ in range(10)]
        for name in names:
            publish(name, [name])

        found = await asyncio.gather(*(domain_names.texts(name) for name in names))

        assert [[name] for name in names] == [list(texts) for texts in found]

    @pytest.mark.sec("SEC-72")
    async def test_a_dns_that_does_not_answer_proves_nothing(
        self, domain_names: DomainNames, publish: Publish, silence: Silence
    ) -> None:
        name = fresh_domain()
        publish(name, ["there"])
        silence()

        with pytest.raises(LookupFailed):
            await domain_names.texts(name)

    @pytest.mark.parametrize(
        ("domain", "public"),
        [("com", True), ("co.uk", True), ("gmail.com", True), ("acme.example", False)],
    )
    async def test_what_belongs_to_everybody_is_nobodys_to_claim(
        self, domain_names: DomainNames, domain: str, *, public: bool
    ) -> None:
        assert public is await domain_names.is_public(domain)
