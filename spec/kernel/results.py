"""Results of the proof assistant, kept beside those of the evidence under the digest of all that they depend on."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .. import kept
from ..arithmetic import Verdict
from ..evidence import EvidenceResult

ENGINE = "Coq"
HERE = Path(__file__).parent
LIBRARY = HERE / "library.v"
MODULES = (f"{__package__}.claims", f"{__package__}.proofs", f"{__package__}.check")
FIELDS = {"name": str, "checked": bool, "reason": str, "claims": int, "seconds": float}


@dataclass(frozen=True)
class KernelResult:
    """Whether the assistant's kernel has checked all claims of a proof, how many they are, and otherwise why not."""

    name: str
    checked: bool
    reason: str = ""
    claims: int = 0
    seconds: float = 0.0


def digest(name: str) -> str:
    """Return the digest of all that the result for a proof depends on: the proof, the export, and the lemmas."""
    parts = [kept.digest_of_evidence(name, full=False), *digests_of_export()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@functools.cache
def digests_of_export() -> tuple[str, ...]:
    """Return the digests of the files of the export."""
    files = {LIBRARY}.union(*map(kept.files_of_module, MODULES))
    return tuple(map(kept.digest_of_file, sorted(files)))


def folder() -> Path:
    """Return the folder of the kept results."""
    return kept.folder().with_name("kernel")


def read(name: str) -> KernelResult | None:
    """Return the kept result for a proof; None where there is none for what it depends on now."""
    try:
        record = json.loads((folder() / f"{digest(name)}.json").read_text(encoding="utf-8"))
        if {key: type(value) for key, value in record.items()} == FIELDS and record["name"] == name:
            return KernelResult(**record)
    except (OSError, ValueError, AttributeError):
        pass
    return None


def keep(result: KernelResult) -> None:
    """Keep a result; where nothing can be written, nothing is kept."""
    target = folder() / f"{digest(result.name)}.json"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(result)), encoding="utf-8")
        draft.replace(target)
    except OSError:
        return


def with_kernel(result: EvidenceResult) -> EvidenceResult:
    """Return the result of a piece, with the assistant among its engines if that has checked a proof that holds."""
    if result.verdict is not Verdict.HOLDS or "SymPy" not in result.engines or ENGINE in result.engines:
        return result
    known = read(result.name)
    return replace(result, engines=(*result.engines, ENGINE), alone="") if known and known.checked else result
