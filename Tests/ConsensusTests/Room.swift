// Consensus tests.
