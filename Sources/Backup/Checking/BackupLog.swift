package import Keys
package import Replica
package import SegmentedLog
internal import Files

/// A backup's log, read where it lies.
package struct BackupLog<Destination: BackupDestination> {
    private let manifest: Manifest
    private let destination: Destination
    private let asksMedium: Bool

    /// - Parameter asksMedium: Whether what is judged is what the medium holds, whatever was read from it lately.
    package init(_ manifest: Manifest, in destination: Destination, asksMedium: Bool = true) {
        self.manifest = manifest
        self.destination = destination
        self.asksMedium = asksMedium
    }

    /// Whose the segments are, as the manifest and they themselves say.
    package func lineage() throws(ReplicaError) -> Lineage {
        let files = BackupFiles(manifest, in: destination, asksMedium: asksMedium)
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
    /// - Throws: `.damaged` with the first thing that is not as it was written; `.key`, `.file`.
    package func verify(keys: KeyRing) throws(BackupError) {
        let crypto: Crypto
        do throws(KeyError) { crypto = try Crypto() } catch { throw .key(error) }
        let check = SealedCheck(
            manifest: manifest, destination: destination, keys: keys, crypto: crypto, leaves: EntryLeaves(),
            asksMedium: asksMedium)
        if let finding = try check.findings(progress: { _, _ in }).first { throw .damaged(finding) }
    }
}
