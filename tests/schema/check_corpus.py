#!/usr/bin/env python3
"""The JSON Schemas give every file of the corpus the decoder's verdict. argv: make_schema, the repository.

What a schema cannot say is listed in not_in_schema.txt, each with its reason; a file that is listed there needlessly is
an error as well. Files that are no document at all are the decoder's alone.
"""
import json
import subprocess
import sys
from pathlib import Path

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

MAKE_SCHEMA, ROOT = sys.argv[1], Path(sys.argv[2])
CORPUS = ROOT / "tests" / "schema"


def read_schemas():
    schemas = {}
    for path in (ROOT / "schema").glob("*.schema.json"):
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        schemas[path.name.split(".")[0]] = jsonschema.Draft202012Validator(schema)
    return schemas


def read_exceptions():
    lines = (CORPUS / "not_in_schema.txt").read_text().splitlines()
    pairs = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    return {name: reason for name, reason in pairs}


def documents(paths):
    done = subprocess.run([MAKE_SCHEMA, "--json", *map(str, paths)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    schemas, exceptions, wrong, seen = read_schemas(), read_exceptions(), [], 0
    for verdict in ("good", "bad"):
        paths = sorted(p for p in (CORPUS / verdict).iterdir() if p.suffix in (".yaml", ".json"))
        for path, document in zip(paths, documents(paths), strict=True):
            name = f"{verdict}/{path.name}"
            if document is None:
                continue
            seen += 1
            accepted = schemas[path.name.split("-")[0]].is_valid(document)
            agrees = accepted == (verdict == "good")
            if agrees == (name in exceptions):
                wrong.append(f"{name}: the schema {'accepts' if accepted else 'refuses'} it"
                             + (", yet it is listed in not_in_schema.txt" if agrees else ""))
    missing = [name for name in exceptions if not (CORPUS / name).exists()]
    print("\n".join(wrong + [f"{name}: listed, and not there" for name in missing]))
    print(f"{seen} documents, {len(exceptions)} beyond JSON Schema")
    return 1 if wrong or missing or seen < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
