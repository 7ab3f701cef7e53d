package import Files
package import Replica
package import SegmentedLog

extension Manifest {
    /// Whose the segments are, as the manifest and they themselves say.
    ///
    /// - Parameters:
    ///   - files: Where they lie, under a log's names.
    ///   - directory: Of the log.
    /// - Throws: `.log(.lineage)` when the two do not go together; `.file`.
    package func lineage(in files: some FileStore, directory: String) throws(ReplicaError) -> Lineage {
        let found: Lineage?
        do throws(FileError) {
            found = try Lineage(lineage) { (segment) throws(FileError) in
                let file = try files.open(directory + "/" + SegmentFormat.name(of: segment), .read)
                defer { files.close(file) }
                return SegmentHeader(try files.read(file, at: 0, count: SegmentHeader.count), at: 0)
            }
        } catch {
            throw .file(error)
        }
        guard let found else { throw .log(.lineage(.other)) }
        return found
    }
}
