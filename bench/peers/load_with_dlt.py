"""Loads a raw topic into a DuckDB file with dlt: python load_with_dlt.py BROKERS TOPIC FILE FOLDER"""

import sys

import dlt
from raw_movies import batches

brokers, topic, file, folder = sys.argv[1:]
pipeline = dlt.pipeline("peers", pipelines_dir=folder, destination=dlt.destinations.duckdb(file), dataset_name="bronze")
pipeline.run(dlt.resource(batches(brokers, topic), name="raw_movies", write_disposition="append"))
