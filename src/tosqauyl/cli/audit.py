"""`tosqauyl audit`: is the audit trail as it was written?"""

import argparse
import re
from typing import Any

from tosqauyl.cli.office_files import add_place, need_office, of_place, registry_of, shell
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, Texts


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `audit`."""
    parser = subparsers.add_parser(
        "audit", help=t("the office's audit trail"), description=t("Work with the office's audit trail.")
    )
    verbs = parser.add_subparsers(title=t("verbs"), metavar="VERB", required=True)
    about = t(
        "Check every entry and its place in the chain. Prints how many there are and the last hash, to be kept elsewhere."
        " Exit code: 0 the trail is whole, 1 it is not, 2 trouble."
    )
    verify = verbs.add_parser("verify", help=t("check the chain"), description=about)
    add_place(verify, t)
    verify.add_argument(
        "--head",
        metavar="N:HASH",
        default="",
        help=t("what was printed earlier: that entry must still be there with that hash"),
    )
    verify.set_defaults(run=verify_trail, texts=t)


def verify_trail(options: argparse.Namespace) -> int:
    """Print 'N:HASH' of the last entry on standard output, faults before it."""
    need_office()
    from tosqauyl.registry.audit import verify
    from tosqauyl.registry.tables import AuditEntry

    t: Texts = options.texts
    kept = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", options.head)
    if options.head and kept is None:
        raise TosqauylError("it is no number and hash", "--head", "as `tosqauyl audit verify` prints it: 123:0f3c...")
    with registry_of(of_place(options)) as registry, registry.read(shell()) as work:
        found = verify(work.db)
        broken = list(found.broken)
        if kept is not None:
            entry = work.db.get(AuditEntry, int(kept[1]))
            if entry is None or entry.hash != kept[2]:
                broken.append((int(kept[1]), "it is not the entry whose hash was kept: the chain was made anew"))
    for seq, why in broken:
        print(t("entry {seq}: {why}", seq=seq, why=why))
    if not broken:
        print(t("the trail is whole: {count} entries", count=t.count(found.entries)))
    print(f"{found.entries}:{found.head}")
    return 1 if broken else 0
