import Bytes
import Files
import Testing

@Suite struct MemoryFilesTests {
    private func written(_ store: MemoryFiles, _ bytes: [UInt8], synced: Bool) throws -> FileHandle {
        let file = try store.open("a", .create)
        try store.write(file, at: 0, bytes)
        if synced { try store.sync(file) }
        return file
    }

    @Test func `what was synced with its name survives any crash`() throws {
        for seed in 0..<50 {
            var dice = SeededDice(seed: UInt64(seed))
            let store = MemoryFiles()
            let bytes = dice.bytes(2000)
            _ = try written(store, bytes, synced: true)
            try store.syncDirectory("")
            store.crash(.mixed, dice: &dice)
            #expect(store.contents("a") == bytes)
        }
    }

    @Test func `a synced file whose name was not may be gone`() throws {
        var fates: Set<Bool> = []
        for seed in 0..<20 {
            var dice = SeededDice(seed: UInt64(seed))
            let store = MemoryFiles()
            _ = try written(store, [1, 2, 3], synced: true)
            store.crash(.mixed, dice: &dice)
            fates.insert(store.contents("a") == nil)
        }
        #expect(fates == [true, false])
    }

    @Test func `unsynced sectors are lost, kept or mixed, each on its own`() throws {
        var seen: Set<[UInt8]> = []
        for seed in 0..<200 {
            var dice = SeededDice(seed: UInt64(seed))
            let store = MemoryFiles()
            let file = try written(store, [UInt8](repeating: 1, count: 1024), synced: true)
            try store.syncDirectory("")
            try store.write(file, at: 0, [UInt8](repeating: 2, count: 1024))
            store.crash(.mixed, dice: &dice)
            let bytes = try #require(store.contents("a"))
            #expect(bytes.allSatisfy { $0 == 1 || $0 == 2 })
            seen.insert([bytes[0], bytes[1023]])
        }
        #expect(seen.count == 4)
    }

    @Test func `a byte that a write does not change is never harmed`() throws {
        for seed in 0..<100 {
            var dice = SeededDice(seed: UInt64(seed))
            let store = MemoryFiles()
            let file = try written(store, [UInt8](repeating: 7, count: 512), synced: true)
            try store.syncDirectory("")
            try store.write(file, at: 100, [UInt8](repeating: 9, count: 10))
            store.crash(.mixed, dice: &dice)
            let bytes = try #require(store.contents("a"))
            #expect(bytes[..<100].allSatisfy { $0 == 7 } && bytes[110...].allSatisfy { $0 == 7 })
        }
    }

    @Test func `after a failed sync readers see what the disk lacks, and a second sync does not help`() throws {
        let memory = MemoryFiles()
        let store = FailingFiles(memory, failing: .sync, at: 1)
        let file = try store.open("a", .create)
        try store.write(file, at: 0, [1, 2, 3])
        #expect(throws: FileError.io(5)) { try store.sync(file) }
        try store.sync(file)
        #expect(try store.read(file, at: 0, count: 3) == [1, 2, 3])
        #expect(try store.readThrough(file, at: 0, count: 3) == [0, 0, 0])
    }

    @Test func `the chosen operation fails and later ones work`() throws {
        let store = FailingFiles(MemoryFiles(), failing: .shortWrite, at: 2)
        let file = try store.open("a", .create)
        try store.write(file, at: 0, [1, 2])
        #expect(throws: FileError.io(5)) { try store.write(file, at: 2, [3, 4]) }
        #expect(try store.read(file, at: 0, count: 9) == [1, 2, 3])
        try store.write(file, at: 3, [5])
        #expect(store.hasFailed)
    }

    @Test func `a stopped machine answers nothing more`() throws {
        let store = FailingFiles(MemoryFiles(), failing: .stop, at: 2)
        let file = try store.open("a", .create)
        #expect(throws: FileError.io(5)) { try store.write(file, at: 0, [1]) }
        #expect(throws: FileError.io(5)) { try store.sync(file) }
    }

    @Test func `a full disk takes no growth and still takes overwriting`() throws {
        let store = MemoryFiles(capacity: 10)
        let file = try written(store, [UInt8](repeating: 1, count: 10), synced: true)
        #expect(throws: FileError.full) { try store.write(file, at: 10, [1]) }
        try store.write(file, at: 0, [9])
        #expect(try store.freeSpace() == 0)
    }

    @Test func `names are listed by directory in order of their bytes`() throws {
        let store = MemoryFiles()
        try store.makeDirectory("d/e")
        for name in ["d/b", "d/a", "c"] { store.close(try store.open(name, .create)) }
        #expect(try store.list("d") == ["a", "b", "e"])
        #expect(throws: FileError.exists) { try store.open("c", .create) }
        try store.rename("c", to: "d/a")
        #expect(try store.list("d") == ["a", "b", "e"])
        #expect(throws: FileError.missing) { try store.open("c", .read) }
    }
}
