// Keys: see ARCHITECTURE.md.
