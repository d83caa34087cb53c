# Two images from one file; docker-compose.yml says which service takes which:
#   fleet  every role, with numpy, Faust, Parquet and the page        docker build --target fleet -t tocsin:0.1.0 .
#   edge   `tocsin edge` alone, a tenth of the size, also for arm64   docker build --target edge -t tocsin-edge:0.1.0 .
# Nothing is compiled: every package comes as a wheel whose hash stands in locks/. Faust has none for arm64, so the
# fleet's image is for amd64. Health checks are docker-compose.yml's: each role serves its own port.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:
RUN python -m venv /opt/tocsin
WORKDIR /src

FROM build AS source
COPY pyproject.toml README.md LICENSE ./
COPY wire wire
COPY edge edge
COPY bus bus
COPY stream stream
COPY models models
COPY store store
COPY dashboards dashboards
COPY simulators simulators
COPY tocsin tocsin

FROM build AS build-fleet
COPY locks/run.txt locks/run.txt
RUN /opt/tocsin/bin/pip install --require-hashes -r locks/run.txt
COPY --from=source /src .
RUN /opt/tocsin/bin/pip install --no-deps --no-build-isolation .

FROM build AS build-edge
COPY locks/edge-fleet.txt locks/edge-fleet.txt
RUN /opt/tocsin/bin/pip install --require-hashes -r locks/edge-fleet.txt
COPY --from=source /src .
RUN /opt/tocsin/bin/pip install --no-deps --no-build-isolation .

FROM ${PYTHON} AS base
# The folders are there, and tocsin's, so that a new volume mounted on one of them is tocsin's too.
RUN groupadd --gid 10001 tocsin \
    && useradd --uid 10001 --gid tocsin --no-create-home --home-dir /var/lib/tocsin --shell /usr/sbin/nologin tocsin \
    && install -d -o tocsin -g tocsin /var/lib/tocsin /var/lib/tocsin/archive /var/lib/tocsin/models \
       /var/lib/tocsin/keeping /var/lib/tocsin/outbox /var/lib/tocsin/provisioning
COPY --chmod=755 deploy/hold.sh /usr/local/bin/hold
COPY --chmod=755 deploy/ready.py /usr/local/bin/ready
ENV PATH=/opt/tocsin/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/tocsin
USER 10001:10001
CMD ["tocsin", "--help"]

FROM base AS edge
COPY --from=build-edge /opt/tocsin /opt/tocsin

FROM base AS fleet
COPY --from=build-fleet /opt/tocsin /opt/tocsin
