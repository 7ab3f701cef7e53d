// Views: see ARCHITECTURE.md.
