"""Questions asked by hand: `check` one call, `policy check|explain`, `number`. Nothing is journaled, and nobody is asked but
the home networks and ledgers of the configuration, by `check`."""

import argparse
import asyncio
import contextlib
import json
import time
from datetime import UTC, datetime
from math import nextafter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tosqauyl.cli import modes_table, promote, retract
from tosqauyl.cli.asking import networks_of
from tosqauyl.cli.build import engine_of, policy_in_modes, policy_of, provider_of, read_text, snapshot_of
from tosqauyl.cli.number_texts import step_text
from tosqauyl.cli.publications import publications_folder, recall
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.load import Config, default_config, load_config, with_changes
from tosqauyl.errors import TosqauylError
from tosqauyl.facts import FACTS, Call, Verdict
from tosqauyl.gate.answer import changes, compose
from tosqauyl.gate.trunks import Entry
from tosqauyl.ledger.network_texts import network_lines
from tosqauyl.networks.provider import Networks
from tosqauyl.numbers.plan import load_plan
from tosqauyl.numbers.portability import read_portability
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.check import lint
from tosqauyl.policy.explain import explain_rule
from tosqauyl.screen.decision import Decision, modes
from tosqauyl.screen.engine import Ask, Engine, answered
from tosqauyl.screen.signalling import signalled
from tosqauyl.screen.trunk import Trunk
from tosqauyl.sip.message import Request, Response, parse
from tosqauyl.state.provider import Answer
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `check`, `policy` and `number`."""
    _add_check(
        subparsers.add_parser(
            "check", help=t("judge one call by hand"), description=t("Verdict, reasons and every fact.")
        ),
        t,
    )
    policy = subparsers.add_parser(
        "policy", help=t("check or explain a policy, let rules decide"), description=t("Look into a policy, set modes.")
    )
    verbs = policy.add_subparsers(title=t("verbs"), metavar="VERB", required=True)
    check = verbs.add_parser("check", help=t("all mistakes and warnings of a policy file"))
    explain = verbs.add_parser("explain", help=t("each rule in plain words"))
    for parser, run in ((check, run_policy_check), (explain, run_policy_explain)):
        parser.add_argument(
            "file", nargs="?", default="", metavar="FILE", help=t("policy file (default: the shipped one)")
        )
        _common(parser, run, t)
    explain.add_argument("--rule", metavar="ID", help=t("only this rule"))
    explain.add_argument("--config", metavar="FILE", help=t("the policy of this configuration, in its modes"))
    for module in (promote, retract, modes_table):
        module.add_verbs(verbs, t)
    number = subparsers.add_parser(
        "number", help=t("what a number is"), description=t("Normalise and explain a number.")
    )
    number.add_argument("number", metavar="NUMBER", help=t("as a trunk would send it"))
    number.add_argument("--portability", metavar="FILE", help=t("file of ported numbers"))
    _common(number, run_number, t)


def _common(parser: argparse.ArgumentParser, run: Any, t: Texts) -> None:
    parser.add_argument("--json", action="store_true", help=t("print JSON"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the texts (default: the terminal's)"))
    parser.set_defaults(run=run)


def _add_check(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument("--from", dest="presented", metavar="NUMBER", help=t("presentation number (From)"))
    parser.add_argument("--asserted", metavar="NUMBER", help=t("network number (P-Asserted-Identity)"))
    parser.add_argument("--remote-party", metavar="NUMBER", help=t("number in Remote-Party-ID"))
    parser.add_argument("--to", dest="called", default="", metavar="NUMBER", help=t("called number"))
    parser.add_argument("--redirecting", metavar="NUMBER", help=t("last redirecting number (Diversion)"))
    parser.add_argument("--name", default="", metavar="TEXT", help=t("display name"))
    parser.add_argument("--privacy", default="", metavar="TEXT", help=t("value of Privacy"))
    parser.add_argument("--sip", metavar="FILE", help=t("read the call from an INVITE in a file instead"))
    parser.add_argument(
        "--direction", default="international", choices=("international", "domestic", "unknown"), help=t("of the trunk")
    )
    parser.add_argument("--trunk", metavar="ID", help=t("a trunk of the --config instead of --direction"))
    parser.add_argument("--config", metavar="FILE", help=t("configuration of the gate"))
    parser.add_argument("--policy", metavar="FILE", help=t("policy instead of the shipped kz-border"))
    parser.add_argument("--roaming", metavar="FILE", help=t("subscribers who are abroad"))
    parser.add_argument("--roaming-complete", action="store_true", default=None, help=t("who is not in it is at home"))
    parser.add_argument("--enforce", action="store_true", default=None, help=t("judge as `serve --enforce` would"))
    _common(parser, run_check, t)


def run_check(options: argparse.Namespace) -> int:
    """Judge one call; exit code 0 where it passes (also marked or withheld), 1 where it is stopped or diverted."""
    config = load_config(read_text(options.config), options.config) if options.config else default_config()
    config = with_changes(
        config,
        policy=options.policy,
        roaming=options.roaming,
        complete=options.roaming_complete,
        enforce=options.enforce,
    )
    entry = _entry(config, options)
    engine = engine_of(config, snapshot_of(config))
    if config.publications.office.source:
        engine.published = recall(publications_folder(config))[0]
    request = _request(options)
    call = engine.facts(signalled(request, "", time.time()), entry.trunk)
    if call is None:
        raise TosqauylError("the facts of this call cannot be read: a bug, please report it")
    call = _asked(engine, config, call)
    decision = engine.decide(call)
    if options.json:
        print(
            json.dumps(
                _as_json(call, decision, engine, _answer(request, decision, call, entry))
                | {"changes": changes(decision, call, entry.profile)},
                ensure_ascii=False,
                indent=1,
            )
        )
    else:
        _show_check(call, decision, engine, Texts(choose_language(options.lang)))
    return 1 if decision.verdict in (Verdict.STOP, Verdict.DIVERT) else 0


def _entry(config: Config, options: argparse.Namespace) -> Entry:
    if not options.trunk:
        trunk = Trunk("by-hand", options.direction, trust=frozenset(("asserted", "remote_party")))
        return Entry(trunk, "by hand", (), next_hop="next-hop.invalid")
    for entry in config.entries:
        if entry.trunk.id == options.trunk:
            return entry
    raise TosqauylError(
        f"no trunk is called {options.trunk}", options.config or "--trunk", "its id must be in the --config"
    )


def _answer(request: Request, decision: Decision, call: Call, entry: Entry) -> dict[str, object]:
    """The answer the gate would send, without what it copies from the request."""
    next_hop = "sender.invalid" if entry.next_hop == "sender" else entry.next_hop
    _, data = compose(request, decision, call, entry.profile, (("127.0.0.1", 5060), "tag", next_hop))
    answer = parse(data)
    if not isinstance(answer, Response):
        raise TosqauylError("the gate's own answer cannot be read: a bug, please report it")
    copied = ("via", "from", "to", "call-id", "cseq", "content-length")
    headers = {name: values for name, values in answer.fields.items() if name not in copied}
    return {"status": answer.status, "phrase": answer.reason, "headers": headers}


def _request(options: argparse.Namespace) -> Request:
    """The INVITE of the file, or one made of the flags: from here on the call goes the way every call goes."""
    if options.sip:
        try:
            data = Path(options.sip).read_bytes()
        except OSError as error:
            raise TosqauylError(f"cannot be read: {error.strerror}", options.sip) from None
    else:
        data = _invite(options)
    request = parse(data)
    if not isinstance(request, Request):
        raise TosqauylError("this is no SIP request that could be answered", options.sip)
    if request.fault:
        raise TosqauylError(f"the gate would refuse this: {request.fault.detail}", options.sip or "flags")
    return request


def _invite(options: argparse.Namespace) -> bytes:
    def uri(number: str | None) -> str:
        return f"<sip:{quote(number or '', safe='+*#-_.!~()')}@caller.invalid>"

    name = "".join(letter for letter in options.name if letter.isprintable() and letter not in '"\\')
    lines = [
        f"INVITE sip:{quote(options.called, safe='+*#-_.!~()')}@gate.invalid SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-by-hand",
        f'From: "{name}" {uri(options.presented) if options.presented is not None else "<sip:caller.invalid>"};tag=1',
        "To: <sip:gate.invalid>",
        "Call-ID: by-hand",
        "CSeq: 1 INVITE",
    ]
    more = (
        ("P-Asserted-Identity", options.asserted),
        ("Remote-Party-ID", options.remote_party),
        ("Diversion", options.redirecting),
    )
    lines += [f"{header}: {uri(number)}" for header, number in more if number is not None]
    if options.privacy:
        lines.append(f"Privacy: {options.privacy}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _asked(engine: Engine, config: Config, call: Call) -> Call:
    """Ask whoever the configuration names: networks for real; a script with the clock wound forward, for nobody waits."""
    if config.home_network.provider == "networks":
        return asyncio.run(_asked_networks(engine, networks_of(config.networks, lambda: engine.known.plan), call))
    ask = engine.question(call, 0.0)
    if ask is None:
        return call
    provider = provider_of(config, lambda: engine.known.plan)
    found = [provider.ask(question, 0.0) for question in ask.questions]
    return _with_answers(call, ask, [*found, *provider.poll(nextafter(ask.until, 0.0))])


async def _asked_networks(engine: Engine, networks: Networks, call: Call) -> Call:
    """As the gate asks: until every answer is here, or the deadline."""
    loop = asyncio.get_running_loop()
    ask = engine.question(call, loop.time())
    if ask is None:
        return call
    came = asyncio.Event()
    networks.wake_by(came.set)
    try:
        found = [networks.ask(question, loop.time()) for question in ask.questions]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ask.until):
                while sum(one is not None for one in found) < len(ask.questions):
                    await came.wait()
                    came.clear()
                    found += networks.poll(loop.time())
        return _with_answers(call, ask, found)
    finally:
        await networks.close()


def _with_answers(call: Call, ask: Ask, found: list[Answer | None]) -> Call:
    answers = {one.key: one for one in found if one is not None}
    keys = [question.key for question in ask.questions]
    return answered(call, {key: answers.get(key, Answer(key, "timeout")) for key in keys})


def _hits(decision: Decision, engine: Engine, at: float) -> list[tuple[Any, str]]:
    rules = engine.known.policy.rules
    today = datetime.fromtimestamp(at, UTC).date()
    now = modes(rules, engine.options.enforce, today)
    return [(rule, now[bit]) for bit, rule in enumerate(rules) if decision.mask >> bit & 1]


def _as_json(call: Call, decision: Decision, engine: Engine, answer: dict[str, object]) -> dict[str, object]:
    return {
        "verdict": decision.verdict.value,
        "reason": decision.reason.value,
        "rule": decision.rule,
        "class": decision.klass,
        "would": {
            "verdict": decision.would_verdict.value,
            "reason": decision.would_reason.value,
            "rule": decision.would_rule,
        },
        "rules_hit": [
            {"id": rule.id, "mode": mode, "verdict": rule.verdict.value} | _share(rule, mode, call)
            for rule, mode in _hits(decision, engine, call.at)
        ],
        "answer": answer,
        "facts": call._asdict(),
        "policy": engine.known.policy.hash,
        "snapshot": engine.known.hash,
    }


def _share(rule: Any, mode: str, call: Call) -> dict[str, object]:
    """Of a canary: its share of callers, and whether it holds for this one."""
    return {"percent": rule.percent, "holds": bucket(call.caller) < rule.percent} if mode == "canary" else {}


_STYLES = {Verdict.PASS: "green", Verdict.STOP: "bold red"}
_MODES = {"off": N_("off"), "monitor": N_("monitor"), "enforce": N_("enforce")}


def _mode_text(rule: Any, mode: str, call: Call, t: Texts) -> str:
    """A rule's mode for people; a canary says whether it holds for this caller."""
    if mode != "canary":
        return t(_MODES[mode])
    if bucket(call.caller) < rule.percent:
        return t("canary for {percent}% of callers, this one among them", percent=rule.percent)
    return t("canary for {percent}% of callers, this one is only watched", percent=rule.percent)


