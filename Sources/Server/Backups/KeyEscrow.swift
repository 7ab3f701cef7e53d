internal import Bytes
package import Files
package import Keys
private import Linux

/// The copy of a store's keys that a restore from backups alone needs: an age file for each set of epochs, sealed to a
/// passphrase or to public keys. It is apart from every backup.
package struct KeyEscrow {
    private let settings: BackupSettings.Escrow
    /// What was written last, by this one: a file that somebody wrote earlier may be sealed to others than are wanted now,
    /// or be damaged, and nobody who only seals can tell.
    private var written: (name: String, held: [Epoch], bytes: Int)?

    private struct Epoch: Equatable {
        var kind: KeyKind
        var epoch: UInt32
    }

    package init(_ settings: BackupSettings.Escrow) { self.settings = settings }

    /// `chartlog-CLUSTER-epoch-N.age`; N is the registry epoch, by which all of a store's keys are counted here.
    package static func name(cluster: [UInt8], epoch: UInt32) -> String {
        "chartlog-\(Hex.text(of: cluster).prefix(16))-epoch-\(epoch).age"
    }

    /// Writes the file of the present epoch: the first time, and whenever it is gone, has another length or lacks a key.
    ///
    /// - Returns: whether it is there now, with all keys and for who is to open it.
    package mutating func keep(_ keys: KeyRing) -> Bool {
        let name = Self.name(cluster: keys.clusterID, epoch: keys.registryEpoch)
        let held = keys.epochs.map { Epoch(kind: $0.kind, epoch: $0.epoch) }
        do {
            if let written, written.name == name, written.held == held,
                try Self.size(of: name, in: settings.directory) == written.bytes
            {
                return true
            }
            if !SmallFile.exists(settings.directory) { try SmallFile.makeDirectoryDurably(settings.directory) }
            let bytes = try Self.seal(keys, to: try settings.parsed())
            try Self.write(bytes, name, in: settings.directory)
            written = (name, held, bytes.count)
            return true
        } catch {
            return false
        }
    }

    private static func size(of name: String, in directory: String) throws(FileError) -> Int? {
        guard SmallFile.exists(directory) else { return nil }
        let store = try LinuxFiles(root: directory)
        guard try store.exists(name) else { return nil }
        let file = try store.open(name, .read)
        defer { store.close(file) }
        return try store.size(file)
    }

    package static func seal(_ keys: KeyRing, to recipients: [AgeRecipient]) throws(KeyError) -> [UInt8] {
        var dice = SystemDice()
        return try EscrowBundle(
            clusterID: keys.clusterID, madeAt: LinuxClock.wall(), registryEpoch: keys.registryEpoch, held: keys.held
        ).sealed(to: recipients, dice: &dice)
    }

    /// Whole or not at all: written under another name, synced, read back, renamed, its directory synced. Of several replicas that
    /// write it at once the last one's stays.
    package static func write(_ bytes: [UInt8], _ name: String, in directory: String) throws(FileError) {
        let store = try LinuxFiles(root: directory)
        let draft = "\(name).\(ThisProcess.id).new"
        if try store.exists(draft) { try store.remove(draft) }
        do throws(FileError) {
            let file = try store.open(draft, .create)
            defer { store.close(file) }
            try store.write(file, at: 0, bytes)
            try store.sync(file)
            guard try store.readThrough(file, at: 0, count: bytes.count) == bytes else { throw .io(5) }
            try store.rename(draft, to: name)
            try store.syncDirectory("")
        } catch {
            try? store.remove(draft)
            throw error
        }
    }
}
