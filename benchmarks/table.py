"""The benchmarks by name, in the order in which they run and are told. Each is a module with `run(stage, options)`."""

BENCHMARKS = {
    "heavy": "benchmarks.heavy_jobs",  # a million rows through the clean-ups, against the loops that one writes first
}
