import Bytes
import Files
import Keys
import Testing

/// A key file that is made of keys there are already.
@Suite struct HeldKeyFileTests {
    private let root = SecretKey([UInt8](0..<32))
    private let cluster = [UInt8](repeating: 0xc1, count: 16)
    private let path = "keys"
    private let held = [
        HeldKey(kind: .audit, epoch: 1, key: SecretKey([UInt8](100..<132))),
        HeldKey(kind: .registryEpoch, epoch: 7, key: SecretKey([UInt8](60..<92))),
        HeldKey(kind: .logEpoch, epoch: 2, key: SecretKey([UInt8](30..<62))),
        HeldKey(kind: .logEpoch, epoch: 1, key: SecretKey([UInt8](10..<42))),
    ]

    private func made<Store: FileStore>(_ store: Store, dice: inout SeededDice) throws(KeyError) -> KeyFile<Store> {
        try KeyFile.create(store, path: path, root: root, clusterID: cluster, held: held, dice: &dice)
    }

    private func opened(_ store: MemoryFiles) throws(KeyError) -> KeyFile<MemoryFiles> {
        try KeyFile.open(store, path: path, root: root, clusterID: cluster)
    }

    private func expectHeld(_ file: KeyFile<MemoryFiles>) {
        #expect(file.held.count == held.count)
        for held in held { #expect(file.key(held.kind, epoch: held.epoch) == held.key) }
    }

    @Test func `a file made of given keys holds those and no others, under its root key and cluster`() throws {
        let store = MemoryFiles()
        var dice = SeededDice(seed: 1)
        expectHeld(try made(store, dice: &dice))
        let file = try opened(store)
        expectHeld(file)
        #expect(file.newestEpoch(.registryEpoch) == 7 && file.newestEpoch(.logEpoch) == 2)
        let other = SecretKey([UInt8](1...32))
        #expect(throws: KeyError.wrongKey) { try KeyFile.open(store, path: path, root: other, clusterID: cluster) }
        #expect(throws: KeyError.otherCluster) {
            try KeyFile.open(store, path: path, root: root, clusterID: [UInt8](repeating: 1, count: 16))
        }
        #expect(throws: KeyError.file(.exists)) { try made(store, dice: &dice) }
        try file.add(.registryEpoch, epoch: 8, key: other, dice: &dice)
        try file.destroy(.registryEpoch, epoch: 7)
        #expect(try opened(store).newestEpoch(.registryEpoch) == 8)
    }

    @Test func `more keys than there are slots make no file`() throws {
        let store = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let many = (1...UInt32(KeyFile<MemoryFiles>.slotsMax + 1)).map { epoch in
            HeldKey(kind: .audit, epoch: epoch, key: SecretKey([UInt8](repeating: UInt8(epoch), count: 32)))
        }
        #expect(throws: KeyError.exhausted) {
            try KeyFile.create(store, path: path, root: root, clusterID: cluster, held: many, dice: &dice)
        }
        #expect(try !store.exists(path))
        _ = try KeyFile.create(
            store, path: path, root: root, clusterID: cluster, held: Array(many.dropLast()), dice: &dice)
        #expect(try opened(store).held.count == KeyFile<MemoryFiles>.slotsMax)
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full, .stop])
    func `with operation 1, 2, 3 … failing and the power going then, the file is whole or made anew`(
        failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        for number in 1... {
            let memory = MemoryFiles()
            var dice = SeededDice(seed: UInt64(number))
            let failing = FailingFiles(memory, failing: failure, at: number)
            var isMade = false
            do throws(KeyError) {
                _ = try made(failing, dice: &dice)
                isMade = true
            } catch {
                guard case .file = error else { throw error }
            }
            memory.crash(.mixed, dice: &dice)
            let isThere = try memory.exists(path)
            #expect(isThere || !isMade, "what was reported made is there")
            if !isThere { _ = try made(memory, dice: &dice) }
            expectHeld(try opened(memory))
            if !failing.hasFailed { break }
        }
    }
}