def _show_check(call: Call, decision: Decision, engine: Engine, t: Texts) -> None:
    console = Console(highlight=False)
    style = _STYLES.get(decision.verdict, "yellow")
    console.print(f"[{style}]{t.verdict(decision.verdict.value)}[/]: {t.reason(decision.reason.value)}")
    if decision.would_verdict is not decision.verdict:
        would = f"{t.verdict(decision.would_verdict.value)}: {t.reason(decision.would_reason.value)}"
        console.print(t("If the monitored rules were enforced: {would}", would=would))
    for rule, mode in _hits(decision, engine, call.at):
        console.print(f"  [bold]{escape(rule.id)}[/] ({_mode_text(rule, mode, call, t)}): {escape(t.pick(rule.texts))}")
        console.print(f"    {escape(t.pick(rule.law))}", style="dim")
    for line in network_lines(call, t):
        console.print(f"  {escape(line)}")
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, fact in FACTS.items():
        value = getattr(call, name)
        if name != "at":
            table.add_row(name, escape(str(value)), style="dim" if value == fact.about.unknown else "")
    console.print(t("Facts:"))
    console.print(table)


def run_policy_check(options: argparse.Namespace) -> int:
    """All mistakes (exit code 2) or all warnings (1) of a policy file; 0 where there is nothing to say."""
    policy = policy_of(options.file)
    warnings = lint(policy, datetime.now(UTC).date())
    t = Texts(choose_language(options.lang))
    if options.json:
        found = [{"line": one.line, "column": one.column, "what": one.what, "hint": one.hint} for one in warnings]
        print(json.dumps({"policy": policy.name, "hash": policy.hash, "rules": len(policy.rules), "warnings": found}))
    else:
        for warning in warnings:
            print(warning)
        print(
            t(
                "{name} of {dated}: {rules} rules, {warnings} warnings, hash {hash}",
                name=policy.name,
                dated=policy.dated,
                rules=len(policy.rules),
                warnings=len(warnings),
                hash=policy.hash,
            )
        )
    return 1 if warnings else 0


