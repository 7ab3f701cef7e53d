import Bytes
import Files
import Keys
import Linux
import Records
import Replica
import SegmentedLog
import Server
import Testing

/// What a cluster answers to a replica that joins, and what that makes of it.
@Suite struct StoreJoinerTests {
    private static let parent = Array(UInt8(1)...16)
    private static let branch = Array(UInt8(21)...36)

    private static func scratch() throws -> String {
        let base = ThisProcess.environment("TMPDIR") ?? "/tmp"
        var generator = SystemRandomNumberGenerator()
        return "\(base)/chartlog-join-\(ThisProcess.id)-\(generator.next())"
    }

    /// A first frame that the parent wrote, and a key file that is the branch's.
    private static func seed(root: SecretKey) throws -> (keys: [UInt8], first: [UInt8]) {
        var dice = SeededDice(seed: 7)
        let files = MemoryFiles()
        try Replica.create(
            files,
            plan: GenesisPlan(
                clusterID: parent, createdAt: Instant(microseconds: 1_790_000_000_000_000), credentials: []),
            root: root, dice: &dice)
        let keys = KeyRing(
            try KeyFile.open(files, path: ReplicaPaths.keys, root: root, clusterID: parent), clusterID: parent)
        let (log, _) = try EntryLog<MemoryFiles, EntryLeaves>.open(
            store: files, directory: ReplicaPaths.log, identity: ClusterIdentity(parent), keys: keys,
            crypto: try Crypto(), leaves: EntryLeaves())
        let first = try #require(try log.stored(from: 1, through: 1, bytesMax: .max).first)
        let made = MemoryFiles()
        _ = try KeyFile.create(made, path: "keys", root: root, clusterID: branch, dice: &dice)
        return (try #require(made.contents("keys")), FirstFrame.copy(of: first))
    }

    @Test func `a replica that joins a branch gets the lineage, and without a right one is not made`() throws {
        let store = try StoreMaker.make(
            StoreMaker.Plan(directory: try Self.scratch(), replicas: 1, basePort: 9700)
        ).layout
        let root = try RootKey.load(try SmallFile.readSecret(store.rootKey))
        let (keys, first) = try Self.seed(root: root)
        let lineage = try #require(
            Lineage([
                .first(ClusterIdentity(Self.parent)),
                Generation(
                    identity: ClusterIdentity(Self.branch), firstSegment: 2, firstIndex: 9, firstPosition: 4,
                    firstRecord: 5),
            ]))
        func answer(_ member: String) -> [UInt8] {
            Array(
                """
                {"cluster":"\(Hex.text(of: Self.branch))","replicas":[],"seed":{"keys":"\(Base64.text(of: keys))",\
                "first":"\(Base64.text(of: first))",\(member)"peers":[\
                {"id":1,"address":"127.0.0.1","peerPort":9801,"clientPort":9701},\
                {"id":2,"address":"127.0.0.1","peerPort":9802,"clientPort":9702}]}}
                """.utf8)
        }
        func make(_ member: String) throws -> StoreLayout {
            let plan = StoreJoiner.Plan(
                directory: try Self.scratch(), store: store.directory, id: 2, address: "127.0.0.1", basePort: 9700)
            let papers = try StoreJoiner.check(plan)
            try StoreJoiner.begin(plan)
            return try StoreJoiner.make(plan, papers, answer: answer(member)).layout
        }
        let layout = try make(#""lineage":"\#(Base64.text(of: lineage.bytes))","#)
        let data = try LinuxFiles(root: layout.data(2))
        #expect(
            try Lineage.read(data, path: ReplicaPaths.lineage, current: ClusterIdentity(Self.branch)) == lineage)
        #expect(try data.list(ReplicaPaths.log).count == 1)
        #expect(try Configuration.read(layout.configuration(2)).replica.clusterID == Self.branch)
        var damaged = lineage.bytes
        damaged[40] ^= 1
        for member in [
            "", #""lineage":7,"#, #""lineage":"*","#, #""lineage":"","#,
            #""lineage":"\#(Base64.text(of: damaged))","#,
            #""lineage":"\#(Base64.text(of: Lineage(ClusterIdentity(Self.parent)).bytes))","#,
        ] {
            #expect(throws: ServerError.self) { try make(member) }
        }
    }
}
