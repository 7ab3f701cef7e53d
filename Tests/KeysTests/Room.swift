// Keys tests.
