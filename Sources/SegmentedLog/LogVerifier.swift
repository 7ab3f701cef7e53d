internal import Bytes
package import Files
package import Keys

/// What a reading of a whole log found.
package struct VerifyReport: Equatable, Sendable {
    /// No damage. A torn tail is no damage.
    package var isOK: Bool { faults.isEmpty }
    /// The last frame before the first damage, and the last event and record there.
    package var lastIndex: UInt64 = 0
    package var lastPosition: UInt64 = 0
    package var lastRecord: UInt64 = 0
    package var segments = 0
    /// The next opening will cut what was being written, from this index on.
    package var tornFrom: UInt64?
    /// One a segment at most for frames; behind the first, the rest of that segment was not judged.
    package var faults: [Fault] = []
}

/// Reads every byte of a log that means something, and changes nothing.
///
/// Every frame is opened and chained; footers are made anew and compared; spare copies and reserved zeros are looked
/// at. A segment behind a damaged one is judged from what its own header says.
package enum LogVerifier {
    /// - Parameter progress: told the bytes read and the bytes in all, now and then.
    /// - Throws: `.missing`; `.lineage(.other)` when whole segments change hands elsewhere than the lineage says; `.file`,
    ///   `.key`.
    package static func verify<Store: FileStore>(
        store: Store, directory: String, lineage: Lineage, keys: KeyRing, crypto: Crypto, leaves: some LeafReader,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(LogError) -> VerifyReport {
        let files = try SegmentFiles(store: store, directory: directory)
        guard let last = files.segments.last else { throw .missing }
        var report = VerifyReport()
        var end = ChainEnd.start
        var done = 0
        var expected: UInt64 = 1
        for segment in files.segments {
            if segment.number != expected {
                report.faults.append(
                    Fault(
                        index: end.nextIndex, segment: expected, position: end.nextPosition, kind: .segmentMissing))
            }
            expected = segment.number + 1
            let check = SegmentCheck(
                store: store, path: segment.path, number: segment.number, lineage: lineage,
                isLast: segment.number == last.number)
            let found = try check.run(after: end, keys: keys, crypto: crypto, leaves: leaves)
            let isFirstDamage = report.faults.allSatisfy(\.leavesFramesWhole)
            report.faults += found.faults
            if isFirstDamage {
                report.lastIndex = found.end.nextIndex - 1
                report.lastPosition = found.end.nextPosition - 1
                report.lastRecord = found.end.nextRecord - 1
            }
            report.tornFrom = found.tornFrom
            report.segments += 1
            end = found.end
            guard lineage.isWithin(end, segment.number) else { throw .lineage(.other) }
            done += segment.bytes
            progress(done, files.bytes)
        }
        return report
    }

    /// As above, of a cluster that descends from no other.
    package static func verify<Store: FileStore>(
        store: Store, directory: String, identity: ClusterIdentity, keys: KeyRing, crypto: Crypto,
        leaves: some LeafReader, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(LogError) -> VerifyReport {
        try verify(
            store: store, directory: directory, lineage: Lineage(identity), keys: keys, crypto: crypto, leaves: leaves,
            progress: progress)
    }
}

extension Fault {
    /// The frames are all there: only a footer or a spare copy has to be made anew.
    package var leavesFramesWhole: Bool { kind == .footer || kind == .spare }
}

/// The segment files of a directory, in order.
struct SegmentFiles {
    var segments: [(number: UInt64, path: String, bytes: Int)] = []
    var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }

    init(store: some FileStore, directory: String) throws(LogError) {
        do throws(FileError) {
            guard try store.exists(directory) else { throw .missing }
            for name in try store.list(directory) {
                guard let number = SegmentFormat.segment(named: name) else { continue }
                let path = directory + "/" + name
                let file = try store.open(path, .read)
                defer { store.close(file) }
                segments.append((number, path, try store.size(file)))
            }
        } catch {
            throw error == .missing ? .missing : .file(error)
        }
        segments.sort { $0.number < $1.number }
    }
}
