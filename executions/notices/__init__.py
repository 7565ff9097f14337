"""Notices: what is to be told to whom is written down first (`outbox`), and told by whoever comes by (`courier`)."""
