"""The policies in a gate's snapshots: what its journal was decided by, read without the number plan and the lists beside it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tosqauyl.config.modes_file import read_modes
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.policies import find_policy, has_policy, keep_policy, policy_of_text
from tosqauyl.policy.load import Policy
from tosqauyl.snapshots.folder import newest
from tosqauyl.snapshots.format import POLICY
from tosqauyl.snapshots.load import open_snapshot

SNAPSHOTS = "snapshots"


def policies_in(data: Path) -> Iterator[Policy]:
    """The policies of a data folder's snapshots, the newest first, and what a retraction made of the newest. What cannot be
    read is passed over."""
    for place, path in enumerate(newest(data / SNAPSHOTS)):
        policy = _policy_in(path)
        if policy is not None:
            yield policy
            if not place and (retracted := _retracted(data, policy)) is not None:
                yield retracted


def policy_in(data: Path, digest: str) -> Policy | None:
    """The policy of a hash: in the snapshots of a data folder, or the shipped one; None where it is neither."""
    found = next((one for one in policies_in(data) if one.hash == digest), None)
    return found or find_policy(data, digest)


def keep_policies(data: Path, ledger: Path) -> None:
    """Keep the policies of a data folder beside a ledger. What cannot be read or written is left for the next time: the calls
    count."""
    with suppress(OSError):
        for one in policies_in(data):
            if not has_policy(ledger, one.hash):
                keep_policy(ledger, one)


def _policy_in(path: Path) -> Policy | None:
    try:
        file = open_snapshot(path)
        try:
            section = file.head.section(POLICY)
            return policy_of_text(os.pread(file.descriptor, section.length, section.offset))
        finally:
            file.close()
    except (OSError, TosqauylError):
        return None


def _retracted(data: Path, policy: Policy) -> Policy | None:
    """The policy as a retraction made it before a snapshot was built of that (cli/modes_now.py); None where there was none."""
    ids = {rule.id for rule in policy.rules if rule.mode != "off"}
    try:
        found = policy.with_modes(one.override() for one in read_modes(data) if one.is_retraction and one.rule in ids)
    except TosqauylError:
        return None
    return found if found is not policy else None
