"""Names of states, kinds and other words of the API, for people. A word without a name here is shown as it is."""

from tosqauyl.registry import purposes
from tosqauyl.texts import N_, Texts

LABELS: dict[str, dict[str, str]] = {
    "channel": {
        "call": N_("telephone call"), "sms": N_("text message"), "messenger": N_("messenger"), "advert": N_("advert"),
        "site": N_("web site"), "transfer": N_("money transfer"), "other": N_("something else"),
    },
    "report": {
        "received": N_("received"), "triaged": N_("looked at"), "linked": N_("in a case"), "closed": N_("closed"),
    },
    "outcome": {"false": N_("no fraud"), "duplicate": N_("reported before"), "confirmed": N_("confirmed")},
    "kind": {
        "phone": N_("number"), "iban": N_("account"), "card_token": N_("card"), "wallet": N_("crypto wallet"),
        "domain": N_("web site"), "url": N_("link"), "telegram": N_("Telegram name"), "imei": N_("device"),
        "iin_token": N_("person"), "trunk": N_("trunk"),
    },
    "verdict": {
        "fraud": N_("fraud"), "suspect": N_("suspicious"), "clean": N_("no signs of fraud"), "protected": N_("protected"),
    },
    "reporter": {
        "citizen": N_("citizen"), "operator": N_("operator"), "bank": N_("bank"), "platform": N_("platform"),
        "police": N_("police"), "ledger": N_("ledger of calls"), "centre": N_("centre"),
    },
    "listing": {
        "none": N_("nothing"), "block": N_("stop the calls"), "mark": N_("mark the calls"), "allow": N_("let the calls through"),
    },
    "indicator": {
        "draft": N_("draft"), "proposed": N_("waits for approval"), "active": N_("holds"), "decayed": N_("ran out"),
        "revoked": N_("revoked"),
    },
    "task": {
        "check": N_("number to check"), "tell": N_("number to tell the Centre of"), "incident": N_("case"),
        "action": N_("action to answer"), "appeal": N_("appeal to decide"), "proposal": N_("proposal to approve"),
        "condition": N_("block by hand to approve"), "mode": N_("mode of a rule to approve"),
    },
    "sealed": {"text": N_("what happened"), "contact": N_("how to reach the sender"), "victim": N_("who suffered")},
    "proof": {"sms": N_("by a code"), "operator": N_("by the operator's word")},
    "appeal": {
        "filed": N_("waits for proof of the number"), "proven": N_("waits for a decision"), "upheld": N_("upheld"),
        "rejected": N_("rejected"), "withdrawn": N_("withdrawn"), "expired": N_("not proven in time"),
    },
    "source": {
        "report": N_("reports"), "ledger": N_("ledger of calls"), "operator": N_("operator"), "centre": N_("centre"),
    },
    "reason": {
        "counts": N_("figures"), "window": N_("days looked at"), "query": N_("query"), "reports": N_("reports"),
        "allow": N_("allowed by hand"), "block": N_("blocked by hand"), "block-always": N_("blocked by hand, always"),
    },
    "condition": {
        "allow": N_("allow"), "block": N_("block"), "block-always": N_("block, whatever allows it"),
    },
    "held": {
        "waiting": N_("waits for a second person"), "active": N_("holds"), "ended": N_("ended by somebody"),
        "over": N_("ran out"),
    },
    "perspective": {
        "caller": N_("where it calls"), "callee": N_("where it is called"), "payer": N_("where it pays"),
        "payee": N_("where it is paid"), "both": N_("on both sides"),
    },
    "identity": {"phone": N_("number"), "domain": N_("web site"), "sender": N_("sender of text messages")},
    "language": {"kk": N_("Kazakh"), "ru": N_("Russian"), "en": N_("English")},
    "organisation": {
        "centre": N_("Centre"), "operator": N_("operator of a network"), "bank": N_("bank"), "police": N_("police"),
        "platform": N_("platform"),
    },
    "role": {
        "operator": N_("operator's staff"), "analyst": N_("analyst"), "supervisor": N_("supervisor"), "auditor": N_("auditor"),
        "bank": N_("bank's staff"), "police": N_("police"), "admin": N_("admin"), "gate": N_("gate"),
    },
    "scope": {
        "reports:write": N_("report fraud"), "reports:read": N_("read reports"), "cases:write": N_("work on cases"),
        "cases:read": N_("read cases and indicators"), "decisions:propose": N_("propose what gates are told"),
        "decisions:approve": N_("approve what another person proposed"),
        "actions:answer": N_("answer what is asked of the organisation"),
        "checks:write": N_("check numbers and confirm subscribers"), "lists:read": N_("take the list of a gate"),
        "lookup": N_("look up numbers and other values"), "statistics:read": N_("see statistics"),
        "statistics:write": N_("take in figures of others"), "exchange:read": N_("read what is exchanged with partners"),
        "audit:read": N_("read the audit trail"), "accounts:write": N_("arrange users and keys"),
        "webhooks:write": N_("arrange webhooks"), "personal:read": N_("open personal data for a purpose"),
        "appeals:write": N_("decide appeals"), "findings:write": N_("write down findings in calls"),
        "calls:read": N_("see calls and decisions of gates"), "policy:propose": N_("propose modes of rules"),
        "policy:approve": N_("approve modes of rules"), "policy:retract": N_("take rules out of force"),
    },
    "key": {"active": N_("holds"), "revoked": N_("revoked"), "over": N_("ran out")},
    "delivery": {"waiting": N_("waits"), "done": N_("taken by the receiver"), "given_up": N_("given up")},
    "verb": {
        "acknowledged": N_("acknowledged"), "added": N_("added"), "allow": N_("allowed"), "amended": N_("changed"),
        "announced": N_("announced"), "answered": N_("answered"), "approve": N_("approved"),
        "assigned": N_("gave to somebody"), "back-test": N_("began a back-test"), "block": N_("blocked"),
        "block-always": N_("blocked, whatever allows it"), "cancel": N_("ended before its time"), "closed": N_("closed"),
        "code-failed": N_("failed with a code"), "commented": N_("commented"),
        "confirm": N_("confirmed"), "decay": N_("let run out"), "decided": N_("decided"), "delivered": N_("delivered"),
        "disabled": N_("disabled"), "draft": N_("written down as a draft"), "enabled": N_("enabled"), "end": N_("ended"),
        "ended": N_("ended"), "enter-wrong-code": N_("entered a wrong code"), "erased": N_("erased"),
        "expire": N_("let expire"), "expired": N_("expired"), "file": N_("filed"), "gave-up": N_("gave up"),
        "import": N_("took in"), "key-added": N_("added a key"),
        "linked": N_("joined"), "look-up": N_("looked up"), "merged": N_("merged"),
        "moved": N_("moved on"), "not-proposed": N_("could not propose"), "observed": N_("saw for the first time"),
        "opened": N_("opened"), "password-changed": N_("changed the password"),
        "password-failed": N_("failed with a password"), "propose": N_("proposed"), "proposed": N_("proposed"),
        "protected": N_("protected"), "prove": N_("proved the number"), "publish": N_("told gates"),
        "read-list": N_("took the list"), "read-personal": N_("read personal data"), "registered": N_("registered"),
        "reject": N_("rejected"), "reminded": N_("reminded"), "removed": N_("removed"),
        "replayed": N_("got the same answer again"), "reported": N_("reported"), "requested": N_("asked for"),
        "reset": N_("reset"),
        "restored": N_("put back from a backup"), "retract": N_("retracted"), "retention": N_("removed after its time"),
        "revise": N_("changed a draft"),
        "revoke": N_("revoked"), "revoked": N_("revoked"), "role-changed": N_("changed the role"),
        "roll-up": N_("counted anew"), "sealed-again": N_("sealed with the new key"), "send-back": N_("sent back"),
        "send-code": N_("sent a code"), "set-up": N_("set the first password"), "sign-in-failed": N_("failed to sign in"),
        "signed-in": N_("signed in"), "signed-out": N_("signed out"), "snoozed": N_("put off"), "told": N_("told"),
        "totp-begun": N_("began an authenticator"), "totp-on": N_("set up an authenticator"), "triaged": N_("looked at"),
        "trim": N_("shortened"), "turn-down": N_("turned down"), "unlinked": N_("took apart"),
        "uphold": N_("upheld"), "uploaded": N_("uploaded"),
        "verified": N_("checked the chain"), "withdraw": N_("withdrew"), "woke": N_("taken up again"),
    },
    "thing": {
        "account": N_("user"), "action": N_("action"), "answer": N_("answer to a program"), "appeal": N_("appeal"),
        "audit": N_("audit trail"), "call": N_("call"),
        "check": N_("number check"), "condition": N_("entry of a list"), "delivery": N_("delivery"), "event": N_("event"),
        "exchange": N_("exchange"), "figures": N_("figures"), "identity": N_("protected identity"), "incident": N_("case"),
        "indicator": N_("indicator"), "key": N_("key of a program"), "list": N_("list of a gate"), "lookup": N_("look-up"),
        "mode": N_("mode of a rule"), "policy": N_("policy"),
        "observable": N_("observable"), "official-figures": N_("figures of others"), "organisation": N_("organisation"),
        "publication": N_("publication"), "report": N_("report"), "upload": N_("upload"),
        "vault": N_("vault of personal data"), "webhook": N_("webhook"),
    },
    "purpose": {
        purposes.CHECKING: N_("a reported number is to be checked"), purposes.CHECKED: N_("a check is decided"),
        purposes.TELLING: N_("message to the Anti-Fraud Centre (rules No 171)"),
        purposes.PROVING: N_("code of an appeal by text message"),
        purposes.CONFIRMING: N_("the operator proves an appeal"), purposes.PUBLISHING: N_("publication to the gates"),
        purposes.PROTECTING: N_("whether it may be blocked"), purposes.ACTING: N_("an action is asked for"),
        purposes.ANSWERED: N_("answer to an action"), purposes.OF_AUTHOR: N_("asked for by its author"),
        purposes.STORY: N_("the story of a case is read"),
        purposes.EXCHANGING: N_("exchange with another organisation"),
    },
    "incident": {
        "proposed": N_("found by itself"), "pending": N_("waits to be begun"), "investigating": N_("is worked on"),
        "snoozed": N_("put aside"), "closed": N_("closed"),
    },
    "incident-move": {"pending": N_("Let it wait"), "investigating": N_("Begin to work on it")},
    "incident-outcome": {
        "confirmed_risk": N_("fraud, confirmed"), "valuable_alert": N_("no proof, but good to know"),
        "false_positive": N_("no fraud"),
    },
    "story": {
        "opened": N_("opened"), "commented": N_("said"), "amended": N_("changed what is known"), "assigned": N_("gave it to"),
        "moved": N_("moved it on"), "snoozed": N_("put it aside"), "woke": N_("came back by itself"),
        "linked": N_("put reports in"), "unlinked": N_("took reports out"), "added": N_("put numbers, links or accounts in"),
        "removed": N_("took numbers, links or accounts out"), "merged": N_("made one case of two"),
        "proposed": N_("found by itself"),
    },
    "action": {
        "suspend": N_("suspend the number"), "notify": N_("tell the person"), "hold": N_("hold the transfer"),
        "unblock": N_("lift what was done"),
    },
    "action-state": {
        "requested": N_("asked"), "acknowledged": N_("read, will be done"), "done": N_("done"), "partly": N_("done in part"),
        "refused": N_("refused"), "expired": N_("not answered in time"),
    },
    "check": {"open": N_("to be checked"), "decided": N_("the Centre is to be told"), "told": N_("the Centre was told")},
    "check-outcome": {"confirmed": N_("fraud is confirmed"), "not_confirmed": N_("fraud is not confirmed")},
    "check-source": {
        "complaint": N_("a complaint"), "centre": N_("word from the Centre"), "own": N_("the operator's own finding"),
    },
    "mode": {
        "off": N_("off"), "monitor": N_("only watched"), "canary": N_("for some callers"), "enforce": N_("in force"),
    },
    "mode-decision": {
        "proposed": N_("waits for approval"), "approved": N_("approved"), "turned-down": N_("turned down"),
        "retracted": N_("retracted"),
    },
    "rule-class": {
        "deterministic": N_("certain: by number, list or look-up"), "analytic": N_("by behaviour; it may err"),
        "identity": N_("by what the call says of itself; it may err"),
    },
    "back-test": {
        "running": N_("goes on"), "done": N_("done"), "failed": N_("failed"), "cancelled": N_("ended by somebody"),
        "interrupted": N_("interrupted"),
    },
    "tested-policy": {"in-force": N_("the policy in force"), "draft": N_("a draft")},
    "rule-change": {"added": N_("new"), "removed": N_("gone"), "changed": N_("changed")},
    "rule-part": {
        "when": N_("condition"), "verdict": N_("verdict"), "tier": N_("place in the order"), "mode": N_("mode"),
        "class": N_("kind of evidence"), "reason": N_("reason"), "law.kk": N_("law, in Kazakh"),
        "law.ru": N_("law, in Russian"), "law.en": N_("law, in English"), "text.kk": N_("text in Kazakh"),
        "text.ru": N_("text in Russian"), "text.en": N_("text in English"), "why_mode.kk": N_("why this mode, in Kazakh"),
        "why_mode.ru": N_("why this mode, in Russian"), "why_mode.en": N_("why this mode, in English"),
        "expires": N_("last day"), "divert_to": N_("where to"), "promote": N_("put in force with the others"),
        "evidence": N_("recorded reason"),
    },
    "gate": {"new": N_("not asked yet"), "up": N_("up"), "down": N_("down")},
    "gate-why": {
        "unreached": N_("it does not answer"), "refused": N_("it does not take the office's token"),
        "certificate": N_("its certificate cannot be checked"), "unreadable": N_("its answer is no metrics of a gate"),
    },
    "shed": {
        "shed_analytics": N_("calls not counted for analytic rules"), "source_capped": N_("calls refused beyond a source's share"),
        "source_dropped": N_("calls dropped beyond a source's share"), "kernel_drops": N_("messages lost before they were read"),
        "not_asked_overload": N_("home networks not asked"), "http_shed": N_("questions over HTTP turned away"),
    },
}  # fmt: skip
"""Group -> word -> name."""


def label(group: str, word: str, t: Texts) -> str:
    """The name of a word of a group; '–' for ''."""
    return t(LABELS[group].get(word, word)) if word else "–"
