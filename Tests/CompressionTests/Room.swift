// Compression tests.
