internal import Bytes
internal import Files
internal import Keys
internal import Replica
internal import SegmentedLog

/// A backup's log opened with its keys, where it lies.
struct SealedCheck<Destination: BackupDestination, Leaves: LeafReader> {
    let manifest: Manifest
    let destination: Destination
    let keys: KeyRing
    let crypto: Crypto
    let leaves: Leaves
    /// As `BackupFiles` takes it.
    var asksMedium = true

    private var files: BackupFiles<Destination> { BackupFiles(manifest, in: destination, asksMedium: asksMedium) }

    /// What is wrong with frames, footers, or where the log ends.
    ///
    /// - Throws: `.key`, `.file`.
    func findings(progress: (Int, Int) -> Void) throws(BackupError) -> [BackupFinding] {
        let files = files
        let segments = manifest.segments
        let bytes = segments.reduce(0) { $0 + $1.bytes }
        var done = 0
        var end = ChainEnd.start
        var findings: [BackupFinding] = []
        for object in segments {
            let report: SegmentReport
            do throws(LogError) {
                report = try LogVerifier.check(
                    object.segment, at: "log/" + SegmentFormat.name(of: object.segment), of: files,
                    identity: manifest.cluster(of: object.segment), after: end,
                    isLast: object.segment == UInt64(segments.count), keys: keys, crypto: crypto, leaves: leaves)
            } catch {
                throw BackupError(error, object: object.name)
            }
            findings += report.faults.map { BackupFinding(object: object.name, fault: $0) }
            if let torn = report.tornFrom {
                findings.append(
                    BackupFinding(
                        object: object.name, kind: .head, segment: object.segment, index: torn,
                        position: report.end.nextPosition))
            }
            end = report.end
            done += object.bytes
            progress(done, bytes)
        }
        if findings.isEmpty, !manifest.head.isAt(end) {
            findings.append(
                BackupFinding(
                    object: BackupLayout.manifest(manifest.number), kind: .head, segment: segments.last?.segment,
                    index: end.nextIndex - 1, position: end.nextPosition - 1))
        }
        return findings
    }

    /// Whether the log folds to the digests of the manifest.
    ///
    /// - Throws: `.key`, `.log`.
    func digestFindings(progress: (Int, Int) -> Void) throws(BackupError) -> [BackupFinding] {
        let name = BackupLayout.manifest(manifest.number)
        do throws(ReplicaError) {
            let folded = try Replica.foldAll(
                files, directory: "log", lineage: try BackupLog(manifest, in: destination).lineage(), ring: keys
            ) { done, of in
                progress(Int(done), Int(of))
            }
            guard folded.digests == manifest.digests else {
                return [
                    BackupFinding(
                        object: name, kind: .digests, index: folded.index, position: folded.position)
                ]
            }
            return []
        } catch {
            switch error {
            case .key(let failure): throw .key(failure)
            case .log(.key(let failure)): throw .key(failure)
            case .log(let failure): throw .log(failure)
            case .file(let failure): throw .file(failure, object: name)
            case .entry(_, let index): return [BackupFinding(object: name, kind: .digests, index: index)]
            case .views, .exists, .refused: throw .damaged(BackupFinding(object: name, kind: .digests))
            }
        }
    }
}

extension LogHead {
    fileprivate func isAt(_ end: ChainEnd) -> Bool {
        index == end.nextIndex - 1 && term == end.term && position == end.nextPosition - 1
            && record == end.nextRecord - 1 && stamp == end.stamp && hash == end.hash
    }
}

extension BackupFinding {
    /// Where in the file it is, only the check without keys tells.
    fileprivate init(object: String, fault: Fault) {
        self.init(
            object: object, kind: .segment(fault.kind), segment: fault.segment, index: fault.index,
            position: fault.position)
    }
}

extension BackupError {
    /// What went wrong while an object was read as a log's segment.
    fileprivate init(_ error: LogError, object: String) {
        switch error {
        case .file(let failure): self = .file(failure, object: object)
        case .key(let failure): self = .key(failure)
        case .damaged(let fault): self = .damaged(BackupFinding(object: object, fault: fault))
        case .absent, .missing, .exists, .otherCluster, .otherReplica, .tooLarge, .refusedFrame, .otherFrame, .lineage:
            self = .log(error)
        }
    }
}
