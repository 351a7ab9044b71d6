# One image, every process: the command says which (`docker run --init IMAGE load`). Nothing is written but below /data and
# /tmp, so the root file system can be read-only; whoever runs it is uid 10001 and owns none of the code.
#
# The base is pinned by its version. It is not pinned by digest: none could be looked up where this was written
# (`docker buildx imagetools inspect node:24.21.0-bookworm-slim` tells it).
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app
# Debian's archive keeps only the newest build of a package: a version pinned here would soon not install any more.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*

FROM base AS npm
COPY package.json package-lock.json ./
# Without the Node that is among the packages for machines that have an older one: the image has its own.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM base AS dbt
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY dbt/requirements.txt dbt/
# Bytecode is made here, once and for good: at run time nobody can write it.
RUN python3 -m venv .tools/dbt \
 && .tools/dbt/bin/python -m pip install --quiet --no-cache-dir --no-compile --require-hashes --requirement dbt/requirements.txt \
 && .tools/dbt/bin/python -m pip uninstall --quiet --yes pip \
 && .tools/dbt/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .tools/dbt/lib

FROM base
LABEL org.opencontainers.image.title="tmdb-stream" \
      org.opencontainers.image.description="TMDb's popular movies through Kafka into BRONZE, SILVER and GOLD" \
      org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim"
ENV NODE_ENV=production \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    DATA_DIR=/data \
    HTTP_LISTEN=0.0.0.0:9464
COPY --from=npm /app/node_modules node_modules
COPY --from=dbt /app/.tools .tools
# .dockerignore lets in what runs and nothing else.
COPY . .
# A new volume takes over the owner of the folder that it is mounted on.
RUN mkdir --mode=0750 /data && chown 10001:10001 /data
USER 10001:10001
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.HTTP_LISTEN.split(':').pop() + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "cli.ts"]
CMD ["--help"]
