"""`fm-auth organization …` on a service that runs: what the operator does holds at once."""

import json
from uuid import uuid4

from tests.e2e.running import Service, fm_auth, new_name


def run(deployed: Service, *words: str, group: str = "organization") -> str:
    done = fm_auth(group, *words, settings=deployed._settings)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def refused(deployed: Service, *words: str) -> str:
    done = fm_auth("organization", *words, settings=deployed._settings)
    assert (1, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())
    return done.stderr


def test_an_organization_is_made_found_deleted_and_restored(deployed: Service) -> None:
    owner, slug = new_name(), f"acme-{uuid4().hex[:12]}"
    run(deployed, "create", owner, group="user")
    made = json.loads(run(deployed, "create", "Acme", "--slug", slug, "--owner", owner, "--json"))

    for name in (slug, slug.upper(), made["organization_id"]):
        assert made == json.loads(run(deployed, "show", name, "--json"))
    assert f"{made['organization_id']}  {slug}  Acme" in run(deployed, "list").splitlines()
    assert 1 == len(run(deployed, "list", "--limit", "1").splitlines())
    member = json.loads(run(deployed, "members", slug, "--json"))
    assert (owner, "owner") == (member["username"], member["role"])
    deleted = json.loads(run(deployed, "delete", slug, "--yes", "--json"))
    assert deleted["delete_after"]
    assert "deleted, can be restored until" in run(deployed, "show", slug)
    assert made == json.loads(run(deployed, "restore", slug, "--json"))


def test_what_cannot_be_done_is_told_in_one_line(deployed: Service) -> None:
    owner, slug = new_name(), f"acme-{uuid4().hex[:12]}"
    run(deployed, "create", owner, group="user")
    run(deployed, "create", "Acme", "--slug", slug, "--owner", owner)

    assert "There is no such organization" in refused(deployed, "show", "no-such-one")
    assert "There is no such organization" in refused(deployed, "members", "not a slug")
    assert "There is no such organization" in refused(deployed, "show", str(uuid4()))
    assert "slug is taken" in refused(deployed, "create", "B", "--slug", slug, "--owner", owner)
    assert "There is no such user" in refused(
        deployed, "create", "B", "--slug", f"{slug}-b", "--owner", "nobody-has-this"
    )
    assert "Only a deleted organization" in refused(deployed, "restore", slug)
