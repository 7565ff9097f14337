"""Alerts: the rules over the ledger, the episodes that they open and close, and who asks them."""
