package import Bytes
package import Files

/// A key that the node holds, with what it is for.
package struct HeldKey: Sendable {
    package let kind: KeyKind
    package let epoch: UInt32
    package let key: SecretKey

    package init(kind: KeyKind, epoch: UInt32, key: SecretKey) {
        self.kind = kind
        self.epoch = epoch
        self.key = key
    }
}

/// The node's key file: the random keys that the root key wraps, in fixed slots that are overwritten in place.
///
/// Never renamed once made: a rename would leave the old bytes on the disk, and destroying a key is writing over it.
/// Every slot stands twice, in halves of the file that share no page. A write is the first copy, a sync, the second
/// copy, a sync; so a crash leaves at least one whole copy of the old or the new slot, and `open` makes the two alike
/// again before anything else. A call that throws `.file` leaves either; the process must not go on with this file.
package final class KeyFile<Store: FileStore> {
    package static var slotsMax: Int { KeySlot.countMax }
    private static var halfBytes: Int { slotsMax * KeySlot.bytesCount }

    private let store: Store
    private let file: FileHandle
    private let root: SecretKey
    private let clusterID: [UInt8]
    private let crypto: Crypto
    private var slots: [KeySlot?]
    /// The live keys, oldest first of each kind.
    package private(set) var held: [HeldKey]

    private init(
        store: Store, file: FileHandle, root: SecretKey, clusterID: [UInt8], crypto: Crypto, slots: [KeySlot?],
        held: [HeldKey]
    ) {
        self.store = store
        self.file = file
        self.root = root
        self.clusterID = clusterID
        self.crypto = crypto
        self.slots = slots
        self.held = held
    }

    deinit { store.close(file) }

    /// Makes the file with the first key of each kind, all of epoch 1, durable with its name. A file that was begun
    /// and not finished is begun anew.
    ///
    /// - Precondition: `clusterID` has 16 bytes.
    /// - Throws: `.file(.exists)` when the file is there.
    package static func create(
        _ store: Store, path: String, root: SecretKey, clusterID: [UInt8], dice: inout some Dice
    ) throws(KeyError) -> KeyFile {
        try create(store, path: path, root: root, clusterID: clusterID) { made throws(KeyError) in
            for kind in KeyKind.allCases { try made.add(kind, epoch: 1, key: .random(dice: &dice), dice: &dice) }
        }
    }

    /// Makes the file with the keys of a store that there is already, under a root key of its own: for a store that comes
    /// back from escrow, and for a branch, whose cluster id is another. Durable with its name; a file that was begun and
    /// not finished is begun anew.
    ///
    /// - Precondition: `clusterID` has 16 bytes; `held` has a key, and no two of one kind and epoch.
    /// - Throws: `.file(.exists)` when the file is there, `.exhausted` for more keys than it has slots; then nothing was
    ///   made under its name.
    package static func create(
        _ store: Store, path: String, root: SecretKey, clusterID: [UInt8], held: [HeldKey], dice: inout some Dice
    ) throws(KeyError) -> KeyFile {
        precondition(!held.isEmpty, "a key file without keys opens nothing")
        return try create(store, path: path, root: root, clusterID: clusterID) { made throws(KeyError) in
            for held in held { try made.add(held.kind, epoch: held.epoch, key: held.key, dice: &dice) }
        }
    }

    /// The file, filled under another name and then renamed: under its own it is whole or not there.
    private static func create(
        _ store: Store, path: String, root: SecretKey, clusterID: [UInt8],
        filling fill: (KeyFile) throws(KeyError) -> Void
    ) throws(KeyError) -> KeyFile {
        precondition(clusterID.count == KeyRing.clusterIDBytes)
        let crypto = try Crypto()
        let draft = path + ".new"
        let file = try onDisk { () throws(FileError) in
            if try store.exists(path) { throw .exists }
            if try store.exists(draft) { try store.remove(draft) }
            return try store.open(draft, .create)
        }
        let made = KeyFile(
            store: store, file: file, root: root, clusterID: clusterID, crypto: crypto,
            slots: Array(repeating: nil, count: slotsMax), held: [])
        try onDisk { () throws(FileError) in
            try store.write(file, at: 0, [UInt8](repeating: 0, count: 2 * halfBytes))
        }
        try fill(made)
        try onDisk { () throws(FileError) in
            try store.rename(draft, to: path)
            try store.syncDirectory(directory(of: path))
        }
        return made
    }

    /// Reads both copies of every slot, makes them alike, and unwraps the live keys.
    ///
    /// - Throws: `.wrongKey` when `root` is not the root key, `.otherCluster`, `.malformed` when both copies of a slot
    ///   are damaged, `.missing` when no file is there.
    package static func open(
        _ store: Store, path: String, root: SecretKey, clusterID: [UInt8]
    ) throws(KeyError) -> KeyFile {
        precondition(clusterID.count == KeyRing.clusterIDBytes)
        let crypto = try Crypto()
        let file = try onDisk { () throws(FileError) in try store.open(path, .readWrite) }
        do {
            let copies = try KeySlotCopies(
                bytes: onDisk { () throws(FileError) in try store.read(file, at: 0, count: 2 * halfBytes + 1) },
                slots: slotsMax)
            let held = try unwrap(copies.slots, root: root, clusterID: clusterID, crypto: crypto)
            try onDisk { () throws(FileError) in
                for repair in copies.repairs { try store.write(file, at: repair.offset, repair.bytes) }
                if !copies.repairs.isEmpty { try store.sync(file) }
            }
            return KeyFile(
                store: store, file: file, root: root, clusterID: clusterID, crypto: crypto, slots: copies.slots,
                held: held)
        } catch {
            store.close(file)
            throw error
        }
    }

    private static func unwrap(
        _ slots: [KeySlot?], root: SecretKey, clusterID: [UInt8], crypto: Crypto
    ) throws(KeyError) -> [HeldKey] {
        var held: [HeldKey] = []
        for case let slot? in slots {
            guard slot.clusterID == clusterID else { throw .otherCluster }
            guard slot.state == .live else { continue }
            guard !held.contains(where: { $0.kind == slot.kind && $0.epoch == slot.epoch }) else { throw .malformed }
            var plain: [UInt8] = []
            try crypto.open(
                slot.wrapped, in: 0..<slot.wrapped.count, key: root, associated: slot.header, onto: &plain)
            held.append(HeldKey(kind: slot.kind, epoch: slot.epoch, key: SecretKey(plain)))
        }
        guard !held.isEmpty else { throw .malformed }
        return held.sorted { ($0.kind.rawValue, $0.epoch) < ($1.kind.rawValue, $1.epoch) }
    }

    /// The key, or nil when it was never here or is destroyed.
    package func key(_ kind: KeyKind, epoch: UInt32) -> SecretKey? {
        held.first { $0.kind == kind && $0.epoch == epoch }?.key
    }

    /// The newest epoch of a kind, 0 when none is live.
    package func newestEpoch(_ kind: KeyKind) -> UInt32 {
        held.reduce(0) { $1.kind == kind ? max($0, $1.epoch) : $0 }
    }

    /// Adds a key, durable in both copies on return. A destroyed slot is used again when no fresh one is left.
    ///
    /// - Precondition: no live key has this kind and epoch.
    /// - Throws: `.exhausted` when all slots hold live keys.
    package func add(
        _ kind: KeyKind, epoch: UInt32, key: SecretKey, dice: inout some Dice
    ) throws(KeyError) {
        precondition(self.key(kind, epoch: epoch) == nil, "an epoch has one key")
        guard let number = freeSlot else { throw .exhausted }
        var slot = KeySlot(
            number: UInt16(number), kind: kind, state: .live, epoch: epoch, sequence: nextSequence,
            clusterID: clusterID, wrapped: [])
        var plain = unsafe key.withBytes { unsafe Array($0) }
        defer { Wipe.bytes(&plain) }
        var wrapped: [UInt8] = []
        try crypto.seal(
            plain, in: 0..<plain.count, key: root, nonce: dice.bytes(Crypto.nonceBytes), associated: slot.header,
            onto: &wrapped)
        slot.wrapped = wrapped
        try write(slot)
        held.append(HeldKey(kind: kind, epoch: epoch, key: key))
        held.sort { ($0.kind.rawValue, $0.epoch) < ($1.kind.rawValue, $1.epoch) }
    }

    /// Writes over a key in place, both copies, each synced. From then on the file cannot give it back; the copy in
    /// memory goes with its last owner. A crash on the way leaves the key or its destruction, which `open` completes.
    ///
    /// - Throws: `.missing` when it is not live here.
    package func destroy(_ kind: KeyKind, epoch: UInt32) throws(KeyError) {
        let found = slots.compactMap { $0 }.first { $0.kind == kind && $0.epoch == epoch && $0.state == .live }
        guard var slot = found else { throw .missing }
        held.removeAll { $0.kind == kind && $0.epoch == epoch }
        slot.state = .destroyed
        slot.sequence = nextSequence
        slot.wrapped = [UInt8](repeating: 0, count: KeySlot.wrappedBytes)
        try write(slot)
    }

    private var nextSequence: UInt64 { (slots.compactMap { $0?.sequence }.max() ?? 0) + 1 }

    private var freeSlot: Int? {
        if let fresh = slots.firstIndex(where: { $0 == nil }) { return fresh }
        let destroyed = slots.compactMap { $0 }.filter { $0.state == .destroyed }
        return destroyed.min { $0.sequence < $1.sequence }.map { Int($0.number) }
    }

    private func write(_ slot: KeySlot) throws(KeyError) {
        let number = Int(slot.number)
        let bytes = slot.encoded
        try onDisk { () throws(FileError) in
            for half in 0..<2 {
                try store.write(file, at: half * Self.halfBytes + number * KeySlot.bytesCount, bytes)
                try store.sync(file)
            }
        }
        slots[number] = slot
    }
}

/// The directory that holds `path`; empty for the store's root.
private func directory(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
}

/// Runs file calls, whose errors are this room's `.file`; a file that is not there is `.missing`.
private func onDisk<Answer>(_ calls: () throws(FileError) -> Answer) throws(KeyError) -> Answer {
    do {
        return try calls()
    } catch {
        throw error == .missing ? .missing : .file(error)
    }
}
