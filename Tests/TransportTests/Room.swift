// Transport tests.
