"""GET /metrics: this project's own. The framework's are off, because they hold paths, and paths hold user ids."""

from litestar import Response

from serving.api.blocking import get
from serving.measures import CONTENT_TYPE, exposition


@get("/metrics", tags=["operations"], summary="Prometheus metrics of all workers", media_type="text/plain")
def metrics() -> Response[bytes]:
    """For the role metrics, or from loopback."""
    return Response(exposition(), media_type=CONTENT_TYPE)
