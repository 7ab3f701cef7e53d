import Bytes
import Files
import Keys
import TestSupport
import Testing

@Suite struct KeyFileTests {
    private let root = SecretKey([UInt8](0..<32))
    private let cluster = [UInt8](repeating: 0xc1, count: 16)
    private let path = "keys"

    private func made(on store: MemoryFiles = MemoryFiles(), seed: UInt64 = 1) throws -> MemoryFiles {
        var dice = SeededDice(seed: seed)
        _ = try KeyFile.create(store, path: path, root: root, clusterID: cluster, dice: &dice)
        return store
    }

    private func opened<Store: FileStore>(_ store: Store) throws(KeyError) -> KeyFile<Store> {
        try KeyFile.open(store, path: path, root: root, clusterID: cluster)
    }

    private func content(_ store: MemoryFiles) throws -> [UInt8] {
        let file = try store.open(path, .read)
        defer { store.close(file) }
        return try store.read(file, at: 0, count: store.size(file))
    }

    @Test func `a new file holds one key of each kind, and gives them back`() throws {
        let store = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let file = try KeyFile.create(store, path: path, root: root, clusterID: cluster, dice: &dice)
        let again = try opened(store)
        #expect(file.held.map(\.kind) == KeyKind.allCases && again.held.map(\.key) == file.held.map(\.key))
        #expect(again.newestEpoch(.audit) == 1 && again.key(.audit, epoch: 2) == nil)
        #expect(Set(file.held.map { $0.kind.rawValue }).count == 3)
        #expect(file.held[0].key != file.held[1].key)
        #expect(!contains(try content(store), [UInt8](0..<32)))
    }

