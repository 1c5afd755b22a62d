"""`tosqauyl office sample`: fill an empty office with invented records that say so, for a demonstration or a screenshot."""

import argparse
from typing import Any

from tosqauyl.cli.office_files import add_place, now, of_place, registry_of, say
from tosqauyl.texts import Texts

SEED = 7


def add_sample(verbs: Any, t: Texts) -> None:
    """Add `sample`."""
    about = t(
        "Fill an empty office with a sample: invented organisations, people, reports, cases, checks and decisions of the last "
        "weeks, each marked as a sample. Prints the login, role, organisation and random password of everybody, once."
    )
    parser = verbs.add_parser("sample", help=t("fill an empty office with a sample"), description=about)
    add_place(parser, t)
    parser.add_argument(
        "--seed", type=int, default=SEED, help=t("same seed, same records but for ids and passwords (default 7)")
    )
    parser.set_defaults(run=run, texts=t)


def run(options: argparse.Namespace) -> int:
    """One person a line on standard output: login, role, organisation, password."""
    config = of_place(options)
    from tosqauyl.registry.passwords import Passwords
    from tosqauyl.registry.sample.fill import fill
    from tosqauyl.registry.sample.stage import Moments

    t: Texts = options.texts
    moments = Moments(now())
    with registry_of(config, moments) as registry:
        people = fill(registry, moments, Passwords(config.passwords), options.seed)
    say(t("The office has a sample now. These people can sign in; their passwords are shown this once:"))
    for one in people:
        print(one.login, one.role, one.organisation, one.password, sep="\t", flush=True)
    return 0
