// Replica tests.
