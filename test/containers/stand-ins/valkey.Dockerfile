# Stands in for valkey/valkey:VERSION-alpine: Debian 13's valkey-server, the real program, one major version older.
FROM stand-in/debian:trixie
RUN install -d -o 999 -g 1000 /data
WORKDIR /data
VOLUME /data
EXPOSE 6379
CMD ["valkey-server"]
