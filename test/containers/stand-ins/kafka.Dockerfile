# Stands in for apache/kafka:VERSION: the same jars, places, user and contract (the environment becomes server.properties by the class
# that does it there). Left out: the command line tools, the JVM's class archives. Debian instead of Alpine.
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
