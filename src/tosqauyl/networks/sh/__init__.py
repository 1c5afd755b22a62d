"""Asking a home network's HSS where a subscriber is, over Diameter Sh (3GPP TS 29.328, TS 29.329). See docs/diameter.md."""
