# One image for migrate, web, worker, beat, Flower and the demo; docker-compose.yml and deploy/kubernetes say which is which.
FROM python:3.12-slim-trixie AS packages
WORKDIR /build
COPY requirements.in requirements.txt deploy/runtime_requirements.py ./
# The packages change seldom and the code often: layers of their own. Neither engines nor tests are among them.
RUN python runtime_requirements.py requirements.in requirements.txt > runtime.txt && \
    python -m venv --without-pip /opt/venv && \
    pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --require-hashes -r runtime.txt

FROM python:3.12-slim-trixie
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --uid 1000 --create-home scheduler && \
    install --directory --owner=1000 --group=1000 --mode=700 /var/lib/schedulerservice

# pg_dump and pg_restore with SSL, which those of the embedded PostgreSQL have not: OKLA's servers demand it.
# No version: Debian keeps only the newest of its release, and security fixes are wanted.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends postgresql-client && \
    rm -rf /var/lib/apt/lists/*

COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY . .
# Nobody can write here afterwards, Python neither.
RUN ["python", "-m", "compileall", "-q", "/app"]

USER 1000:1000
EXPOSE 5038 5039 5555
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5038/health/ready', timeout=4)"]
CMD ["uvicorn", "scheduler_project.asgi:application", "--host", "0.0.0.0", "--port", "5038", "--lifespan", "off", "--timeout-graceful-shutdown", "3"]
