internal import Bytes
internal import Files
internal import Keys
internal import Replica
internal import SegmentedLog

/// A backup's log opened with its keys: where it lies, or as it was copied into a store.
struct SealedCheck<Files: FileStore, Leaves: LeafReader> {
    let manifest: Manifest
    /// Holds the segments, under a log's names.
    let files: Files
    let directory: String
    let keys: KeyRing
    let crypto: Crypto
    let leaves: Leaves
    /// Of which segments what is judged is what the medium holds, whatever was read or written lately.
    var asksMedium: (ManifestObject) -> Bool = { _ in true }

    /// What is wrong with frames, footers, or where the log ends.
    ///
    /// - Throws: `.key`, `.file`.
    func findings(progress: (Int, Int) -> Void) throws(BackupError) -> [BackupFinding] {
        let segments = manifest.segments
        let bytes = segments.reduce(0) { $0 + $1.bytes }
        var done = 0
        var end = ChainEnd.start
        var findings: [BackupFinding] = []
        for object in segments {
            let judged = try judged(object, after: end)
            findings += judged.findings
            end = judged.end
            done += object.bytes
            progress(done, bytes)
        }
        if findings.isEmpty, let finding = headFinding(end) { findings.append(finding) }
        return findings
    }

    /// What is wrong with one segment, and where the log stands after it.
    ///
    /// - Parameter before: Where the log stood.
    /// - Throws: `.key`, `.file`.
    func judged(
        _ object: ManifestObject, after before: ChainEnd
    ) throws(BackupError) -> (findings: [BackupFinding], end: ChainEnd) {
        let report: SegmentReport
        do throws(LogError) {
            report = try LogVerifier.check(
                object.segment, at: path(object), of: files, identity: manifest.cluster(of: object.segment),
                after: before, isLast: object.segment == UInt64(manifest.segments.count),
                asksMedium: asksMedium(object),
                keys: keys, crypto: crypto, leaves: leaves)
        } catch {
            throw BackupError(error, object: object.name)
        }
        var findings = report.faults.map { BackupFinding(object: object.name, fault: $0) }
        if let torn = report.tornFrom {
            findings.append(
                BackupFinding(
                    object: object.name, kind: .head, segment: object.segment, index: torn,
                    position: report.end.nextPosition))
        }
        return (findings, report.end)
    }

    /// The header of a segment; nil where it cannot be told.
    func header(of object: ManifestObject) throws(BackupError) -> SegmentHeader? {
        do throws(FileError) {
            let file = try files.open(path(object), .read)
            defer { files.close(file) }
            return SegmentHeader(try files.read(file, at: 0, count: SegmentHeader.count), at: 0)
        } catch {
            throw .file(error, object: object.name)
        }
    }

    /// What is wrong with where the log ends; nil when the manifest says the same.
    func headFinding(_ end: ChainEnd) -> BackupFinding? {
        guard !manifest.head.isAt(end) else { return nil }
        return BackupFinding(
            object: BackupLayout.manifest(manifest.number), kind: .head, segment: manifest.segments.last?.segment,
            index: end.nextIndex - 1, position: end.nextPosition - 1)
    }

    /// Whether the log folds to the digests of the manifest.
    ///
    /// - Throws: `.key`, `.log`.
    func digestFindings(progress: (Int, Int) -> Void) throws(BackupError) -> [BackupFinding] {
        let name = BackupLayout.manifest(manifest.number)
        do throws(ReplicaError) {
            let folded = try Replica.foldAll(
                files, directory: directory, lineage: try manifest.lineage(in: files, directory: directory), ring: keys
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

    private func path(_ object: ManifestObject) -> String {
        directory + "/" + SegmentFormat.name(of: object.segment)
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
