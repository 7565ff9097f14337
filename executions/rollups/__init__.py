"""What ended, counted once and for all: by minute, by hour and ever, so that no reader has to count the ledger again.

folding.fold()         adds what has ended since the last time; a turn of the schedule has it done every minute
totals.totals()        all that ever ended, up to this moment: the roll-ups and what they do not hold yet
rebuilding.rebuild()   counts the ledger anew
"""
