import Files
import Linux
import Testing

/// What every store keeps, said once and asked of both: the machine's disk and the one in memory.
@Suite struct LinuxFilesTests {
    enum Kind: CaseIterable { case linux, memory }

    private func store(_ kind: Kind) throws -> any FileStore {
        switch kind {
        case .linux: try LinuxFiles(root: try Scratch.directory())
        case .memory: MemoryFiles()
        }
    }

    @Test(arguments: Kind.allCases) func `a file that is created holds what is written`(_ kind: Kind) throws {
        let store = try store(kind)
        let file = try store.open("one", .create)
        try store.write(file, at: 0, Array(0..<200))
        try store.write(file, at: 5000, [1, 2, 3])
        #expect(try store.size(file) == 5003)
        #expect(try store.read(file, at: 190, count: 20) == Array(190..<200) + Array(repeating: 0, count: 10))
        #expect(try store.read(file, at: 5002, count: 100) == [3])
        #expect(try store.read(file, at: 6000, count: 10) == [])
        try store.sync(file)
        #expect(try store.readThrough(file, at: 4999, count: 4) == [0, 1, 2, 3])
        #expect(try store.readThrough(file, at: 0, count: 6000).count == 5003)
        #expect(try store.readThrough(file, at: 9000, count: 10) == [])
        store.close(file)
        let again = try store.open("one", .readWrite)
        try store.truncate(again, to: 100)
        #expect(try store.read(again, at: 0, count: 500) == Array(0..<100))
        try store.truncate(again, to: 102)
        #expect(try store.read(again, at: 98, count: 10) == [98, 99, 0, 0])
    }

    @Test(arguments: Kind.allCases) func `what is written past the cache is what is read, wherever it begins and ends`(
        _ kind: Kind
    ) throws {
        let store = try store(kind)
        let file = try store.open("much", .create)
        var whole: [UInt8] = []
        for (offset, count) in [(0, 8192), (8192, 4097), (12_289, 3), (12_288, 70_000), (4095, 4098), (98_304, 1)] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ offset) }
            try store.writeThrough(file, at: offset, bytes)
            if whole.count < offset + count {
                whole.append(contentsOf: repeatElement(0, count: offset + count - whole.count))
            }
            whole.replaceSubrange(offset..<(offset + count), with: bytes)
            #expect(try store.read(file, at: 0, count: whole.count + 1) == whole)
        }
        try store.sync(file)
        #expect(try store.readThrough(file, at: 0, count: whole.count + 1) == whole)
    }

    @Test(arguments: Kind.allCases) func `what is there is not made and what is missing is not opened`(
        _ kind: Kind
    ) throws {
        let store = try store(kind)
        store.close(try store.open("one", .create))
        #expect(throws: FileError.exists) { try store.open("one", .create) }
        #expect(throws: FileError.missing) { try store.open("two", .read) }
        #expect(throws: FileError.missing) { try store.open("two", .readWrite) }
        #expect(throws: FileError.missing) { try store.remove("two") }
        #expect(throws: FileError.missing) { try store.rename("two", to: "one") }
        #expect(try store.exists("one"))
        #expect(try !store.exists("two"))
    }

    @Test(arguments: Kind.allCases) func `names are made, listed in order, renamed over others and removed`(
        _ kind: Kind
    ) throws {
        let store = try store(kind)
        try store.makeDirectory("log/deep")
        try store.makeDirectory("log/deep")
        for name in ["log/b", "log/a", "log/B"] { store.close(try store.open(name, .create)) }
        #expect(try store.list("log").filter { $0 != "deep" } == ["B", "a", "b"])
        let file = try store.open("log/a", .readWrite)
        try store.write(file, at: 0, [7])
        store.close(file)
        try store.rename("log/a", to: "log/b")
        try store.syncDirectory("log")
        #expect(try store.list("log").filter { $0 != "deep" } == ["B", "b"])
        let other = try store.open("log/b", .read)
        #expect(try store.read(other, at: 0, count: 9) == [7])
        store.close(other)
        try store.remove("log/b")
        #expect(try !store.exists("log/b"))
        #expect(try store.exists("log"))
        #expect(try store.freeSpace() > 0)
    }

    @Test func `files and directories are for their owner alone`() throws {
        let root = try Scratch.directory()
        let store = try LinuxFiles(root: root)
        try store.makeDirectory("log")
        store.close(try store.open("log/a", .create))
        #expect(try SmallFile.mode("\(root)/log") == 0o700)
        #expect(try SmallFile.mode("\(root)/log/a") == 0o600)
    }

    @Test func `slots are used again and a closed file's slot is nobody's`() throws {
        let store = try LinuxFiles(root: try Scratch.directory())
        let first = try store.open("a", .create)
        let second = try store.open("b", .create)
        store.close(first)
        let third = try store.open("c", .create)
        #expect(third.slot == first.slot)
        try store.write(third, at: 0, [3])
        try store.write(second, at: 0, [2])
        #expect(try store.read(third, at: 0, count: 1) == [3])
        #expect(try store.read(second, at: 0, count: 1) == [2])
    }

    @Test func `a path that would leave the root is a bug and stops the process`() async throws {
        await #expect(processExitsWith: .failure) {
            let store = try LinuxFiles(root: try Scratch.directory())
            _ = try store.exists("../etc")
        }
    }

    @Test func `a full device is told as full`() throws {
        let store = try LinuxFiles(root: "/dev")
        let file = try store.open("full", .readWrite)
        #expect(throws: FileError.full) { try store.write(file, at: 0, [1]) }
    }
}
