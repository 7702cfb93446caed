"""The issuer's public keys as this process holds them: renewed in time, kept through outages."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Event, Lock

from auth_core.kernel import InvalidToken, Unavailable
from auth_core.tokens.signatures import VerificationKey
from auth_core.tokens.verify.jwks import MAX_KEY_ID, read_jwks
from auth_core.tokens.verify.ports import FetchedKeys, KeySource, SourceLost

DEFAULT_MAX_AGE = 300.0
SHORTEST_MAX_AGE, LONGEST_MAX_AGE = 10.0, 3600.0
"""Whatever the issuer says, we ask no more and no less often."""
RENEW_AFTER = 0.8
"""Part of max-age after which the set is renewed, so that none is ever out of date."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between attempts while the issuer does not answer, doubling."""
LONGEST_NAP = 1.0
ABSENT_SECONDS, ABSENT_LIMIT = 30.0, 256
"""How long, and how many, key ids are known not to exist."""
FETCH_LIMIT = 15.0
"""Seconds that anybody waits for somebody else's fetch."""

Keys = Mapping[str, VerificationKey]


class UnknownKey(InvalidToken):
    """The set at hand has no such key; the issuer may have."""

    def __init__(self, kid: str) -> None:
        super().__init__()
        self.kid = kid


class IssuerKeys:
    """Thread-safe. One fetch at a time, whoever asks; ``removed`` is called when keys have gone.

    ``usable_for``: seconds that the last good set serves while the issuer cannot be asked.
    ``interval``: an unknown key id causes at most one fetch in so many seconds.
    """

    def __init__(
        self,
        source: KeySource,
        *,
        monotonic: Callable[[], float],
        removed: Callable[[], None],
        usable_for: float,
        interval: float,
    ) -> None:
        self.trouble: str | None = "the keys have not been fetched yet"
        self._source = source
        self._monotonic = monotonic
        self._removed = removed
        self._usable_for = usable_for
        self._interval = interval
        self._keys: Keys = {}
        self._etag: str | None = None
        self._usable_until = self._due = float("-inf")
        self._pause = FIRST_PAUSE
        self._asked_at = float("-inf")
        self._absent: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()
        self._flight: Event | None = None

    def find(self, kid: str) -> VerificationKey:
        """The key with this id. Raises UnknownKey, or Unavailable when the set is too old."""
        key = self._keys.get(kid)
        if not self.usable:
            raise Unavailable
        if key is None:
            raise UnknownKey(kid)
        return key

    @property
    def usable(self) -> bool:
        """Whether there is a set that may still be used."""
        return self._monotonic() <= self._usable_until

    @property
    def due_in(self) -> float:
        """Seconds until `renew` should be called, 0 or less when it is time."""
        return self._due - self._monotonic()

    def wants(self, kid: str) -> bool:
        """Whether it is worth calling `learn`: a flood of unknown key ids is answered from here."""
        if kid in self._keys or len(kid) > MAX_KEY_ID:
            return False
        with self._lock:
            return self._flight is not None or self._may_ask(kid)

    def learn(self, kid: str) -> None:
        """Fetch because of a key id that is not known, or wait for the fetch that is under way.

        Blocks for a bounded time. Does nothing when `wants` would say no. Never raises.
        """
        asked = self._fetch_once(lambda: kid not in self._keys and self._claim(kid))
        with self._lock:
            if asked and kid not in self._keys and self.trouble is None:
                self._absent[kid] = self._monotonic()
                if len(self._absent) > ABSENT_LIMIT:
                    self._absent.popitem(last=False)

    def renew(self) -> None:
        """Fetch now, or wait for the fetch that is under way. Never raises."""
        self._fetch_once(lambda: True)

    def run(self, stopped: Event, changed: Callable[[], None]) -> None:
        """Keep the set up to date until ``stopped``. ``changed`` is called after each fetch."""
        while not stopped.is_set():
            if self.due_in <= 0:
                self.renew()
                changed()
            if not self.usable:
                self._removed()
            stopped.wait(min(max(self.due_in, 0.05), LONGEST_NAP))

    def _may_ask(self, kid: str) -> bool:
        now = self._monotonic()
        absent_since = self._absent.get(kid, float("-inf"))
        return now - self._asked_at >= self._interval and now - absent_since >= ABSENT_SECONDS

    def _claim(self, kid: str) -> bool:
        """Take the one fetch of this interval; those of `renew` do not count."""
        if not self._may_ask(kid):
            return False
        self._asked_at = self._monotonic()
        return True

    def _fetch_once(self, wanted: Callable[[], bool]) -> bool:
        """Whether somebody has asked the issuer meanwhile."""
        with self._lock:
            flight = self._flight
            if flight is None:
                if not wanted():
                    return False
                own = self._flight = Event()
        if flight is not None:
            flight.wait(FETCH_LIMIT)
            return True
        try:
            self._fetch()
        finally:
            with self._lock:
                self._flight = None
            own.set()
        return True

    def _fetch(self) -> None:
        asked_at = self._monotonic()
        try:
            fetched = self._source.fetch_keys(self._etag)
            keys = self._keys if fetched.document is None else read_jwks(fetched.document)
        except SourceLost as lost:
            self._failed(str(lost))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys at hand still serve
            self._failed(f"unexpected {type(error).__name__}")
            return
        before, self._keys = self._keys, keys
        if any(
            kid not in keys or keys[kid].thumbprint != key.thumbprint for kid, key in before.items()
        ):
            self._removed()
        self._accept(fetched, asked_at)

    def _failed(self, trouble: str) -> None:
        self.trouble = trouble
        self._due = self._monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _accept(self, fetched: FetchedKeys, asked_at: float) -> None:
        max_age = DEFAULT_MAX_AGE if fetched.max_age is None else fetched.max_age
        max_age = min(max(max_age, SHORTEST_MAX_AGE), LONGEST_MAX_AGE)
        self._etag = fetched.etag
        self._due = asked_at + RENEW_AFTER * max_age
        self._usable_until = asked_at + max(max_age, self._usable_for)
        self._pause = FIRST_PAUSE
        self.trouble = None
