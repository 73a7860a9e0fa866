# Everything without a model: listener, dispatcher, writer, api, the migration, and the command
# `cutis`. One image, many commands; EXTRAS says what is in it. No torch and no Ray.
# Health checks are where the command is chosen (docker-compose.yml, the chart), not here.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What we need, without the settings of our tools: those change, and nothing is built anew for them.
FROM ${PYTHON_IMAGE} AS needs
COPY pyproject.toml /
RUN mkdir /needs && sed '/^\[tool\.pytest/,$d' /pyproject.toml > /needs/pyproject.toml && touch /needs/README.md

FROM ${PYTHON_IMAGE} AS wheels
ARG EXTRAS=listener,dispatcher,writer,api,postgresql
WORKDIR /src
COPY --from=needs /needs/ ./
COPY constraints.txt ./
# What we depend on first: it changes less often than we do, and this layer is kept.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=bind,source=deploy/docker/wheelhouse,target=/wheelhouse \
    mkdir services workers shared && touch services/__init__.py workers/__init__.py shared/__init__.py \
    && pip wheel --quiet --wheel-dir /wheels --find-links /wheelhouse --constraint constraints.txt ".[${EXTRAS}]" \
    && rm /wheels/cutis-*.whl

FROM wheels AS own
COPY services services
COPY workers workers
COPY shared shared
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=bind,source=deploy/docker/wheelhouse,target=/wheelhouse \
    pip wheel --quiet --no-deps --wheel-dir /own --find-links /wheelhouse .

FROM ${PYTHON_IMAGE}
ARG EXTRAS=listener,dispatcher,writer,api,postgresql
ENV PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 HOME=/tmp
RUN groupadd --gid 10001 cutis \
    && useradd --uid 10001 --gid cutis --home-dir /tmp --no-create-home --shell /usr/sbin/nologin cutis \
    && install -d -o cutis -g cutis -m 0750 /var/lib/cutis /var/lib/cutis/spool
# What we depend on and we ourselves, in two layers: an upgrade of Cutis alone moves the small one.
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --quiet --no-index --no-deps --no-cache-dir --root-user-action=ignore /wheels/*.whl
RUN --mount=type=bind,from=own,source=/own,target=/own \
    pip install --quiet --no-index --no-deps --no-cache-dir --root-user-action=ignore /own/*.whl \
    && pip check
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cutis service" \
      org.opencontainers.image.description="AI results for skin imaging, put back into the PACS. Research use only." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
WORKDIR /tmp
CMD ["python", "-m", "services.api"]
