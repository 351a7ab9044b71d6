# Stands in for apache/kafka:VERSION, with the same jars, paths, user and contract: the same class writes server.properties from the
# environment. It omits the command line tools and the JVM's class archives, and uses Debian instead of Alpine.
FROM stand-in/debian:trixie
RUN useradd --uid 1000 --user-group --create-home appuser \
 && install -d -o appuser -g appuser /opt/kafka /opt/kafka/config /opt/kafka/logs /mnt/shared/config \
 && install -d -o appuser -g root -m 0775 /var/lib/kafka/data /etc/kafka/secrets /etc/kafka/docker
COPY libs /opt/kafka/libs
COPY kafka /etc/kafka/docker
RUN chmod +x /etc/kafka/docker/run && chown appuser:appuser /opt/kafka
USER appuser
EXPOSE 9092
VOLUME ["/var/lib/kafka/data", "/etc/kafka/secrets", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
