internal import Files
internal import Keys
internal import Linux
internal import Replica
internal import SegmentedLog

extension StoreMaker {
    /// Writes the first segment and the key file of one replica into an empty directory.
    static func writeGenesis(
        _ directory: String, _ genesis: GenesisPlan, _ root: SecretKey
    ) throws(ServerError) {
        do {
            var dice = SystemDice()
            try Replica.create(try LinuxFiles(root: directory), plan: genesis, root: root, dice: &dice)
        } catch {
            throw ServerError("The first segment cannot be written: see whether the disk has room.")
        }
    }

    /// Gives another replica, whose directory is empty, the same store byte for byte, but for a term file of its own: key
    /// file, lineage, views and segments. The first segment comes last: without it there is no store.
    /// - Parameter term: Of the store's last entry.
    static func copyStore(
        from source: String, to target: String, as id: Int, _ clusterID: [UInt8], term: UInt64
    ) throws(ServerError) {
        do {
            let from = try LinuxFiles(root: source)
            let store = try LinuxFiles(root: target)
            try copy(ReplicaPaths.keys, from, store)
            for path in [ReplicaPaths.lineage, ReplicaPaths.first] where try from.exists(path) {
                try copy(path, from, store)
            }
            try Replica.adopt(store, as: id, clusterID: clusterID, term: term)
            for directory in [ReplicaPaths.views, ReplicaPaths.log] where try from.exists(directory) {
                try store.makeDirectory(directory)
                for name in try from.list(directory).reversed() { try copy("\(directory)/\(name)", from, store) }
                try store.syncDirectory(directory)
            }
            try store.syncDirectory("")
        } catch {
            throw ServerError("A replica's store cannot be copied: see whether the disk has room.")
        }
    }

    private static func copy(_ path: String, _ from: LinuxFiles, _ store: LinuxFiles) throws(FileError) {
        let read = try from.open(path, .read)
        defer { from.close(read) }
        let written = try store.open(path, .create)
        defer { store.close(written) }
        let size = try from.size(read)
        var offset = 0
        while offset < size {
            let bytes = try from.read(read, at: offset, count: min(4 << 20, size - offset))
            guard !bytes.isEmpty else { throw .missing }
            try store.write(written, at: offset, bytes)
            offset += bytes.count
        }
        try store.sync(written)
    }
}
