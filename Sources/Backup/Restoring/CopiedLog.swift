package import Files
package import Keys
package import SegmentedLog

/// A backup's log as it was copied into a store: every frame's checksum, seal and place in the chain, footers leaf by leaf,
/// and that it ends where the manifest says.
///
/// In two parts, since the last segment is the one that grows once the copy is made a store: it is judged first, the others
/// while that is done. What is found to be damaged is removed, so that the next try does not take it for copied.
package struct CopiedLog<Destination: BackupDestination, Store: FileStore, Leaves: LeafReader> {
    private let check: SealedCheck<Store, Leaves>
    private let destination: Destination
    private let store: Store
    private let directory: String

    /// - Parameters:
    ///   - destination: What it was copied from: what is wrong there too is named as it is there.
    ///   - directory: Of the log, within the store.
    ///   - leaves: Reads the leaves of a frame's body.
    /// - Throws: `.key`.
    package init(
        _ manifest: Manifest, from destination: Destination, in store: Store, directory: String, keys: KeyRing,
        leaves: Leaves
    ) throws(BackupError) {
        let crypto: Crypto
        do throws(KeyError) { crypto = try Crypto() } catch { throw .key(error) }
        check = SealedCheck(
            manifest: manifest, files: store, directory: directory, keys: keys, crypto: crypto, leaves: leaves,
            asksMedium: { !manifest.isRecent($0) })
        self.destination = destination
        self.store = store
        self.directory = directory
    }

    private var segments: [ManifestObject] { check.manifest.segments }

    /// The last segment.
    ///
    /// - Returns: its header, which says where the others have to end.
    /// - Throws: `.damaged` with the first thing that is not as it was written; `.key`, `.file`.
    package func verifyLast() throws(BackupError) -> SegmentHeader? {
        guard let last = segments.last else { return nil }
        let begins = try check.header(of: last)
        let before = segments.count == 1 ? .start : begins.map { ChainEnd(before: $0) } ?? .start
        let (findings, end) = try check.judged(last, after: before)
        if let finding = findings.first { throw try named(finding, last) }
        if let finding = check.headFinding(end) { throw .damaged(finding) }
        return begins
    }

    /// What one stretch of the log, opened on its own, says of where it begins and ends.
    package struct Stretch: Sendable {
        fileprivate let first: Int
        fileprivate let begins: SegmentHeader?
        fileprivate let end: ChainEnd
    }

    /// How many stretches the others come in at most.
    package static func stretches(_ manifest: Manifest, atMost: Int) -> Int {
        max(1, min(atMost, manifest.segments.count - 1))
    }

    /// One of so many stretches of the others: each may be opened by a thread of its own, with a store of its own.
    ///
    /// - Parameter number: From 0.
    /// - Throws: as above.
    package func verify(stretch number: Int, of count: Int) throws(BackupError) -> Stretch {
        let others = segments.dropLast()
        let range = (others.count * number / count)..<(others.count * (number + 1) / count)
        var begins: SegmentHeader?
        var end = ChainEnd.start
        for object in others[range] {
            if object.segment > 1, object.segment == others[range.lowerBound].segment {
                begins = try check.header(of: object)
                end = begins.map { ChainEnd(before: $0) } ?? .start
            }
            let judged = try check.judged(object, after: end)
            if let finding = judged.findings.first { throw try named(finding, object) }
            end = judged.end
        }
        return Stretch(first: range.lowerBound, begins: begins, end: end)
    }

    /// That each stretch goes on where the one before it ends, and the last segment where they end.
    ///
    /// - Parameters:
    ///   - stretches: All of them, in their order.
    ///   - last: The last segment's header, which was verified.
    /// - Throws: as above.
    package func join(_ stretches: [Stretch], before last: SegmentHeader?) throws(BackupError) {
        guard segments.count > 1 else { return }
        var end = ChainEnd.start
        for (number, stretch) in stretches.enumerated() {
            if number > 0 { try follow(stretch.begins, after: end, segments[stretch.first]) }
            end = stretch.end
        }
        try follow(last, after: end, segments[segments.count - 1])
    }

    private func follow(
        _ begins: SegmentHeader?, after end: ChainEnd, _ object: ManifestObject
    ) throws(BackupError) {
        if let begins, end.isFollowed(by: begins) { return }
        throw try named(
            BackupFinding(
                object: object.name, kind: .segment(.segmentHeader), segment: object.segment, index: end.nextIndex,
                position: end.nextPosition), object)
    }

    /// As it is told of the object itself, if that is not as it was backed up.
    private func named(_ finding: BackupFinding, _ object: ManifestObject) throws(BackupError) -> BackupError {
        let path = directory + "/" + SegmentFormat.name(of: object.segment)
        do throws(FileError) { try store.remove(path) } catch { throw .file(error, object: path) }
        return .damaged(try ObjectCheck(manifest: check.manifest, object: object).finding(in: destination) ?? finding)
    }
}
