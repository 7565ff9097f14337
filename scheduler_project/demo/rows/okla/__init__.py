"""The sample rows in OKLA's own tables, with what only those know: soft deletion, promotion, units, integer enums."""

from scheduler_project.demo.rows.okla import analyses, appointments, audit, errors, people, tokens, vehicles

__all__ = ["analyses", "appointments", "audit", "errors", "people", "tokens", "vehicles"]
