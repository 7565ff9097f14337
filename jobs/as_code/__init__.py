"""Schedules as code: a YAML file of jobs is compared with what is stored, and brought about by the jobs' own rules."""
