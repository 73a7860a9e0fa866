# The OHIF viewer behind nginx. It is published built (MIT), as an npm package, which the registry
# gives or a file ohif-app-VERSION.tgz in deploy/docker/wheelhouse; either must have this digest.
ARG NODE_IMAGE=node:22-bookworm-slim
ARG NGINX_IMAGE=nginxinc/nginx-unprivileged:1.29-alpine

FROM ${NODE_IMAGE} AS ohif
ARG OHIF_VERSION=3.13.2
ARG OHIF_SHA512=5997719a9986eeba85816f5924b71b82bdd70ad2e2d4a0cd3e831a798e4f3deea3e06e1f8c48e393271933a0ba664d85f3b04ac457e9abe8dde715d907d13c10
WORKDIR /ohif
# Packing runs no script. What is left out, an ONNX runtime of 136 MB, no result of ours needs.
RUN --mount=type=secret,id=npm,target=/root/.npmrc \
    --mount=type=bind,source=deploy/docker/wheelhouse,target=/wheelhouse \
    file="ohif-app-${OHIF_VERSION}.tgz" \
    && if [ -e "/wheelhouse/${file}" ]; then cp "/wheelhouse/${file}" .; \
       else npm pack --silent --ignore-scripts "@ohif/app@${OHIF_VERSION}"; fi \
    && echo "${OHIF_SHA512}  ${file}" | sha512sum --check --quiet \
    && tar --extract --file "${file}" --strip-components=2 --exclude=package/dist/ort package/dist \
    && rm "${file}"

FROM ${NGINX_IMAGE}
COPY --from=ohif /ohif /usr/share/nginx/html
COPY deploy/viewer/app-config.js /usr/share/nginx/html/app-config.js
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cutis viewer" \
      org.opencontainers.image.description="OHIF with the configuration for Cutis. Research use only." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
