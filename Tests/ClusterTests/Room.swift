// Cluster tests.
