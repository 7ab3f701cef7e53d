// Views tests.
