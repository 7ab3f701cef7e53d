package import Bytes
internal import Files
package import Keys
internal import Views

// The views of a branch: its parent's, under a seal of its own.
extension Replica {
    /// Makes the parent's snapshot, copied beside the log, the branch's own: what it says is the same, under another seal.
    /// An aid: without it the log is folded from its start.
    ///
    /// - Parameter keys: The parent's.
    /// - Returns: whether there is one.
    package static func adoptViews(
        _ store: Store, keys: KeyRing, clusterID: [UInt8], root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) -> Bool {
        let crypto = try asKeys { () throws(KeyError) in try Crypto() }
        let own = try asKeys { () throws(KeyError) in
            KeyRing(
                try KeyFile.open(store, path: ReplicaPaths.keys, root: root, clusterID: clusterID),
                clusterID: clusterID)
        }
        let source = ViewPlace(
            directory: ReplicaPaths.parentViews, clusterID: keys.clusterID,
            key: try asKeys { () throws(KeyError) in try keys.snapshotKey() })
        let target = ViewPlace(
            directory: ReplicaPaths.views, clusterID: clusterID,
            key: try asKeys { () throws(KeyError) in try own.snapshotKey() })
        do throws(FileError) { guard try store.exists(source.directory) else { return false } } catch {
            throw .file(error)
        }
        do throws(ViewError) {
            return try SnapshotStore(store: store, place: source, crypto: crypto).transfer(to: target, dice: &dice)
        } catch {
            // What was copied only in part, or is damaged, is no snapshot; a disk that fails or is full is another matter.
            if case .file(let failure) = error, failure != .missing { throw .file(failure) }
            try clear(ReplicaPaths.views, of: store)
            return false
        }
    }

    /// Removes the files of a directory, if there is one.
    package static func clear(_ directory: String, of store: Store) throws(ReplicaError) {
        do throws(FileError) {
            guard try store.exists(directory) else { return }
            for name in try store.list(directory) { try store.remove(directory + "/" + name) }
        } catch {
            throw .file(error)
        }
    }
}
