import Client
import Linux
import Records
import Replica
import SegmentedLog
import Server
import Testing

@Suite struct StoreMakerTests {
    private static func scratch() throws -> String {
        let base = ThisProcess.environment("TMPDIR") ?? "/tmp"
        var generator = SystemRandomNumberGenerator()
        return "\(base)/chartlog-store-\(ThisProcess.id)-\(generator.next())"
    }

    @Test func `a store's replicas are found, however many there were in its life`() throws {
        let layout = StoreLayout(try Self.scratch())
        #expect(layout.replicas.isEmpty)
        try SmallFile.makeDirectory(layout.directory)
        for name in [
            "replica-1", "replica-70", "replica-1048576", "replica-x", "replica-07", "replica-", "tls", "replica-3",
        ] {
            try SmallFile.makeDirectory("\(layout.directory)/\(name)")
            if name != "replica-3" { try SmallFile.create("\(layout.directory)/\(name)/config.json", []) }
        }
        #expect(layout.replicas == [1, 70, 1_048_576])
    }

    @Test func `a new store is for its owner alone and its contexts work`() throws {
        let made = try StoreMaker.make(
            StoreMaker.Plan(directory: try Self.scratch() + "/", replicas: 1, basePort: 9500))
        let layout = made.layout
        for path in [layout.directory, layout.tls, layout.replica(1), layout.data(1)] {
            #expect(try SmallFile.mode(path) == 0o700)
        }
        for path in [
            layout.rootKey, layout.authorityKey, layout.adminContext, layout.serviceContext, layout.certificateKey(1),
            layout.configuration(1), "\(layout.data(1))/keys",
        ] {
            #expect(try SmallFile.mode(path) == 0o600)
        }
        #expect(made.endpoints == ["https://127.0.0.1:9501"])
        #expect(layout.replicas == [1])
        let service = try ContextFile.read(layout.serviceContext)
        let admin = try ContextFile.read(layout.adminContext)
        #expect(service.endpoints == [Endpoint(host: "127.0.0.1", port: 9501)])
        #expect(service.purpose == "TREAT")
        #expect(service.key != admin.key)
        // ID.SECRET with 256 random bits as base64url.
        #expect(service.key.split(separator: ".").map(\.count).last == 43)
        _ = try HTTPClient(service)
        let configuration = try Configuration.read(layout.configuration(1))
        #expect(configuration.port == 9501)
        #expect(configuration.replica.id == 1)
        #expect(configuration.replica.clusterID.count == 16)
        #expect(configuration.rootKey == .file("\(layout.replica(1))/../root.key"))
    }

