"""Where a rehearsal takes place: a temporary folder, an emulator of AWS and this project's SageMaker."""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

import settings
from rehearsal.processes import Process, free_ports, listens
from rehearsal.toml import dump
from settings import Settings
from settings.reading import FOLDER
from stacks.names import Names, names

REPOSITORY = Path(__file__).resolve().parent.parent
MINISTACK = REPOSITORY / ".venvs" / "ministack" / "bin" / "python"
EXTENSION = REPOSITORY / "rehearsal" / "ministack_extension"
HOST = "127.0.0.1"
_UNTOLD = ("[hypercorn.access]", " INFO ")
_SHOWN_LINES = 25
_PATIENCE_SECONDS = 1.0
"""For the emulator's end: it has nothing to save, and waits for connections that are kept alive."""
_UP = (sys.executable, "-m", "cli.main", "up")
_SECRET = "rehearsal"  # noqa: S105 - no secret: it opens nothing but the emulator, for as long as that runs


@dataclass(frozen=True)
class Site:
    """One rehearsal's place.

    Attributes:
        folder: everything that it writes.
        environment: the environment's name.
        url: the emulator's address.
        variables: what the tools of a deployer see.

    """

    folder: Path
    environment: str
    url: str
    variables: dict[str, str]

    @property
    def enforced(self) -> bool:
        """Whether the emulator enforces IAM."""
        return self.url.startswith("https:")

    @property
    def permissions_file(self) -> Path:
        """What was asked of IAM, a JSON object a line."""
        return self.folder / "permissions.jsonl"

    @property
    def settings_file(self) -> Path:
        """The environment's settings, copied to be changed."""
        return self.folder / "settings" / f"{self.environment}.toml"

    def settings(self) -> Settings:
        """Return the settings as they are now."""
        return settings.read(self.environment, self.settings_file.parent)

    @cached_property
    def names(self) -> Names:
        """What everything is called."""
        return names(self.settings())

    def change(self, *path: str, **values: object) -> None:
        """Change settings in the table at `path`."""
        content: dict[str, Any] = tomllib.loads(self.settings_file.read_text(encoding="utf-8"))
        table = content
        for key in path:
            table = table[key]
        table.update(values)
        self.settings_file.write_text(dump(content), encoding="utf-8")

    def last_words(self) -> str:
        """Return the end of what emulator and service wrote."""
        told = []
        for log in sorted((self.folder / "logs").iterdir()):
            lines = log.read_text(errors="replace").splitlines()
            shown = [line for line in lines if not any(word in line for word in _UNTOLD)]
            told += [f"--- the end of {log.name}", *shown[-_SHOWN_LINES:]]
        return "\n".join(told)

    def client(self, service: str) -> Any:
        """Return a client of an emulated service, with the deployer's rights."""
        return self._session.client(
            service, endpoint_url=self.url, verify=self.variables.get("AWS_CA_BUNDLE")
        )

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            region_name=self.variables["AWS_REGION"],
        )


@contextmanager
def site(environment: str, *, auth: bool = False) -> Iterator[Site]:
    """Start the emulator and the service, and end both with all that they started.

    Args:
        environment: the name of a settings file.
        auth: whether the emulator speaks TLS and enforces IAM, and jobs assume their roles.

    """
    chosen = settings.read(environment)
    emulator_port, sagemaker_port = free_ports(2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trainyard-rehearsal-")))
        for name in ("settings", "emulator", "home", "logs"):
            (folder / name).mkdir()
        url = f"{'https' if auth else 'http'}://{HOST}:{emulator_port}"
        sagemaker = f"http://{HOST}:{sagemaker_port}"
        machine = {**_machine(), **(_trust(folder) if auth else {})}
        here = Site(folder, environment, url, {**machine, **_deployer(folder, url, chosen)})
        here.settings_file.write_bytes((FOLDER / f"{environment}.toml").read_bytes())
        emulator = Process(
            "the emulator",
            [str(MINISTACK), str(EXTENSION)],
            {**machine, **_emulator(here, chosen, emulator_port, sagemaker)},
            folder / "logs" / "emulator.log",
            patience=_PATIENCE_SECONDS,
        )
        stack.enter_context(emulator)
        emulator.wait_until(lambda: listens(emulator_port))
        service = Process(
            "trainyard up",
            [*_UP, "--port", str(sagemaker_port), "--aws", url, *(["--assume-roles"] if auth else [])],
            {**machine, **_service(folder, chosen)},
            folder / "logs" / "service.log",
        )
        stack.enter_context(service)
        service.wait_until(lambda: listens(sagemaker_port))
        yield here


def _machine() -> dict[str, str]:
    """Return what every process needs of this machine, and nothing of the user's AWS."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "JSII_NODE")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _trust(folder: Path) -> dict[str, str]:
    """Return what makes clients trust the certificate that the emulator makes for itself at its start."""
    certificate = str(folder / "emulator" / "ministack-tls" / "server.crt")
    return {"AWS_CA_BUNDLE": certificate, "NODE_EXTRA_CA_CERTS": certificate}


def _keys(identity: str, chosen: Settings) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": identity,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": chosen.region,
        "AWS_DEFAULT_REGION": chosen.region,
    }


def _deployer(folder: Path, url: str, chosen: Settings) -> dict[str, str]:
    return {
        **_keys("test", chosen),
        "AWS_ENDPOINT_URL": url,
        "TRAINYARD_SETTINGS": str(folder / "settings"),
        "TRAINYARD_HOME": str(folder / "nothing"),
        "CDK_OUTPUT": str(folder / "cdk.out"),
        "CDK_VALIDATION": "false",
    }


def _emulator(here: Site, chosen: Settings, port: int, sagemaker: str) -> dict[str, str]:
    folder = here.folder
    enforcing = {"AUTH": "true", "USE_SSL": "1", "REHEARSAL_PERMISSIONS": str(here.permissions_file)}
    return {
        **(enforcing if here.enforced else {}),
        **_keys("test", chosen),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_HOST": HOST,
        "MINISTACK_ACCOUNT_ID": chosen.account,
        "MINISTACK_REGION": chosen.region,
        "TMPDIR": str(folder / "emulator"),
        "STATE_DIR": str(folder / "emulator" / "state"),
        "REHEARSAL_SAGEMAKER_URL": sagemaker,
        "REHEARSAL_SAGEMAKER_KEY": chosen.account,
    }


def _service(folder: Path, chosen: Settings) -> dict[str, str]:
    """Return what SageMaker sees: it signs with a key of its own, by which the emulator knows it."""
    return {
        **_keys(chosen.account, chosen),
        "TRAINYARD_HOME": str(folder / "home"),
        "TRAINYARD_ACCOUNT": chosen.account,
    }
