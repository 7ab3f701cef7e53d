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

    /// Gives another replica, whose directory is empty, the same first segment and key file, byte for byte, and a term
    /// file of its own. The segment comes last: without it there is no store.
    static func copyGenesis(
        from source: String, to target: String, as id: Int, _ clusterID: [UInt8]
    ) throws(ServerError) {
        do {
            let from = try LinuxFiles(root: source)
            let store = try LinuxFiles(root: target)
            try copy(ReplicaPaths.keys, from, store)
            try Replica.adopt(store, as: id, clusterID: clusterID)
            try store.makeDirectory(ReplicaPaths.log)
            for name in try from.list(ReplicaPaths.log) { try copy("\(ReplicaPaths.log)/\(name)", from, store) }
            try store.syncDirectory(ReplicaPaths.log)
            try store.syncDirectory("")
        } catch {
            throw ServerError("The first segment cannot be copied: see whether the disk has room.")
        }
    }

    private static func copy(_ path: String, _ from: LinuxFiles, _ store: LinuxFiles) throws(FileError) {
        let read = try from.open(path, .read)
        defer { from.close(read) }
        let bytes = try from.read(read, at: 0, count: try from.size(read))
        let written = try store.open(path, .create)
        defer { store.close(written) }
        try store.write(written, at: 0, bytes)
        try store.sync(written)
    }
}
