// Records tests.
