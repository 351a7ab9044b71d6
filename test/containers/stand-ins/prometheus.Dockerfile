# Stands in for prom/prometheus:VERSION: Debian 13's prometheus, one major version older. wget is that of busybox, as in the original.
FROM stand-in/debian:trixie
RUN ln -s /bin/busybox /bin/wget \
 && install -d -o 65534 -g 65534 /prometheus
USER 65534
WORKDIR /prometheus
VOLUME /prometheus
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
