// Consensus: see ARCHITECTURE.md.