def run_policy_explain(options: argparse.Namespace) -> int:
    """Each rule in words: what it says to people, what it asks, what it rests on, why it is in its mode."""
    if options.config and not options.file:
        policy = policy_in_modes(load_config(read_text(options.config), options.config), options.config)
    else:
        policy = policy_of(options.file)
    rules = [rule for rule in policy.rules if options.rule in (None, rule.id)]
    if not rules:
        raise TosqauylError(
            f"no rule is called {options.rule}", policy.file, f"known are {', '.join(r.id for r in policy.rules)}"
        )
    language = choose_language(options.lang)
    if options.json:
        print(json.dumps([_rule_json(rule, language) for rule in rules], ensure_ascii=False, indent=1))
        return 0
    print("\n\n".join(explain_rule(rule, language) for rule in rules))
    return 0


def _rule_json(rule: Any, language: str) -> dict[str, object]:
    return {
        "id": rule.id, "verdict": rule.verdict.value, "reason": rule.reason.value, "class": rule.klass, "tier": rule.tier,
        "mode": rule.mode, "texts": dict(rule.texts), "law": dict(rule.law), "why_mode": dict(rule.why_mode), "when": rule.when,
        "explained": explain_rule(rule, language), "expires": rule.expires.isoformat() if rule.expires else "",
        "percent": rule.percent, "evidence": _evidence_json(rule.evidence),
    }  # fmt: skip


