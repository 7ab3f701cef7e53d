// Clinic tests.
