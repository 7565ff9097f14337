"""The embedded default: PostgreSQL, Valkey and the runner behind `bin/up`. Production uses none of it."""
