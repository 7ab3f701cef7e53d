internal import Backup
internal import Files
internal import Keys
internal import Linux
internal import Replica
internal import Views

/// The newest snapshot of a replica's views, its files held open: a newer one may take its place while a backup is made.
enum OpenSnapshot {
    /// - Parameters:
    ///   - store: The replica's directory; it holds the files until they are read, or it is let go of.
    ///   - index: The backup's last entry: a snapshot from after it is of no use.
    /// - Returns: nothing where there is none, or it cannot be read: a backup is whole without.
    static func views(of store: LinuxFiles, keys: KeyRing, through index: UInt64) -> [BackupView] {
        guard let key = try? keys.snapshotKey(), let crypto = try? Crypto() else { return [] }
        let place = ViewPlace(directory: ReplicaPaths.views, clusterID: keys.clusterID, key: key)
        let names = try? SnapshotStore(store: store, place: place, crypto: crypto).files(through: index)
        var views: [BackupView] = []
        for name in names ?? [] {
            guard let view = view(name, of: store) else { return [] }
            views.append(view)
        }
        return views
    }

    private static func view(_ name: String, of store: LinuxFiles) -> BackupView? {
        guard let file = try? store.open(ReplicaPaths.views + "/" + name, .read), let bytes = try? store.size(file)
        else { return nil }
        return BackupView(file: name, bytes: bytes) { () throws(BackupError) in
            defer { store.close(file) }
            do throws(FileError) {
                return try store.readThrough(file, at: 0, count: bytes)
            } catch {
                throw .file(error, object: name)
            }
        }
    }
}
