"""How the world outside is reached: Redis, MQTT, the hosts."""

from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, field_validator, model_validator

from aiops.settings.section import Section, credential, secret


class Redis(Section):
    """The broker and the event stream. Without ``url``, ``aiops run`` starts an embedded server."""

    url: str = Field(default="redis://127.0.0.1:6379/0", description="Redis or Valkey; rediss:// for TLS")
    username: str = Field(default="", description="account of the ACL; empty: the default one")
    password_file: Path | None = Field(default=None, description="file that holds its password")

    ca_file: Path | None = Field(default=None, description="rediss: CA certificate; empty: the system's")
    certificate_file: Path | None = Field(
        default=None, description="rediss: our certificate, where the server asks for one"
    )
    certificate_key_file: Path | None = Field(default=None, description="rediss: its private key")

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if urlsplit(url).password:
            msg = "put the password into a file and name it in password_file"
            raise ValueError(msg)
        return url

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise ValueError("give both, certificate_file and certificate_key_file, or neither")
        if (self.ca_file or self.certificate_file) and not self.url.startswith("rediss://"):
            raise ValueError("certificates need a url that begins with rediss://, or nothing would be encrypted")
        return self

    def full_url(self) -> str:
        """The URL with user, password and certificates; only ever handed to a client, never printed.

        :raises SettingsError: the password file cannot be read
        """
        parts = urlsplit(self.url)
        if files := {f"ssl_{name}": str(credential(file)) for name, file in self._files().items() if file}:
            parts = parts._replace(query="&".join(filter(None, (parts.query, urlencode(files)))))
        if self.password_file is not None:
            place = f"{parts.hostname}:{parts.port or 6379}"
            password = quote(secret(self.password_file), safe="")
            parts = parts._replace(netloc=f"{quote(self.username)}:{password}@{place}")
        return urlunsplit(parts)

    def _files(self) -> dict[str, Path | None]:
        return {"ca_certs": self.ca_file, "certfile": self.certificate_file, "keyfile": self.certificate_key_file}


class Mqtt(Section):
    """The broker that mirrors; without ``host`` nothing is mirrored."""

    host: str = Field(default="", description="the broker; empty: nothing is mirrored")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    username: str = Field(default="", description="account; empty: none")
    password_file: Path | None = Field(default=None, description="file that holds its password")
    ca_file: Path | None = Field(default=None, description="CA certificate; turns TLS on")
    certificate_file: Path | None = Field(default=None, description="our certificate, where the broker asks for one")
    certificate_key_file: Path | None = Field(default=None, description="its private key")
    prefix: str = Field(
        default="pixelium", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", description="first level of every topic"
    )

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise ValueError("give both, certificate_file and certificate_key_file, or neither")
        if self.certificate_file and not self.ca_file:
            raise ValueError("certificate_file needs ca_file, which turns TLS on")
        return self


class Fleet(Section):
    """The hosts: an Ansible inventory, or only this machine when none is named."""

    inventory: Path | None = Field(
        default=None, description="an Ansible inventory as it is: YAML, INI, a folder; empty: this machine alone"
    )
    homelable: Path | None = Field(
        default=None, description="Homelable's export: which guest runs on which node; empty: none"
    )


class Ssh(Section):
    """How hosts are reached. Keys that are not in ``known_hosts`` are refused."""

    user: str = Field(default="aiops-probe", description="unprivileged account on every host; see `aiops sudoers`")
    key_file: Path = Field(default=Path("probe_key"), description="its private key")
    known_hosts: Path = Field(default=Path("/etc/aiops/known_hosts"), description="the hosts' keys, in OpenSSH's form")
    connect_seconds: float = Field(default=10, gt=0, le=120, description="until a connection must stand")
    host_seconds: float = Field(default=60, gt=0, le=600, description="hard limit for all probes of one host")
    threads: int = Field(default=20, ge=1, le=200, description="hosts looked at together")
    shard_size: int = Field(default=20, ge=1, le=1000, description="hosts in one detection message")
