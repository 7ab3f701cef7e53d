import Bytes
import Files
import JSON
import Keys
import Linux
import Server

/// The keys of a store, apart from its data.
extension Command {
    static let keysEscrow = Command(
        "keys escrow", "--to DIR --recipient AGE1… | --passphrase-file FILE",
        summary: "keep a copy of the keys, sealed, apart from the backups",
        story: """
            No backup has a key in it: without this copy, or a replica's own keys and the root key, none opens. It is an age
            file, sealed to public keys (age1…) or to a passphrase; age itself opens it too. In config.json "escrow" does this
            by itself. Keep DIR away from the backups.
            """,
        options: [
            Option("to", .text, "DIR", "where the copy goes"),
            Option("recipient", .text, "AGE1…", "who can open it: an age public key", isRepeatable: true),
            Option("context", .text, "FILE", "a context in the directory of the store, which has its root key"),
            .json,
        ] + KeySource.options.filter { $0.name != "identity" }
    ) { arguments throws(Failure) in
        guard let directory = arguments.text("to") else {
            throw Failure(.usage, "where to? Give --to DIR")
        }
        let recipients: [AgeRecipient]
        do {
            switch (arguments.all("recipient"), arguments.text("passphrase-file")) {
            case (let names, nil) where !names.isEmpty: recipients = try names.map { try AgeRecipient.parse($0) }
            case ([], let file?): recipients = [.passphrase(try PassphraseFile.read(file))]
            default:
                throw Failure(
                    .usage, "sealed to whom? Give --recipient AGE1… or --passphrase-file FILE",
                    "chartlog keys new-identity makes a pair")
            }
        } catch let failure as Failure {
            throw failure
        } catch let error as ServerError {
            throw Failure(.failed, error.sentence)
        } catch {
            throw Failure(.usage, "a recipient is an age public key: age1…")
        }
        guard !Destinations.isAmongBackups(directory) else {
            throw Failure(
                .failed, "that is among backups: whoever has them would have their keys too",
                "name a place apart from them")
        }
        let keys = try KeySource.need(arguments)
        let name = KeyEscrow.name(cluster: keys.clusterID, epoch: keys.registryEpoch)
        let isThere = SmallFile.exists(directory + "/" + name)
        do {
            if !SmallFile.exists(directory) { try SmallFile.makeDirectoryDurably(directory) }
            try KeyEscrow.write(try KeyEscrow.seal(keys, to: recipients), name, in: directory)
        } catch {
            throw Failure(.failed, "the escrow cannot be written to \(Screen.safe(directory))")
        }
        if isThere {
            Output.complaint("an earlier escrow of that name was replaced: only who is named now can open it")
        }
        if arguments.has("json") {
            var writer = JSONWriter()
            writer.object { object in
                object.member("file", directory + "/" + name)
                object.member("cluster", Hex.text(of: keys.clusterID))
                object.member("epoch", keys.registryEpoch)
            }
            return Output.line(String(decoding: writer.bytes, as: UTF8.self))
        }
        Output.line("\(Screen.safe(directory))/\(name)")
    }

    static let keysNewIdentity = Command(
        "keys new-identity", "FILE", summary: "make a pair of keys for an escrow: FILE opens, the public key seals",
        story: "Writes FILE, mode 0600, in age's form, and prints the public key. Keep FILE where no backup is.",
        options: [], operands: 1...1
    ) { arguments throws(Failure) in
        do {
            var dice = SystemDice()
            let pair = try AgeKeyPair.random(dice: &dice)
            var bytes = pair.identityFileBytes()
            defer { Wipe.bytes(&bytes) }
            try SmallFile.create(arguments.operands[0], bytes)
            Output.line(pair.recipientText)
        } catch let error as LinuxError {
            throw Failure(
                .failed,
                error.isExisting ? "the file exists already; nothing was changed" : "the file cannot be written")
        } catch {
            throw Failure(.failed, "no pair of keys could be made")
        }
    }
}
