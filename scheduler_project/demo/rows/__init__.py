"""Sample rows shaped as OKLA's own (OKLA.md §8): for each service those of a first day, and those of each further one.

`first(day)` and `further(day)` of a module give what to load. They are the same at every call: all is drawn from the
day. Days are those of America/Santo_Domingo. The modules here have the tables of the client's first document; those of
`okla` make OKLA's own out of the same rows, and add what only these know.
"""
