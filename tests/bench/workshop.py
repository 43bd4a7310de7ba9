"""What all subjects need: a folder that is gone afterwards, the fake services, Lambda's libraries, staged packages."""

import contextlib
import hashlib
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import botocore

from tests.bench.fake.client import FakeAws
from tests.bench.fake.server import HOST
from tests.bench.process import lambda_environment
from tests.bench.staging import stage, stage_libraries
from tests.unit.processor.effects.certificates import Authority
from webhookctl.local.package import runtime_libraries

POWERTOOLS = ("aws-lambda-powertools", "aws-xray-sdk", "wrapt", "typing_extensions")
XRAY = ("aws-xray-sdk", "wrapt")


@dataclass
class Workshop:
    """Made by `open_workshop`. Folders are staged when they are first asked for.

    `authorities` is a list of all that are believed, `fingerprint` that of the one which vouches for the fake services.
    """

    folder: Path
    libraries: Path
    aws: FakeAws
    authorities: Path
    fingerprint: str
    _staged: dict[str, Path] = field(default_factory=dict)

    def task_root(
        self,
        *,
        package: str = "",
        modules: tuple[str, ...] = (),
        distributions: tuple[str, ...] = (),
        bytecode: bool | None = None,
        appended: tuple[tuple[str, str], ...] = (),
    ) -> Path:
        """Where a function's code lies."""
        name = repr((package, modules, distributions, bytecode, appended))
        if name not in self._staged:
            self._staged[name] = stage(
                self.folder / f"task-{len(self._staged)}",
                package=package,
                modules=modules,
                distributions=distributions,
                bytecode=bytecode,
                appended=appended,
            )
        return self._staged[name]

    def environment(
        self, task_root: Path, handler: str, variables: Mapping[str, str], *, secure: bool = False
    ) -> dict[str, str]:
        """Lambda's environment, and the variables that lead to the fake services."""
        services = {
            "AWS_CA_BUNDLE": str(self.authorities),  # for botocore
            "AWS_ENDPOINT_URL": self.aws.secure_url if secure else self.aws.url,
            "AWS_XRAY_DAEMON_ADDRESS": self.aws.trace_address,
            "SSL_CERT_FILE": str(self.authorities),  # for Python itself
        }
        return lambda_environment(task_root, self.libraries, handler, {**services, **variables})


@contextlib.contextmanager
def open_workshop() -> Iterator[Workshop]:
    """Leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="webhook-bench-") as name:
        folder = Path(name)
        authority = Authority(is_strict=True)
        certificate = folder / "server.pem"
        certificate.write_bytes(authority.server_pem(HOST))
        certificate.chmod(0o600)
        # All public authorities, as a system has them, and the one that vouches for the fake services.
        authorities = folder / "authorities.pem"
        authorities.write_bytes((Path(botocore.__file__).parent / "cacert.pem").read_bytes() + authority.pem)
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority.pem.decode())).hexdigest()
        with FakeAws(certificate) as aws:
            libraries = folder / "libraries"
            libraries.mkdir()
            stage_libraries(libraries, runtime_libraries(folder / "cache"))
            yield Workshop(folder, libraries, aws, authorities, fingerprint)
