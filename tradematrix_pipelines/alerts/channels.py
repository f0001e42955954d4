"""How a message is delivered: through Apprise, with the reasons of the services that refused.

Not here: what is sent (``alerts.messages``), and what was notified (``storage.notifications``).

Any part of an Apprise URL may hold secrets. So a service is named by its scheme only, and nothing that Apprise logs is
kept but an HTTP status.
"""

import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode
from apprise.result import AppriseResultStatus, NotifyResult
from pydantic import SecretStr

from tradematrix_pipelines.errors import TradeMatrixError, UsageError

# Seconds of the machine's time: for one service, and for the whole message, whatever timeouts a URL sets.
_SERVICE_TIMEOUT = 20.0
_TIMEOUT = 30.0
_SCHEME = re.compile(r"([a-z][a-z0-9]{1,19})://", re.IGNORECASE)
_HTTP_ERROR = re.compile(r"\berror=(\d{3})\b")


class AlertError(TradeMatrixError):
    """Services refused a message.

    Attributes:
        taken: how many services accepted it.
    """

    def __init__(self, message: str, *, taken: int) -> None:
        super().__init__(message)
        self.taken = taken


class Alerter:
    """The services that alerts are sent to. Safe to use from several threads."""

    def __init__(self, urls: Sequence[SecretStr]) -> None:
        """Take the Apprise URLs of the services; without any, the alerter sends nothing.

        Raises:
            UsageError: Apprise can't use one of them.
        """
        _limit_logging()
        # Memory: nothing of a service is written to disk.
        asset = AppriseAsset(
            app_id="TradeMatrix", storage_mode=PersistentStoreMode.MEMORY, service_timeout=_SERVICE_TIMEOUT
        )
        self._apprise = Apprise(asset=asset)
        for position, secret in enumerate(urls, 1):
            url = secret.get_secret_value()
            with warnings.catch_warnings():
                # The first URL makes Apprise load all its services, and some of them import deprecated modules.
                warnings.simplefilter("ignore", DeprecationWarning)
                service = Apprise.instantiate(url, asset=asset)
            if service is None:
                written = _SCHEME.match(url)
                raise UsageError(
                    f"TRADEMATRIX_ALERT_URLS: URL {position} of {len(urls)} "
                    f"({written[1].lower() if written else 'without a scheme'}) is not one that Apprise can use: "
                    "docs/how-to/alerts.md says how they are written"
                )
            self._apprise.add(service)
        self.schemes = tuple(_scheme(url) for url in self._apprise.urls(privacy=True))
        """The services, by the scheme of their URL: ``slack``, ``mailto``."""

    def __repr__(self) -> str:
        return f"Alerter(schemes={self.schemes})"

    @property
    def configured(self) -> bool:
        """Whether there is any service; without one, :meth:`send` does nothing."""
        return bool(self.schemes)

    def send(self, title: str, body: str, *, attached: Path | None = None) -> None:
        """Send plain text to every service at once, and wait for their answers, half a minute at most.

        Args:
            attached: a file that those services send along that can.

        Raises:
            AlertError: one or more of them refused, or did not answer in time.
        """
        if not self.configured:
            return
        attach = None if attached is None else str(attached)
        with self._apprise.notify(
            body=body, title=title, body_format=NotifyFormat.TEXT, attach=attach, timeout=_TIMEOUT
        ) as outcome:
            accepted = sum(bool(result) for result in outcome)
            refused = [_refusal(result) for result in outcome if not result]
        if accepted < len(self.schemes):
            raise AlertError(
                f"{len(self.schemes) - accepted} of {len(self.schemes)} alert services refused: "
                f"{', '.join(refused) or 'no reason given'}; check TRADEMATRIX_ALERT_URLS, then run: "
                "tradematrix alerts test",
                taken=accepted,
            )


def _limit_logging() -> None:
    apprise = logging.getLogger("apprise")
    apprise.addFilter(_reduce_to_reason)
    apprise.propagate = False  # AlertError carries the reason
    # The libraries that Apprise uses log paths and headers, where webhooks keep their secrets.
    for name in ("urllib3", "requests_oauthlib", "oauthlib"):
        logging.getLogger(name).setLevel(logging.INFO)


def _reduce_to_reason(record: logging.LogRecord) -> bool:
    """Reduce a log record of Apprise, which may hold URLs, hosts and answers, to why a service refused; drop others."""
    text = record.getMessage()
    if error := _HTTP_ERROR.search(text):
        reason = f"HTTP {error[1]}"
    elif "onnection error" in text:
        reason = "not reached"
    else:
        return False
    record.msg, record.args, record.exc_info, record.exc_text, record.stack_info = reason, None, None, None, None
    return True


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _refusal(result: NotifyResult) -> str:
    timeout = result.status is AppriseResultStatus.TIMEOUT
    reasons = ["no answer in time"] if timeout else [entry.message for entry in result.logs()]
    return f"{_scheme(result.url)} ({reasons[-1]})" if reasons else _scheme(result.url)
