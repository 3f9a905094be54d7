# Build from the top of the repository: docker build -t nightshift .
# For several hosts: docker build -t nightshift --build-arg LOCK=requirements-postgres.lock .
FROM python:3.12-slim AS build
ARG LOCK=requirements.lock
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 LANGGRAPH_STRICT_MSGPACK=true
COPY requirements.lock requirements-postgres.lock requirements-dev.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --require-hashes --no-deps -r $LOCK
RUN python -m venv /opt/check \
 && /opt/check/bin/python -m pip install --require-hashes --no-deps -r requirements-dev.lock
COPY pyproject.toml .importlinter README.md LICENSE server.py ./
COPY domain domain
COPY policy policy
COPY nodes nodes
COPY tools tools
COPY memory memory
COPY graph graph
COPY nightshift nightshift
COPY runbooks runbooks
COPY lab lab
COPY tests tests
# The names of our packages are short: an image in which another package shadows one is not built.
RUN /opt/check/bin/python -m pytest -q -p no:cacheprovider tests/test_layout.py
RUN /opt/check/bin/python -m pip wheel --no-deps --no-build-isolation -w /wheel . \
 && /opt/venv/bin/python -m pip install --no-deps --target /app /wheel/nightshift-*.whl

FROM python:3.12-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin nightshift \
 && install -d -o 10001 -g 10001 -m 700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/app/bin:/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANGGRAPH_STRICT_MSGPACK=true \
    MALLOC_ARENA_MAX=2 \
    NIGHTSHIFT_HOST=0.0.0.0 \
    NIGHTSHIFT_PORT=5000 \
    NIGHTSHIFT_DATA_DIR=/data
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['NIGHTSHIFT_PORT'] + '/health', timeout=4)"]
CMD ["nightshift", "serve"]
