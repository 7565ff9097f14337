"""`manage.py jobs`: what people and scripts type about jobs, at this installation or at another one by its API."""
