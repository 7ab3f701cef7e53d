// SegmentedLog: see ARCHITECTURE.md.
