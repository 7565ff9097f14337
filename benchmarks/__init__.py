"""What `bin/bench` runs: the service beside named rivals, on this machine, with the figures written down."""
