# Stands in for node:VERSION-bookworm-slim, with the same Node (npm's node-linux-*), npm, user 1000 and paths. It has no entry point,
# because our image sets its own.
FROM stand-in/debian:bookworm
COPY bin/node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN useradd --uid 1000 --user-group --create-home node \
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && npm --version
# Node has its own list of authorities; this machine's registries may need more.
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]
