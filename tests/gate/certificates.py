"""Certificates for tests, made on the spot by the openssl command: an authority, and what it signs. Elliptic keys: fast."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signed:
    """A certificate and its private key (PEM files)."""

    certificate: Path
    key: Path


def make_authority(folder: Path, name: str = "authority") -> Signed:
    """A certificate authority of its own."""
    signed = Signed(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(folder, signed, name, "-addext", "basicConstraints=critical,CA:TRUE")
    return signed


def make_certificate(folder: Path, authority: Signed, name: str, *names: str) -> Signed:
    """A certificate signed by the authority; names: its subject alternative names ('DNS:x', 'URI:sip:x', 'IP:1.2.3.4')."""
    signed = Signed(folder / f"{name}.pem", folder / f"{name}.key")
    extra = ["-addext", f"subjectAltName={','.join(names)}"] if names else []
    _openssl(
        folder, signed, name, "-CA", str(authority.certificate), "-CAkey", str(authority.key),
        "-addext", "basicConstraints=critical,CA:FALSE", *extra,
    )  # fmt: skip
    return signed


def _openssl(folder: Path, signed: Signed, name: str, *extra: str) -> None:
    config = folder / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n", "ascii")
    subprocess.run(
        ["openssl", "req", "-x509", "-config", str(config), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={name}", "-days", "2", "-keyout", str(signed.key), "-out", str(signed.certificate), *extra],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
