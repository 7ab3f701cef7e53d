// Files tests.
