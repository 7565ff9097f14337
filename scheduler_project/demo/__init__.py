"""A small OKLA to run against: its databases with sample rows, its HTTP services. Never in production."""
