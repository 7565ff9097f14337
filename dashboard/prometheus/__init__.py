"""What Prometheus reads at `/metrics`. Nothing is counted in a web process: each scrape asks the database."""
