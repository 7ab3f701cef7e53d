// JSON tests.
