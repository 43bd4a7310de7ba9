"""What can go wrong in the data plane.

GatewayError
├── NotModelled     at start: the deployed API uses something that would be silently ignored here
├── TemplateError   while a mapping template is parsed or rendered
└── Refused         while a request runs: answered with one of API Gateway's "gateway responses"
"""


class GatewayError(Exception):
    """Everything the gateway package raises on purpose."""


class NotModelled(GatewayError):
    """The deployed API uses something this gateway would have to ignore; `where` names the resource or the template."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}, which the local API Gateway does not model")
        self.where = where
        self.what = what


class TemplateError(GatewayError):
    """A mapping template does not parse, or its rendering failed; API Gateway answers such a request with a 500."""


class Refused(GatewayError):
    """The request ends with gateway response `kind`; `message` is what `$context.error.message` holds, if anything."""

    def __init__(self, kind: str, message: str | None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
