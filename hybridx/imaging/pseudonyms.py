"""Pseudonyms that stay the same from import to import, and that only who holds the key can trace back."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from hybridx.compute import atomic_write
from hybridx.errors import InputError

__all__ = ["SALT", "PseudonymKey"]

SALT = "salt.txt"

SALT_BYTES = 32
LENGTH = 10  # characters of base 32, 50 bits: two of a million patients share one with a chance of 1 in 2,000; it shows


class PseudonymKey:
    """A folder that the user keeps: the salt, and which pseudonym stands for whom.

    It is the only place that names patients. Without it nobody can trace a pseudonym back; with it the same patient
    gets the same pseudonym in every import.

    Parameters
    ----------
    folder : path
        Made, readable by its owner alone, when it does not exist.

    Examples
    --------
    >>> import tempfile
    >>> key = PseudonymKey(Path(tempfile.mkdtemp()) / "key")
    >>> key.pseudonym("Müller^Anna^1957") == key.pseudonym("Müller^Anna^1957")
    True
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        path = self.folder / SALT
        if path.is_file():
            text = path.read_text(encoding="ascii", errors="replace").strip()
            try:
                self._salt = bytes.fromhex(text)
            except ValueError:
                self._salt = b""
            if len(self._salt) != SALT_BYTES:
                msg = f"{str(path)!r} is no salt of ours ({SALT_BYTES} bytes in hexadecimal): give another key folder."
                raise InputError(msg)
            return
        self._salt = secrets.token_bytes(SALT_BYTES)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with atomic_write(path) as temporary:
            temporary.write_text(self._salt.hex() + "\n", encoding="ascii")
        path.chmod(0o600)

    def __repr__(self) -> str:
        return "PseudonymKey(kept by its owner)"

    def pseudonym(self, identity: str, prefix: str = "P") -> str:
        """Return the pseudonym of an identity, such as ``P7QK2M4VXA3``."""
        digest = hmac.new(self._salt, f"{prefix}\0{identity}".encode(), hashlib.sha256).digest()
        return prefix + base64.b32encode(digest).decode("ascii")[:LENGTH]

    def pseudonyms(self, identities: Iterable[str], prefix: str = "P") -> dict[str, str]:
        """Return the pseudonym of each identity.

        Raises
        ------
        InputError
            Two identities share one: chance would make one patient of two.
        """
        given = {one: self.pseudonym(one, prefix) for one in dict.fromkeys(identities)}
        if len(set(given.values())) < len(given):
            msg = "Two identities have one pseudonym by chance. Import with a new key folder (--key) and a new --out."
            raise InputError(msg)
        return given

    def fingerprint(self, text: str = "") -> str:
        """Return a mark that only this key gives, and that tells nothing of it."""
        return hmac.new(self._salt, f"mark\0{text}".encode(), hashlib.sha256).hexdigest()[:32]

    def write_table(self, name: str, rows: Iterable[Mapping[str, object]]) -> Path | None:
        """Add rows to a table in the key folder, readable by its owner alone; None when there is no row.

        What an earlier import wrote stays: one key serves many imports, and forgetting whose pseudonyms it gave would
        be final.
        """
        new = [{name: str(value) for name, value in row.items()} for row in rows]
        if not new:
            return None
        path = self.folder / name
        table = list({tuple(row.items()): row for row in [*_rows(path, list(new[0])), *new]}.values())
        with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, fieldnames=list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        path.chmod(0o600)
        return path


def _rows(path: Path, names: list[str]) -> list[dict[str, str]]:
    """Read a table of an earlier import; one of other columns is another version's, and set aside."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        if list(reader.fieldnames or ()) == names:
            return [dict(row) for row in reader]
    path.replace(path.with_suffix(".old.csv"))
    return []
