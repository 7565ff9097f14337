"""The heavy jobs: what they work on, the loops that they are compared with, and what somebody else notices of them."""
