import Bytes
import Files
import Records
import Replica
import SegmentedLog
import Testing

@Suite struct `The first frame` {
    private static let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: 1)

    /// A store that lived once, and where its first frame stands.
    private static func lived() throws -> (files: MemoryFiles, header: Int, body: Int) {
        let files = try ClinicStore.made()
        let shell = try Shell(files).start()
        _ = try shell.append([ClinicStore.registered("p-1", id: "e1")])
        let first = try #require(shell.replica.header(ofEntry: 1))
        return (files, SegmentFormat.tableAt, first.bodyOffset)
    }

    private static func flip(_ files: MemoryFiles, _ path: String, at offset: Int) throws {
        let file = try files.open(path, .readWrite)
        defer { files.close(file) }
        let byte = try files.read(file, at: offset, count: 1)
        try files.write(file, at: offset, [byte[0] ^ 4])
        try files.sync(file)
    }

    private static func contents(_ files: MemoryFiles, _ path: String) throws -> [UInt8] {
        let file = try files.open(path, .read)
        defer { files.close(file) }
        return try files.read(file, at: 0, count: try files.size(file))
    }

    @Test func `a flipped bit of it is mended from its copy at the next start`() throws {
        let (files, header, body) = try Self.lived()
        for offset in [header + 9, body + 3, body + 200] {
            try Self.flip(files, Self.path, at: offset)
            let shell = try Shell(files).start()
            #expect(shell.replica.damage == nil)
            #expect(shell.term != nil, "it serves")
        }
    }

    @Test func `the segment's headers are mended when both are unreadable`() throws {
        let (files, _, _) = try Self.lived()
        let before = try Self.contents(files, Self.path)
        let second = try #require(
            before.indices.dropFirst(64).first { at in
                at % 4096 == 0 && before[at..<(at + 16)].elementsEqual(before[..<16])
            })
        try Self.flip(files, Self.path, at: 20)
        try Self.flip(files, Self.path, at: second + 20)
        let shell = try Shell(files).start()
        #expect(shell.replica.damage == nil)
        #expect(shell.term != nil)
    }

    @Test func `a damaged copy is made anew and changes nothing`() throws {
        let (files, _, _) = try Self.lived()
        let copy = try Self.contents(files, ReplicaPaths.first)
        for offset in [3, 60, copy.count - 1] {
            try Self.flip(files, ReplicaPaths.first, at: offset)
            let shell = try Shell(files).start()
            #expect(shell.term != nil)
            #expect(try Self.contents(files, ReplicaPaths.first) == copy)
        }
    }

    @Test func `nothing readable stands in the copy`() throws {
        let (files, _, _) = try Self.lived()
        let copy = String(decoding: try Self.contents(files, ReplicaPaths.first), as: UTF8.self)
        for word in ["service", "administrator", "default"] { #expect(!copy.contains(word)) }
    }
}
