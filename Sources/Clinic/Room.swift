// Clinic: see ARCHITECTURE.md.
