package import Keys
package import Replica
package import SegmentedLog
internal import Files

/// A backup's log, read where it lies.
package struct BackupLog<Destination: BackupDestination> {
    private let manifest: Manifest
    private let files: BackupFiles<Destination>

    /// - Parameter asksMedium: Whether what is judged is what the medium holds, whatever was read from it lately.
    package init(_ manifest: Manifest, in destination: Destination, asksMedium: Bool = true) {
        self.manifest = manifest
        files = BackupFiles(manifest, in: destination, asksMedium: asksMedium)
    }

    /// Whose the segments are, as the manifest and they themselves say.
    package func lineage() throws(ReplicaError) -> Lineage {
        let found: Lineage?
        do throws(FileError) {
            found = try Lineage(manifest.lineage) { (segment) throws(FileError) in
                let file = try files.open("log/" + SegmentFormat.name(of: segment), .read)
                defer { files.close(file) }
                return SegmentHeader(try files.read(file, at: 0, count: SegmentHeader.count), at: 0)
            }
        } catch {
            throw .file(error)
        }
        guard let found else { throw .log(.lineage(.other)) }
        return found
    }

    /// Every frame: checksum, seal, chain, footer leaves, and that the log ends where the manifest says.
    ///
    /// - Throws: `.log(.damaged)` with the first thing that is not as it was written.
    package func verify(keys: KeyRing, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }) throws(ReplicaError) {
        let crypto: Crypto
        do throws(KeyError) { crypto = try Crypto() } catch { throw .key(error) }
        let lineage = try lineage()
        let report: VerifyReport
        do throws(LogError) {
            report = try LogVerifier.verify(
                store: files, directory: "log", lineage: lineage, keys: keys, crypto: crypto, leaves: EntryLeaves(),
                progress: progress)
        } catch {
            throw .log(error)
        }
        if let fault = report.faults.first { throw .log(.damaged(fault)) }
        guard report.tornFrom == nil, report.lastIndex == manifest.head.index,
            report.lastPosition == manifest.head.position, report.lastRecord == manifest.head.record
        else { throw .log(.lineage(.other)) }
    }
}
