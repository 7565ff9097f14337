"""The audit trail: who did what, when, from where, from what to what (docs/audit.md)."""