    @Test func `another root, another cluster, no file and no key file are told apart`() throws {
        let store = try made()
        let other = SecretKey([UInt8](1...32))
        #expect(throws: KeyError.wrongKey) { try KeyFile.open(store, path: path, root: other, clusterID: cluster) }
        #expect(throws: KeyError.otherCluster) {
            try KeyFile.open(store, path: path, root: root, clusterID: [UInt8](repeating: 1, count: 16))
        }
        #expect(throws: KeyError.missing) { try KeyFile.open(store, path: "none", root: root, clusterID: cluster) }
        let blank = try store.open("blank", .create)
        try store.write(blank, at: 0, [UInt8](repeating: 0, count: content(store).count))
        #expect(throws: KeyError.malformed) { try KeyFile.open(store, path: "blank", root: root, clusterID: cluster) }
        try store.truncate(blank, to: 100)
        #expect(throws: KeyError.malformed) { try KeyFile.open(store, path: "blank", root: root, clusterID: cluster) }
        var dice = SeededDice(seed: 2)
        #expect(throws: KeyError.file(.exists)) {
            try KeyFile.create(store, path: path, root: root, clusterID: cluster, dice: &dice)
        }
    }

    @Test func `a destroyed key is gone from both copies, and its slot serves again when all are used`() throws {
        let store = try made()
        var dice = SeededDice(seed: 3)
        let file = try opened(store)
        let before = try content(store)
        try file.destroy(.registryEpoch, epoch: 1)
        #expect(file.key(.registryEpoch, epoch: 1) == nil && file.newestEpoch(.registryEpoch) == 0)
        #expect(throws: KeyError.missing) { try file.destroy(.registryEpoch, epoch: 1) }
        let after = try content(store)
        let wrapped = Array(before[(512 + 40)..<(512 + 100)])
        #expect(contains(before, wrapped) && !contains(after, wrapped))
        for epoch in 2...UInt32(KeyFile<MemoryFiles>.slotsMax - 1) {
            try file.add(.registryEpoch, epoch: epoch, key: .random(dice: &dice), dice: &dice)
        }
        let last = SecretKey.random(dice: &dice)
        #expect(throws: KeyError.exhausted) { try file.add(.registryEpoch, epoch: 99, key: last, dice: &dice) }
        try file.destroy(.registryEpoch, epoch: 2)
        try file.add(.registryEpoch, epoch: 99, key: last, dice: &dice)
        let again = try opened(store)
        #expect(again.key(.registryEpoch, epoch: 99) == last && again.key(.registryEpoch, epoch: 2) == nil)
        #expect(again.held.count == KeyFile<MemoryFiles>.slotsMax)
    }

    @Test func `one copy of every slot may be damaged in any way, and is mended`() throws {
        let store = try made()
        let good = try content(store)
        let keys = try opened(store).held.map(\.key)
        let file = try store.open(path, .readWrite)
        for half in 0..<2 {
            let range = (half * good.count / 2)..<((half + 1) * good.count / 2)
            for damage in [[UInt8](repeating: 0xff, count: range.count), [UInt8](repeating: 0x5a, count: 700)] {
                try store.write(file, at: range.lowerBound, damage)
                #expect(try opened(store).held.map(\.key) == keys)
                #expect(try content(store) == good)
            }
        }
        try store.write(file, at: 3 * 512 + 9, [1])
        #expect(try opened(store).held.map(\.key) == keys)
        #expect(try content(store) == good, "a fresh slot torn at its first write is blank again")
    }

    @Test func `any changed byte of a key in both copies is refused`() throws {
        let store = try made()
        let good = try content(store)
        let file = try store.open(path, .readWrite)
        for at in 0..<512 {
            try store.write(file, at: at, [good[at] ^ 1])
            try store.write(file, at: good.count / 2 + at, [good[at] ^ 1])
            #expect(throws: KeyError.malformed) { try opened(store) }
            try store.write(file, at: at, [good[at]])
            try store.write(file, at: good.count / 2 + at, [good[at]])
        }
        _ = try opened(store)
    }

    /// What a story of changes must leave, wherever it broke off: before or after each step, never between.
    @Test(arguments: [
        FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full, .stop,
    ])
    func `with operation 1, 2, 3 … failing and the power going then, no key is lost that was there`(
        failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        for number in 1... {
            let memory = try made()
            let before = try opened(memory)
            let log = try #require(before.key(.logEpoch, epoch: 1))
            let old = try #require(before.key(.registryEpoch, epoch: 1))
            var dice = SeededDice(seed: UInt64(number))
            let new = SecretKey.random(dice: &dice)
            let failing = FailingFiles(memory, failing: failure, at: number)
            var isAdded = false
            var isDestroyed = false
            do throws(KeyError) {
                let file = try opened(failing)
                try file.add(.registryEpoch, epoch: 2, key: new, dice: &dice)
                isAdded = true
                try file.destroy(.registryEpoch, epoch: 1)
                isDestroyed = true
            } catch {
                guard case .file = error else { throw error }
            }
            memory.crash(.mixed, dice: &dice)
            let after = try opened(memory)
            #expect(after.key(.logEpoch, epoch: 1) == log && after.newestEpoch(.audit) == 1)
            let kept = after.key(.registryEpoch, epoch: 2)
            #expect(isAdded ? kept == new : kept == nil || kept == new)
            let left = after.key(.registryEpoch, epoch: 1)
            #expect(isDestroyed ? left == nil : left == nil || left == old)
            #expect(isAdded || left == old, "nothing is destroyed before its successor stands")
            if !failing.hasFailed { break }
        }
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full, .stop])
    func `a file whose making failed is made anew, or is whole`(failure: FailingFiles<MemoryFiles>.Failure) throws {
        for number in 1... {
            let memory = MemoryFiles()
            var dice = SeededDice(seed: UInt64(number))
            let failing = FailingFiles(memory, failing: failure, at: number)
            _ = try? KeyFile.create(failing, path: path, root: root, clusterID: cluster, dice: &dice)
            memory.crash(.mixed, dice: &dice)
            if try !memory.exists(path) {
                _ = try KeyFile.create(memory, path: path, root: root, clusterID: cluster, dice: &dice)
            }
            #expect(try opened(memory).held.count == 3)
            if !failing.hasFailed { break }
        }
    }

    @Test func `a file of format 1 reads as it did`() throws {
        let store = try made(seed: 77)
        var dice = SeededDice(seed: 78)
        let file = try opened(store)
        try file.add(.logEpoch, epoch: 2, key: SecretKey([UInt8](100..<132)), dice: &dice)
        try file.destroy(.logEpoch, epoch: 1)
        let golden = try Fixture.bytes("keys/keyfile-1.bin", orWrite: content(store))
        #expect(try content(store) == golden)
        let copy = MemoryFiles()
        let handle = try copy.open(path, .create)
        try copy.write(handle, at: 0, golden)
        let read = try opened(copy)
        #expect(read.key(.logEpoch, epoch: 2) == SecretKey([UInt8](100..<132)))
        #expect(read.key(.logEpoch, epoch: 1) == nil && read.held.count == 3)
    }
}

/// Whether `part` stands anywhere in `whole`.
private func contains(_ whole: [UInt8], _ part: [UInt8]) -> Bool {
    (0...(whole.count - part.count)).contains { Array(whole[$0..<($0 + part.count)]) == part }
}
