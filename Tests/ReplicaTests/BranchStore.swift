import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing

/// A store made of a copy of another's segments, as a restore makes it: key file with one epoch more, term file, lineage,
/// and the branch's first entry.
struct BranchStore {
    static let clusterID = Array(UInt8(101)...116)
    static let secret = Array("YnJhbmNoLXNlY3JldC1vZi10aGUtdGVzdC1zdG9yZQ".utf8)
    private static var identity: ClusterIdentity { ClusterIdentity(clusterID) }

    let files: MemoryFiles
    let keys: KeyRing
    /// Before the branch's own part.
    let copied: ChainEnd
    let lineage: Lineage
    private let parent: Lineage
    private let crypto: Crypto
    private var dice = SeededDice(seed: 271)

    /// All that comes before the first entry.
    init(of parent: MemoryFiles) throws {
        files = MemoryFiles()
        crypto = try Crypto()
        for path in parent.paths where path.hasSuffix(".segment") {
            files.makeDirectory(in: path)
            files.put(path, try #require(parent.contents(path)))
        }
        let root = SecretKey(ClinicStore.root)
        let held = try KeyFile.open(parent, path: ReplicaPaths.keys, root: root, clusterID: ClinicStore.clusterID).held
        let keyFile = try KeyFile.create(
            files, path: ReplicaPaths.keys, root: root, clusterID: Self.clusterID, dice: &dice)
        for one in held {
            try keyFile.destroy(one.kind, epoch: one.epoch)
            try keyFile.add(one.kind, epoch: one.epoch, key: one.key, dice: &dice)
            try keyFile.add(one.kind, epoch: one.epoch + 1, key: .random(dice: &dice), dice: &dice)
        }
        keys = KeyRing(keyFile, clusterID: Self.clusterID)
        _ = try TermStore.create(store: files, path: ReplicaPaths.terms, identity: Self.identity)
        self.parent = Lineage(ClusterIdentity(ClinicStore.clusterID))
        let (log, recovery) = try EntryLog<MemoryFiles, EntryLeaves>.open(
            store: files, directory: ReplicaPaths.log, lineage: self.parent, keys: keys, crypto: crypto,
            leaves: EntryLeaves())
        try #require(recovery == .whole)
        copied = log.end
        lineage = try #require(self.parent.branched(to: Self.identity, after: log.end, in: log.lastSegment))
        try lineage.write(files, path: ReplicaPaths.lineage)
    }

    /// A whole branch, whose only voter is replica 1.
    static func made(of parent: MemoryFiles) throws -> MemoryFiles {
        var branch = try BranchStore(of: parent)
        try branch.append(try branch.entry().body)
        return branch.files
    }

    mutating func entry() throws -> BranchEntry {
        let macKey = SecretKey.random(dice: &dice)
        let mac = MACKey(macKey)
        return BranchEntry(
            parentID: ClinicStore.clusterID, clusterID: Self.clusterID, madeAt: copied.stamp,
            targetPosition: copied.nextPosition - 1, targetStamp: copied.stamp,
            copied: BranchEntry.Copied(
                index: copied.nextIndex - 1, position: copied.nextPosition - 1, record: copied.nextRecord - 1,
                hash: copied.hash),
            logEpoch: keys.logEpoch, registryEpoch: keys.registryEpoch, auditEpoch: keys.auditEpoch, voters: [1],
            credentialKey: try keys.wrap(
                macKey, as: 0, tenant: 0, purpose: .credential, crypto: crypto, dice: &dice),
            credentials: [("admin", Scopes.administer), ("svc", [.append, .read, .audit])].map { id, scopes in
                Genesis.Credential(
                    id: id, name: id == "svc" ? "service" : "administrator", tenant: 1, scopes: scopes.rawValue,
                    secretMAC: crypto.hmac(Self.secret, key: mac))
            })
    }

    /// Puts a first entry into the log.
    mutating func append(_ body: [UInt8]) throws {
        let (log, _) = try EntryLog<MemoryFiles, EntryLeaves>.open(
            store: files, directory: ReplicaPaths.log, lineage: lineage, keys: keys, crypto: crypto,
            leaves: EntryLeaves())
        var draft = try entry().draft(after: log.end)
        draft.body = body
        try log.append(draft, dice: &dice)
        for batch in [log.takeBatch(), log.settle()] {
            guard let batch else { continue }
            try batch.carryOut(on: files)
            log.persisted(batch: batch.number)
        }
        try #require(log.durableIndex == lineage.newest.firstIndex)
    }
}

extension MemoryFiles {
    fileprivate func makeDirectory(in path: String) {
        guard let at = path.lastIndex(of: "/") else { return }
        try? makeDirectory(String(path[..<at]))
    }
}
