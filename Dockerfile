# One image for migrate, web, worker, beat, Flower and the demo; docker-compose.yml says which is which.
FROM python:3.12-slim-trixie

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --uid 1000 --create-home scheduler && \
    install --directory --owner=1000 --group=1000 --mode=700 /var/lib/schedulerservice

# pg_dump and pg_restore with SSL, which those of the embedded PostgreSQL have not: OKLA's servers demand it.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends postgresql-client && \
    rm -rf /var/lib/apt/lists/*

# The packages change seldom and the code often: two layers.
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY . .

USER 1000:1000
EXPOSE 5038 5039 5555
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5038/health/ready', timeout=4)"]
CMD ["uvicorn", "scheduler_project.asgi:application", "--host", "0.0.0.0", "--port", "5038", "--lifespan", "off", "--timeout-graceful-shutdown", "3"]
