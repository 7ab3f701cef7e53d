internal import Bytes
package import Files
package import Keys
private import Linux

/// The copy of a store's keys that a restore from backups alone needs: an age file for each set of epochs, sealed to a
/// passphrase or to public keys. It is apart from every backup.
package enum KeyEscrow {
    /// `chartlog-CLUSTER-epoch-N.age`; N is the registry epoch, by which all of a store's keys are counted here.
    package static func name(cluster: [UInt8], epoch: UInt32) -> String {
        "chartlog-\(Hex.text(of: cluster).prefix(16))-epoch-\(epoch).age"
    }

    /// Writes the file of the present epoch, unless it is there.
    ///
    /// - Returns: whether it is there now.
    package static func keep(_ keys: KeyRing, _ settings: BackupSettings.Escrow) -> Bool {
        let name = name(cluster: keys.clusterID, epoch: keys.registryEpoch)
        if SmallFile.exists(settings.directory + "/" + name) { return true }
        do {
            if !SmallFile.exists(settings.directory) { try SmallFile.makeDirectory(settings.directory) }
            try write(try seal(keys, to: try settings.parsed()), name, in: settings.directory)
            return true
        } catch {
            return false
        }
    }

    package static func seal(_ keys: KeyRing, to recipients: [AgeRecipient]) throws(KeyError) -> [UInt8] {
        var dice = SystemDice()
        return try EscrowBundle(
            clusterID: keys.clusterID, madeAt: LinuxClock.wall(), registryEpoch: keys.registryEpoch, held: keys.held
        ).sealed(to: recipients, dice: &dice)
    }

    /// Whole or not at all: written under another name, synced, renamed, its directory synced. Of several replicas that
    /// write it at once the last one's stays.
    package static func write(_ bytes: [UInt8], _ name: String, in directory: String) throws(FileError) {
        let store = try LinuxFiles(root: directory)
        let draft = "\(name).\(ThisProcess.id).new"
        if try store.exists(draft) { try store.remove(draft) }
        let file = try store.open(draft, .create)
        defer { store.close(file) }
        try store.write(file, at: 0, bytes)
        try store.sync(file)
        try store.rename(draft, to: name)
        try store.syncDirectory("")
    }
}
