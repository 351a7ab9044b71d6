"""A Singer tap: prints the records of a raw topic for a target: python tap_raw_movies.py BROKERS TOPIC"""

import json
import sys

from raw_movies import batches

STREAM = "raw_movies"
INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
PROPERTIES = {
    "movie_id": INTEGER,
    "raw_data": TEXT,
    "source_url": TEXT,
    "http_status": INTEGER,
    "fetched_at": {"type": "string", "format": "date-time"},
    "kafka_partition": INTEGER,
    "kafka_offset": INTEGER,
}
KEY = ["kafka_partition", "kafka_offset"]


def moment_of(row: dict) -> str:
    """In UTC, without an offset: with one, target-duckdb takes the first record of a batch for a header, and loses it."""
    return row["fetched_at"].replace(tzinfo=None).isoformat()


def write(message: dict) -> None:
    sys.stdout.write(json.dumps(message) + "\n")


brokers, topic = sys.argv[1:]
schema = {"type": "object", "properties": PROPERTIES}
write({"type": "SCHEMA", "stream": STREAM, "schema": schema, "key_properties": KEY})
positions = {}
for rows in batches(brokers, topic):
    for row in rows:
        positions[str(row["kafka_partition"])] = row["kafka_offset"] + 1
        write({"type": "RECORD", "stream": STREAM, "record": {**row, "fetched_at": moment_of(row)}})
    write({"type": "STATE", "value": {"bookmarks": {STREAM: positions}}})
