internal import Linux

/// Keeps the copying of a backup to so many bytes a second, and to a sixth of that while the log is written to: appends
/// come first, and share the disk and the processors with it.
struct BackupPace {
    private let bytesPerSecond: Int
    private let batches: Guarded<UInt64>
    private var milliseconds = LinuxClock.monotonicMilliseconds()
    private var bytes = 0
    private var seen: UInt64

    /// While it goes on, the log counts as written to.
    private static var batchesPerSecond: UInt64 { 20 }
    private static var share: Int { 6 }
    /// A longer rest is cut into such pieces, to see whether the log is still written to.
    private static var restMilliseconds: UInt64 { 100 }

    /// - Parameter batches: What was given to the disk for the log so far.
    init(bytesPerSecond: Int, batches: Guarded<UInt64>) {
        self.bytesPerSecond = bytesPerSecond
        self.batches = batches
        seen = batches.withLock { $0 }
    }

    /// Rests until as much time has passed as the bytes since the last call are to take.
    ///
    /// - Parameter total: Bytes moved so far.
    mutating func moved(through total: Int, isEnding: () -> Bool) {
        var due = Double(max(0, total - bytes)) * 1_000 / Double(max(1, bytesPerSecond))
        bytes = total
        while due > 0, !isEnding() {
            let now = LinuxClock.monotonicMilliseconds()
            let passed = now - milliseconds
            let written = batches.withLock { $0 }
            let isBusy = written - seen > Self.batchesPerSecond * passed / 1_000
            (milliseconds, seen) = (now, written)
            due -= Double(passed) / Double(isBusy ? Self.share : 1)
            guard due > 0 else { break }
            LinuxClock.pause(milliseconds: Int(min(Self.restMilliseconds, UInt64(due) + 1)))
        }
        milliseconds = LinuxClock.monotonicMilliseconds()
        seen = batches.withLock { $0 }
    }
}
