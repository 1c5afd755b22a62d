"""From the configuration to the networks that are asked about callers: home networks and ledgers.

What speaks to them is imported when it is needed: its libraries take 0.4 s to import, and a gate with them was 30 MB larger.
"""

import random
import time
from collections.abc import Callable, Iterable

from tosqauyl.config.networks import Home, NetworksOptions
from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import WhereaboutsBackend
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.desk import Desk, Senses, origination_desk, whereabouts_desk
from tosqauyl.networks.office.terms import ModesOffice, Office, OfficeOptions
from tosqauyl.networks.provider import Networks
from tosqauyl.networks.sh.options import ShOptions
from tosqauyl.numbers.plan import Plan


def networks_of(options: NetworksOptions, plan: Callable[[], Plan]) -> Networks:
    """The provider over all configured networks. Connections are opened when the first question needs them.

    plan: the one in use now; ledgers are told which table of ported numbers it has. Raises TosqauylError where an operator, a file
    or an address cannot be used.
    """
    askable = [
        one.operator for one in options.ledgers if not one.fixed.texts
    ]  # who has fixed lines only is not in the plan
    _check_operators((*(home.operator for home in options.homes), *askable), plan())
    senses = Senses(time.time, random.SystemRandom().random)
    homes = {
        home.operator: whereabouts_desk(home.way, _backend(home, plan()), home.desk, senses) for home in options.homes
    }
    return Networks(homes, _ledgers(options, plan, senses) if options.ledgers else {})


def _ledgers(options: NetworksOptions, plan: Callable[[], Plan], senses: Senses) -> dict[str, Desk]:
    from tosqauyl.networks.origination.client import Identity, LedgerBackend, LedgerClientOptions
    from tosqauyl.networks.origination.tokens import load_keys

    member, keys = options.member, load_keys(options.member.keys)
    identity = Identity(member.ca, member.certificate, member.key)
    ledgers = {}
    for place in options.ledgers:
        client = LedgerClientOptions(place.operator, place.urls, member.operator, keys, identity, roamers=place.roamers)
        ledgers[place.operator] = origination_desk(LedgerBackend(client, plan), senses, place.desk)
    return ledgers


def _backend(home: Home, plan: Plan) -> WhereaboutsBackend:
    if isinstance(home.options, CamaraOptions):
        from tosqauyl.networks.camara.client import CamaraBackend

        return CamaraBackend(home.options, time.time)
    if isinstance(home.options, ShOptions):
        from tosqauyl.networks.sh.client import ShBackend

        return ShBackend(home.options, plan)
    from tosqauyl.networks.redis_lookup import RedisBackend

    return RedisBackend(home.options, time.time)


def _check_operators(names: Iterable[str], plan: Plan) -> None:
    """An operator that the number plan does not know would never be asked, and nobody would notice."""
    known = {use.operator for use in plan.tables.uses.values()} | set(plan.ported.operators)
    unknown = sorted(set(names) - known)
    if unknown:
        hint = f"known are {', '.join(sorted(known - {''}))}"
        raise TosqauylError(f"no operator is called {', '.join(unknown)}", "[[home]] or [[ledger]]", hint)


def office_of(options: OfficeOptions) -> Office:
    """The office that a gate follows, over HTTP or from a folder. Raises TosqauylError where something cannot be used."""
    if options.folder:
        from tosqauyl.networks.office.folder import OfficeFolder

        return OfficeFolder(options.folder, time.time)
    from tosqauyl.networks.office.client import OfficeClient

    return OfficeClient(options, time.time)


def modes_office_of(options: OfficeOptions) -> ModesOffice:
    """The office whose modes of rules a gate follows, on connections of its own: neither long poll waits for the other one."""
    from tosqauyl.networks.office.client import OfficeClient

    return OfficeClient(options, time.time)
