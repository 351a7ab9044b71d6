"""Validates manifests against the schemas of Kubernetes, of the oldest version that the documentation names and of the newest one.
Prints each mistake.

The command of the package only warns about a kind that has no schema, and then exits with 0.
"""

import sys

import kubernetes_validate
import yaml

OLDEST = "1.31"


def mistake_in(document, version):
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        path = ".".join(str(key) for key in getattr(error, "path", []))
        return f"{path or document['kind']}: {error.message} (Kubernetes {version})"


def mistakes_in(file):
    with open(file, encoding="utf-8") as text:
        for document in yaml.safe_load_all(text):
            for version in (OLDEST, kubernetes_validate.latest_version()):
                mistake = mistake_in(document, version)
                if mistake:
                    yield f"{file}: {mistake}"


files = sys.argv[1:]
mistakes = [mistake for file in files for mistake in mistakes_in(file)] if files else ["no file is given"]
if mistakes:
    sys.exit("\n".join(mistakes))