    @Test func `nothing secret stands below a replica's directory`() throws {
        let made = try StoreMaker.make(StoreMaker.Plan(directory: try Self.scratch(), replicas: 1, basePort: 9500))
        let layout = made.layout
        var secrets: [[UInt8]] = []
        for path in [layout.serviceContext, layout.adminContext] {
            let key = try ContextFile.read(path).key
            secrets.append(Array(key.utf8))
            secrets.append(Array(key.split(separator: ".")[1].utf8))
        }
        secrets.append(Array(try SmallFile.read(layout.rootKey).prefix(64)))
        var seen = 0
        let files =
            [layout.configuration(1), "\(layout.data(1))/keys"]
            + (try LinuxFiles(root: layout.data(1)).list("log")).map { "\(layout.data(1))/log/\($0)" }
        for path in files {
            let bytes = try SmallFile.read(path, atMost: 64 << 20)
            seen += bytes.count
            for secret in secrets { #expect(bytes.firstRange(of: secret) == nil) }
        }
        #expect(seen > 4096)
    }

    @Test func `a directory that is there is left alone`() throws {
        let path = try Self.scratch()
        try SmallFile.makeDirectory(path)
        #expect(throws: ServerError.self) { try StoreMaker.make(StoreMaker.Plan(directory: path)) }
        #expect(try LinuxFiles(root: path).list("") == [])
    }

    @Test(arguments: [(0, 0), (2, 0), (4, 0), (6, 0), (3, 4), (3, -1)])
    func `a number that no cluster has is refused as usage and makes nothing`(_ replicas: Int, _ spares: Int) throws {
        let path = try Self.scratch()
        do {
            _ = try StoreMaker.make(StoreMaker.Plan(directory: path, replicas: replicas, spares: spares))
            Issue.record("it was made")
        } catch {
            #expect(error.exitCode == 2)
            #expect(!SmallFile.exists(path))
        }
    }

    @Test(arguments: [(1, 1), (3, 1), (5, 0)])
    func `all replicas and spares begin with the same keys and first segment`(_ replicas: Int, _ spares: Int) throws {
        let made = try StoreMaker.make(
            StoreMaker.Plan(directory: try Self.scratch(), replicas: replicas, spares: spares, basePort: 9500))
        let layout = made.layout
        let ids = Array(1...replicas + spares)
        #expect(layout.replicas == ids)
        #expect(made.spares == Array(ids.dropFirst(replicas)))
        let listed = (1...replicas).map { Endpoint(host: "127.0.0.1", port: 9500 + $0) }
        #expect(try ContextFile.read(layout.serviceContext).endpoints == listed)
        let names = try LinuxFiles(root: layout.data(1)).list("log")
        #expect(names.count == 1)
        let keys = try SmallFile.read("\(layout.data(1))/keys")
        let segment = try SmallFile.read("\(layout.data(1))/log/\(names[0])", atMost: 64 << 20)
        for id in ids {
            #expect(try SmallFile.read("\(layout.data(id))/keys") == keys)
            #expect(try LinuxFiles(root: layout.data(id)).list("log") == names)
            #expect(try SmallFile.read("\(layout.data(id))/log/\(names[0])", atMost: 64 << 20) == segment)
            #expect(SmallFile.exists("\(layout.data(id))/terms"))
            #expect(try SmallFile.mode("\(layout.data(id))/log/\(names[0])") == 0o600)
            let configuration = try Configuration.read(layout.configuration(id))
            #expect(configuration.peers.map(\.id) == ids)
            #expect(configuration.own?.peerPort == 9600 + id)
            #expect(configuration.own?.clientPort == configuration.port)
            #expect(configuration.others.map(\.id) == ids.filter { $0 != id })
            #expect(configuration.authority == "\(layout.replica(id))/../ca.pem")
        }
    }

    @Test(arguments: [
        "", "{", "[]", #"{"replica":0}"#, #"{"replica":1,"address":"127.0.0.1","port":70000}"#,
        #"{"replica":1,"cluster":"00","address":"127.0.0.1","port":1,"certificate":"a","certificateKey":"b","rootKey":"c"}"#,
        #"{"replica":1,"cluster":"00112233445566778899aabbccddeeff","address":"127.0.0.1","port":1,"certificate":"a","certificateKey":"b"}"#,
        #"{"replica":1,"cluster":"00112233445566778899aabbccddeeff","address":"127.0.0.1","port":1,"certificate":"a","certificateKey":"b","rootKey":"c","limits":{"connections":0}}"#,
        #"{"replica":1,"cluster":"00112233445566778899aabbccddeeff","address":"127.0.0.1","port":1,"certificate":"a","certificateKey":"b","rootKey":"c","limits":{"headRoomEvents":5,"headRoomRecords":6,"headRoomControl":1}}"#,
        // A peer without ports, this replica not among the peers, an id twice, and peers without an authority.
        Self.peered(#"[{"id":1,"address":"127.0.0.1"}]"#),
        Self.peered(#"[{"id":2,"address":"127.0.0.1","peerPort":2,"clientPort":1}]"#),
        Self.peered(
            #"[{"id":1,"address":"::1","peerPort":2,"clientPort":1},{"id":1,"address":"::1","peerPort":4,"clientPort":3}]"#
        ),
        Self.peered(
            #"[{"id":1,"address":"::1","peerPort":2,"clientPort":1},{"id":2,"address":"::1","peerPort":4,"clientPort":3}]"#,
            authority: ""),
    ]) func `a configuration that cannot be is refused as usage`(_ text: String) throws {
        let path = try Self.scratch()
        try SmallFile.create(path, Array(text.utf8))
        do {
            _ = try Configuration.read(path)
            Issue.record("it was read")
        } catch {
            #expect(error.exitCode == 2)
        }
    }

    private static func peered(_ peers: String, authority: String = #","ca":"ca.pem""#) -> String {
        #"{"replica":1,"cluster":"00112233445566778899aabbccddeeff","address":"::1","port":1,"certificate":"a","#
            + #""certificateKey":"b","rootKey":"c","peers":"# + peers + authority + "}"
    }

    @Test func `limits and the command for the root key are taken over`() throws {
        let path = try Self.scratch()
        try SmallFile.create(
            path,
            Array(
                #"""
                {"replica":2,"cluster":"00112233445566778899aabbccddeeff","address":"::1","port":0,"certificate":"/a",
                "certificateKey":"b","rootKeyCommand":["kms","print"],"limits":{"connections":7,"requestsPerSecond":5,
                "headRoomEvents":300,"headRoomRecords":200,"headRoomControl":100,"segmentFrames":600}}
                """#.utf8))
        let configuration = try Configuration.read(path)
        #expect(configuration.rootKey == .command(["kms", "print"]))
        #expect(configuration.limits.connectionsMax == 7)
        #expect(configuration.replica.requestsPerSecond == 5)
        #expect(configuration.certificate == "/a")
        let log = configuration.replica.log
        #expect(log.slotsMax == 600)
        #expect([log.headRooms.events, log.headRooms.records, log.headRooms.control] == [300, 200, 100])
    }

    @Test func `a context that others may read is refused, and one that lacks something`() throws {
        let path = try Self.scratch()
        for text in ["{}", #"{"endpoints":["http://x:1"],"ca":"a","key":"k"}"#, #"{"endpoints":["https://x:1"]}"#] {
            try SmallFile.replace(path, Array(text.utf8))
            #expect(throws: ClientError.self) { try ContextFile.read(path) }
        }
        #expect(throws: ClientError.self) { try ContextFile.read(path + "-none") }
    }

    @Test(arguments: [
        ("https://127.0.0.1:7401", "127.0.0.1", 7401), ("https://[::1]:7401/", "::1", 7401),
        ("https://store.example", "store.example", 443),
    ]) func `endpoints are hosts and ports`(_ text: String, _ host: String, _ port: Int) {
        #expect(Endpoint(text) == Endpoint(host: host, port: port))
    }

    @Test(arguments: [
        "http://x:1", "https://", "https://x:0", "https://x:1/path", "https://a@b:1", "https://[::1", "x:1",
    ])
    func `what is no endpoint is none`(_ text: String) {
        #expect(Endpoint(text) == nil)
    }
}
