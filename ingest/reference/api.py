"""The vendor's REST API: one page a call, spaced, retried, and never to another host."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from polygon import RESTClient  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError, LocationValueError

from ingest.reference.answers import RETRIED, asked_wait, by_remedy, following, page, whole
from lake.errors import CorruptFile, QuantminiError, SourceUnavailable, UsageError

log = logging.getLogger(__name__)

RETRIES = 6


@dataclass(frozen=True)
class Answer:
    """A page as it came, and the target of the next one; None after the last."""

    body: bytes
    next: str | None


class Api:
    """Reference data of one server. Its repr shows no key."""

    def __init__(
        self,
        base: str,
        key: str,
        *,
        calls_per_minute: int | None = None,
        retries: int = RETRIES,
        pause: float = 1.0,
        longest_wait: float = 600,
        timeout: float = 60,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            base: URL of the server.
            key: the API key.
            calls_per_minute: what the plan allows; None for no limit.
            retries: of a call that failed.
            pause: seconds before the first retry; doubles each time.
            longest_wait: seconds; a server that asks for more has failed.
            timeout: seconds without a byte after which an answer counts as broken.
            sleep: how to wait.

        Raises:
            UsageError: the base is no URL.
        """
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"source.api_base {base!r} is not a URL")
        self.base, self.pause, self.longest_wait = base.rstrip("/"), pause, longest_wait
        self.attempts = retries + 1
        self._client = RESTClient(key, connect_timeout=10, read_timeout=timeout, base=self.base)
        self._interval = 60 / calls_per_minute if calls_per_minute else 0.0
        self._sleep, self._next_call = sleep, 0.0

    def __repr__(self) -> str:
        return f"Api({self.base})"

    def get(self, target: str, what: str) -> Answer:
        """Fetch one page.

        Args:
            target: path and query.
            what: names the page in messages.

        Raises:
            UsageError: the server does not know the key.
            NotEntitled: the plan does not cover it.
            Refused: any other answer that trying again cannot change.
            CorruptFile: every answer was malformed.
            SourceUnavailable: no proper answer in all attempts.
        """
        failure: QuantminiError = SourceUnavailable(what)
        for attempt in range(self.attempts):
            answer, wait = self._try(target, what)
            if isinstance(answer, Answer):
                return answer
            failure = answer
            if wait is not None and wait > self.longest_wait:
                raise SourceUnavailable(
                    f"{what}: {self.base} asks to wait {wait:,.0f} s; run again after that, "
                    "it continues here"
                )
            if attempt + 1 < self.attempts:
                wait = self.pause * 2**attempt if wait is None else wait
                log.info("%s; waiting %.1f s, then attempt %d", failure, wait, attempt + 2)
                self._sleep(wait)
        raise failure

    def _try(self, target: str, what: str) -> tuple[Answer | QuantminiError, float | None]:
        """One call: the answer, or what went wrong and how long the server asks to wait."""
        self._space()
        try:
            # Not through the client's own methods: they retry within a second and then drop the
            # status and Retry-After, set no time-out, and take malformed JSON for an empty list.
            # Its pool brings the key's header, the certificates and gzip.
            answer = self._client.client.request(
                "GET",
                self.base + target,
                timeout=self._client.timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            body = whole(answer)
        except LocationValueError:
            raise UsageError(f"source.api_base {self.base!r} is not a URL") from None
        except HTTPError as error:
            return SourceUnavailable(
                f"{what}: {type(error).__name__} at {self.base}; run again later, it continues here"
            ), None
        if answer.status != 200:
            failure = by_remedy(answer.status, what, self.base)
            if answer.status not in RETRIED and answer.status < 500:
                raise failure
            return failure, asked_wait(answer.headers.get("Retry-After"))
        try:
            return Answer(body, following(page(body))), None
        except (ValueError, RecursionError):
            return CorruptFile(
                f"{what}: {self.base} answered with malformed JSON; run again later"
            ), None

    def _space(self) -> None:
        """Wait until the plan allows another call."""
        now = time.monotonic()
        if self._next_call > now:
            wait = self._next_call - now
            log.info("waiting %.1f s: source.api_calls_per_minute", wait)
            self._sleep(wait)
        self._next_call = max(now, self._next_call) + self._interval
