"""Which tracking was chosen, and whether it can be."""

from urllib.parse import urlsplit

from infra.errors import Refused, nearest
from infra.plan import Tracking

KINDS = ("none", "local", "server")


def check(tracking: Tracking) -> None:
    """What can be said before anything runs.

    Raises:
        Refused: no such kind, or an address that is missing, malformed or out of place.
    """
    if tracking.kind not in KINDS:
        raise Refused(f"No tracking is called {tracking.kind!r}. {nearest(tracking.kind, KINDS)}")
    if tracking.kind != "server":
        if tracking.uri:
            raise Refused(f"tracking.uri={tracking.uri} belongs to tracking=server.")
        return
    address = urlsplit(tracking.uri or "")
    if address.scheme not in ("http", "https") or not address.netloc:
        given = f", not {tracking.uri!r}" if tracking.uri else ""
        raise Refused(
            f"tracking=server needs the address of an MLflow server{given}: "
            "tracking.uri=http://127.0.0.1:5000"
        )
    if "@" in address.netloc:
        raise Refused(
            "tracking.uri must not hold a password, which would be kept in plan.yaml: set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
