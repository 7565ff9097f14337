"""Charts as finished geometry: a template only writes it down as SVG. Pure; instants and sizes are arguments."""
