// Linux tests.
