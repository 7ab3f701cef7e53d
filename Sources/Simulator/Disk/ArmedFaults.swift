internal import Files

/// What goes wrong with a disk at its next fitting operation, and how often it did.
struct ArmedFaults {
    /// Reads until one fails; nil: none will.
    var readsUntilError: Int?
    var isSyncFailing = false
    var isWriteMisdirected = false

    private(set) var readErrors = 0
    private(set) var syncErrors = 0

    mutating func read(_ isWatching: Bool) throws(FileError) {
        guard !isWatching, let left = readsUntilError else { return }
        guard left == 0 else {
            readsUntilError = left - 1
            return
        }
        readsUntilError = nil
        readErrors += 1
        throw .io(5)
    }

    /// Whether this sync drops what it should write.
    mutating func failsSync() -> Bool {
        guard isSyncFailing else { return false }
        isSyncFailing = false
        syncErrors += 1
        return true
    }

    /// Whether this write, of so many bytes within its file, may go elsewhere.
    func misdirects(_ count: Int) -> Bool { isWriteMisdirected && count >= 64 }

    /// Nothing more goes wrong.
    mutating func disarm() {
        readsUntilError = nil
        isSyncFailing = false
        isWriteMisdirected = false
    }
}
