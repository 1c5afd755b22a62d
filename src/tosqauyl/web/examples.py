"""Examples of bodies for the OpenAPI document, by operation id. A test sends each of them: none is refused as it is written."""

from typing import Any

_PHONE = {"kind": "phone", "value": "+7 701 123 45 67"}
_TICKET = "7XK2M-9QRT4-ABCDE-01234-56789V"

EXAMPLES: dict[str, Any] = {
    "send_public_report": {
        "channel": "call", "observables": [_PHONE, {"kind": "url", "value": "https://kaspi-bonus.example/login"}], "scheme": "",
        "region": "", "text": "Банктің қызметкері болып қоңырау шалды.", "contact": "", "loss": 15_000_000,
        "happened": "2026-11-29T10:00:00+05:00", "consent": True, "external_id": "",
    },
    "send_report": {
        "channel": "call", "observables": [_PHONE], "reporter": "citizen", "external_id": "complaint-48213", "victims": 1,
    },
    "follow_report": {"ticket": _TICKET},
    "search_reports": {"observable": _PHONE, "limit": 20},
    "open_report": {"purpose": "complaint 48213"},
    "search_calls": {"since": "2026-11-29T19:00:00Z", "until": "2026-11-30T19:00:00Z", "calling": "+7 701 123 45 67", "limit": 20},
    "open_call": {"purpose": "complaint 48213"},
    "close_report": {"version": 1, "outcome": "confirmed"},
    "open_incident": {"title": "Calls in the name of a bank", "amount": 120_000_000, "victims": 4},
    "add_observables_to_incident": {"version": 1, "observables": [_PHONE]},
    "snooze_incident": {"version": 1, "until": "2026-12-14T04:00:00Z", "why": "The bank's answer is awaited."},
    "comment_incident": {"text": "The bank confirms that it did not call."},
    "draft_indicator": {
        **_PHONE, "verdict": "fraud", "listing": "block", "confidence": 90, "source": "report", "submit": True,
        "reasons": [{"slug": "reports", "text": "Twelve reports within a day, of three operators."}],
        "valid_until": "2027-02-28T19:00:00Z", "half_life_days": 30,
    },
    "revise_indicator": {
        **_PHONE, "version": 1, "verdict": "suspect", "listing": "mark", "reasons": [{"slug": "reports", "text": "Two reports."}],
    },
    "approve_indicator": {"version": 1},
    "send_indicator_back": {"version": 1, "why": "one report is not enough"},
    "revoke_indicator": {"version": 1, "why": "the number went to somebody else"},
    "set_condition": {
        **_PHONE, "condition": "allow", "perspective": "caller", "why": "the bank's own line", "until": "2027-02-28T19:00:00Z",
    },
    "request_action": {**_PHONE, "to": "kcell", "action": "suspend", "legal_basis": "Rules of telecom services, order 171"},
    "answer_action": {"version": 1, "state": "done", "text": ""},
    "open_number_check": {"number": "+7 701 123 45 67", "source": "complaint"},
    "decide_check": {"version": 1, "outcome": "not_confirmed"},
    "send_finding": {
        "number": "+7 701 123 45 67", "rule": "many-called", "summary": "Called 4,812 different numbers within an hour.",
        "counts": [], "since": "2026-11-29T06:00:00Z", "until": "2026-11-29T07:00:00Z", "query": "breadth 3", "confidence": 60,
    },
    "file_appeal": {"number": "+7 701 123 45 67", "text": "Это номер моей пекарни.", "language": "ru"},
    "check_value": _PHONE,
    "look_up": {"items": [_PHONE]},
    "add_organisation": {"id": "altel", "kind": "operator", "name": "Altel"},
    "add_account": {"login": "aida", "role": "analyst"},
    "add_key": {"name": "gate of the border", "role": "gate", "organisation": "kcell", "scopes": ["lists:read"]},
    "create_webhook": {"url": "https://example.kz/tosqauyl", "events": ["appeal.filed"]},
    "check_rule_promotion": {"mode": "canary", "percent": 5},
    "propose_promotion": {"mode": "canary", "percent": 5, "why": "two carriers looked at by hand, no complaint"},
    "retract_rule": {"why": "a hotel complains"},
    "approve_promotion": {"version": 1},
    "turn_promotion_down": {"version": 1, "why": "the week of the holidays is no measure"},
    "check_policy_draft": {"text": "[policy]\nname = \"own\"\ndated = 2026-11-29\n"},
    "start_backtest": {"draft": "", "first": "2026-11-01", "last": "2026-11-28"},
}  # fmt: skip
