# One image; web, worker, executor, beat and the lab differ only by their command.
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN useradd --system --uid 10001 --create-home --home-dir /home/airra airra
WORKDIR /app

COPY requirements.lock ./
RUN python -m pip install --no-deps --require-hashes -r requirements.lock

COPY . .

# Static files are part of the image: a new image never serves the old ones from a volume.
ENV AIRRA_VAR_DIR=/app/var \
    DJANGO_SETTINGS_MODULE=airra.settings
RUN AIRRA_SECRET_KEY=only-for-collectstatic python manage.py collectstatic --noinput --verbosity=0 \
    && mkdir /app/audit && chown -R airra:airra /app/var /app/audit

USER airra
EXPOSE 8000

# One process with threads, so that its counters are whole; scale by adding containers.
CMD ["python", "-m", "gunicorn", "airra.wsgi:application", "--bind=0.0.0.0:8000", "--workers=1", \
     "--worker-class=airra.server.Worker", "--threads=8", "--timeout=120", "--keep-alive=75", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
