// API tests.
