# The worker: Celery driver, Ray, torch and the four models with their weights.
# ACCELERATOR=cpu takes torch's CPU build where pip finds one (a wheel in deploy/docker/wheelhouse, or
# the index that TORCH_INDEX_URL names) and else the ordinary one, which is much larger and runs on a
# CPU too; ACCELERATOR=cuda insists on the ordinary one, which brings its CUDA libraries along.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What we need, without the settings of our tools: those change, and nothing is built anew for them.
FROM ${PYTHON_IMAGE} AS needs
COPY pyproject.toml /
RUN mkdir /needs && sed '/^\[tool\.pytest/,$d' /pyproject.toml > /needs/pyproject.toml && touch /needs/README.md

FROM ${PYTHON_IMAGE} AS wheels
ARG ACCELERATOR=cpu
ARG TORCH_INDEX_URL=
WORKDIR /src
COPY --from=needs /needs/ ./
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=bind,source=deploy/docker/wheelhouse,target=/wheelhouse \
    mkdir services workers shared && touch services/__init__.py workers/__init__.py shared/__init__.py \
    && case "${ACCELERATOR}" in \
         cpu) ;; \
         cuda) sed -i 's/^torch==/torch===/' constraints.txt ;; \
         *) echo "ACCELERATOR is cpu or cuda, not ${ACCELERATOR}" >&2; exit 1 ;; \
       esac \
    && pip wheel --quiet --wheel-dir /wheels --find-links /wheelhouse --constraint constraints.txt \
         ${TORCH_INDEX_URL:+--extra-index-url "${TORCH_INDEX_URL}"} ".[worker,postgresql]" \
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
ARG ACCELERATOR=cpu
ENV PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 HOME=/tmp RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
RUN groupadd --gid 10001 cutis \
    && useradd --uid 10001 --gid cutis --home-dir /tmp --no-create-home --shell /usr/sbin/nologin cutis \
    && install -d -o cutis -g cutis -m 0750 /var/lib/cutis /var/lib/cutis/spool
# What we depend on and we ourselves, in two layers: an upgrade of Cutis alone moves the small one.
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --quiet --no-index --no-deps --no-cache-dir --root-user-action=ignore /wheels/*.whl \
    && python -c "import sys, torch; sys.exit('${ACCELERATOR}' == 'cuda' and torch.version.cuda is None)"
RUN --mount=type=bind,from=own,source=/own,target=/own \
    pip install --quiet --no-index --no-deps --no-cache-dir --root-user-action=ignore /own/*.whl \
    && pip check
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cutis worker (${ACCELERATOR})" \
      org.opencontainers.image.description="AI results for skin imaging, put back into the PACS. Research use only." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
WORKDIR /tmp
CMD ["python", "-m", "workers.runtime"]
