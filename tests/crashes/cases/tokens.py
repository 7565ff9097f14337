"""CleanupExpiredTokensJob: all that has expired is gone, and nothing else is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.crashes import invariants
from tests.crashes.case import Case
from tests.crashes.peers import Peers
from tests.crashes.stage import Scene

ROOMS = ("refresh_tokens", "verification_tokens")
VALID = 10  # of each kind


@dataclass(frozen=True)
class Tokens:
    expired: frozenset[str]
    valid: frozenset[str]

    @property
    def sums(self) -> Mapping[str, int]:
        return {"expired": len(self.expired), "valid": len(self.valid)}


class CleanupExpiredTokens(Case[Tokens]):
    name = job_type = "CleanupExpiredTokensJob"
    points = {"tokens.after_batch": 3}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"batchSize": 4}

    def fill(self, scene: Scene) -> Tokens:
        for room, about in {"refresh_tokens": '"UserId"', "verification_tokens": '"Type", "Email"'}.items():
            values = "1, ''" if "," in about else "''"
            scene.okla.execute(
                "authservice",
                f'INSERT INTO {scene.okla[room]} ("Id", "Token", "ExpiresAt", {about}) SELECT'
                f" gen_random_uuid(), gen_random_uuid()::text, %s - n * interval '1 day', {values}"
                " FROM generate_series(%s::int, %s::int) AS n WHERE n <> 0",
                [scene.now, -VALID, self.size],
            )
        return self.look(scene)

    def look(self, scene: Scene) -> Tokens:
        found = {True: set[str](), False: set[str]()}
        for room in ROOMS:
            query = f'SELECT "Id"::text, "ExpiresAt" < %s FROM {scene.okla[room]}'
            for key, is_expired in scene.okla.execute("authservice", query, [scene.now]):
                found[is_expired].add(f"{room} {key}")
        return Tokens(frozenset(found[True]), frozenset(found[False]))

    def broken(self, before: Tokens, after: Tokens) -> list[str]:
        there = after.expired | after.valid
        return invariants.of_deletion(before.expired | before.valid, there, doomed=before.expired)

    def broken_next_day(self, after: Tokens, next_day: Tokens) -> list[str]:
        return invariants.of_deletion(after.valid, next_day.expired | next_day.valid, doomed=())
