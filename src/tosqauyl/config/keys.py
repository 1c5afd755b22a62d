"""ONE table of configuration keys: path, type, default, meaning. The reference page is generated from it."""

from dataclasses import dataclass

from tosqauyl.errors import CALL_FAULTS
from tosqauyl.gate.answer import PASS_CODES, STOP_CODES
from tosqauyl.networks.backend import WAYS
from tosqauyl.policy.rule import MODES
from tosqauyl.screen.failure import ACTIONS
from tosqauyl.screen.trunk import SOURCES


@dataclass(frozen=True, slots=True)
class Key:
    """One key. path: 'section.key', with [] for arrays of tables. type: text, boolean, integer, date, texts or
    boolean-or-texts."""

    path: str
    type: str
    default: object
    doc: str
    choices: tuple[object, ...] = ()
    low: int = 0
    high: int = 2**31


_ACTIONS = tuple(str(action) for action in ACTIONS)
SCOPES = ("screen", "feed", "metrics", "reload")
"""What an HTTP client may be allowed to do."""
DIRECTIONS = ("international", "domestic", "unknown")

KEYS: tuple[Key, ...] = (
    Key("data", "text", "var", "Folder of the journal, the token key and the access log; made with mode 0700."),
    Key("enforce", "boolean", False, "Promote deterministic rules from monitor to enforce; analytic rules stay."),
    Key("policy", "text", "", "Policy file; '' for the shipped kz-border policy."),
    Key("http.listen", "text", "", "host:port of the HTTP side; port 0 picks one; '' for none. Beyond loopback it needs TLS."),
    Key("http.certificate", "text", "", "Certificate chain of the HTTP side (PEM)."),
    Key("http.key", "text", "", "Its private key (PEM)."),
    Key("http.client_ca", "text", "", "Authorities of client certificates (PEM); with it every client must show one."),
    Key("http.body_kb", "integer", 64, "Largest body of a request, KiB (events of a feed: sixteen times as much).", (), 1, 65_536),
    Key("http.bulk_mb", "integer", 512, "Largest bulk of a roaming feed, MiB.", (), 1, 65_536),
    Key("client[].id", "text", None, "Name of an HTTP client in status and metrics."),
    Key("client[].token", "text", "", "sha256:... of its token; `tosqauyl token` makes one."),
    Key("client[].certificate", "text", "", "Subject alternative name of its TLS certificate, instead of a token or beside it."),
    Key("client[].scopes", "texts", None, "What it may do.", SCOPES),
    Key("client[].operator", "text", "", "Operator whose subscribers it reports (scope feed): kcell, beeline, t2, ..."),
    Key("client[].trunks", "texts", (), "Trunks it may screen calls for (scope screen); none named means all."),
    Key("feed_file[].operator", "text", None, "Operator whose subscribers' moves are in the file: kcell, beeline, t2, ..."),
    Key("feed_file[].file", "text", None, "File that something else appends events to; it is followed (docs/feeds.md)."),
    Key("tls.certificate", "text", "", "Certificate chain shown on tls: listeners (PEM)."),
    Key("tls.key", "text", "", "Its private key (PEM)."),
    Key("tls.client_ca", "text", "", "Authorities of the SBCs' certificates (PEM); with it every SBC must show one."),
    Key("streams.connections", "integer", 1_000, "TCP and TLS connections at once; one more is closed.", (), 1, 100_000),
    Key("streams.per_source", "integer", 100, "... from one address.", (), 1, 100_000),
    Key("streams.message_seconds", "integer", 10, "A message that began must be complete within this.", (), 1, 600),
    Key("streams.idle_seconds", "integer", 900, "A silent connection is closed after this.", (), 1, 86_400),
    Key("subscribers.roaming", "text", "", "File of subscribers who are abroad now, one E.164 number a line."),
    Key(
        "subscribers.complete", "boolean-or-texts", False,
        "true: who is not in the file is at home. A list: only for these operators (kcell, beeline, t2, ...).",
    ),
    Key("indicators.files", "texts", (), "Files of listed numbers (block, mark, allow, protected), TOML or CSV."),
    Key("indicators.shipped", "boolean", True, "Also use the shipped list of protected Kazakh numbers."),
    Key("indicators.unconfirmed", "boolean", False, "Also protect bank short numbers that no source confirms (9999, 7111)."),
    Key("numbers.portability", "text", "", "File of ported numbers, number,operator a line."),
    Key("numbers.msrn", "texts", (), "Number ranges given to inbound roamers (MSRN); calls to them pass."),
    Key("rates.on", "boolean", True, "Count calls and callees per caller, number range and trunk."),
    Key("rates.callers", "integer", 1_048_576, "Callers counted at once; the longest silent gives way.", (), 64, 16_777_216),
    Key("rates.ranges", "integer", 65_536, "Ranges of 10,000 numbers counted at once.", (), 64, 1_048_576),
    Key("rates.trunks", "integer", 256, "Trunks counted at once.", (), 8, 65_536),
    Key("feeds.swing_percent", "integer", 20, "A feed or reload that changes more of an operator's states is held.", (), 1, 100),
    Key("feeds.swing_minutes", "integer", 10, "... within this time.", (), 1, 1_440),
    Key("feeds.stale_hours", "integer", 24, "An operator silent for this long has nobody 'at home' any more.", (), 1, 8_760),
    Key("publications.url", "text", "", "https://HOST of the office whose published numbers hold here (docs/publications.md)."),
    Key("publications.token_file", "text", "", "File with the token it gave this gate (scope lists:read); read for each request."),
    Key("publications.ca", "text", "", "Authorities of its server certificate (PEM); '' for those of the system."),
    Key("publications.certificate", "text", "", "Our client certificate (PEM), for mutual TLS."),
    Key("publications.key", "text", "", "Its private key (PEM)."),
    Key("publications.folder", "text", "", "Instead of a url: folder that something else brings the office's files to."),
    Key("publications.modes", "boolean", False, "Follow the office's modes of rules, too (docs/promote.md); needs a url."),
    Key("publications.stale_minutes", "integer", 15, "The gate is degraded when the office is silent for so long.", (), 1, 10_080),
    Key("overload.source_calls_per_second", "integer", 0, "Calls a second one source may send; 0 for no cap.", (), 0, 1_000_000),
    Key("overload.queue_percent", "integer", 25, "There is pressure when the receive queue is this full.", (), 1, 100),
    Key("mode[].rule", "text", None, "Rule whose mode is set here instead of in the policy file."),
    Key("mode[].mode", "text", None, "Its mode.", MODES),
    Key("mode[].percent", "integer", 0, "Share of callers, for mode canary.", (), 0, 99),
    Key("mode[].reason", "text", "", "Why: what was looked at before (an analytic rule is not enforced without)."),
    Key("mode[].by", "text", "", "Who decided it."),
    Key("mode[].on", "date", None, "When."),
    Key("home_network.provider", "text", "none", "Who answers where a subscriber is.", ("none", "scripted", "networks")),
    Key("home_network.script", "text", "", "Answers of the scripted provider, for trials and tests."),
    Key("home[].operator", "text", None, "Operator whose subscribers are asked about here: kcell, beeline, t2, ..."),
    Key("home[].way", "text", None, "How its network is asked where a subscriber is.", WAYS),
    Key("home[].url", "text", None, "https://...: the API without /retrieve (camara); aaa://host:3868 (sh); redis://... (redis)."),
    Key("home[].token_file", "text", "", "camara: file with the bearer token; or the three keys below."),
    Key("home[].token_url", "text", "", "camara: where a token is fetched (OAuth2 client credentials)."),
    Key("home[].client_id", "text", "", "camara: our name there."),
    Key("home[].client_secret_file", "text", "", "camara: file with the secret of that name."),
    Key("home[].ca", "text", "", "Authorities of its server certificate (PEM)."),
    Key("home[].certificate", "text", "", "Our client certificate (PEM), for mutual TLS."),
    Key("home[].key", "text", "", "Its private key (PEM)."),
    Key("home[].origin_host", "text", "", "sh: our Diameter identity."),
    Key("home[].origin_realm", "text", "", "sh: our realm."),
    Key("home[].destination_realm", "text", "", "sh: realm of the HSS."),
    Key("home[].destination_host", "text", "", "sh: the HSS itself; '' lets the realm's agents choose."),
    Key("home[].domain", "text", "cs", "sh: ask the circuit-switched or the packet domain.", ("cs", "ps")),
    Key("home[].redis_key", "text", "roaming:{number}", "redis: pattern of the keys: {number}, {digits} or {token}."),
    Key("home[].redis_updated", "text", "", "redis: key that holds when the data were brought up to date, seconds since 1970."),
    Key("home[].redis_missing", "text", "unknown", "redis: what a missing key means.", ("unknown", "home")),
    Key("home[].username_file", "text", "", "redis: file with the user name."),
    Key("home[].password_file", "text", "", "redis: file with the password."),
    Key("home[].token_key_file", "text", "", "redis: key of the tokens that stand in the keys instead of numbers."),
    Key("home[].in_flight", "integer", 500, "Questions to it at the same time; what comes beyond is not asked.", (), 1, 20_000),
    Key("home[].home_keep_seconds", "integer", 60, "How long an answer 'at home' serves further calls.", (), 0, 3_600),
    Key("home[].abroad_keep_seconds", "integer", 600, "How long an answer 'abroad' does.", (), 0, 86_400),
    Key("home[].home_fresh_seconds", "integer", 900, "'At home' that it knew longer ago is unknown.", (), 1, 86_400),
    Key("ledger[].operator", "text", None, "Operator whose origination ledger is asked here."),
    Key("ledger[].urls", "texts", None, "Its nodes, https://HOST:PORT; tried in turn."),
    Key("ledger[].roamers", "boolean", False, "It also knows calls its roamers start abroad, so its 'no' holds for them."),
    Key("ledger[].fixed", "texts", (), "Its fixed and VoIP lines as number ranges: the number plan knows no operator of those."),
    Key("member.operator", "text", "", "Our name among the members of the ledgers."),
    Key("member.keys", "text", "", "Folder of the keys that we share with each of them (0600 each)."),
    Key("member.ca", "text", "", "Authorities of their certificates (PEM)."),
    Key("member.certificate", "text", "", "Our certificate (PEM)."),
    Key("member.key", "text", "", "Its private key (PEM)."),
    Key("home_network.deadline_ms", "integer", 300, "How long an answer is waited for, milliseconds.", (), 1, 10_000),
    *(
        Key(f"failure.{kind.value}", "text", "pass", f"What happens to a call: {kind.doc}", _ACTIONS)
        for kind in CALL_FAULTS
    ),
    Key("failure.force.kinds", "texts", (), "Fault kinds to raise on every call, to try the failure policy out."),
    Key("sip.trying_after_ms", "integer", 200, "100 Trying after this long without an answer (RFC 3261 17.2.1).", (), 1, 5_000),
    Key("sip.table", "integer", 2_000_000, "Answered transactions kept at most; each is kept for 32 s.", (), 1, 50_000_000),
    Key("journal.fsync_seconds", "integer", 1, "A power cut loses at most this much of the journal.", (), 1, 3600),
    Key("journal.rotate_mb", "integer", 256, "A segment is closed at this size, MiB.", (), 1, 65_536),
    Key("journal.rotate_minutes", "integer", 60, "... or at this age.", (), 1, 10_080),
    Key("journal.keep_days", "integer", 90, "Closed segments older than this are deleted.", (), 1, 36_500),
    Key("journal.keep_gb", "integer", 64, "... and the oldest ones beyond this size in all, GiB.", (), 1, 1_000_000),
    Key("journal.clear_called", "boolean", False, "Write called numbers in clear instead of as keyed tokens."),
    Key("profile[].name", "text", "default", "Name that trunks refer to."),
    Key("profile[].pass", "integer", 302, "Answer to a call that passes.", PASS_CODES, 300),
    Key("profile[].deterministic", "text", "603", "Answer to a call stopped for a deterministic reason.", STOP_CODES),
    Key("profile[].analytic", "text", "603+", "... for an analytic reason (603+ needs a redress contact).", STOP_CODES),
    Key("profile[].identity", "text", "603", "... for the identity it claims.", STOP_CODES),
    Key("profile[].redress_url", "text", "", "Page where a wrongly stopped caller can turn."),
    Key("profile[].redress_tel", "text", "", "Telephone number for the same."),
    Key("profile[].redress_email", "text", "", "Mail address for the same."),
    Key("profile[].jcard_url", "text", "", "URL of a signed jCard (RFC 8688); 608 needs it."),
    Key("profile[].label", "text", "Unverified caller", "Display name given to marked calls."),
    Key("trunk[].id", "text", None, "Name of the trunk in journal and statistics."),
    Key("trunk[].listen", "text", None, "Where its calls arrive: udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, or http."),
    Key("trunk[].from", "texts", (), "Source networks (CIDR) it is recognised by; every SIP trunk needs them."),
    Key("trunk[].certificate", "text", "", "Subject alternative name that the peer's certificate must have (tls: only)."),
    Key("trunk[].tgrp", "text", "", "tgrp parameter of the Request-URI (RFC 4904) it must carry."),
    Key("trunk[].trunk_context", "text", "", "trunk-context parameter (RFC 4904) it must carry."),
    Key("trunk[].header", "text", "", "'Name: value' that the INVITE must carry."),
    Key("trunk[].direction", "text", "unknown", "Border rules fire on international trunks only.", DIRECTIONS),
    Key("trunk[].carrier", "text", "", "Carrier behind the trunk."),
    Key("trunk[].profile", "text", "default", "Answer profile."),
    Key("trunk[].trust", "texts", (), "Which headers may speak for the network.", ("asserted", "remote_party")),
    Key("trunk[].primary", "texts", SOURCES, "Order in which the calling number is taken.", SOURCES),
    Key("trunk[].ranges", "texts", (), "Calling numbers allowed on it: +7717*, +77172000000-+77172999999."),
    Key("trunk[].next_hop", "text", "sender", "Contact of a passing 302: host[:port], 'sender', or '' for none (then 404)."),
)  # fmt: skip
"""Every key, in the order of the reference page. A default of None means that the key must be given."""
