// Tidy tests.
