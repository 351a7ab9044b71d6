"""The records of a raw topic, from its first offset to its present end."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from fastavro import schemaless_reader
from fastavro.schema import load_schema

SCHEMA = load_schema(Path(__file__).parents[2] / "schemas/avro/raw-movie.v1.avsc")
# Avro's single-object encoding: a marker of two bytes and the schema's fingerprint of eight.
HEADER_BYTES = 10
MESSAGES = 3_000


def batches(brokers: str, topic: str) -> Iterator[list[dict]]:
    """Yields a row for each record, in lists of the size that dlt's own source for Kafka uses."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "peers", "enable.auto.commit": False})
    partitions = [TopicPartition(topic, number, 0) for number in consumer.list_topics(topic).topics[topic].partitions]
    left = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
    consumer.assign(partitions)
    while left > 0:
        messages = consumer.consume(MESSAGES, timeout=3)
        left -= len(messages)
        yield [row_of(message) for message in messages]
    consumer.close()


def row_of(message) -> dict:
    if message.error():
        raise RuntimeError(message.error())
    record = schemaless_reader(BytesIO(message.value()[HEADER_BYTES:]), SCHEMA, SCHEMA)
    return {
        "movie_id": record["movieId"],
        "raw_data": record["body"].decode(),
        "source_url": record["sourceUrl"],
        "http_status": record["httpStatus"],
        "fetched_at": record["fetchedAt"],
        "kafka_partition": message.partition(),
        "kafka_offset": message.offset(),
    }
