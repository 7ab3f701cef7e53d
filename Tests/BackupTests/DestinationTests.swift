@testable import Backup
import Bytes
import Files
import SegmentedLog
import Testing

@Suite struct `Destinations` {
    @Test func `an object is there whole, under its root, once`() throws {
        let files = MemoryFiles()
        let destination = DirectoryDestination(files, root: "mnt/backups")
        try destination.put("segments/a", [1, 2, 3])
        try destination.put("segments/a", [1, 2, 3])
        #expect(throws: BackupError.occupied(object: "segments/a")) { try destination.put("segments/a", [1, 2]) }
        #expect(files.paths == ["mnt/backups/segments/a"])
        #expect(try destination.read("segments/a", atMost: 3) == [1, 2, 3])
        #expect(
            try destination.read("segments/a", atMost: 1) == [1, 2], "no more than that one sees that it is too long")
        #expect(try destination.read("segments/a", in: 1..<9) == [2, 3])
        #expect(try destination.size("segments/a") == 3)
        #expect(try destination.size("segments/b") == nil)
        #expect(throws: BackupError.missing(object: "segments/b")) { try destination.read("segments/b", atMost: 9) }
        #expect(try destination.list("segments") == [BackupObject(name: "segments/a", bytes: 3)])
        #expect(try destination.list("tails").isEmpty)
        try destination.remove("segments/a")
        try destination.remove("segments/a")
        #expect(files.paths.isEmpty)
    }

    @Test func `what was put is durable, and what is unfinished is not listed`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        try files.destination.put("segments/a", [1])
        files.put("segments/b.new", [2])
        files.put("c.new", [2])
        files.put("chartlog-backup.1f.new", [2])
        files.crash(.losesAll, dice: &dice)
        #expect(try files.destination.list("segments").map(\.name) == ["segments/a"])
        try files.destination.tidy()
        files.crash(.losesAll, dice: &dice)
        #expect(files.paths == ["c.new", "segments/a"], "what is somebody else's stays")
        try files.remove("c.new")
        try files.syncDirectory("")
        try files.destination.put("segments/b", [3])
        try files.destination.remove("segments/a")
        files.crash(.losesAll, dice: &dice)
        #expect(files.paths == ["segments/b"])
    }

    @Test func `a full destination says so, and keeps what it has`() throws {
        let files = MemoryFiles(capacity: 100)
        try files.destination.put("segments/a", [UInt8](repeating: 1, count: 80))
        #expect(throws: BackupError.file(.full, object: "segments/b")) {
            try files.destination.put("segments/b", [UInt8](repeating: 1, count: 30))
        }
        #expect(try files.destination.list("segments").map(\.name) == ["segments/a"])
    }

    @Test func `a name that others brought is looked past`() throws {
        let house = try House(segments: 2)
        let files = MemoryFiles()
        try house.backUp(to: files)
        for name in ["\u{e9}t\u{e9}", "Z", "notes.txt", "000000000001-x.segment"] { files.put("segments/" + name, [1]) }
        try house.append()
        #expect(try house.backUp(to: files).number == 2)
        #expect(try BackupVerifier.verify(files.destination, scope: .all, trust: TestSigner.trust).isOK)
        let list = try BackupList(files.destination, trust: TestSigner.trust)
        #expect(list.unnamed.isEmpty && list.entries.allSatisfy { $0.isUsable })
    }
}

@Suite struct `Listing backups` {
    @Test func `each with its head, what it added, what it lacks and who holds it`() throws {
        let house = try House(segments: 2)
        let files = MemoryFiles()
        let first = try house.backUp(to: files)
        try house.fill(through: 3)
        let second = try house.backUp(to: files)
        try BackupHold.place("lawsuit", on: 1, at: house.wall, in: files.destination)
        let list = try BackupList(files.destination, trust: TestSigner.trust)
        #expect(list.cluster == house.cluster && list.findings.isEmpty && list.expired.isEmpty)
        #expect(list.entries.map(\.manifest) == [first, second])
        #expect(list.entries.map(\.holds) == [["lawsuit"], []])
        #expect(list.entries[0].newBytes == first.bytes + (files.contents(BackupLayout.manifest(1))?.count ?? 0))
        #expect(list.entries[1].newBytes < second.bytes)
        #expect(list.bytes == files.paths.reduce(0) { $0 + (files.contents($1)?.count ?? 0) })
        #expect(first.head.firstStamp < first.head.stamp && first.head.stamp < second.head.stamp)
    }

    @Test func `what is lacking or cannot be believed is told`() throws {
        let house = try House(segments: 2)
        let files = MemoryFiles()
        let first = try house.backUp(to: files)
        try house.append()
        try house.backUp(to: files)
        let lost = first.objects[1].name
        try files.remove(lost)
        files.put(BackupLayout.manifest(2), [1])
        try BackupHold.place("lawsuit", on: 2, at: house.wall, in: files.destination)
        let list = try BackupList(files.destination, trust: TestSigner.trust)
        #expect(list.entries.map(\.missing) == [[lost], []])
        #expect(list.entries.map(\.flaw) == [nil, .form] && list.entries.map(\.isUsable) == [false, false])
        #expect(list.entries[1].holds == ["lawsuit"])
        #expect(list.findings == [BackupFinding(object: BackupLayout.manifest(2), kind: .signed(.form))])
        #expect(throws: BackupError.empty) { try BackupList(MemoryFiles().destination, trust: TestSigner.trust) }
    }
}
