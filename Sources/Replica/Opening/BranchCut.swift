internal import Bytes
internal import Files
package import Keys
package import SegmentedLog

// What comes after an entry is left out of a copied log, and copied anew when the work is begun again.
extension Replica {
    /// Leaves out of a copied log what comes after an entry. From then on the last segment is no more as it was copied: that
    /// is written down first, for `dropCut`.
    ///
    /// - Returns: whose the rest is: generations that began later are gone with their parts.
    package static func cutShort(
        _ store: Store, after index: UInt64, lineage: Lineage, keys: KeyRing
    ) throws(ReplicaError) -> Lineage {
        guard let kept = Lineage(lineage.generations.filter { $0.firstIndex <= index }) else {
            throw .log(.lineage(.other))
        }
        let log = try openLog(store, lineage, keys)
        let slices = try asLog { () throws(LogError) in try log.slices(through: index) }
        guard let last = slices.last else { throw .log(.absent) }
        let bytes = try asLog { () throws(LogError) in try last.read(from: store) }
        do throws(FileError) {
            var writer = ByteWriter()
            writer.u64(last.segment)
            try replace(ReplicaPaths.cut, with: writer.bytes, in: "", of: store)
            try removeSegments(store) { $0 > last.segment }
            try replace(
                ReplicaPaths.log + "/" + SegmentFormat.name(of: last.segment), with: bytes, in: ReplicaPaths.log,
                of: store)
        } catch {
            throw .file(error)
        }
        return kept
    }

    /// Removes what an earlier `cutShort` has changed of a copied log, and what came behind it: it is copied anew. Where
    /// nothing was cut, nothing is removed.
    ///
    /// - Throws: `.file`; asked again it goes on.
    package static func dropCut(_ store: Store) throws(ReplicaError) {
        do throws(FileError) {
            let draft = ReplicaPaths.cut + SegmentFormat.temporarySuffix
            if try store.exists(draft) { try store.remove(draft) }
            guard try store.exists(ReplicaPaths.cut) else { return }
            let file = try store.open(ReplicaPaths.cut, .read)
            defer { store.close(file) }
            var reader = ByteReader(try store.read(file, at: 0, count: try store.size(file)))
            if let first = try? reader.u64() { try removeSegments(store) { $0 >= first } }
            try store.remove(ReplicaPaths.cut)
            try store.syncDirectory("")
        } catch {
            throw .file(error)
        }
    }

    /// The newest first, each durably: what a crash leaves is a log that ends earlier.
    private static func removeSegments(
        _ store: Store, where fits: (UInt64) -> Bool
    ) throws(FileError) {
        guard try store.exists(ReplicaPaths.log) else { return }
        for name in try store.list(ReplicaPaths.log).reversed() {
            guard let segment = SegmentFormat.segment(named: name), fits(segment) else { continue }
            try store.remove(ReplicaPaths.log + "/" + name)
            try store.syncDirectory(ReplicaPaths.log)
        }
    }

    private static func replace(
        _ path: String, with bytes: [UInt8], in directory: String, of store: Store
    ) throws(FileError) {
        let draft = path + SegmentFormat.temporarySuffix
        if try store.exists(draft) { try store.remove(draft) }
        let file = try store.open(draft, .create)
        defer { store.close(file) }
        try store.write(file, at: 0, bytes)
        try store.sync(file)
        try store.rename(draft, to: path)
        try store.syncDirectory(directory)
    }
}
