# One image for every process: the command selects it (`docker run --init IMAGE load`). A process writes only below /data and /tmp,
# so the root file system can be read-only. It runs as uid 10001, which owns none of the code.
#
#   docker build --tag tmdb-stream:0.1.0 .                                  the warehouse is DuckDB
#   docker build --target snowflake --tag tmdb-stream:0.1.0-snowflake .     Snowflake's drivers too
#
# The base is pinned by its version. Renovate (renovate.json) adds its digest and updates both.
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app
# Debian's archive keeps only the newest build of a package: a version pinned here would soon not install any more.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*

# The root of the final image: Node, Python and Debian's programs, without package managers, documents and locales. Deleting files
# in a layer leaves them in the layer below, so this file system is copied into an empty one. dpkg's list of packages stays, for
# scanners, and so do the licences.
FROM base AS root
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* \
      /opt/yarn* /usr/local/include /usr/local/share/doc /usr/local/share/man \
      /usr/bin/apt* /usr/lib/apt /var/lib/apt /var/cache/apt /etc/apt /etc/cron.daily /usr/lib/*-linux-gnu/libapt* \
      /usr/bin/dpkg* /usr/lib/dpkg /usr/share/dpkg /var/lib/dpkg/info /var/lib/dpkg/*-old /var/cache/debconf \
      /usr/bin/perl* /usr/lib/*-linux-gnu/perl* /usr/share/perl* /usr/share/debconf \
      /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bug /var/log \
      /usr/lib/python3 /usr/bin/gpgv /usr/share/keyrings \
 && find /usr/share/doc -type f ! -name copyright -delete \
 && mkdir --mode=0750 /data \
 && chown 10001:10001 /data

FROM base AS npm-snowflake
COPY package.json package-lock.json ./
COPY deploy/image/prune-npm.sh deploy/image/
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && sh deploy/image/prune-npm.sh node_modules

FROM npm-snowflake AS npm
RUN npm uninstall --ignore-scripts --no-audit --no-fund --omit=dev snowflake-sdk \
 && sh deploy/image/prune-npm.sh node_modules

FROM base AS venv
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY dbt/requirements.txt dbt/requirements-duckdb.txt dbt/
COPY deploy/image/prune-dbt.sh deploy/image/

FROM venv AS dbt
RUN python3 -m venv .tools/dbt \
 && .tools/dbt/bin/python -m pip install --quiet --no-cache-dir --no-compile --require-hashes --requirement dbt/requirements-duckdb.txt \
 && sh deploy/image/prune-dbt.sh "$PWD/.tools/dbt"

FROM venv AS dbt-snowflake
RUN python3 -m venv .tools/dbt \
 && .tools/dbt/bin/python -m pip install --quiet --no-cache-dir --no-compile --require-hashes --requirement dbt/requirements.txt \
 && sh deploy/image/prune-dbt.sh "$PWD/.tools/dbt"

FROM scratch AS runtime
# hadolint ignore=DL3067
COPY --from=root / /
WORKDIR /app
LABEL org.opencontainers.image.title="tmdb-stream" \
      org.opencontainers.image.description="TMDb's popular movies through Kafka into BRONZE, SILVER and GOLD" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim"
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    DATA_DIR=/data \
    HTTP_LISTEN=0.0.0.0:9464
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.HTTP_LISTEN.split(':').pop() + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The flag is that of scripts/start.mjs. In a container of 512 MB, V8 takes less by itself: with the flag, a producer of a million
# ids needs 12 MB more and a third less CPU time.
ENTRYPOINT ["node", "--max-semi-space-size=16", "cli.ts"]
CMD ["--help"]

FROM runtime AS snowflake
COPY --from=npm-snowflake /app/node_modules node_modules
COPY --from=dbt-snowflake /app/.tools .tools
# .dockerignore admits only files that the image runs.
COPY . .
RUN ["node", "deploy/image/sbom.ts", "sbom.cdx.json"]
USER 10001:10001

FROM runtime
COPY --from=npm /app/node_modules node_modules
COPY --from=dbt /app/.tools .tools
COPY . .
RUN ["node", "deploy/image/sbom.ts", "sbom.cdx.json"]
USER 10001:10001
