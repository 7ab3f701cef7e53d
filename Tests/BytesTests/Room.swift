// Bytes tests.
