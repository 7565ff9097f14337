"""OKLA's HTTP services as the demo speaks them: one service a file, each to the letter of OKLA.md §2-§7.

They are the other side: nothing here is shared with the gateways that talk to them.
"""
