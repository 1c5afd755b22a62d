"""What was just done, told on the page that comes next. The address carries only a word of this list, never a text."""

from tosqauyl.texts import N_, Texts

NOTICES: dict[str, str] = {
    "saved": N_("Saved."),
    "signed-out": N_("You are signed out."),
    "password-set": N_("The password is set. Sign in with it."),
    "session-over": N_("The session is over. Please sign in again."),
    "approved": N_("Approved. Gates know it within seconds."),
    "proposed": N_("Proposed. Another person must approve it."),
    "drafted": N_("Written down as a draft."),
    "sent-back": N_("Sent back as a draft."),
    "revoked": N_("Revoked. Gates know it within seconds."),
    "triaged": N_("The report was looked at."),
    "closed": N_("Closed."),
    "decided": N_("Decided. Gates and the person who appealed know it at once."),
    "confirmed": N_("Confirmed."),
    "known": N_("This finding was there already. Nothing was changed."),
    "allowed": N_("Allowed. Gates know it within seconds."),
    "asked": N_("Written down. Another person must confirm the block."),
    "blocked": N_("The block holds. Gates know it within seconds."),
    "ended": N_("Ended. Gates know it within seconds."),
    "protected": N_("Protected from now on."),
    "unprotected": N_("Protected no longer."),
    "signed-out-everywhere": N_("All sessions are over, this one too."),
    "account-disabled": N_("Disabled. Its sessions are over."),
    "account-enabled": N_("It may sign in again."),
    "role-changed": N_("The role is changed. The sessions of the account are over."),
    "account-erased": N_("Erased."),
    "organisation-added": N_("The organisation is added."),
    "key-revoked": N_("The key is revoked and works no longer."),
    "webhook-ended": N_("The webhook is told nothing more."),
    "figures-imported": N_("The figures are taken in."),
    "figures-known": N_("All of these figures were there already."),
    "case-opened": N_("The case is open."),
    "assigned": N_("It is written down who works on it."),
    "moved": N_("The case moved on."),
    "snoozed": N_("The case is put aside."),
    "commented": N_("Written into the story of the case."),
    "linked": N_("Put into the case."),
    "unlinked": N_("Taken out of the case."),
    "requested": N_("The organisation is asked."),
    "merged": N_("They are one case now."),
    "acknowledged": N_("Whoever asked knows that you have read it."),
    "answered": N_("Whoever asked has the answer."),
    "retracted": N_("Retracted. Gates that follow the office let the next call pass."),
    "turned-down": N_("Turned down."),
    "back-test-begun": N_("The back-test has begun. It goes on if you leave."),
    "back-test-ended": N_("The back-test is ended. Begun again, it goes on where it was."),
    "check-opened": N_("The number is to be checked."),
    "check-decided": N_("Written down. The Centre is to be told within two business days."),
}
"""Word in the address -> what is told."""


def notice(word: str, t: Texts) -> str:
    """What is told; '' for a word that is not known."""
    return t(NOTICES[word]) if word in NOTICES else ""
