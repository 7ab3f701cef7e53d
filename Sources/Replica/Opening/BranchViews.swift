package import Bytes
package import Files
package import Keys
internal import Views

/// The views of a branch's parent, taken over: what the branch is opened with for the first time.
package struct AdoptedViews: Sendable {
    let snapshot: Snapshot
}

// The views of a branch: its parent's, under a seal of its own.
extension Replica {
    /// Takes over the newest snapshot of the parent's views that is of the copy, wherever it lies. An aid: without it the log
    /// is folded from its start.
    ///
    /// - Parameters:
    ///   - source: Has the parent's views in its `directory`; it is read only.
    ///   - index: The last entry of the copy: a snapshot that stands behind it is passed over.
    ///   - store: The branch's, with its keys.
    /// - Returns: nil where there is none. What belongs to it is in the branch's views, under the branch's seal.
    /// - Throws: `.views` when what lies there is no whole snapshot, and nothing was taken over; `.file` when the branch's
    ///   store cannot be written.
    package static func adoptViews<Source: FileStore>(
        from source: Source, directory: String, through index: UInt64, keys: KeyRing, into store: Store,
        clusterID: [UInt8], root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) -> AdoptedViews? {
        let crypto = try asKeys { () throws(KeyError) in try Crypto() }
        let own = try ownKeys(store, clusterID: clusterID, root: root)
        let place = ViewPlace(
            directory: directory, clusterID: keys.clusterID,
            key: try asKeys { () throws(KeyError) in try keys.snapshotKey() })
        let target = ViewPlace(
            directory: ReplicaPaths.views, clusterID: clusterID,
            key: try asKeys { () throws(KeyError) in try own.snapshotKey() })
        do throws(FileError) { guard try source.exists(directory) else { return nil } } catch {
            throw .file(error)
        }
        do throws(ViewError) {
            return try SnapshotStore(store: source, place: place, crypto: crypto)
                .adopted(through: index, into: store, target, dice: &dice).map { AdoptedViews(snapshot: $0) }
        } catch {
            try clear(ReplicaPaths.views, of: store)
            // What was copied only in part, or is damaged, is no snapshot; a disk that fails or is full is another matter.
            if case .file(let failure) = error, failure != .missing { throw .file(failure) }
            throw .views(error)
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
