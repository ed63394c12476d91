"""What schemathesis (scripts/test) cannot write by itself: a stream of JSON lines, which is a text."""

import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
