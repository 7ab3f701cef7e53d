// SegmentedLog tests.
