import Bytes
import Files
import Keys
import Linux
import Replica
import SegmentedLog
import Server

/// A new store of what one replica has, when the others are lost.
extension Branching {
    func copyReplica(_ maker: BranchMaker) throws -> Copied {
        guard !SmallFile.isLocked("\(source)/lock") else {
            throw Failure(
                .failed, "this replica is running",
                "branch its store instead: --from the store's directory, or LIVE; with a majority lost, stop it first")
        }
        let configuration = try Configuration.read("\(source)/config.json")
        let clusterID = configuration.replica.clusterID
        let files = try ReadOnlyFiles(root: configuration.data)
        let keys: KeyRing
        if arguments.has("keys") || arguments.has("store") {
            keys = try KeySource.need(arguments)
        } else {
            let root: SecretKey
            let source = arguments.text("root-key").map(Configuration.RootKeySource.file) ?? configuration.rootKey
            do throws(ServerError) { root = try RootKeyReader.read(source) } catch {
                throw Failure(
                    .failed, error.sentence,
                    "the directory was moved? Give --root-key FILE, --store DIR of the old store, or an escrow by --keys"
                )
            }
            keys = KeyRing(
                try KeyFile.open(files, path: ReplicaPaths.keys, root: root, clusterID: clusterID),
                clusterID: clusterID)
        }
        let lineage = try Lineage.read(files, path: ReplicaPaths.lineage, current: ClusterIdentity(clusterID))
        try maker.begin()
        let store = try LinuxFiles(root: maker.data)
        try store.makeDirectory(ReplicaPaths.log)
        try dropTail(store, keeping: [])
        var progress = Progress("copying", unit: "bytes", total: nil, wanted: arguments.has("progress"))
        var done = 0
        for name in try files.list(ReplicaPaths.log).reversed() where SegmentFormat.segment(named: name) != nil {
            done += try Self.copy(ReplicaPaths.log + "/" + name, from: files, to: store) { progress.reached(done + $0) }
        }
        try store.syncDirectory(ReplicaPaths.log)
        progress.ended(done)
        return Copied(
            source: BranchMaker.Source(parent: lineage, keys: keys) { making in
                try Self.adoptViews(of: &making, from: files, ReplicaPaths.views)
            },
            caution: "of one replica alone: what others had acknowledged beyond it, if anything, is not in it")
    }

    private static func copy(
        _ path: String, from files: ReadOnlyFiles, to store: LinuxFiles, _ told: (Int) -> Void
    ) throws(FileError) -> Int {
        let read = try files.open(path, .read)
        defer { files.close(read) }
        let written = try store.open(path, .create)
        defer { store.close(written) }
        let size = try files.size(read)
        var offset = 0
        while offset < size {
            let bytes = try files.readThrough(read, at: offset, count: min(4 << 20, size - offset))
            guard !bytes.isEmpty else { throw .missing }
            try store.write(written, at: offset, bytes)
            offset += bytes.count
            told(offset)
        }
        try store.sync(written)
        return size
    }
}