def _evidence_json(evidence: Any) -> dict[str, str]:
    """The recorded reason of a rule; {} where there is none."""
    if evidence is None:
        return {}
    return {"reason": evidence.reason, "by": evidence.by, "on": evidence.on.isoformat(), "report": evidence.report}


def _ported(file: str | None) -> dict[str, str]:
    return read_portability(read_text(file), file, load_plan()) if file else {}


def run_number(options: argparse.Namespace) -> int:
    """What a number is and why; exit code 0 for a number that somebody may have, 1 for one that nobody has."""
    ported = _ported(options.portability)
    explanation = load_plan(ported).explain(options.number)
    number = explanation.number
    t = Texts(choose_language(options.lang))
    if options.json:
        steps = [{"text": step_text(step, t), "source": step.source} for step in explanation.steps]
        print(json.dumps({**number._asdict(), "raw": options.number, "steps": steps}, ensure_ascii=False, indent=1))
    else:
        parts = [part for part in (t(number.kind), t(number.country), number.operator) if part]
        print(f"{number.text or '-'}  ({', '.join(parts)})")
        for step in explanation.steps:
            print(f"  {step_text(step, t)}" + (f"  [{t(step.source)}]" if step.source else ""))
    nobody = ("malformed", "letters", "empty"), ("impossible", "unassigned", "unallocated", "reserve")
    return 1 if number.form in nobody[0] or number.kind in nobody[1] else 0
